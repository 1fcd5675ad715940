#pragma once
// What a coroutine of Asio inherits that is spawned: by a policy, in place of a snapshot.

#include <memory>
#include <optional>
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

/// What a forked coroutine goes on with, apart from its frame: the frame comes first, since to derive a
/// context may change things, and is done last.
struct forked_state : recycled {
    std::optional<flow::state> child{};
};

/// The body of a forked coroutine: goes over to the child's context, and back at its end.
template <class T, class Awaitable>
Awaitable run_forked(std::unique_ptr<forked_state> forked, Awaitable coroutine) {
    if (!require_flow().may_begin(*forked->child))
        throw usage_error(
            "coheir::context::fork: a child that shares its parent's context, or is chained onto it, must be "
            "spawned on its parent's executor (or, if a task forks it, on the task's thread): spawn it "
            "there, "
            "or fork it by a policy that copies");
    flow::state before = require_flow().now();
    require_flow().go_on_in(std::move(*forked->child));
    forked.reset();
    auto go_back = [&before, is_back = false]() mutable {  // once: moving the result may throw after it
        if (std::exchange(is_back, true)) return true;
        flow* const here = flow::current();
        const bool is_home = here && here->is_home_of(before);
        if (is_home) here->go_on_in(std::move(before));
        return is_home;
    };
    const auto require_back = [&go_back] {
        if (!go_back())
            throw usage_error(
                "coheir::context::fork: a coroutine that was awaited in place has ended on another "
                "executor than it began on, where its awaiter's context cannot go on: have it come back");
    };
    try {
        if constexpr (std::is_void_v<T>) {
            co_await std::move(coroutine);
            require_back();
        } else {
            T result = co_await std::move(coroutine);
            require_back();
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
/// both go on in live contexts: spawn it on a copy of the parent's executor, which must run one handler at a
/// time. What they start on another executor without fork, such as the pool under the strand, goes on in a
/// snapshot, beside them; a coroutine that itself goes on on another executor does so in a copy, also when it
/// has come back. Any other child may run anywhere. What either spawns without fork gets a snapshot, too. In
/// a context that was entered (enter(), bind()), where neither a flow nor a task is current, the child gets a
/// copy by any policy. What the last executor that carries a live context leaves on another thread is
/// destroyed by the next step on the strand. A task of coheir is of another scheduler, whatever runs it:
/// where it shares or chains contexts with flows of Asio, all must be on one thread. Throws what spawning by
/// a policy throws. The coroutine throws usage_error if its executor carries no contexts; if it shares or is
/// chained, and its executor is not its parent's; or if it ends on one that carries none, or on another than
/// it began on where its awaiter is a live flow; then the awaiter goes on in a copy of the child's context,
/// or in none.
template <class Awaitable>
    requires requires { typename coheir::detail::result_of_awaitable<Awaitable>::type; }
[[nodiscard]] Awaitable fork(const spawn_policy& policy, Awaitable coroutine) {
    using result = typename coheir::detail::result_of_awaitable<Awaitable>::type;
    auto forked = std::make_unique<coheir::detail::forked_state>();
    coheir::detail::forked_state& state = *forked;
    Awaitable made = coheir::detail::run_forked<result>(std::move(forked), std::move(coroutine));
    state.child.emplace(coheir::detail::flow::fork(policy));
    return made;
}

}  // namespace coheir::context
