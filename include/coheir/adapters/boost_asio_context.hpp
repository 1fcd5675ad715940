#pragma once
// Contexts go along through existing code on Boost.Asio: an io_context and a thread_pool to use in place of
// its own.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

#include "detail/carrying_executor.hpp"
#include "detail/carrying_flavour.hpp"
#include "detail/fork.hpp"

namespace coheir::detail {

/// What is used of Boost.Asio to carry contexts.
struct carrying_boost_asio : carrying_flavour<carrying_boost_asio> {
    static constexpr const char* name = "Boost.Asio";
    using io_context = ::boost::asio::io_context;
    using any_io_executor = ::boost::asio::any_io_executor;
    using tracked = ::boost::asio::execution::outstanding_work_t::tracked_t;
    using blocking = ::boost::asio::execution::blocking_t;
    using context = ::boost::asio::execution::context_t;
    template <class Property>
    using prefer_only = ::boost::asio::execution::prefer_only<Property>;
    template <class Executor>
    using timer =
        ::boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                            ::boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

    template <class Executor, class Property>
    static constexpr bool can_query = ::boost::asio::can_query<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_require = ::boost::asio::can_require<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_prefer = ::boost::asio::can_prefer<Executor, Property>::value;
    static constexpr auto query = ::boost::asio::query;
    static constexpr auto require = ::boost::asio::require;
    static constexpr auto prefer = ::boost::asio::prefer;

    template <class Executor, class F>
    static void execute(const Executor& executor, F&& f) {
        executor.execute(std::forward<F>(f));
    }
    template <class Executor>
    static auto make_strand(const Executor& executor) {
        return ::boost::asio::make_strand(executor);
    }
};

template <class Allocator, auto Bits>
inline constexpr bool is_bare_executor<::boost::asio::io_context::basic_executor_type<Allocator, Bits>> =
    true;
template <class Allocator, auto Bits>
inline constexpr bool is_bare_executor<::boost::asio::thread_pool::basic_executor_type<Allocator, Bits>> =
    true;

#ifdef BOOST_ASIO_HAS_CO_AWAIT
template <class T, class Executor>
struct result_of_awaitable<::boost::asio::awaitable<T, Executor>> {
    using type = T;
};
#endif

}  // namespace coheir::detail

namespace coheir {

/// In place of boost::asio::io_context, in existing code: what is started on it goes on in the context
/// that was current when it was started. See carrying_executor. Making the first throws coheir::error if this
/// version of Boost.Asio would lose contexts.
using boost_io_context = detail::carrying_context<detail::carrying_boost_asio, ::boost::asio::io_context>;

/// The same in place of boost::asio::thread_pool. What a handler sees is its own: the threads need no locks.
using boost_thread_pool = detail::carrying_context<detail::carrying_boost_asio, ::boost::asio::thread_pool>;

/// An executor of Boost.Asio that carries contexts along: to make sockets, timers and coroutines on.
template <class Executor>
    requires(::boost::asio::execution::is_executor<Executor>::value)
[[nodiscard]] carrying_executor<detail::carrying_boost_asio, Executor> carry_context(
    const Executor& executor) {
    return carrying_executor<detail::carrying_boost_asio, Executor>(executor);
}

}  // namespace coheir

/// A strand over an executor that carries contexts would run its handlers in the context of whoever comes
/// first.
template <class Inner>
class boost::asio::strand<coheir::carrying_executor<coheir::detail::carrying_boost_asio, Inner>> {
    static_assert(!std::is_same_v<Inner, Inner>,
                  "a strand over an executor that carries contexts mixes them up: use coheir::make_strand");
};
