#pragma once
// Waiting for several tasks at once: all their results, in the order of the arguments.

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "spawn.hpp"

namespace coheir {

namespace detail {

/// Counts those that have not ended, and knows the first of them that failed.
class gathering {
public:
    explicit gathering(std::size_t count, task_state& waiting) noexcept : waiting_(&waiting), left_(count) {}
    gathering(const gathering&) = delete;
    gathering& operator=(const gathering&) = delete;

    task_state& waiting() const noexcept { return *waiting_; }
    bool complete() const noexcept { return left_ == 0; }
    void suspend(std::coroutine_handle<> awaiting) noexcept {
        waiting_->resume_at = awaiting;
        suspended_ = true;
    }
    void ended(task_state& t) noexcept {
        if (!failed_ && t.error()) failed_ = &t;
        if (--left_ == 0 && suspended_) run_state::wake(*waiting_);
    }
    /// Throws the exception of the one that failed first. Those of others stay with their handles.
    void rethrow() const {
        if (!failed_) return;
        failed_->error_received = true;
        std::rethrow_exception(*failed_->error());
    }

private:
    task_state* waiting_;
    task_state* failed_ = nullptr;
    std::size_t left_;
    bool suspended_ = false;
};

/// One of those that are waited for. From a task or an rvalue handle the result is moved out, from an
/// lvalue handle it is copied.
template <class T, bool Taking>
class gathered : waiter {
public:
    gathered() = default;
    ~gathered() {
        if (next) task_->waiters.remove(*this);
    }

    void join(task_ref<T> task, gathering& into) {
        require_joinable(*task, into.waiting());
        task_ = std::move(task);
        into_ = &into;
        if (task_->ended) return into.ended(*task_);
        told = &on_end;
        takes_result = Taking;
        task_->waiters.add(*this);
    }
    auto result() {
        if constexpr (std::is_void_v<T>) {
            look_at_result(*task_);
            return std::monostate();
        } else if constexpr (Taking) {
            return take_result(*task_);
        } else {
            return std::remove_const_t<T>(look_at_result(*task_));
        }
    }

private:
    static void on_end(waiter& w) noexcept {
        auto& self = static_cast<gathered&>(w);
        self.into_->ended(*self.task_);
    }

    task_ref<T> task_;
    gathering* into_ = nullptr;
};

template <class T>
using regular_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class A>
struct joinable_traits {
    static constexpr bool is_joinable = false;
};
template <class T>
struct joinable_traits<task<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(task<T>& work, scheduler& on, std::source_location at) {
        return start(scheduler_access::core_of(on), work,
                     derive_context(scheduler_access::core_of(on), on.policy()), {}, at, "when_all");
    }
};
template <class T>
struct joinable_traits<join_handle<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(const join_handle<T>& handle, scheduler&, std::source_location) {
        return join_handle_access::state(handle, "when_all");
    }
};
template <class T>
struct joinable_traits<join_handle<T>&> : joinable_traits<join_handle<T>> {
    static constexpr bool taking = false;
};
template <class T>
struct joinable_traits<const join_handle<T>&> : joinable_traits<join_handle<T>&> {};

template <class A>
using gathered_from = gathered<typename joinable_traits<A>::value_type, joinable_traits<A>::taking>;

