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
class [[nodiscard("co_await it")]] sleep_awaiter : timer_node, public own_awaitable {
public:
    static sleep_awaiter until(time_point deadline) noexcept {
        return sleep_awaiter(deadline.time_since_epoch(), until_then);
    }
    static sleep_awaiter lasting(duration time) noexcept { return sleep_awaiter(time, that_long); }
    sleep_awaiter(const sleep_awaiter&) = delete;
    sleep_awaiter& operator=(const sleep_awaiter&) = delete;
    ~sleep_awaiter() {
        if (is_pending()) static_cast<core*>(task->home)->timers().remove(*this);
    }

    bool await_ready() const noexcept { return false; }
    template <promise_of_a_coheir_task Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) {
        suspend(*awaiting.promise().state, awaiting);
    }
    void await_resume() const { end_wait(*task); }

private:
    // What `place` says before the sleep is awaited: the task's place is taken by the time, for small frames.
    static constexpr std::uint32_t until_then = most_places, that_long = most_places + 1;

    sleep_awaiter(duration length, std::uint32_t kind) noexcept : timer_node(length, kind) {}

    void suspend(task_state & t, std::coroutine_handle<> awaiting) {
        if (place != until_then && place != that_long)
            throw usage_error("coheir::sleep: the same sleep is awaited twice");
        const bool relative = std::exchange(place, nowhere) == that_long;
        const duration length = time;
        task = &t;
        t.resume_at = awaiting;
        if (relative && length <= duration::zero()) return queue(t);
        const time_point now = scheduler_access::of(t).now();
        const time_point deadline = !relative                         ? time_point(length)
                                    : length < time_point::max() - now ? now + length
                                                                      : time_point::max();
        if (deadline <= now || t.stop & task_state::stop_due) return queue(t);
        static_cast<core*>(t.home)->timers().add(*this, deadline);
        t.waiting_in = &sleeping;
        t.timer = this;
    }
    static void queue(task_state & t) noexcept {
        t.waiting_in = &queued;
        t.home->enqueue(t);
    }
};

/// A duration of any kind as ours: rounded up, so that nobody wakes early, and as far as ours reach.
template <class Rep, class Period>
constexpr duration as_duration(std::chrono::duration<Rep, Period> d) noexcept {
    using wide = std::chrono::duration<long double, duration::period>;
    if (wide(d) >= wide(duration::max())) return duration::max();
    if (wide(d) <= wide(duration::min())) return duration::min();
    return std::chrono::ceil<duration>(d);
}

}  // namespace detail

/// `co_await sleep_for(10ms)`: goes on when that much time has passed, never earlier; for zero or less, like
/// yield(). Longer than the clock reaches is for ever. Awaiting throws std::bad_alloc.
template <class Rep, class Period>
detail::sleep_awaiter sleep_for(std::chrono::duration<Rep, Period> time) noexcept {
    return detail::sleep_awaiter::lasting(detail::as_duration(time));
}

/// `co_await sleep_until(t)`: goes on when the scheduler's clock shows t; if it does, like yield().
template <class Duration>
detail::sleep_awaiter sleep_until(
    std::chrono::time_point<std::chrono::steady_clock, Duration> deadline) noexcept {
    return detail::sleep_awaiter::until(time_point(detail::as_duration(deadline.time_since_epoch())));
}

}  // namespace coheir
