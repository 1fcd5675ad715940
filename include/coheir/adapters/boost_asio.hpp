#pragma once
// Tasks on Boost.Asio: asio_scheduler runs them on its executors, use_task awaits its operations.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

#include "detail/asio_operation.hpp"
#include "detail/asio_scheduler.hpp"
#include "detail/use_task.hpp"

namespace coheir::detail {

/// What is used of Boost.Asio.
struct boost_asio {
    static constexpr const char* name = "Boost.Asio";
    using error_code = ::boost::system::error_code;
    using system_error = ::boost::system::system_error;
    using any_io_executor = ::boost::asio::any_io_executor;
    using execution_context = ::boost::asio::execution_context;
    using context_property = ::boost::asio::execution::context_t;
    using blocking = ::boost::asio::execution::blocking_t;
    using cancellation_signal = ::boost::asio::cancellation_signal;
    using cancellation_slot = ::boost::asio::cancellation_slot;
    static constexpr auto cancel_all = ::boost::asio::cancellation_type::all;
    static constexpr auto aborted = ::boost::asio::error::operation_aborted;
    static constexpr auto cancelled =
        ::boost::system::errc::operation_canceled;  // a condition: of all categories
    using multiple_exceptions = ::boost::asio::multiple_exceptions;
    template <class Executor>
    using work_guard = ::boost::asio::executor_work_guard<Executor>;
    template <class Executor>
    using timer =
        ::boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                            ::boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

    template <class Executor>
    static execution_context& context_of(const Executor& executor) {
        return ::boost::asio::query(executor, ::boost::asio::execution::context);
    }
    template <class Executor, class F>
    static void dispatch(const Executor& executor, F f) {
        ::boost::asio::dispatch(executor, std::move(f));
    }
    template <class Executor, class F>
    static void post(const Executor& executor, F f) {
        ::boost::asio::post(executor, std::move(f));
    }
};

template <class Executor>
    requires std::is_convertible_v<decltype(::boost::asio::query(std::declval<const Executor&>(),
                                                                 ::boost::asio::execution::context)),
                                   ::boost::asio::execution_context&>
struct asio_flavour_of<Executor> {
    using type = boost_asio;
};

}  // namespace coheir::detail

/// How Asio knows the tokens.
template <class... Args>
class boost::asio::async_result<coheir::use_task_t, void(Args...)>
    : public coheir::detail::asio_use_task_result<coheir::detail::boost_asio, coheir::use_task_t,
                                                  void(Args...)> {};
template <class... Args>
class boost::asio::async_result<coheir::detail::use_task_into<::boost::system::error_code>, void(Args...)>
    : public coheir::detail::asio_use_task_result<coheir::detail::boost_asio,
                                                  coheir::detail::use_task_into<::boost::system::error_code>,
                                                  void(Args...)> {};
