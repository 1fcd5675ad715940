#pragma once
// Time limits: of a task, of an awaitable, of a block.

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "detail/chrono.hpp"
#include "detail/gather.hpp"
#include "sleep.hpp"

namespace coheir {

namespace detail {

/// When a time limit that begins now is over.
inline time_point deadline_in(duration limit, const task_state& t) {
    const time_point now = scheduler_access::of(t).now();
    return limit < time_point::max() - now ? now + limit : time_point::max();
}

/// "10ms", "1.5s": in the largest unit of which there is one at least.
COHEIR_COLD inline std::string text_of(duration d) {
    struct unit {
        std::int64_t nanoseconds;
        const char* name;
    };
    const std::int64_t all = std::chrono::duration_cast<std::chrono::nanoseconds>(d).count();
    for (const unit u : {unit{1'000'000'000, "s"}, unit{1'000'000, "ms"}, unit{1'000, "us"}}) {
        if (all < u.nanoseconds) continue;
        std::string text = std::to_string(all / u.nanoseconds);
        if (const std::int64_t rest = all % u.nanoseconds * 1000 / u.nanoseconds; rest != 0) {
            text += "." + std::to_string(1000 + rest).substr(1);
            text.resize(text.find_last_not_of('0') + 1);
        }
        return text + u.name;
    }
    return std::to_string(all) + "ns";
}

/// Waits for the end of a task, until a time: then the task is cancelled, and its end awaited.
// clang-format off
template <class T, bool Taking>
class [[nodiscard("co_await it")]] timed_join final
    : spreading_wait, waiter, firing_timer, public own_awaitable {
    // clang-format on
public:
    timed_join(task_ref<T> of, duration limit, time_point deadline, task_state & waiting,
               const char* operation = "with_timeout")
        : firing_timer([](firing_timer& timer) noexcept { static_cast<timed_join&>(timer).time_out(); }),
          of_(std::move(of)), waiting_(waiting), asker_(waiting.task), operation_(operation), limit_(limit),
          deadline_(deadline) {
        detail::require_joinable(*of_, waiting);
    }
    timed_join(task_ref<T> of, duration limit, task_state & waiting)
        : timed_join(std::move(of), limit, detail::deadline_in(limit, waiting), waiting) {}
    timed_join(const timed_join&) = delete;
    timed_join& operator=(const timed_join&) = delete;
    ~timed_join() {
        task_state* const left = link_.abandon();
        if (left && next) run_state::wake(*left);
        if (next) of_->waiters.remove(*this);
        stop_timer();
        if constexpr (Taking)  // dropped, or not awaited to the end: nobody else needs it
            if ((!was_awaited_ || left) && !is_stopped_ && of_->waiters.empty())
                core::request_stop(*of_, {0, asker_, 0});
    }

    wait_link& link_in(const task_state& t) {
        if (t.task != asker_) throw_awaited_elsewhere(operation_, t, asker_);
        return link_;
    }
    bool await_ready() const noexcept { return of_->ended; }
    void await_suspend(detail::coroutine_of_a_coheir_task awaiting) {
        task_state& waiting = waiting_;
        core& its = on();
        was_awaited_ = true;
        const bool is_over = limit_ <= duration::zero() || deadline_ <= scheduler_access::of(waiting_).now();
        if (!is_over) start_timer();
        told = [](waiter& w) noexcept { run_state::wake(static_cast<timed_join&>(w).waiting_); };
        takes_result = Taking;
        of_->waiters.add(*this);
        waiting.resume_at = awaiting.handle;
        link_.tie(waiting, *this);
        if (is_over) time_out();
        // Those who are told may destroy this.
        if (waiting.stop & task_state::stop_due) [[unlikely]]
            core::interrupt_now(waiting);
        else if (is_over)
            its.tell_stopped();
    }
    std::conditional_t<Taking, T, std::add_lvalue_reference_t<const T>> await_resume() {
        link_.untie();
        stop_timer();
        end_wait(waiting_);
        if (timed_out_)
            throw timeout_error(std::string("coheir::") + operation_ + ": " + detail::description(*of_) +
                                " took longer than " + text_of(limit_));
        if constexpr (Taking)
            return detail::take_result(*of_);
        else
            return detail::look_at_result(*of_);
    }

private:
    void start_timer() {
        try {
            on().timers().add(*this, deadline_);
        } catch (...) {  // it must not run on without its limit
            stop();
            on().tell_stopped();
            throw;
        }
    }
    void time_out() noexcept {
        if (!next || of_->ended) return;  // it was let go, or its end is about to be told
        timed_out_ = true;
        stop();
    }
    void stop() noexcept {
        is_stopped_ = true;  // not again: it may be cleaning up
        stop_wave(waiting_).stop(*of_);
    }
    void spread(stop_wave & wave) noexcept override {
        if (!next || of_->ended) return;
        if (of_->waiters.has_only(*this)) {
            is_stopped_ = true;
            if (wave.hand_on(*of_)) return;
        }
        of_->waiters.remove(*this);
        run_state::wake(waiting_);
    }
    void task_goes() noexcept override {
        link_.untie();
        stop_timer();
    }
    wait_info describe() const noexcept override {
        wait_info info;
        if (!next) return info;
        info.what = wait_info::kind::joining;
        info.task = of_->task;
        return info;
    }
    core& on() const noexcept { return *static_cast<core*>(waiting_.home); }
    void stop_timer() noexcept {
        if (is_pending()) on().timers().remove(*this);
    }

    task_ref<T> of_;
    task_state& waiting_;  // from the call to its end, and while it awaits this, which may be kept longer
    const std::uint64_t asker_;  // its number
    const char* const operation_;
    wait_link link_;
    const duration limit_;
    const time_point deadline_;
    bool was_awaited_ = false;
    bool is_stopped_ = false;
    bool timed_out_ = false;
};

/// Stops a part of the task that runs here when its time is over.
class timed_scope : firing_timer {
public:
    /// `what` is for the message: "timeout_scope: a block".
    timed_scope(duration limit, const char* what)
        : firing_timer([](firing_timer& timer) noexcept { static_cast<timed_scope&>(timer).stop(); }),
          scope_(*current_task()), limit_(limit), what_(what) {
        if (limit > duration::zero()) {
            on().timers().add(*this, detail::deadline_in(limit, scope_.task()));
        } else {
            stop();
            on().tell_stopped();
        }
    }
    timed_scope(const timed_scope&) = delete;
    timed_scope& operator=(const timed_scope&) = delete;
    ~timed_scope() { close(); }

