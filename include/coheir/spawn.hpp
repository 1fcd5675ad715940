#pragma once
// Spawning: a task of its own, whose context comes from the spawner's by a policy.

#include <source_location>
#include <utility>

#include "join_handle.hpp"
#include "options.hpp"
#include "scheduler.hpp"

namespace coheir {

namespace detail {

template <class T>
join_handle<T> spawn(core& on, task<T>& work, const options& how, std::source_location at,
                     const char* operation) {
    const spawn_policy& policy = how.policy() ? *how.policy() : on.policy;
    const auto derive = [&](task_state& t) {
        t.shorten_deadline(how.deadline());
        if (!how.context()) return derive_context(on, policy, t);
        if (const task_state* const spawner = current_task()) descend(t, *spawner, policy);
        return context::detail::policy_access::derive(policy, *how.context());
    };
    return join_handle_access::make(start(on, work, derive, at, operation, how.name()));
}

}  // namespace detail

template <class T>
join_handle<T> scheduler::spawn(task<T> work, std::source_location at) {
    core_.require_own_thread("scheduler", "spawn");
    return detail::join_handle_access::make(detail::start(
        core_, work, [this](auto& t) { return detail::derive_context(core_, policy(), t); }, at,
        "scheduler::spawn"));
}
template <class T>
join_handle<T> scheduler::spawn(task<T> work, const options& how, std::source_location at) {
    core_.require_own_thread("scheduler", "spawn");
    return detail::spawn(core_, work, how, at, "scheduler::spawn");
}

/// Starts a task on the scheduler of the task that runs here: see scheduler::spawn.
/// Throws no_current_task outside a task.
template <class T>
join_handle<T> spawn(task<T> work, std::source_location at = std::source_location::current()) {
    const detail::task_state& spawner = detail::require_task("spawn");
    auto& on = *static_cast<detail::core*>(spawner.home);
    const auto derive = [&](detail::task_state& t) {
        detail::descend(t, spawner, on.policy);
        return context::detail::policy_access::derive(on.policy, spawner.context.get());
    };
    return detail::join_handle_access::make(detail::start(on, work, derive, at, "spawn", {}, true));
}
template <class T>
join_handle<T> spawn(task<T> work, const options& how,
                     std::source_location at = std::source_location::current()) {
    return detail::spawn(*static_cast<detail::core*>(detail::require_task("spawn").home), work, how, at,
                         "spawn");
}

}  // namespace coheir
