#pragma once
// Deadlines: until when the task that runs here has time, and those that it spawns.

#include <optional>
#include <source_location>
#include <utility>

#include "clock.hpp"
#include "scheduler.hpp"
#include "timeout.hpp"

namespace coheir {

/// `co_await with_deadline(t, work())`: as with_timeout, until a time. The task has that deadline, or the one
/// of the task that runs here where that is earlier: it can only be shortened, and nobody else's changes.
/// When it has passed, the task is cancelled, its end awaited, and timeout_error thrown. Throws
/// no_current_task outside a task, and what spawning throws.
template <class Duration, class T>
detail::timed_join<T, true> with_deadline(
    std::chrono::time_point<std::chrono::steady_clock, Duration> deadline, task<T> work,
    std::source_location at = std::source_location::current()) {
    detail::task_state& waiting = detail::require_task("with_deadline");
    const time_point asked(detail::as_duration(deadline.time_since_epoch()));
    const time_point until = asked < waiting.deadline() ? asked : waiting.deadline();
    const time_point now = detail::scheduler_access::of(waiting).now();
    const duration limit = until == time_point::max() ? duration::max()
                           : until <= now             ? duration::zero()
                                                      : until - now;
    return detail::spawn_timed(std::move(work), limit, until, waiting, at, "with_deadline");
}

}  // namespace coheir

namespace coheir::this_task {

/// Until when this task has, by its scheduler's clock; nothing if nobody has set a limit. It was given by
/// with_deadline, with_timeout or the options of its spawn, or is that of the task that spawned it: a child
/// has no more time than its parent, under every policy but `isolated`. It never moves. Throws
/// no_current_task.
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
