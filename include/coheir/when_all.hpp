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
class gathering : public wait {
public:
    gathering(std::size_t count, task_state& waiting) noexcept : waiting_(&waiting), left_(count) {}
    gathering(const gathering&) = delete;
    gathering& operator=(const gathering&) = delete;

    core& on() const noexcept { return *static_cast<core*>(waiting_->home); }
    task_state& waiting() const noexcept { return *waiting_; }
    bool complete() const noexcept { return left_ == 0; }
    void suspend(std::coroutine_handle<> awaiting, const task_state& in) {
        if (&in != waiting_)
            throw usage_error("coheir::when_all: " + description(in) + " awaits what " +
                              description(*waiting_) + " called: await it where it is called");
        waiting_->resume_at = awaiting;
        waiting_->waiting_in = this;
        suspended_ = true;
    }
    void ended(task_state& t) noexcept {
        if (!failed_ && t.ending() == outcome::error) failed_ = &t;
        if (--left_ == 0 && suspended_) run_state::wake(*waiting_);
    }
    wait_info describe() const noexcept override {
        wait_info info;
        if (complete()) return info;
        info.what = wait_info::kind::several;
        info.count = left_;
        return info;
    }
    /// Throws the exception of the one that failed first. Those of others stay with their handles.
    void rethrow() const {
        if (!failed_) return;
        failed_->error_received = true;
        std::rethrow_exception(failed_->error());
    }

private:
    task_state* waiting_;
    task_state* failed_ = nullptr;
    std::size_t left_;
    bool suspended_ = false;
};

template <class T>
using regular_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

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
    regular_t<T> result() {
        if constexpr (std::is_void_v<T>) {
            look_at_result(*task_);
            return {};
        } else if constexpr (Taking) {
            return take_result(*task_);
        } else {
            return static_cast<regular_t<T>>(look_at_result(*task_));
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

template <class A>
struct joinable_traits {
    static constexpr bool is_joinable = false;
};
template <class T>
struct joinable_traits<task<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(task<T>& work, core& on, std::source_location at) {
        return start(
            on, work, [&on](task_state& t) { return derive_context(on, on.policy, t); }, at, "when_all");
    }
};
template <class T>
struct joinable_traits<join_handle<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(join_handle<T>& handle, core&, std::source_location) {
        return join_handle_access::take(handle, "when_all");
    }
};
template <class T>
struct joinable_traits<join_handle<T>&> : joinable_traits<join_handle<T>> {
    static constexpr bool taking = false;
    static task_ref<T> get(const join_handle<T>& handle, core&, std::source_location) {
        return join_handle_access::state(handle, "when_all");
    }
};
template <class T>
struct joinable_traits<const join_handle<T>&> : joinable_traits<join_handle<T>&> {};

template <class A>
using gathered_from = gathered<typename joinable_traits<A>::value_type, joinable_traits<A>::taking>;

/// A task, or a handle of one.
template <class A>
concept joinable = joinable_traits<A>::is_joinable;

/// Whether a range owns its elements, as a container does and a view does not: then it is const with them.
template <class Range>
concept owning = std::is_const_v<std::remove_reference_t<decltype(*std::declval<const Range&>().begin())>>;

/// What a range gives: moved out of an rvalue container, else referred to.
template <class Range>
using element_t = std::conditional_t<std::is_lvalue_reference_v<Range> || !owning<Range>,
                                     decltype(*std::declval<Range&>().begin()),
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
/// to the scheduler's unhandled handler, unless another handle receives them. A result that another handle
/// moves out before all have ended is gone: result_taken.
/// Throws no_current_task outside a task, and what spawning throws; tasks spawned before that run on.
// A class, since a function could not tell where it was called: nothing can follow a parameter pack.
template <class... As>
class [[nodiscard("co_await it")]] when_all : public detail::own_awaitable {
    template <class A>
    using value_t = typename detail::joinable_traits<A>::value_type;

public:
    explicit when_all(As && ... tasks, std::source_location at = std::source_location::current())
        : gathering_(sizeof...(As), detail::require_task("when_all")) {
        // All are started before any is waited for: an error here leaves none linked.
        start(at, std::index_sequence_for<As...>(), tasks...);
    }
    when_all(const when_all&) = delete;
    when_all& operator=(const when_all&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    template <detail::promise_of_a_coheir_task Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) {
        gathering_.suspend(awaiting, *awaiting.promise().state);
    }
    std::tuple<detail::regular_t<value_t<As>>...> await_resume() {
        gathering_.rethrow();
        return std::apply(
            [](auto&... each) { return std::tuple<detail::regular_t<value_t<As>>...>{each.result()...}; },
            gathered_);
    }

private:
    template <std::size_t... I>
    void start([[maybe_unused]] std::source_location at, std::index_sequence<I...>, As & ... from) {
        [[maybe_unused]] auto tasks = std::tuple<detail::task_ref<value_t<As>>...>{
            detail::joinable_traits<As>::get(from, gathering_.on(), at)...};
        (std::get<I>(gathered_).join(std::move(std::get<I>(tasks)), gathering_), ...);
    }

    detail::gathering gathering_;
    std::tuple<detail::gathered_from<As>...> gathered_;
};

/// The same for a range, `co_await when_all(std::move(tasks))`, as a vector of the results: an rvalue range
/// of tasks or handles, or an lvalue range of handles.
template <detail::range_of_joinables Range>
class [[nodiscard("co_await it")]] when_all<Range> : public detail::own_awaitable {
    using element = detail::element_t<Range>;
    using value_type = typename detail::joinable_traits<element>::value_type;
    using task_refs = std::vector<detail::task_ref<value_type>>;

public:
    explicit when_all(Range && range, std::source_location at = std::source_location::current())
        : when_all(started(range, at)) {}
    when_all(const when_all&) = delete;
    when_all& operator=(const when_all&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    template <detail::promise_of_a_coheir_task Promise>
    void await_suspend(std::coroutine_handle<Promise> awaiting) {
        gathering_.suspend(awaiting, *awaiting.promise().state);
    }
    std::vector<detail::regular_t<value_type>> await_resume() {
        gathering_.rethrow();
        std::vector<detail::regular_t<value_type>> results;
        results.reserve(gathered_.size());
        for (auto& each : gathered_) results.push_back(each.result());
        return results;
    }

private:
    explicit when_all(task_refs tasks)
        : gathering_(tasks.size(), detail::require_task("when_all")), gathered_(tasks.size()) {
        for (std::size_t i = 0; i < tasks.size(); ++i) gathered_[i].join(std::move(tasks[i]), gathering_);
    }
    static task_refs started(Range & range, std::source_location at) {
        auto& on = *static_cast<detail::core*>(detail::require_task("when_all").home);
        task_refs tasks;
        for (auto& each : range) tasks.push_back(detail::joinable_traits<element>::get(each, on, at));
        return tasks;
    }

    detail::gathering gathering_;
    std::vector<detail::gathered_from<element>> gathered_;
};

template <detail::joinable... As>
when_all(As&&...) -> when_all<As...>;
template <detail::range_of_joinables Range>
when_all(Range&&) -> when_all<Range>;

}  // namespace coheir
