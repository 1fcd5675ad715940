#pragma once
// The handle of a task that was spawned onto another scheduler: await its end from any other.

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "detail/remote_state.hpp"
#include "error.hpp"
#include "fwd.hpp"

namespace coheir {

namespace detail {

/// Waits for the end of a task of another scheduler; `Taking` moves its result out.
template <class T, bool Taking>
class [[nodiscard]] remote_awaiter : remote_waiter, wait {
public:
    remote_awaiter(remote_owner<T> of, task_state& waiting) noexcept
        : joined_(std::move(of)), waiting_(&waiting) {}
    remote_awaiter(const remote_awaiter&) = delete;
    remote_awaiter& operator=(const remote_awaiter&) = delete;
    ~remote_awaiter() {
        if (suspended_ && !joined_->completion.withdraw(*this)) joined_->completion.give_back();
        end_await();
    }

    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<> awaiting) {
        if (!joined_->completion.begin_await())
            throw usage_error("coheir::remote_handle: co_await: another task awaits this handle");
        awaits_ = true;
        told = [](remote_waiter& w) noexcept { run_state::wake(*static_cast<remote_awaiter&>(w).waiting_); };
        waiting_->resume_at = awaiting;
        waiting_->waiting_in = this;
        suspended_ = true;
        if (joined_->completion.wait(*this)) {
            if (waiting_->stop & task_state::stop_due) [[unlikely]]
                core::interrupt_now(*waiting_);
            return true;
        }
        suspended_ = false;
        waiting_->waiting_in = nullptr;
        return false;
    }
    std::conditional_t<Taking, T, std::add_lvalue_reference_t<const T>> await_resume() {
        end_wait(*waiting_);  // before: the exception is given back
        suspended_ = false;
        const await_ending over{*this};
        if constexpr (Taking)
            return joined_->take();
        else
            return joined_->look();
    }

private:
    struct await_ending {
        remote_awaiter& of;
        ~await_ending() { of.end_await(); }
    };
    void end_await() noexcept {
        if (std::exchange(awaits_, false)) joined_->completion.end_await();
    }

    /// As a join on the same scheduler: the other task is asked to stop, and its end awaited; but let go
    /// where it is the one that asks, or where the request has come back around a circle of tasks that wait
    /// for each other. (A request that is older than the last is not handed on: two would chase each other
    /// for ever.)
    void interrupt(task_state& waiting, stop_wave& wave) noexcept override {
        stop_request next = wave.request();
        const bool is_back = next.number == last_.number && next.hops > last_.hops;
        if (is_back || joined_->number == next.asker) {
            if (!joined_->completion.withdraw(*this)) return;
            suspended_ = false;
            waiting.waiting_in = &queued;
            run_state::wake(waiting);
        } else if (next.number > last_.number) {
            last_ = next;
            ++next.hops;
            joined_->hand_on(next);
        }
    }
    wait_info describe() const noexcept override {
        wait_info info;
        if (joined_->completion.done()) return info;
        info.what = wait_info::kind::joining;
        info.task = joined_->number;
        return info;
    }

    const remote_owner<T> joined_;  // the handle may go, on another thread, while this waits
    task_state* const waiting_;
    stop_request last_;  // that was handed on
    bool suspended_ = false;
    bool awaits_ = false;
};

struct remote_handle_access;

}  // namespace detail

/// A task that was spawned by remote::spawn, seen from any thread. Has one owner at a time, who may be on any
/// thread: move it. Dropping it detaches the task, which runs on; who awaits it by then still gets the end.
///
/// `co_await handle` waits for the end and gives `const T&`, valid while the handle lives; `co_await
/// std::move(handle)` moves the result out. Both throw the exception of a task that failed, and
/// scheduler_closed for one that was destroyed with its scheduler, started or not. One await at a time: a
/// second throws usage_error until the first has gone on. Where no await receives an exception, the unhandled
/// handler of the task's scheduler does, on its thread, when the handle has gone.
template <class T = void>
class [[nodiscard("await the handle, keep it, or say .detach()")]] remote_handle
    : public detail::own_awaitable {
public:
    using value_type = T;

    /// Refers to no task.
    remote_handle() = default;
    detail::remote_awaiter<T, false> await_in(detail::task_state & waiting) const& {
        static_cast<void>(state("co_await"));
        return {owner_.share(), waiting};
    }
    detail::remote_awaiter<T, true> await_in(detail::task_state & waiting)&& {
        static_cast<void>(state("co_await"));
        return {std::move(owner_), waiting};
    }
    /// For the message: a handle can be awaited in a coheir::task only.
    detail::only_in_a_coheir_task<T> operator co_await() const noexcept { return {}; }

    /// Whether it refers to a task.
    [[nodiscard]] bool valid() const noexcept { return owner_.get() != nullptr; }
    /// Whether there is something that an await would give at once.
    [[nodiscard]] bool done() const { return state("done").completion.done(); }
    /// What the context showed when an exception left the task; empty if none has, or not yet. See
    /// join_handle.
    [[nodiscard]] context::snapshot context_at_failure() const {
        return done() ? state("context_at_failure").context_at_failure() : context::snapshot();
    }
    /// The task's number: no other task of the process has it.
    [[nodiscard]] std::uint64_t id() const { return state("id").number; }
    /// The name that it was spawned with, or empty. Valid while the handle lives.
    [[nodiscard]] std::string_view name() const { return state("name").name; }
    /// The place of the call that spawned it.
    [[nodiscard]] std::source_location spawned_at() const { return state("spawned_at").spawned_at; }
    /// Asks the task to stop: see join_handle. Takes effect when its scheduler comes to it: until then, one
    /// request stands for all. Nothing happens if it has ended. Needs no memory. Any thread, as the handle.
    void request_stop() const { state("request_stop").request_stop(); }
    /// Lets go of the task, which runs on.
    void detach() noexcept { owner_ = {}; }

private:
    friend struct detail::remote_handle_access;
    explicit remote_handle(detail::remote_owner<T> of) noexcept : owner_(std::move(of)) {}

    detail::remote_state<T>& state(const char* operation) const {
        if (!owner_.get()) throw invalid_handle(operation);
        return *owner_.get();
    }

    detail::remote_owner<T> owner_;
};

namespace detail {
struct remote_handle_access {
    template <class T>
    static remote_handle<T> make(remote_owner<T> of) noexcept {
        return remote_handle<T>(std::move(of));
    }
};
}  // namespace detail

}  // namespace coheir
