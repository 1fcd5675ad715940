#pragma once
// Giving way: every other ready task runs once before this one goes on.

#include <coroutine>

#include "detail/promise.hpp"
#include "detail/stop.hpp"

namespace coheir {

namespace detail {

// clang-format 14 takes the attribute for the class's name.
// clang-format off
class [[nodiscard("co_await it")]] yield_awaiter : public own_awaitable {
    // clang-format on
public:
    bool await_ready() const noexcept { return false; }
    void await_suspend(coroutine_of_a_coheir_task awaiting) noexcept {
        task_state& t = *(task_ = awaiting.task);
        t.resume_at = awaiting.handle;
        t.waiting_in = &queued;
        t.home->enqueue(t);
    }
    void await_resume() const { end_wait(*task_); }

private:
    task_state* task_;
};

}  // namespace detail

/// `co_await yield()`: to the back of the ready queue. Throws task_cancelled if the task was asked to stop.
inline detail::yield_awaiter yield() noexcept { return {}; }

}  // namespace coheir
