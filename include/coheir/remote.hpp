#pragma once
// A handle to a scheduler for other threads, which may outlive it.

#include <type_traits>
#include <utility>

#include "scheduler.hpp"

namespace coheir {

/// Copyable, and safe to use on any thread at any time: once the scheduler is closed or destroyed, every
/// call that hands something in throws scheduler_closed.
class remote {
public:
    /// Runs f() on the scheduler, with no context: let f take along what it needs. Throws
    /// scheduler_closed and std::bad_alloc; then f is not run.
    template <class F>
        requires detail::callable<F>
    void post(F&& f) const { box_->post(std::forward<F>(f), "remote::post"); }

    /// See scheduler::close.
    void close() const noexcept { box_->close(); }
    [[nodiscard]] bool closed() const noexcept { return box_->closed(); }

private:
    friend class scheduler;
    explicit remote(detail::mailbox& box) noexcept : box_(&box) {}

    detail::mailbox::ref box_;
};

inline remote scheduler::remote() const noexcept { return coheir::remote(core_.box()); }

}  // namespace coheir
