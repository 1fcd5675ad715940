#pragma once
// A handle to a scheduler for other threads, which may outlive it.

#include <source_location>
#include <type_traits>
#include <utility>

#include "options.hpp"
#include "remote_handle.hpp"
#include "scheduler.hpp"

namespace coheir {

namespace detail {
inline handed_options handed(const options& how) {
    return {how.policy(), how.context(), how.name(), how.deadline()};
}
}  // namespace detail

/// Copyable, and safe to use on any thread at any time: once the scheduler is closed or destroyed, every
/// call that hands something in throws scheduler_closed.
class remote {
public:
    /// Runs f() on the scheduler, with no context: let f take along what it needs. Throws
    /// scheduler_closed, std::bad_alloc, and what copying or moving f does; then f is not run.
    template <class F>
        requires detail::callable<F>
    void post(F&& f) const { box_->post(std::forward<F>(f), "remote::post"); }

    /// Starts a task there, and gives a handle that can be awaited on any scheduler. Its context derives from
    /// what is current here, or from the options' snapshot, as it is at this call; from nothing where no
    /// context is current. The policy is the options', or that of the other scheduler when the task arrives;
    /// it works on a snapshot, so `copying` gives a private copy, `chained` an empty level over one, and
    /// `shared` is refused. A policy of one's own is called there, when the task arrives: what it throws is
    /// how the task ends. The task's coroutine, its parameters with it, and its result move between threads.
    ///
    /// Throws scheduler_closed, wrong_scheduler for `shared`, invalid_task, context_busy, std::bad_alloc;
    /// then the task is dropped here. Once accepted it is run, also by a scheduler that is closed; if that is
    /// destroyed before, the task is dropped on the thread that does so, and the handle gives
    /// scheduler_closed. Several allocations.
    template <class T>
    remote_handle<T> spawn(task<T> work, std::source_location at = std::source_location::current()) const {
        return detail::remote_handle_access::make(
            detail::hand_over<T>(*box_.get(), work, {}, at, "remote::spawn"));
    }
    template <class T>
    remote_handle<T> spawn(task<T> work, const options& how,
                           std::source_location at = std::source_location::current()) const {
        return detail::remote_handle_access::make(
            detail::hand_over(*box_.get(), work, detail::handed(how), at, "remote::spawn"));
    }

    /// The same with a std::future for the result: for threads that have no scheduler, and wait. (Defined in
    /// submit.hpp, which is to be included: <future> is dear.) An exception counts as received by the future.
    template <class T>
    auto submit(task<T> work, std::source_location at = std::source_location::current()) const;
    template <class T>
    auto submit(task<T> work, const options& how,
                std::source_location at = std::source_location::current()) const;

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