    void close() noexcept {
        if (is_pending()) on().timers().remove(*this);
        scope_.close();
    }
    /// A task_cancelled leaves the scope: if it is the scope's own, throws timeout_error instead.
    [[noreturn]] void rethrow() {
        close();
        if (scope_.stopped_alone())
            throw timeout_error(std::string("coheir::") + what_ + " of " + description(scope_.task()) +
                                " took longer than " + text_of(limit_));
        throw;
    }

private:
    core& on() const noexcept { return *static_cast<core*>(scope_.task().home); }
    void stop() noexcept { stop_wave(scope_.task()).stop(scope_); }

    stop_scope scope_;
    const duration limit_;
    const char* const what_;
};

template <class A>
decltype(auto) awaiter_in(A&& awaitable, task_state& in) {
    if constexpr (makes_its_awaiter<A>)
        return static_cast<A&&>(awaitable).await_in(in);
    else
        return detail::get_awaiter(static_cast<A&&>(awaitable));
}
/// What co_await gives for it in a task.
template <class A>
using awaited_t = decltype(awaiter_in(std::declval<A>(), std::declval<task_state&>()).await_resume());

/// What is neither a task nor the handle of one.
template <class A>
concept waitable = !joinable<std::remove_cvref_t<A>> && (is_own_awaitable<A> || awaitable_without_promise<A>);

/// The awaitable lives as long as the expression in which this is awaited.
template <class A>  // NOLINTNEXTLINE(*-avoid-reference-coroutine-parameters)
task<awaited_t<A>> await_within(duration limit, A&& awaitable, const char* what) {
    timed_scope scope(limit, what);
    try {
        co_return co_await static_cast<A&&>(awaitable);
    } catch (const task_cancelled&) {
        scope.rethrow();
    }
}
template <class T>
task<T> run_within(duration limit, task<T> work, const char* what) {
    timed_scope scope(limit, what);
    try {
        co_return co_await std::move(work);
    } catch (const task_cancelled&) {
        scope.rethrow();
    }
}
template <class F, class T>
task<T> call_within(duration limit, F body, const char* what) {
    timed_scope scope(limit, what);
    try {
        co_return co_await body();
    } catch (const task_cancelled&) {
        scope.rethrow();
    }
}
template <class A>
task<awaited_t<A>> await_it(A awaitable) {
    co_return co_await static_cast<A&&>(awaitable);
}

template <class T>
timed_join<T, true> spawn_timed(task<T> work, duration limit, time_point deadline, task_state& waiting,
                                std::source_location at, const char* operation) {
    auto& on = *static_cast<core*>(waiting.home);
    on.timers().make_room();  // before it is spawned; should others take it by the await, see start_timer()
    const auto derive = [&](task_state& child) {
        child.shorten_deadline(deadline);
        return derive_context(on, on.policy, child);
    };
    return timed_join<T, true>(start(on, work, derive, at, operation), limit, deadline, waiting, operation);
}
template <class T>
timed_join<T, true> spawn_timed(task<T> work, duration limit, std::source_location at) {
    task_state& waiting = require_task("with_timeout");
    return detail::spawn_timed(std::move(work), limit, detail::deadline_in(limit, waiting), waiting, at,
                               "with_timeout");
}

template <class F>
concept body_of_scope = requires(F& body) {
    []<class T>(task<T>&&) {}(body());
};

}  // namespace detail

/// `co_await with_timeout(work(), 10ms)`: spawns a task, now, by the scheduler's policy, and gives its
/// result. If it has not ended in time, which is its
/// deadline, it is cancelled, its end is awaited, whatever it ends with, and
/// timeout_error is thrown; an exception that it ended with goes to the scheduler's unhandled handler. If it
/// has ended, its result counts, however little time there is. A limit of zero or less cancels it before it
/// starts. When the waiting task is cancelled, so is the spawned one; its end is awaited, then task_cancelled
/// thrown. Dropped without being awaited, it asks the task to stop, whose end is not awaited then.
/// Throws no_current_task outside a task, and what spawning throws.
template <class T, class Rep, class Period>
detail::timed_join<T, true> with_timeout(task<T> work, std::chrono::duration<Rep, Period> limit,
                                         std::source_location at = std::source_location::current()) {
    return detail::spawn_timed(std::move(work), detail::as_duration(limit), at);
}

/// The same for a task that was spawned before. It is cancelled also if others wait for it:
/// `with_timeout(shield(handle), 10ms)` lets it run on. An lvalue gives `const T&`.
template <class T, class Rep, class Period>
detail::timed_join<T, true> with_timeout(join_handle<T>&& handle, std::chrono::duration<Rep, Period> limit) {
    detail::task_state& waiting = detail::require_task("with_timeout");
    detail::require_joinable(*detail::join_handle_access::state(handle, "with_timeout"), waiting);
    return detail::timed_join<T, true>(detail::join_handle_access::take(handle, "with_timeout"),
                                       detail::as_duration(limit), waiting);
}
template <class T, class Rep, class Period>
detail::timed_join<T, false> with_timeout(const join_handle<T>& handle,
                                          std::chrono::duration<Rep, Period> limit) {
    return detail::timed_join<T, false>(detail::join_handle_access::state(handle, "with_timeout"),
                                        detail::as_duration(limit), detail::require_task("with_timeout"));
}

/// The same for other awaitables of ours, `co_await with_timeout(when_all(f(), g()), 1s)`: they need no task
/// of their own, and wait in this one. Await it in the same expression. The time begins when it is awaited.
template <detail::waitable A, class Rep, class Period>
    requires detail::is_own_awaitable<A> task<detail::awaited_t<A>> with_timeout(
        A&& awaitable, std::chrono::duration<Rep, Period> limit) {
        return detail::await_within<A>(detail::as_duration(limit), std::forward<A>(awaitable),
                                       "with_timeout: a wait");
    }

/// The same for a foreign awaitable: a spawned task awaits it, and takes it along if it is an rvalue. A
/// foreign operation is not interrupted: let it take `this_task::stop_token()`, in a task of yours, if it
/// can.
template <detail::waitable A, class Rep, class Period>
    requires(!detail::is_own_awaitable<A>)
auto with_timeout(A&& awaitable, std::chrono::duration<Rep, Period> limit,
                  std::source_location at = std::source_location::current()) {
    return detail::spawn_timed(detail::await_it<A>(std::forward<A>(awaitable)), detail::as_duration(limit),
                               at);
}

/// `co_await timeout_scope(10ms, [&]() -> task<> { … })`: limits a block, in the same task and context, and
/// gives its result. Past the time, the wait in the block throws task_cancelled, once; where that leaves the
/// block, it becomes timeout_error. If something else does, or the block goes on to its end, that counts. A
/// request to stop the whole task meanwhile stays task_cancelled. Limits may be nested.
// A function and not an object in the block: a destructor cannot throw timeout_error, and inside the block it
// would be taken for that of a limit within.
template <class Rep, class Period, detail::body_of_scope F>
auto timeout_scope(std::chrono::duration<Rep, Period> limit, F body) {
    using T = typename std::invoke_result_t<F&>::value_type;
    return detail::call_within<F, T>(detail::as_duration(limit), std::move(body), "timeout_scope: a block");
}
/// The same for a coroutine: `co_await timeout_scope(10ms, work())`, which is awaited, not spawned.
template <class Rep, class Period, class T>
task<T> timeout_scope(std::chrono::duration<Rep, Period> limit, task<T> work) {
    return detail::run_within(detail::as_duration(limit), std::move(work), "timeout_scope: a block");
}

}  // namespace coheir
