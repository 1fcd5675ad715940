#pragma once
// The handle of a spawned task: await its end, look at its context.

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "context/snapshot.hpp"
#include "detail/start.hpp"
#include "error.hpp"
#include "fwd.hpp"

namespace coheir {

namespace detail {

/// Throws where one task must not wait for another.
COHEIR_COLD inline void refuse_join(const task_state& joined, const task_state& waiting) {
    if (&joined == &waiting)
        throw usage_error("coheir::join_handle: co_await: " + description(joined) + " would wait for itself");
    if (joined.home && joined.home != waiting.home)
        throw wrong_scheduler("coheir::join_handle: co_await: " + description(joined) +
                              " belongs to another scheduler");
}

inline void require_joinable(const task_state& joined, const task_state& waiting) {
    if (&joined == &waiting || joined.home != waiting.home) [[unlikely]]
        refuse_join(joined, waiting);
}

/// One task that waits for the end of another, whose state it keeps.
class joining : spreading_wait, public waiter {
public:
    template <class T>
    joining(task_ref<T> joined, task_state& waiting, bool shielded) noexcept
        : joined_(*joined.leave()), waiting_(waiting), shielded_(shielded) {}
    joining(const joining&) = delete;
    joining& operator=(const joining&) = delete;
    ~joining() {
        if (next) [[unlikely]]
            joined_.waiters.remove(*this);
        core::release(joined_);
    }
    task_state& joined() const noexcept { return joined_; }
    void suspend(std::coroutine_handle<> awaiting) noexcept {
        told = &go_on;
        waiting_.resume_at = awaiting;
        waiting_.waiting_in = this;
        joined_.waiters.add(*this);
        if (waiting_.stop & task_state::stop_due) [[unlikely]]
            core::interrupt_now(waiting_);
    }
    task_state& waiting() const noexcept { return waiting_; }

private:
    void spread(stop_wave& wave) noexcept override {
        if (!next || joined_.ended) return;  // over, or told so right now
        if (!shielded_ && joined_.waiters.has_only(*this) && wave.hand_on(joined_)) return;
        joined_.waiters.remove(*this);
        run_state::wake(waiting_);
    }
    wait_info describe() const noexcept override {
        wait_info info;
        if (!next) return info;
        info.what = wait_info::kind::joining;
        info.task = joined_.task;
        return info;
    }

    static void go_on(waiter& w) noexcept { run_state::wake(static_cast<joining&>(w).waiting_); }

    task_state& joined_;
    task_state& waiting_;
    const bool shielded_;
};

/// Waits for the end of a task; `Taking` moves its result out.
template <class T, bool Taking>
class [[nodiscard]] join_awaiter : joining {
public:
    /// Throws wrong_scheduler and usage_error.
    join_awaiter(task_ref<T> of, task_state& waiting, bool shielded = false)
        : joining(std::move(of), waiting, shielded) {
        detail::require_joinable(joined(), waiting);
    }
    join_awaiter(const join_awaiter&) = delete;
    join_awaiter& operator=(const join_awaiter&) = delete;

