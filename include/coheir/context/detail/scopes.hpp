#pragma once
// The scopes that are open in a level, newest first: each puts back what its value covered.

#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../../detail/fatal.hpp"
#include "change.hpp"
#include "current.hpp"

namespace coheir::context::detail {

/// A value of one key in one level, while this lives; one owner of the level. Never moves: it is linked. In a
/// context that goes on in copies it owns nothing, since the level may be left behind on another thread.
class scope_of_a_value : open_scope {
public:
    template <class T, class V>
    scope_of_a_value(owner& who, const key_name& key, std::type_identity<T>, const provenance& made,
                     V&& value)
        : in_(who.context), own_name_(key.is_static() ? std::string_view() : key.text()),
          key_(key.is_static() ? key.text() : own_name_, key.hash(), key.is_static(), key.bits()) {
        level& in = *in_;
        require_idle(in, "changed by scoped");
        if (key.bits() & frozen_bit) throw usage_error(message_for_frozen(key));
        name = key_.text();
        hash = key_.hash();
        open_scope* link = this;
        if (!in.kin) in.kin = new kinship;
        try {
            if (goes_on_in_copies(who)) link = make_carried(in);
        } catch (...) {
            drop_idle_kinship(in);
            throw;
        }
        // Linked before the value is made: that may open scopes of its own, and end them.
        link->older = in.kin->scopes;
        in.kin->scopes = link;
        try {
            covered_ = detail::replace<T>(in, key_, made, std::forward<V>(value), "scoped");
        } catch (...) {
            leave(in, *link);
            throw;
        }
        if (state_) in_ = level_ref();
    }
    scope_of_a_value(const scope_of_a_value&) = delete;
    scope_of_a_value& operator=(const scope_of_a_value&) = delete;

    COHEIR_NOINLINE ~scope_of_a_value() {
        const deaths_deferred until_all_is_in_order;
        open_scope* link = this;
        if (state_) {
            link = link_in_current();
            state_->has_ended.store(true, std::memory_order_relaxed);
            if (!link) return;  // a frame that is destroyed elsewhere: nobody goes on in its context
            if (static_cast<const carried_scope*>(link)->is_copy && covered_ && covered_->bits & local_bit)
                covered_ = box_ref();  // it did not go along
        }
        level& in = *in_;
        if (scope_of_a_value* const newer = newer_in(in, *link))
            newer->covered_ = std::move(covered_);
        else
            restore(in);
        leave(in, *link);
    }

private:
    static std::string message_for_frozen(const key_name& key) {
        return "coheir::context::scoped: key " + coheir::detail::quoted(key.text()) +
               " is frozen once it is set, and a scope changes it at its end";
    }

    COHEIR_COLD carried_scope* make_carried(level& in) {
        carried_scopes::tidy(in.kin->scopes);
        state_ = carried_scope_state::ref(new carried_scope_state(name));
        return new carried_scope(state_, hash, false);
    }

    /// Where the current context is one in which the block goes on: makes that its level.
    COHEIR_COLD open_scope* link_in_current() noexcept {
        const owner* const who = in_slot();
        if (!who || !who->context || !who->context->kin) return nullptr;
        for (open_scope* s = who->context->kin->scopes; s; s = s->older)
            if (s->is_carried && static_cast<const carried_scope*>(s)->state == state_) {
                in_ = who->context;
                return s;
            }
        return nullptr;
    }

    /// A newer scope of the same key, the next, or null: only where all frames are being destroyed may one
    /// end later. But for one of a block that was resumed inside this one, and has gone on in a copy since.
    scope_of_a_value* newer_in(const level& in, const open_scope& link) const noexcept {
        scope_of_a_value* newer = nullptr;
        for (open_scope* s = in.kin->scopes; s != &link; s = s->older) {
            if (!s->is_for(hash, name) || has_ended(*s)) continue;
            if (s->is_carried && !static_cast<const carried_scope*>(s)->is_copy &&
                static_cast<const carried_scope*>(s)->was_copied)
                continue;
            if (s->is_carried || !in.kin->in_any_order)
                coheir::detail::fatal(
                    "context::scoped: scopes of one key in one context end in another order than they began");
            newer = static_cast<scope_of_a_value*>(s);
        }
        return newer;
    }

    /// Unlinks it.
    static void leave(level& in, open_scope& link) noexcept {
        open_scope** at = &in.kin->scopes;
        while (*at != &link) at = &(*at)->older;
        *at = link.older;
        if (link.is_carried) {  // else nothing is left over, and to look through all of them would take long
            delete static_cast<carried_scope*>(&link);
            carried_scopes::tidy(in.kin->scopes);
        }
        drop_idle_kinship(in);
    }
    /// Contexts without levels below are copied faster.
    static void drop_idle_kinship(level& in) noexcept {
        if (!in.kin->scopes && !in.kin->parent && in.kin->children == 0) in.drop_kin();
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

    level_ref in_;
    carried_scope_state::ref state_;  // where the context goes on in copies
    std::string own_name_;            // of a key whose name is not static
    key_name key_;
    box_ref covered_;
};

}  // namespace coheir::context::detail
