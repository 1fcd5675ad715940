#pragma once
// What a coroutine of Asio inherits that is spawned: by a policy, in place of a snapshot.

#include <type_traits>
#include <utility>

#include "../../error.hpp"
#include "flow.hpp"

namespace coheir::detail {

/// What a coroutine of Asio gives; each adapter header says it of its own.
template <class Awaitable>
struct result_of_awaitable;

/// The flow that a forked coroutine runs in. Throws usage_error where there is none.
inline flow& require_flow() {
    flow* const here = flow::current();
    if (!here)
        throw usage_error(
            "coheir::context::fork: the executor that runs the coroutine carries no contexts: spawn it on "
            "one of a carrying context");
    return *here;
}

/// The body of a forked coroutine: goes over to the child's context, and back at its end.
template <class T, class Awaitable>
Awaitable run_forked(flow::state child, Awaitable coroutine) {
    flow::state before = require_flow().now();
    require_flow().go_on_in(std::move(child));
    auto go_back = [&before, is_back = false]() mutable {  // once: moving the result may throw after it
        if (std::exchange(is_back, true)) return;
        if (flow* const here = flow::current()) here->go_on_in(std::move(before));
    };
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(coroutine);
            go_back();
        } else {
            T result = co_await std::move(coroutine);
            go_back();
            co_return std::move(result);
        }
    } catch (...) {
        go_back();
        throw;
    }
}

}  // namespace coheir::detail

namespace coheir::context {

/// Chooses what a coroutine inherits when it is spawned, in place of a snapshot:
///     asio::co_spawn(executor, context::fork(spawn_policy::chained, work()), token);
/// The child's context is derived here, from the current one. Where it shares that, or is chained onto it,
/// both go on in live contexts: run both on the same strand, or on the same thread. What they start on other
/// executors, such as the pool under the strand, goes on in a snapshot, beside them. Any other child may run
/// anywhere. What either spawns without fork gets a snapshot, too. Where a context was entered (enter(),
/// bind()) that a flow or a task does not go on in, the child gets a copy by any policy. What the last
/// executor that carries a live context leaves on another thread is destroyed by the next step on the strand.
/// A task of coheir is of another scheduler, whatever runs it: where it shares or chains contexts with flows
/// of Asio, all must be on one thread. Throws what spawning by a policy throws; the coroutine throws
/// usage_error if its executor carries no contexts.
template <class Awaitable>
    requires requires { typename coheir::detail::result_of_awaitable<Awaitable>::type; }
[[nodiscard]] Awaitable fork(const spawn_policy& policy, Awaitable coroutine) {
    using result = typename coheir::detail::result_of_awaitable<Awaitable>::type;
    return coheir::detail::run_forked<result>(coheir::detail::flow::fork(policy), std::move(coroutine));
}

}  // namespace coheir::context
