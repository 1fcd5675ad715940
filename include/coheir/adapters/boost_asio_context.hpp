#pragma once
// Contexts go along through existing code on Boost.Asio: an io_context and a thread_pool to use in place of
// its own.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/execution.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/require.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <exception>
#include <type_traits>
#include <utility>

#include "../context/access.hpp"
#include "detail/carrying_executor.hpp"

namespace coheir::detail {

/// What is used of Boost.Asio to carry contexts.
struct carrying_boost_asio {
    template <class Executor, class Property>
    static constexpr bool can_query = ::boost::asio::can_query<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_require = ::boost::asio::can_require<Executor, Property>::value;
    template <class Executor, class Property>
    static constexpr bool can_prefer = ::boost::asio::can_prefer<Executor, Property>::value;

    // What any_io_executor asks for arrives as prefer_only<…>.
    template <class Property, class Wanted>
    static constexpr bool is = std::is_same_v<Property, Wanted> ||
                               std::is_same_v<Property, ::boost::asio::execution::prefer_only<Wanted>>;
    template <class Property>
    static constexpr bool tracks_work = is<Property, ::boost::asio::execution::outstanding_work_t::tracked_t>;
    template <class Property>
    static constexpr bool never_blocks = is<Property, ::boost::asio::execution::blocking_t::never_t>;
    template <class Property>
    static constexpr bool blocks_always =
        std::is_convertible_v<Property, ::boost::asio::execution::blocking_t::always_t>;

    template <class Executor, class Property>
    static auto query(const Executor& executor,
                      const Property& p) noexcept(noexcept(::boost::asio::query(executor, p)))
        -> decltype(::boost::asio::query(executor, p)) {
        return ::boost::asio::query(executor, p);
    }
    template <class Executor, class Property>
    static auto require(const Executor& executor, const Property& p) {
        return ::boost::asio::require(executor, p);
    }
    template <class Executor, class Property>
    static auto prefer(const Executor& executor, const Property& p) {
        return ::boost::asio::prefer(executor, p);
    }
    template <class Executor, class F>
    static void execute(const Executor& executor, F&& f) {
        executor.execute(std::forward<F>(f));
    }

    /// Whether execute() would call a function at once, here.
    template <class Executor>
    static bool calls_here(const Executor& executor) {
        if constexpr (requires { executor.running_in_this_thread(); } &&
                      can_query<const Executor&, ::boost::asio::execution::blocking_t>)
            return executor.running_in_this_thread() &&
                   ::boost::asio::query(executor, ::boost::asio::execution::blocking) !=
                       ::boost::asio::execution::blocking.never;
        else
            return false;
    }

    static void check_that_contexts_are_carried();
};

}  // namespace coheir::detail

namespace coheir {

/// In place of boost::asio::io_context, in existing code: what is started on it goes on in the context
/// that was current when it was started. See carrying_executor.
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

/// A strand whose handlers each run in their own context: in place of boost::asio::make_strand. (A
/// strand over an executor that carries contexts would run them in that of whoever comes first.)
template <class Inner>
[[nodiscard]] auto make_strand(const carrying_executor<detail::carrying_boost_asio, Inner>& executor) {
    return carry_context(::boost::asio::make_strand(executor.get_inner_executor()));
}
template <class Base>
[[nodiscard]] auto make_strand(detail::carrying_context<detail::carrying_boost_asio, Base>& context) {
    return coheir::make_strand(context.get_executor());
}

#ifdef BOOST_ASIO_HAS_CO_AWAIT
namespace context {

/// Chooses what a coroutine inherits when it is spawned, in place of a snapshot:
///     boost::asio::co_spawn(executor, context::fork(spawn_policy::chained, work()), token);
/// The child's context is derived here, from the current one. A flow that has forked a child which shares its
/// context or is chained onto it goes on in that same live context. Where it shares, copies or is chained,
/// both must run on one thread, as an io_context that one thread runs does: contexts count their users
/// without locks, and a pool may let go of one outside the strand. What either spawns without fork still gets
/// a snapshot. Throws what spawning by a policy throws; the coroutine throws usage_error if its executor
/// carries no contexts.
template <class T, class Executor>
[[nodiscard]] ::boost::asio::awaitable<T, Executor> fork(const spawn_policy& policy,
                                                         ::boost::asio::awaitable<T, Executor> coroutine) {
    return coheir::detail::run_forked<::boost::asio::awaitable<T, Executor>, T>(
        coheir::detail::flow::fork(policy), std::move(coroutine));
}

}  // namespace context
#endif

namespace detail {

/// Runs an operation and looks whether its completion, which comes from the reactor, sees the context that
/// was current when it began: not every version of Boost.Asio need ask for what that rests on. Throws
/// coheir::error. The contexts above do it once in a program, when the first is made.
inline void carrying_boost_asio::check_that_contexts_are_carried() {
    using executor = carrying_executor<carrying_boost_asio, ::boost::asio::io_context::executor_type>;
    const auto seen_by_completion = []<class Executor>(std::type_identity<Executor>) {
        ::boost::asio::io_context host(1);
        ::boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                            ::boost::asio::wait_traits<std::chrono::steady_clock>, Executor>
            timer{Executor(executor(host.get_executor())), std::chrono::steady_clock::time_point()};
        int seen = 0;
        {
            const flow start(carried::ref::nothing());
            context::set("coheir.check", 4711);
            timer.async_wait([&seen](const auto&) { seen = context::get("coheir.check", 0); });
        }
        host.run();
        return seen == 4711;
    };
    if (!seen_by_completion(std::type_identity<executor>()) ||
        !seen_by_completion(std::type_identity<::boost::asio::any_io_executor>()))
        throw error(
            "coheir: this version of Boost.Asio does not ask executors to track outstanding work, so "
            "contexts "
            "would be lost at every operation: use a version that is tested, see docs/asio.md");
}

}  // namespace detail

}  // namespace coheir

/// A strand over an executor that carries contexts would run its handlers in the context of whoever comes
/// first.
template <class Inner>
class boost::asio::strand<coheir::carrying_executor<coheir::detail::carrying_boost_asio, Inner>> {
    static_assert(!std::is_same_v<Inner, Inner>,
                  "a strand over an executor that carries contexts mixes them up: use coheir::make_strand");
};
