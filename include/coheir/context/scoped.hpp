#pragma once
// A value for the length of a block: what was there before comes back at its end.

#include <cstddef>
#include <source_location>
#include <type_traits>
#include <utility>

#include "detail/change.hpp"
#include "detail/current.hpp"
#include "detail/scopes.hpp"
#include "key.hpp"

namespace coheir::context {

/// Sets a key in the current context for the length of a block, and at its end restores the value that was
/// there, or its absence: `const context::scoped quiet{"log_level", 3};`. The block may suspend. Whatever is
/// set, updated or erased there under this key is undone with it. The context is the one that was current at
/// the beginning, also when the frame is destroyed without running on; it lives as long as the scope. Where a
/// coroutine of Asio goes on in a copy of its context after each wait (see adapters), it is that copy.
///
/// Scopes of one key in one context, such as those of tasks that share it, end in the opposite order of their
/// beginning. One that does not, or that ends inside an update of its context, ends the program with a
/// message; so does a lack of memory at the end, which restoring takes only where a copy of the context
/// shares its nodes, or where keys were erased in the block.
///
/// Throws what set does, and usage_error for a key with the flag frozen; then nothing has changed.
class scoped {
public:
    template <class V>
    [[nodiscard("the value is set as long as this lives: give it a name")]]  //
    scoped(key_name key, V&& value, std::source_location where = std::source_location::current())
        : scope_(open<stored_t<V>>(key, std::forward<V>(value), where)) {}
    template <class T, class V>
    [[nodiscard("the value is set as long as this lives: give it a name")]]  //
    scoped(const key<T>& key, V&& value, std::source_location where = std::source_location::current())
        : scope_(open<T>(key.name(), std::forward<V>(value), where)) {}
    scoped(const scoped&) = delete;
    scoped& operator=(const scoped&) = delete;
    static void* operator new(std::size_t) = delete;
    static void* operator new[](std::size_t) = delete;

private:
    template <class T, class V>
    static detail::scope_of_a_value open(const key_name& key, V&& value, std::source_location where) {
        detail::owner* const who = detail::current();
        if (!who) throw no_current_context("scoped", key.text());
        return detail::scope_of_a_value(*who, key, std::type_identity<T>(), {where, who->task},
                                        std::forward<V>(value));
    }

    detail::scope_of_a_value scope_;
};

}  // namespace coheir::context
