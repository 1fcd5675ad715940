#pragma once
// Tasks on standalone Asio: asio_scheduler runs them on its executors, use_task awaits its operations.

#include <asio/any_io_executor.hpp>
#include <asio/async_result.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/cancellation_type.hpp>
#include <asio/dispatch.hpp>
#include <asio/error.hpp>
#include <asio/execution.hpp>
#include <asio/execution_context.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/multiple_exceptions.hpp>
#include <asio/post.hpp>
#include <asio/query.hpp>
#include <asio/steady_timer.hpp>
#include <asio/system_error.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

#include "detail/asio_operation.hpp"
#include "detail/asio_scheduler.hpp"
#include "detail/use_task.hpp"

namespace coheir::detail {

/// What is used of standalone Asio.
struct standalone_asio {
    static constexpr const char* name = "standalone Asio";
    using error_code = ::asio::error_code;
    using system_error = ::asio::system_error;
    using any_io_executor = ::asio::any_io_executor;
    using execution_context = ::asio::execution_context;
    using context_property = ::asio::execution::context_t;
    using blocking = ::asio::execution::blocking_t;
    using cancellation_signal = ::asio::cancellation_signal;
    using cancellation_slot = ::asio::cancellation_slot;
    static constexpr auto cancel_all = ::asio::cancellation_type::all;
    static constexpr auto aborted = ::asio::error::operation_aborted;
    static constexpr auto cancelled = ::std::errc::operation_canceled;  // a condition: of all categories
    using multiple_exceptions = ::asio::multiple_exceptions;
    template <class Executor>
    using work_guard = ::asio::executor_work_guard<Executor>;
    template <class Executor>
    using timer = ::asio::basic_waitable_timer<std::chrono::steady_clock,
                                               ::asio::wait_traits<std::chrono::steady_clock>, Executor>;

    template <class Executor>
    static execution_context& context_of(const Executor& executor) {
        return ::asio::query(executor, ::asio::execution::context);
    }
    template <class Executor, class F>
    static void dispatch(const Executor& executor, F f) {
        ::asio::dispatch(executor, std::move(f));
    }
    template <class Executor, class F>
    static void post(const Executor& executor, F f) {
        ::asio::post(executor, std::move(f));
    }
};

template <class Executor>
    requires std::is_convertible_v<decltype(::asio::query(std::declval<const Executor&>(),
                                                          ::asio::execution::context)),
                                   ::asio::execution_context&>
struct asio_flavour_of<Executor> {
    using type = standalone_asio;
};

}  // namespace coheir::detail

/// How Asio knows the tokens.
template <class... Args>
class asio::async_result<coheir::use_task_t, void(Args...)>
    : public coheir::detail::asio_use_task_result<coheir::detail::standalone_asio, coheir::use_task_t,
                                                  void(Args...)> {};
template <class... Args>
class asio::async_result<coheir::detail::use_task_into<::asio::error_code>, void(Args...)>
    : public coheir::detail::asio_use_task_result<
          coheir::detail::standalone_asio, coheir::detail::use_task_into<::asio::error_code>, void(Args...)> {
};
