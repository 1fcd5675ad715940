#pragma once
// Giving way: every other ready task runs once before this one goes on.

#include <coroutine>

#include "detail/promise.hpp"

namespace coheir {

namespace detail {
class [[nodiscard("co_await it")]] yield_awaiter
    : public own_awaitable{public : bool await_ready() const noexcept {return false;
}
template <promise_of_a_coheir_task Promise>
void await_suspend(std::coroutine_handle<Promise> awaiting) const noexcept {
    task_state& t = *awaiting.promise().state;
    t.resume_at = awaiting;
    t.waiting_in = &queued;
    t.home->enqueue(t);
}
void await_resume() const noexcept {}
};  // namespace coheir
}  // namespace detail

/// `co_await yield()`: to the back of the ready queue.
inline detail::yield_awaiter yield() noexcept { return {}; }

}  // namespace coheir
