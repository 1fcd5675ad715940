#pragma once
// Contexts go along through existing code on standalone Asio: an io_context and a thread_pool to use in place
// of its own.

#include <asio/any_io_executor.hpp>
#include <asio/awaitable.hpp>
#include <asio/execution.hpp>
#include <asio/io_context.hpp>
#include <asio/prefer.hpp>
#include <asio/query.hpp>
#include <asio/require.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/thread_pool.hpp>

#include <chrono>
#include <type_traits>
#include <utility>

#include "detail/carrying_executor.hpp"
#include "detail/carrying_flavour.hpp"
#include "detail/fork.hpp"

namespace coheir::detail {

/// What is used of standalone Asio to carry contexts.
struct carrying_asio : carrying_flavour<carrying_asio> {
    static constexpr const char* name = "standalone Asio";
    using io_context = ::asio::io_context;
    using any_io_executor = ::asio::any_io_executor;
    using tracked = ::asio::execution::outstanding_work_t::tracked_t;
    using blocking = ::asio::execution::blocking_t;
    using context = ::asio::execution::context_t;
    template <class Property>
    using prefer_only = ::asio::execution::prefer_only<Property>;
    template <class Executor>
    using timer = ::asio::basic_waitable_timer<std::chrono::steady_clock,
                                               ::asio::wait_traits<std::chrono::steady_clock>, Executor>;

    template <class Executor, class Property>
    static constexpr bool can_query = ::asio::can_query<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_require = ::asio::can_require<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_prefer = ::asio::can_prefer<Executor, Property>::value;
    static constexpr auto query = ::asio::query;
    static constexpr auto require = ::asio::require;
    static constexpr auto prefer = ::asio::prefer;

    template <class Executor, class F>
    static void execute(const Executor& executor, F&& f) {
        ::asio::execution::execute(executor, std::forward<F>(f));
    }
    template <class Executor>
    static auto make_strand(const Executor& executor) {
        return ::asio::make_strand(executor);
    }
};

template <class Allocator, auto Bits>
inline constexpr bool is_bare_executor<::asio::io_context::basic_executor_type<Allocator, Bits>> = true;
template <class Allocator, auto Bits>
inline constexpr bool is_bare_executor<::asio::thread_pool::basic_executor_type<Allocator, Bits>> = true;

#ifdef ASIO_HAS_CO_AWAIT
template <class T, class Executor>
struct result_of_awaitable<::asio::awaitable<T, Executor>> {
    using type = T;
};
#endif

}  // namespace coheir::detail

namespace coheir {

/// In place of asio::io_context, in existing code: what is started on it goes on in the context
/// that was current when it was started. See carrying_executor. Making the first throws coheir::error if this
/// version of standalone Asio would lose contexts.
using asio_io_context = detail::carrying_context<detail::carrying_asio, ::asio::io_context>;

/// The same in place of asio::thread_pool. What a handler sees is its own: the threads need no locks.
using asio_thread_pool = detail::carrying_context<detail::carrying_asio, ::asio::thread_pool>;

/// An executor of standalone Asio that carries contexts along: to make sockets, timers and coroutines on.
template <class Executor>
    requires(::asio::execution::is_executor<Executor>::value)
[[nodiscard]] carrying_executor<detail::carrying_asio, Executor> carry_context(const Executor& executor) {
    return carrying_executor<detail::carrying_asio, Executor>(executor);
}

}  // namespace coheir

/// A strand over an executor that carries contexts would run its handlers in the context of whoever comes
/// first.
template <class Inner>
class asio::strand<coheir::carrying_executor<coheir::detail::carrying_asio, Inner>> {
    static_assert(!std::is_same_v<Inner, Inner>,
                  "a strand over an executor that carries contexts mixes them up: use coheir::make_strand");
};
