#pragma once
// Awaiting what is not ours: whoever completes it gets a handle that only puts the task in a queue.

#include <atomic>
#include <coroutine>
#include <type_traits>
#include <utility>

#include "../concepts.hpp"
#include "../error.hpp"
#include "fatal.hpp"
#include "run_state.hpp"
#include "synchronization.hpp"

namespace coheir::detail {

/// The coroutine that a foreign awaitable believes it resumes: a frame made by hand, as every compiler of
/// the Itanium ABI lays frames out, the function to resume and the one to destroy first. Lives in the
/// awaiter. Resuming it puts the task in its scheduler's queue, from any thread, and nothing else.
/// A foreign operation must not resume it after the awaiting frame is destroyed, nor be about to: cancelling
/// one in a destructor waits for a completion that is under way on another thread.
class resumer {
public:
    explicit resumer(task_state& t) noexcept : resume_(&on_resume), destroy_(&on_destroy), task_(&t) {
        static_cast<void>(resume_), static_cast<void>(destroy_);  // read by compiled coroutines only
    }
    resumer(const resumer&) = delete;
    resumer& operator=(const resumer&) = delete;

    std::coroutine_handle<> handle() noexcept { return std::coroutine_handle<>::from_address(this); }

    /// The task goes on by itself: no completion may come, or have come.
    void go_on() noexcept {
        if (state_.exchange(state::resumed, std::memory_order_relaxed) != state::armed)
            fatal("a foreign operation resumed a task, and also told it not to suspend or threw");
    }
    /// The awaiting frame goes away: completions are ignored from now on.
    void disarm() noexcept { state_.store(state::disarmed, std::memory_order_relaxed); }
    bool abandoned() const noexcept { return state_.load(std::memory_order_relaxed) == state::abandoned; }
    bool is_waited_for() const noexcept { return state_.load(std::memory_order_relaxed) == state::armed; }

private:
    enum class state : unsigned char { armed, resumed, abandoned, disarmed };

    static void on_resume(resumer* self) noexcept { self->complete(state::resumed); }
    static void on_destroy(resumer* self) noexcept { self->complete(state::abandoned); }

    void complete(state how) noexcept {
        state expected = state::armed;
        if (state_.compare_exchange_strong(expected, how, std::memory_order_relaxed))
            return run_state::wake(*task_);
        if (expected != state::disarmed) fatal("a foreign operation resumed the same await of a task twice");
        // Disarmed: an awaiter that is being destroyed cancels its operation, which completes it.
    }

    void (*resume_)(resumer*) noexcept;
    void (*destroy_)(resumer*) noexcept;
    task_state* task_;
    synchronization::atomic<state> state_{state::armed};
};

/// A wait for a foreign operation, which ends by itself.
class foreign_wait final : public wait {
public:
    explicit foreign_wait(task_state& t) noexcept : by(t) {}
    void interrupt(task_state&, stop_wave&) noexcept override {}
    wait_info describe() const noexcept override {
        wait_info info;
        if (by.is_waited_for()) info.what = wait_info::kind::foreign;
        return info;
    }
    resumer by;
};

template <class A>
class [[nodiscard]] foreign_awaiter {
    using inner_awaiter = awaiter_t<A>;  // a value, or a reference

public:
    foreign_awaiter(A&& awaitable, task_state& t)
        : wait_(t), inner_(detail::get_awaiter(static_cast<A&&>(awaitable))), task_(t) {}
    foreign_awaiter(const foreign_awaiter&) = delete;
    foreign_awaiter& operator=(const foreign_awaiter&) = delete;
    ~foreign_awaiter() { wait_.by.disarm(); }

    bool await_ready() { return static_cast<bool>(inner_.await_ready()); }

    /// True: the task is suspended. Never transfers to a foreign coroutine: the run loop resumes it.
    bool await_suspend(std::coroutine_handle<> awaiting) {
        task_.resume_at = awaiting;
        task_.waiting_in = &wait_;
        using answer = decltype(inner_.await_suspend(wait_.by.handle()));
        try {
            if constexpr (std::is_void_v<answer>) {
                inner_.await_suspend(wait_.by.handle());
            } else if constexpr (std::is_same_v<answer, bool>) {
                if (!inner_.await_suspend(wait_.by.handle())) return go_on();
            } else {
                const std::coroutine_handle<> next = inner_.await_suspend(wait_.by.handle());
                if (next == std::coroutine_handle<>(std::noop_coroutine())) return true;
                if (next == wait_.by.handle()) return go_on();
                task_.home->resume_next(next);
            }
        } catch (...) {
            go_on();
            throw;
        }
        return true;
    }

    decltype(auto) await_resume() {
        if (wait_.by.abandoned()) throw abandoned_await();
        return inner_.await_resume();
    }

private:
    /// It did not suspend after all.
    bool go_on() noexcept {
        wait_.by.go_on();
        task_.waiting_in = nullptr;
        return false;
    }

    foreign_wait wait_;  // first: the destructor of an awaiter that is held here may complete the operation
    inner_awaiter inner_;
    task_state& task_;
};

}  // namespace coheir::detail
