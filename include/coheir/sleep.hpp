#pragma once
// Sleeping: until a time, or for a while, by the scheduler's clock.

#include <coroutine>

#include "clock.hpp"
#include "detail/chrono.hpp"
#include "scheduler.hpp"

namespace coheir {

namespace detail {

/// Goes to the back of the ready queue if the time has come, else into the timers. Removes itself when its
/// frame is destroyed.
class sleep_awaiter : timer_node {
public:
    /// Throws std::bad_alloc.
    sleep_awaiter(task_state& t, time_point deadline, bool is_over) {
        task = &t;
        if (!is_over && !(t.stop & task_state::stop_due)) timers().add(*this, deadline);
    }
    sleep_awaiter(const sleep_awaiter&) = delete;
    sleep_awaiter& operator=(const sleep_awaiter&) = delete;
    ~sleep_awaiter() {
        if (is_pending()) timers().remove(*this);
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        task->resume_at = awaiting;
        if (is_pending()) {
            task->waiting_in = &sleeping;
            task->timer = this;
        } else {
            task->waiting_in = &queued;
            task->home->enqueue(*task);
        }
    }
    void await_resume() const { end_wait(*task); }

private:
    timer_heap& timers() const noexcept { return static_cast<core*>(task->home)->timers(); }
};

/// So long from the await on, or until a time. It is no awaiter, so that frames hold one word of it.
template <bool Relative>
class [[nodiscard("co_await it")]] sleep : public own_awaitable {
public:
    constexpr explicit sleep(duration time) noexcept : time_(time) {}

    /// Throws std::bad_alloc.
    sleep_awaiter await_in(task_state & t) const {
        if (Relative && time_ <= duration::zero()) return sleep_awaiter(t, {}, true);
        const time_point now = scheduler_access::of(t).now();
        const time_point deadline = !Relative                         ? time_point(time_)
                                    : time_ < time_point::max() - now ? now + time_
                                                                      : time_point::max();
        return sleep_awaiter(t, deadline, deadline <= now);
    }
    /// For the message: a sleep can be awaited in a coheir::task only.
    only_in_a_coheir_task<void> operator co_await() const noexcept { return {}; }

private:
    duration time_;
};

}  // namespace detail

/// `co_await sleep_for(10ms)`: goes on when that much time has passed, never earlier; for zero or less, like
/// yield(). Longer than the clock reaches is for ever, which run_until_idle() does not wait for. Awaiting
/// throws std::bad_alloc.
template <class Rep, class Period>
detail::sleep<true> sleep_for(std::chrono::duration<Rep, Period> time) noexcept {
    return detail::sleep<true>(detail::as_duration(time));
}

/// `co_await sleep_until(t)`: goes on when the scheduler's clock shows t; if it does, like yield().
template <class Duration>
detail::sleep<false> sleep_until(
    std::chrono::time_point<std::chrono::steady_clock, Duration> deadline) noexcept {
    return detail::sleep<false>(detail::as_duration(deadline.time_since_epoch()));
}

}  // namespace coheir
