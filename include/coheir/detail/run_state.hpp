#pragma once
// What a running scheduler shows its tasks: the ready queue, the transfer from one frame to the next.

#include <coroutine>
#include <cstdint>
#include <utility>

#include "../context/detail/task_facts.hpp"
#include "globals.hpp"
#include "mailbox.hpp"
#include "task_state.hpp"

namespace coheir::detail {

/// Where the stack of this thread is, about.
COHEIR_INLINE std::uintptr_t stack_position() noexcept {
#if defined(__x86_64__) && !defined(__ILP32__)
    std::uintptr_t position;  // the frame address would keep a register busy
    __asm__("mov{q %%rsp, %0| %0, rsp}" : "=r"(position));
    return position;
#else
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
#endif
}

class run_state : public context::detail::task_directory {
public:
    explicit run_state(mailbox* box) noexcept : box_(box) {}
    run_state(const run_state&) = delete;
    run_state& operator=(const run_state&) = delete;

    /// Goes from one coroutine of a task to another. Directly, as long as the stack is short: not every
    /// compiler and build mode makes a tail call of it (https://gcc.gnu.org/bugzilla/show_bug.cgi?id=100897).
    /// Else by way of the run loop, which resumes the coroutine before anything else.
    COHEIR_INLINE std::coroutine_handle<> transfer(std::coroutine_handle<> to) noexcept {
        if (stack_position() > stack_limit_) [[likely]]
            return to;
        next_ = to;
        return std::noop_coroutine();
    }

    /// Has the run loop resume a foreign coroutine next, in the context of the task that runs.
    void resume_next(std::coroutine_handle<> foreign) noexcept { next_ = foreign; }

    /// To the back of the ready queue. Only inside a round.
    void enqueue(task_state& t) noexcept { ready_.push(t); }

    /// Lets a suspended task go on, from any thread. Its frame must not be touched any more.
    COHEIR_NOINLINE static void wake(task_state& t) noexcept {
        run_state* const home = t.home;
        if (on_this_thread().running == home)
            home->ready_.push(t);
        else
            home->box_->wake(t);
    }

    /// Notes a task whose stop tokens are to be told.
    void note_stopped(task_state& t) noexcept {
        if (std::exchange(t.rare->is_stopped, true)) return;
        ++t.refs;
        t.rare->next_stopped = std::exchange(stopped_, &t);
    }

protected:
    ~run_state() = default;

    ready_queue ready_;
    std::coroutine_handle<> next_;
    std::uintptr_t stack_limit_ = 0;  // stacks grow downwards
    mailbox::ref box_;
    task_state* stopped_ = nullptr;  // those whose stop tokens are to be told
};

}  // namespace coheir::detail
