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
inline void require_joinable(const task_state& joined, const task_state& waiting) {
    if (&joined == &waiting)
        throw usage_error("coheir::join_handle: co_await: " + description(joined) + " would wait for itself");
    if (joined.home && joined.home != waiting.home)
        throw wrong_scheduler("coheir::join_handle: co_await: " + description(joined) +
                              " belongs to another scheduler");
}

/// Waits for the end of a task; `Taking` moves its result out.
template <class T, bool Taking>
class [[nodiscard]] join_awaiter : waiter, public own_awaitable {
public:
    explicit join_awaiter(task_ref<T> of) noexcept : joined_(std::move(of)) {
        told = &go_on;
        takes_result = Taking;
    }
    ~join_awaiter() {
        if (next) joined_->waiters.remove(*this);
    }

    bool await_ready() const noexcept { return false; }
    /// False, and the task goes on, where the other has ended.
    template <promise_of_a_coheir_task Promise>
    bool await_suspend(std::coroutine_handle<Promise> awaiting) {
        waiting_ = awaiting.promise().state;
        require_joinable(*joined_, *waiting_);
        if (joined_->ended) return false;
        waiting_->resume_at = awaiting;
        joined_->waiters.add(*this);
        return true;
    }
    std::conditional_t<Taking, T, std::add_lvalue_reference_t<const T>> await_resume() {
        if constexpr (Taking)
            return take_result(*joined_);
        else
            return look_at_result(*joined_);
    }

private:
    static void go_on(waiter& w) noexcept { run_state::wake(*static_cast<join_awaiter&>(w).waiting_); }

    task_ref<T> joined_;
    task_state* waiting_ = nullptr;
};

struct join_handle_access;

}  // namespace detail

/// A spawned task, from outside. Belongs to the thread of its scheduler. Copies refer to the same task;
/// when the last one goes, the task is detached and runs on. May outlive the task and the scheduler.
///
/// `co_await handle` waits for the end and gives `const T&`, valid while a handle lives; `co_await
/// std::move(handle)` moves the result out, after all others that wait have been served, and later awaits
/// throw result_taken. A task that failed throws its exception at every await. Where no await receives
/// it, it goes to the scheduler's unhandled handler when the last handle goes.
/// Awaiting throws wrong_scheduler in a task of another scheduler, scheduler_closed where the task was
/// destroyed with its scheduler, and usage_error in the task itself.
template <class T>
class [[nodiscard("await the handle, keep it, or say .detach()")]] join_handle
    : public detail::own_awaitable {
public:
    using value_type = T;

    /// Refers to no task.
    join_handle() = default;

    detail::join_awaiter<T, false> operator co_await() const& {
        return detail::join_awaiter<T, false>(state("co_await"));
    }
    detail::join_awaiter<T, true> operator co_await()&& {
        static_cast<void>(state("co_await"));
        return detail::join_awaiter<T, true>(std::move(state_));
    }

    /// Whether it refers to a task.
    [[nodiscard]] bool valid() const noexcept { return static_cast<bool>(state_); }
    /// Whether the task has ended, by a result, an exception, or with its scheduler.
    [[nodiscard]] bool done() const { return state("done")->ended; }
    /// What the task's context shows now, or showed at its end. Throws context_busy, std::bad_alloc.
    [[nodiscard]] context::snapshot context() const {
        return context::detail::snapshot_access::take(*state("context")->context, "captured");
    }
    /// The task's number: no other task of the process has it.
    [[nodiscard]] std::uint64_t id() const { return state("id")->task; }
    /// The name that it was spawned with, or empty. Valid while a handle lives.
    [[nodiscard]] std::string_view name() const { return state("name")->name_or_empty(); }
    /// The place of the call that spawned it.
    [[nodiscard]] std::source_location spawned_at() const { return state("spawned_at")->spawned_at; }
    /// Lets go of the task, which runs on.
    void detach() noexcept { state_ = {}; }

private:
    friend struct detail::join_handle_access;
    explicit join_handle(detail::task_ref<T> of) noexcept : state_(std::move(of)) {}

    const detail::task_ref<T>& state(const char* operation) const {
        if (!state_) throw invalid_handle(operation);
        return state_;
    }

    detail::task_ref<T> state_;
};

namespace detail {
struct join_handle_access {
    template <class T>
    static join_handle<T> make(task_ref<T> of) noexcept {
        return join_handle<T>(std::move(of));
    }
    template <class T>
    static const task_ref<T>& state(const join_handle<T>& h, const char* operation) {
        return h.state(operation);
    }
};
}  // namespace detail

}  // namespace coheir
