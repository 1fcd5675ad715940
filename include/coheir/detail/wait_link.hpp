#pragma once
// What ties a task to the wait that it is in, where that may be kept elsewhere than in the task's frames.

#include "task_state.hpp"

namespace coheir::detail {

/// A member of such a wait. Where one of the two goes before the task goes on, the other forgets it: a task
/// whose wait has gone never goes on.
class wait_link {
public:
    wait_link() = default;
    wait_link(const wait_link&) = delete;
    wait_link& operator=(const wait_link&) = delete;
    ~wait_link() {
        if (task_) [[unlikely]]
            task_->waiting_in = &queued;
    }

    /// The task begins to wait in `w`, of which this is a part.
    void tie(task_state& t, wait& w) noexcept {
        task_ = &t;
        t.waiting_in = &w;
    }
    /// It goes on, or goes with its scheduler.
    void untie() noexcept { task_ = nullptr; }

private:
    task_state* task_ = nullptr;
};

}  // namespace coheir::detail
