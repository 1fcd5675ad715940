#pragma once
// Shielding: the wait may be cancelled, what is waited for runs on.

#include <coroutine>
#include <source_location>
#include <utility>

#include "spawn.hpp"

namespace coheir {

namespace detail {

template <class T, bool Taking>
class [[nodiscard("co_await it")]] shielded_join : public own_awaitable {
public:
    explicit shielded_join(task_ref<T> of) noexcept : of_(std::move(of)) {}
    shielded_join(const shielded_join&) = delete;
    shielded_join& operator=(const shielded_join&) = delete;

    join_awaiter<T, Taking> await_in(task_state & waiting) {
        if (!of_) throw usage_error("coheir::shield: the same shield is awaited twice");
        return join_awaiter<T, Taking>(std::move(of_), waiting, true);
    }
    /// For the message: it can be awaited in a coheir::task only.
    only_in_a_coheir_task<T> operator co_await() const noexcept { return {}; }

private:
    task_ref<T> of_;
};

}  // namespace detail

/// `co_await shield(work())`: spawns a task, now, by the scheduler's policy, and waits for its result. When
/// the waiting task is cancelled, this throws task_cancelled at once, and the spawned task runs on; an
/// exception of it then goes to the scheduler's unhandled handler. A request to stop the spawned task itself
/// reaches it. Throws no_current_task outside a task, and what spawning throws.
template <class T>
detail::shielded_join<T, true> shield(task<T> work,
                                      std::source_location at = std::source_location::current()) {
    auto& on = *static_cast<detail::core*>(detail::require_task("shield").home);
    const auto derive = [&on](detail::task_state& t) { return detail::derive_context(on, on.policy, t); };
    return detail::shielded_join<T, true>(detail::start(on, work, derive, at, "shield"));
}

/// The same for a task that was spawned before: `co_await shield(handle)` gives `const T&`, and
/// `co_await shield(std::move(handle))` moves the result out, as awaiting the handle would.
template <class T>
detail::shielded_join<T, false> shield(const join_handle<T>& handle) {
    return detail::shielded_join<T, false>(detail::join_handle_access::state(handle, "shield"));
}
template <class T>
detail::shielded_join<T, true> shield(join_handle<T>&& handle) {
    return detail::shielded_join<T, true>(detail::join_handle_access::take(handle, "shield"));
}

}  // namespace coheir