/// The awaitable of when_all over arguments. The tasks run from its construction on.
template <class... As>
class [[nodiscard("co_await it")]] when_all_awaiter : public own_awaitable {
public:
    when_all_awaiter(scheduler & on, std::source_location at, As && ... from)
        : gathering_(sizeof...(As), *current_task()) {
        // All are started before any is waited for: an error here leaves none linked.
        auto tasks = std::tuple<task_ref<typename joinable_traits<As>::value_type>...>{
            joinable_traits<As>::get(from, on, at)...};
        join(tasks, std::index_sequence_for<As...>());
    }
    when_all_awaiter(const when_all_awaiter&) = delete;
    when_all_awaiter& operator=(const when_all_awaiter&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    template <promise_of_a_coheir_task Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        gathering_.suspend(awaiting);
    }
    std::tuple<regular_t<typename joinable_traits<As>::value_type>...> await_resume() {
        gathering_.rethrow();
        return std::apply(
            [](auto&... each) {
                return std::tuple<regular_t<typename joinable_traits<As>::value_type>...>{each.result()...};
            },
            gathered_);
    }

private:
    template <class Tasks, std::size_t... I>
    void join(Tasks & tasks, std::index_sequence<I...>) {
        (std::get<I>(gathered_).join(std::move(std::get<I>(tasks)), gathering_), ...);
    }

    gathering gathering_;
    std::tuple<gathered_from<As>...> gathered_;
};

/// The same over a range of A.
template <class A>
class [[nodiscard("co_await it")]] when_all_range_awaiter : public own_awaitable {
    using value_type = typename joinable_traits<A>::value_type;

public:
    explicit when_all_range_awaiter(std::vector<task_ref<value_type>> tasks)
        : gathering_(tasks.size(), *current_task()), gathered_(tasks.size()) {
        for (std::size_t i = 0; i < tasks.size(); ++i) gathered_[i].join(std::move(tasks[i]), gathering_);
    }
    when_all_range_awaiter(const when_all_range_awaiter&) = delete;
    when_all_range_awaiter& operator=(const when_all_range_awaiter&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    template <promise_of_a_coheir_task Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        gathering_.suspend(awaiting);
    }
    std::vector<regular_t<value_type>> await_resume() {
        gathering_.rethrow();
        std::vector<regular_t<value_type>> results;
        results.reserve(gathered_.size());
        for (auto& each : gathered_) results.push_back(each.result());
        return results;
    }

private:
    gathering gathering_;
    std::vector<gathered_from<A>> gathered_;
};

/// A task, or a handle of one.
template <class A>
concept joinable = joinable_traits<A>::is_joinable;

/// What a range gives: moved out of an rvalue range, else referred to.
template <class Range>
using element_t =
    std::conditional_t<std::is_lvalue_reference_v<Range>, decltype(*std::declval<Range&>().begin()),
                       std::remove_cvref_t<decltype(*std::declval<Range&>().begin())>>;

template <class Range>
concept range_of_joinables = requires(Range& range) {
    range.begin() != range.end();
    requires joinable<element_t<Range>>;
};

}  // namespace detail

/// Spawns the tasks, now and in this order, by the scheduler's policy, and waits for all of them and for the
/// handles given: `auto [a, b] = co_await when_all(f(), g(), std::move(handle))`. A tuple of the results in
/// the order of the arguments: std::monostate for void, moved out for tasks and rvalue handles, a copy for
/// lvalue handles. All are waited for also when one fails; then the first exception is thrown, and others go
/// to the scheduler's unhandled handler, unless another handle receives them.
/// Throws no_current_task outside a task, and what spawning throws; tasks spawned before that run on.
template <detail::joinable... As>
[[nodiscard]] detail::when_all_awaiter<As...> when_all(As&&... tasks) {
    return detail::when_all_awaiter<As...>(detail::current_scheduler("when_all"),
                                           std::source_location::current(), std::forward<As>(tasks)...);
}

/// The same for a range, as a vector of the results: an rvalue range of tasks or handles, or an lvalue range
/// of handles.
template <detail::range_of_joinables Range>
[[nodiscard]] auto when_all(Range&& range, std::source_location at = std::source_location::current()) {
    using element = detail::element_t<Range>;
    scheduler& on = detail::current_scheduler("when_all");
    std::vector<detail::task_ref<typename detail::joinable_traits<element>::value_type>> tasks;
    for (auto& each : range) tasks.push_back(detail::joinable_traits<element>::get(each, on, at));
    return detail::when_all_range_awaiter<element>(std::move(tasks));
}

}  // namespace coheir
