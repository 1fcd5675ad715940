#pragma once
// The completion token by which every asynchronous operation of Asio is awaitable in a task.

#include <type_traits>
#include <utility>

namespace coheir {

namespace detail {

template <class ErrorCode>
struct use_task_into {
    explicit constexpr use_task_into(ErrorCode& into) noexcept : error(&into) {}
    ErrorCode* error;
};

}  // namespace detail

/// `co_await socket.async_read_some(buffer, use_task)` in a task of an asio_scheduler: starts the operation
/// and suspends the task until it has completed. Gives what the operation gives: nothing, a value, or a tuple
/// of several. An error is thrown as the system_error of that Asio, or put into `ec` by `use_task(ec)`, which
/// throws none. abandoned_await is thrown where the operation was dropped, by a user's own initiation.
///
/// A request to stop the task cancels the operation, through its cancellation slot; the await then throws
/// task_cancelled, when the operation has ended. One that cannot be cancelled, such as resolving a name, ends
/// by itself first. Where it ended with anything but operation_aborted, the await gives that, lest it be
/// lost, and the next wait throws.
///
/// The task goes on through its scheduler, whatever thread completes the operation. The steps of a composed
/// operation run on the scheduler's executor, with no context; what starts it runs in the task's. No memory
/// is allocated but what Asio needs for its own. An operation is started by the await: one that is not
/// awaited never begins.
struct use_task_t {
    template <class ErrorCode>
    [[nodiscard]] constexpr detail::use_task_into<ErrorCode> operator()(ErrorCode& error) const noexcept {
        return detail::use_task_into<ErrorCode>(error);
    }

    /// An executor whose I/O objects take use_task where no token is given.
    template <class Executor>
    struct executor_with_default : Executor {
        using default_completion_token_type = use_task_t;
        template <class Other>
            requires(!std::is_same_v<Other, executor_with_default> && std::is_convertible_v<Other, Executor>)
        executor_with_default(const Other& other)
        noexcept : Executor(other) {}  // NOLINT: implicit
    };
    /// `use_task_t::as_default_on_t<tcp::socket>` is a socket whose operations need no token.
    template <class IoObject>
    using as_default_on_t = typename IoObject::template rebind_executor<
        executor_with_default<typename IoObject::executor_type>>::other;
};
inline constexpr use_task_t use_task;

}  // namespace coheir
