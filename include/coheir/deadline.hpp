#pragma once
// Deadlines: until when the task that runs here has time, and those that it spawns.

#include <optional>

#include "clock.hpp"
#include "scheduler.hpp"

namespace coheir::this_task {

/// Until when this task has, by its scheduler's clock; nothing if nobody has set a limit. It was given by the
/// options of its spawn, or is that of the task that spawned it: a child has no more time than its parent,
/// under every policy but `isolated`. It never moves. Throws no_current_task.
[[nodiscard]] inline std::optional<time_point> deadline() {
    const time_point until = coheir::detail::require_task("this_task::deadline").deadline();
    return until == time_point::max() ? std::nullopt : std::optional(until);
}

/// How much of that is left, zero when it has passed: what to give to others that take a time limit.
[[nodiscard]] inline std::optional<duration> remaining() {
    const coheir::detail::task_state& t = coheir::detail::require_task("this_task::remaining");
    const time_point until = t.deadline();
    if (until == time_point::max()) return std::nullopt;
    const time_point now = coheir::detail::scheduler_access::of(t).now();
    return until > now ? until - now : duration::zero();
}

}  // namespace coheir::this_task