    bool await_ready() const noexcept { return joined().ended; }
    void await_suspend(std::coroutine_handle<> awaiting) noexcept {
        takes_result = Taking;
        suspend(awaiting);
    }
    std::conditional_t<Taking, T, std::add_lvalue_reference_t<const T>> await_resume() {
        end_wait(this->waiting());
        if constexpr (Taking)
            return detail::take_result(static_cast<task_state_of<T>&>(joined()));
        else
            return detail::look_at_result(static_cast<task_state_of<T>&>(joined()));
    }
};

struct join_handle_access {
    template <class T>
    static join_handle<T> make(task_ref<T> of) noexcept {
        return join_handle<T>(std::move(of));
    }
    template <class T>
    static const task_ref<T>& state(const join_handle<T>& h, const char* operation) {
        return h.state(operation);
    }
    /// The handle is empty then.
    template <class T>
    static task_ref<T> take(join_handle<T>& h, const char* operation) {
        static_cast<void>(h.state(operation));
        return std::move(h.state_);
    }
};

}  // namespace detail

/// A spawned task, from outside. Belongs to the thread of its scheduler. Copies refer to the same task;
/// when the last one goes, the task is detached and runs on. May outlive the task and the scheduler.
///
/// `co_await handle` waits for the end and gives `const T&`, valid while a handle lives, and moved-from once
/// another one moves the result out; `co_await std::move(handle)` moves the result out, after all others that
/// wait have been served (at once, where the task has ended by then), and later awaits throw result_taken, as
/// do those that have not gone on yet. A task that failed throws its exception at every await. Where no await
/// receives it, it goes to the scheduler's unhandled handler when the last handle goes. Awaiting throws
/// wrong_scheduler in a task of another scheduler, scheduler_closed where the task was destroyed with its
/// scheduler, and usage_error in the task itself.
template <class T = void>
class [[nodiscard("await the handle, keep it, or say .detach()")]] join_handle
    : public detail::own_awaitable {
public:
    using value_type = T;

    /// Refers to no task.
    join_handle() = default;

    detail::join_awaiter<T, false> await_in(detail::task_state & waiting) const& {
        return detail::join_awaiter<T, false>(state("co_await"), waiting);
    }
    detail::join_awaiter<T, true> await_in(detail::task_state & waiting)&& {
        return detail::join_awaiter<T, true>(detail::join_handle_access::take(*this, "co_await"), waiting);
    }

    /// For the message: a handle can be awaited in a coheir::task only.
    detail::only_in_a_coheir_task<T> operator co_await() const noexcept { return {}; }

    /// Whether it refers to a task.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
    /// Whether the task has ended, by a result, an exception, or with its scheduler.
    [[nodiscard]] bool done() const { return own_state("done")->ended; }
    /// What the task's context shows now, also after its end. Throws context_busy, std::bad_alloc.
    [[nodiscard]] context::snapshot context() const {
        return context::detail::snapshot_access::take(*own_state("context")->context, "captured");
    }
    /// What the context showed when an exception left the task, which may have changed since under `shared`
    /// and `chained`; empty if none has. Values that cannot be copied are left out, unless a copy of their
    /// context had been made.
    [[nodiscard]] context::snapshot context_at_failure() const {
        return own_state("context_at_failure")->context_at_failure();
    }
    /// The task's number: no other task of the process has it.
    [[nodiscard]] std::uint64_t id() const { return own_state("id")->task; }
    /// The name that it was spawned with, or empty. Valid while a handle lives.
    [[nodiscard]] std::string_view name() const { return own_state("name")->name_or_empty(); }
    /// The place of the call that spawned it.
    [[nodiscard]] std::source_location spawned_at() const { return own_state("spawned_at")->spawned_at; }
    /// Asks the task to stop: it throws task_cancelled at the wait where it is, or else at its next one. A
    /// task that has not started ends without running. If it waits for another task that nobody else waits
    /// for, that one is asked, too, and its end awaited first. A wait for a foreign operation ends by itself.
    /// Every call throws once; requests that come before the task goes on throw together. False if the task
    /// has ended. Only on the scheduler's thread: for others, there is stop_source().
    bool request_stop() const { return detail::core::request_stop(*own_state("request_stop")); }
    /// A std::stop_source whose request_stop() may be called on any thread, once: it posts the request to the
    /// task's scheduler. Stopped by request_stop(), too. Without a state if the task has ended. Throws
    /// std::bad_alloc. (Defined in cancellation.hpp.)
    [[nodiscard]] auto stop_source() const;
    /// Lets go of the task, which runs on.
    void detach() noexcept { state_ = {}; }

private:
    friend struct detail::join_handle_access;
    explicit join_handle(detail::task_ref<T> of) noexcept : state_(std::move(of)) {}

    const detail::task_ref<T>& state(const char* operation) const {
        if (!state_) throw invalid_handle(operation);
        return state_;
    }
    /// In debug builds only on the scheduler's thread.
    const detail::task_ref<T>& own_state(const char* operation) const {
        const detail::task_ref<T>& of = state(operation);
        detail::core::require_thread_of(*of, "join_handle", operation);
        return of;
    }

    detail::task_ref<T> state_;
};

}  // namespace coheir
