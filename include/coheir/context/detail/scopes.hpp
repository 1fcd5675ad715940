#pragma once
// The scopes that are open in a level, newest first: each puts back what its value covered.

#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../../detail/fatal.hpp"
#include "change.hpp"

namespace coheir::context::detail {

/// A value of one key in one level, while this lives; one owner of the level. Never moves: it is linked.
class scope_of_a_value : open_scope {
public:
    template <class T, class V>
    scope_of_a_value(level& in, const key_name& key, std::type_identity<T>, const provenance& made, V&& value)
        : in_(&in), own_name_(key.is_static() ? std::string_view() : key.text()),
          key_(key.is_static() ? key.text() : own_name_, key.hash(), key.is_static()) {
        require_idle(in, "changed by scoped");
        if (key.bits() & frozen_bit) throw usage_error(message_for_frozen(key));
        name = key_.text();
        hash = key_.hash();
        if (!in.kin) in.kin = new kinship;
        // Linked before the value is made: that may open scopes of its own, and end them.
        older = in.kin->scopes;
        in.kin->scopes = this;
        try {
            covered_ = replace<T>(in, key, made, std::forward<V>(value), "scoped");
        } catch (...) {
            leave(in);
            drop_idle_kinship(in);
            throw;
        }
    }
    scope_of_a_value(const scope_of_a_value&) = delete;
    scope_of_a_value& operator=(const scope_of_a_value&) = delete;

    COHEIR_NOINLINE ~scope_of_a_value() {
        const deaths_deferred until_all_is_in_order;
        level& in = *in_;
        leave(in);
        restore(in);
        drop_idle_kinship(in);
    }

private:
    static std::string message_for_frozen(const key_name& key) {
        return "coheir::context::scoped: key " + coheir::detail::quoted(key.text()) +
               " is frozen once it is set, and a scope changes it at its end";
    }

    /// Unlinks this. Only a newer scope of the same key must have ended before.
    void leave(level& in) noexcept {
        open_scope** at = &in.kin->scopes;
        for (; *at != this; at = &(*at)->older)
            if ((*at)->is_for(hash, name))
                coheir::detail::fatal(
                    "context::scoped: scopes of one key in one context end in another order than they began");
        *at = older;
    }

    void restore(level& in) noexcept {
        if (in.updates > 0) coheir::detail::fatal("context::scoped: a scope ends inside update()");
        if (const box* const now = in.own.find(key_); now && now->bits & frozen_bit)
            coheir::detail::fatal("context::scoped: a scope ends whose key has been frozen meanwhile");
        try {
            const box_ref dropped = covered_ ? in.own.put(std::move(covered_)) : in.own.take(key_);
        } catch (const std::bad_alloc&) {
            coheir::detail::fatal("context::scoped: no memory is left to restore a value");
        }
        in.changed();
    }

    /// Contexts without levels below are copied faster.
    static void drop_idle_kinship(level& in) noexcept {
        if (!in.kin->scopes && !in.kin->parent && in.kin->children == 0)
            delete std::exchange(in.kin, nullptr);
    }

    level_ref in_;
    std::string own_name_;  // of a key whose name is not static
    key_name key_;
    box_ref covered_;
};

}  // namespace coheir::context::detail
