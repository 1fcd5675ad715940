#pragma once
// Making a task out of a coroutine: its context is derived here, before the coroutine starts.

#include <source_location>
#include <string>
#include <utility>

#include "../context/policy.hpp"
#include "../context/snapshot.hpp"
#include "../error.hpp"
#include "../task.hpp"
#include "core.hpp"

namespace coheir::detail {

/// One of those who keep the state of a task.
template <class T>
class task_ref {
public:
    task_ref() = default;
    /// The first of a new task, which counts it already.
    explicit task_ref(task_state_of<T>& of) noexcept : state_(&of) {}
    task_ref(const task_ref& other) noexcept : state_(other.state_) {
        if (state_) ++state_->refs;
    }
    task_ref(task_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    task_ref& operator=(task_ref other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~task_ref() {
        if (state_) core::release(*state_);
    }

    /// Without letting go: who takes this releases the task.
    task_state_of<T>* leave() noexcept { return std::exchange(state_, nullptr); }
    task_state_of<T>* get() const noexcept { return state_; }
    task_state_of<T>* operator->() const noexcept { return state_; }
    task_state_of<T>& operator*() const noexcept { return *state_; }
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    task_state_of<T>* state_ = nullptr;
};

/// Notes who spawns a task; a child has no more time than that, unless it is isolated. Throws std::bad_alloc.
inline void descend(task_state& child, const task_state& spawner, const spawn_policy& policy) {
    child.spawner = spawner.task;
    if (!spawner.rare || context::detail::policy_access::is_isolated(policy)) [[likely]]
        return;
    child.shorten_deadline(spawner.deadline());
}

/// The context of a task to be spawned onto a core: by the policy from the current one; from a snapshot
/// of it, if it belongs to another scheduler. And its deadline.
inline context::detail::level_ref derive_context(const core& on, const spawn_policy& policy,
                                                 task_state& child) {
    using namespace context::detail;
    owner* const who = current();
    if (!who) return policy_access::derive(policy, nullptr);
    if (who->task != 0) descend(child, *static_cast<task_state*>(who), policy);
    if (who->task != 0 && static_cast<task_state*>(who)->home == &on)
        return policy_access::derive(policy, who->context.get());
    if (!policy_access::reads_snapshot(policy)) return policy_access::derive(policy, context::snapshot());
    level_ref made =
        policy_access::derive(policy, snapshot_access::take_unfrozen(*who->context, "spawned from"));
    freeze_uncopyable(*who->context);
    return made;
}

[[noreturn]] COHEIR_COLD inline void refuse_start(bool has_work, const char* operation) {
    if (!has_work) throw invalid_task(operation);
    throw scheduler_closed(operation);
}

/// Makes a task that is to be started, in the context that `derive(its state)` gives. Throws invalid_task,
/// scheduler_closed, std::bad_alloc and what derive throws; then nothing has changed: a policy is called
/// last, since it may change things.
template <class T, class Derive>
COHEIR_INLINE task_state_of<T>& make_task(core& on, task<T>& work, Derive&& derive, std::source_location at,
                                          const char* operation, std::string_view name = {}) {
    if (!work || on.closed()) [[unlikely]]
        refuse_start(static_cast<bool>(work), operation);
    const std::coroutine_handle<> root = task_access::take(work, operation);
    task_state_of<T>* made = nullptr;
    try {
        made = new task_state_of<T>(on, on.next_task_number(), root, at);
        if (!name.empty()) made->extras().name = name;
        made->context.fill(derive(*made));
    } catch (...) {
        delete made;
        task_access::give_back(work, root);
        throw;
    }
    return *made;
}

/// Makes and starts a task. `from_task`: a task of this core runs here, so a round does.
template <class T, class Derive>
COHEIR_INLINE task_ref<T> start(core& on, task<T>& work, Derive&& derive, std::source_location at,
                                const char* operation, std::string_view name = {}, bool from_task = false) {
    task_state_of<T>& made = detail::make_task(on, work, derive, at, operation, name);
    task_ref<T> ref(made);
    on.start(made, made.resume_at, from_task);
    return ref;
}

/// Makes sure that there is something that a task ended with, and remembers that an exception was received.
COHEIR_COLD inline void receive_no_value(task_state& ended, outcome how) {
    if (how == outcome::none) throw scheduler_closed(description(ended) + " was destroyed before its end,");
    if (how == outcome::taken) throw result_taken(description(ended));
    ended.error_received = true;
}
template <class T>
COHEIR_INLINE void receive(task_state_of<T>& ended) {
    if (const outcome how = ended.link.result.state(); how != outcome::value) [[unlikely]]
        detail::receive_no_value(ended, how);
}

/// What a task ended with, moved out or thrown. Only at its end.
template <class T>
T take_result(task_state_of<T>& ended) {
    detail::receive(ended);
    return ended.link.result.take_once();
}

/// The same, left where it is.
template <class T>
std::add_lvalue_reference_t<const T> look_at_result(task_state_of<T>& ended) {
    detail::receive(ended);
    return ended.link.result.get();
}

}  // namespace coheir::detail
