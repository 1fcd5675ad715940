#pragma once
// Spawning: a task of its own, whose context comes from the spawner's by a policy.

#include <source_location>
#include <utility>

#include "join_handle.hpp"
#include "options.hpp"
#include "scheduler.hpp"

namespace coheir {

namespace detail {

/// The scheduler of the task that runs here. Throws no_current_task.
inline scheduler& current_scheduler(const char* operation) {
    const task_state* const t = current_task();
    if (!t) throw no_current_task(operation);
    return scheduler_access::of(*t);
}

template <class T>
join_handle<T> spawn(scheduler& on, task<T>& work, const options& how, std::source_location at,
                     const char* operation) {
    core& c = scheduler_access::core_of(on);
    const spawn_policy& policy = how.policy() ? *how.policy() : on.policy();
    context::detail::level_ref context = how.context()
                                             ? context::detail::policy_access::derive(policy, *how.context())
                                             : derive_context(c, policy);
    return join_handle_access::make(start(c, work, std::move(context), how.name(), at, operation));
}

template <class T>
join_handle<T> spawn(scheduler& on, task<T>& work, std::source_location at, const char* operation) {
    core& c = scheduler_access::core_of(on);
    return join_handle_access::make(start(c, work, derive_context(c, on.policy()), {}, at, operation));
}

}  // namespace detail

template <class T>
join_handle<T> scheduler::spawn(task<T> work, std::source_location at) {
    return detail::spawn(*this, work, at, "scheduler::spawn");
}
template <class T>
join_handle<T> scheduler::spawn(task<T> work, const options& how, std::source_location at) {
    return detail::spawn(*this, work, how, at, "scheduler::spawn");
}

/// Starts a task on the scheduler of the task that runs here: see scheduler::spawn.
/// Throws no_current_task outside a task.
template <class T>
join_handle<T> spawn(task<T> work, std::source_location at = std::source_location::current()) {
    return detail::spawn(detail::current_scheduler("spawn"), work, at, "spawn");
}
template <class T>
join_handle<T> spawn(task<T> work, const options& how,
                     std::source_location at = std::source_location::current()) {
    return detail::spawn(detail::current_scheduler("spawn"), work, how, at, "spawn");
}

}  // namespace coheir
