#pragma once
// What ties a task to the wait that it is in, where that may be kept elsewhere than in the task's frames.

#include <utility>

#include "task_state.hpp"

namespace coheir::detail {

/// A part of such a wait, which may go before the task goes on: then the await throws abandoned_await.
class wait_link {
public:
    wait_link() = default;
    wait_link(const wait_link&) = delete;
    wait_link& operator=(const wait_link&) = delete;

    /// Where the await finds out; it looks when the task goes on.
    void begin(bool& is_gone) noexcept {
        if (!task_) is_gone_ = &is_gone;
    }
    /// The task waits in `w` from now on.
    void tie(task_state& t, wait& w) noexcept {
        task_ = &t;
        t.waiting_in = &w;
    }
    /// It goes on, or goes with its scheduler.
    void untie() noexcept { task_ = nullptr; }
    /// First of all when the wait goes. The task that is in it, if one is: to be woken, where it has not
    /// been.
    task_state* abandon() noexcept {
        task_state* const left = std::exchange(task_, nullptr);
        if (!left) [[likely]]
            return nullptr;
        *is_gone_ = true;
        left->waiting_in = &queued;
        return left;
    }

private:
    task_state* task_ = nullptr;
    bool* is_gone_ = nullptr;
};

}  // namespace coheir::detail
