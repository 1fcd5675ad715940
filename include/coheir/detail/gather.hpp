#pragma once
// Waiting for several tasks at once: what when_all, when_all_settled and when_any have in common.

#include <coroutine>
#include <cstddef>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../spawn.hpp"

namespace coheir::detail {

class gathering;

/// One of those that are waited for. `takes_result`: a task or an rvalue handle, which nobody else needs.
struct gathered_base : waiter {
    task_state* task = nullptr;
    gathering* into = nullptr;
    gathered_base* next_gathered = nullptr;
};

/// Counts those that have not ended, knows the one that decides, and has the others stop then.
class gathering : spreading_wait {
public:
    enum class until : unsigned char {
        all_or_error,  // the first that fails decides
        all,           // none does
        any,           // the first that ends does
    };

    gathering(std::size_t count, task_state& waiting, until how, const char* operation) noexcept
        : waiting_(waiting), operation_(operation), left_(count), until_(how) {}

    core& on() const noexcept { return *static_cast<core*>(waiting_.home); }
    task_state& waiting() const noexcept { return waiting_; }

    /// In the order of the arguments; then all_joined().
    void join(gathered_base& one) noexcept {
        *last_ = &one;
        last_ = &one.next_gathered;
        if (one.task->ended) return ended(one);
        one.told = [](waiter& w) noexcept {
            auto& self = static_cast<gathered_base&>(w);
            self.into->ended(self);
        };
        one.task->waiters.add(one);
    }
    void all_joined() noexcept {
        all_are_joined_ = true;
        if (!decides_) return;
        stop_rest();
        on().tell_stopped();
    }

    bool complete() const noexcept { return left_ == 0; }
    void suspend(std::coroutine_handle<> awaiting, const task_state& in) {
        if (&in != &waiting_)
            throw usage_error(std::string("coheir::") + operation_ + ": " + description(in) +
                              " awaits what " + description(waiting_) +
                              " called: await it where it is called");
        waiting_.resume_at = awaiting;
        waiting_.waiting_in = this;
        suspended_ = true;
        if (waiting_.stop & task_state::stop_due) [[unlikely]]
            core::interrupt_now(waiting_);
    }
    /// Throws task_cancelled, and the exception of the one that decides; usage_error the second time.
    void finish() {
        if (std::exchange(finished_, true))
            throw usage_error(std::string("coheir::") + operation_ + ": the same " + operation_ +
                              " is awaited twice");
        end_wait(waiting_);
        if (!decides_ || !decides_->task->failed) return;
        decides_->task->error_received = true;
        std::rethrow_exception(decides_->task->error());
    }
    /// Which argument it is that decides.
    std::size_t index() const noexcept {
        std::size_t index = 0;
        for (const gathered_base* one = first_; one != decides_; one = one->next_gathered) ++index;
        return index;
    }

private:
    void ended(gathered_base& one) noexcept {
        --left_;
        const bool decides = until_ == until::any || (until_ == until::all_or_error && one.task->failed);
        if (!decides_ && decides) {
            decides_ = &one;
            if (all_are_joined_) stop_rest();
        }
        wake_once();
    }

    /// One that decides has ended: those that nobody else needs stop, and are waited for; others are let go.
    void stop_rest() noexcept {
        if (are_stopped_) return;  // not again: they may be cleaning up
        stop_wave wave(waiting_);
        for_each_left([&](gathered_base& one) {
            if (one.takes_result && one.task->waiters.has_only(one))
                wave.stop(*one.task);
            else
                let_go(one);
        });
    }
    /// The waiting task is asked to stop: those that nobody else waits for stop, too, and are waited for.
    void spread(stop_wave& wave) noexcept override {
        if (complete()) return;
        for_each_left([&](gathered_base& one) {
            if (!one.task->waiters.has_only(one) || !wave.hand_on(*one.task)) let_go(one);
        });
        wake_once();
    }
    // Stopping one may, around a circle of tasks that wait for each other, end the wait from inside.
    void wake_once() noexcept {
        if (complete() && std::exchange(suspended_, false)) run_state::wake(waiting_);
    }
    template <class F>
    void for_each_left(F&& f) noexcept {
        are_stopped_ = true;
        for (gathered_base* one = first_; one; one = one->next_gathered)
            if (one->next && !one->task->ended) f(*one);  // that one will tell, or is about to
    }
    void let_go(gathered_base& one) noexcept {
        one.task->waiters.remove(one);
        --left_;
    }

    wait_info describe() const noexcept override {
        wait_info info;
        if (complete()) return info;
        info.what = wait_info::kind::several;
        info.count = left_;
        return info;
    }

    task_state& waiting_;
    const char* const operation_;
    gathered_base* first_ = nullptr;
    gathered_base** last_ = &first_;
    gathered_base* decides_ = nullptr;
    std::size_t left_;
    const until until_;
    bool all_are_joined_ = false;
    bool are_stopped_ = false;
    bool suspended_ = false;
    bool finished_ = false;
};

template <class T>
using regular_t = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

/// One of those that are waited for. From a task or an rvalue handle the result is moved out, from an
/// lvalue handle it is copied.
template <class T, bool Taking>
class gathered : gathered_base {
public:
    gathered() = default;
    ~gathered() {
        if (next) task->waiters.remove(*this);
    }

    void join(task_ref<T> of, gathering& with) {
        detail::require_joinable(*of, with.waiting());
        ref_ = std::move(of);
        task = ref_.get();
        into = &with;
        takes_result = Taking;
        with.join(*this);
    }
    regular_t<T> result() {
        if constexpr (std::is_void_v<T>) {
            detail::look_at_result(*ref_);
            return {};
        } else if constexpr (Taking) {
            return detail::take_result(*ref_);
        } else {
            return static_cast<regular_t<T>>(detail::look_at_result(*ref_));
        }
    }

private:
    task_ref<T> ref_;
};

/// What can be waited for in company: how to get at its task.
template <class A>
struct joinable_traits {
    static constexpr bool is_joinable = false;
};
template <class T>
struct joinable_traits<task<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(task<T>& work, core& on, std::source_location at, const char* operation) {
        return start(
            on, work, [&on](task_state& t) { return derive_context(on, on.policy, t); }, at, operation);
    }
};
template <class T>
struct joinable_traits<join_handle<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    static task_ref<T> get(join_handle<T>& handle, core&, std::source_location, const char* operation) {
        return join_handle_access::take(handle, operation);
    }
};
template <class T>
struct joinable_traits<join_handle<T>&> : joinable_traits<join_handle<T>> {
    static constexpr bool taking = false;
    static task_ref<T> get(const join_handle<T>& handle, core&, std::source_location, const char* operation) {
        return join_handle_access::state(handle, operation);
    }
};
template <class T>
struct joinable_traits<const join_handle<T>&> : joinable_traits<join_handle<T>&> {};

template <class A>
using joined_t = typename joinable_traits<A>::value_type;

template <class A>
using gathered_from = gathered<joined_t<A>, joinable_traits<A>::taking>;

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

/// The arguments of when_all and its kin, spawned and waited for; it is awaited where it is made.
template <class... As>
class gathered_pack : public own_awaitable {
public:
    gathered_pack(gathering::until how, const char* operation, std::source_location at, As&... from)
        : gathering_(sizeof...(As), require_task(operation), how, operation) {
        // All are started before any is waited for: an error here leaves none linked.
        start(operation, at, std::index_sequence_for<As...>(), from...);
        gathering_.all_joined();
    }
    gathered_pack(const gathered_pack&) = delete;
    gathered_pack& operator=(const gathered_pack&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    void await_suspend(coroutine_of_a_coheir_task awaiting) {
        gathering_.suspend(awaiting.handle, awaiting.task);
    }

protected:
    gathering gathering_;
    std::tuple<gathered_from<As>...> gathered_;

private:
    template <std::size_t... I>
    void start([[maybe_unused]] const char* operation, [[maybe_unused]] std::source_location at,
               std::index_sequence<I...>, As&... from) {
        [[maybe_unused]] auto tasks = std::tuple<task_ref<joined_t<As>>...>{
            joinable_traits<As>::get(from, gathering_.on(), at, operation)...};
        (std::get<I>(gathered_).join(std::move(std::get<I>(tasks)), gathering_), ...);
    }
};

/// The same for the elements of a range.
template <class Range>
class gathered_range : public own_awaitable {
public:
    using element = element_t<Range>;
    using value_type = joined_t<element>;

    gathered_range(gathering::until how, const char* operation, std::source_location at, Range& range)
        : gathered_range(how, operation, started(operation, at, range)) {}
    gathered_range(const gathered_range&) = delete;
    gathered_range& operator=(const gathered_range&) = delete;

    bool await_ready() const noexcept { return gathering_.complete(); }
    void await_suspend(coroutine_of_a_coheir_task awaiting) {
        gathering_.suspend(awaiting.handle, awaiting.task);
    }

protected:
    gathering gathering_;
    std::vector<gathered_from<element>> gathered_;

private:
    using task_refs = std::vector<task_ref<value_type>>;

    gathered_range(gathering::until how, const char* operation, task_refs tasks)
        : gathering_(tasks.size(), require_task(operation), how, operation), gathered_(tasks.size()) {
        for (std::size_t i = 0; i < tasks.size(); ++i) gathered_[i].join(std::move(tasks[i]), gathering_);
        gathering_.all_joined();
    }
    static task_refs started(const char* operation, std::source_location at, Range& range) {
        auto& on = *static_cast<core*>(require_task(operation).home);
        task_refs tasks;
        for (auto& each : range) tasks.push_back(joinable_traits<element>::get(each, on, at, operation));
        return tasks;
    }
};

}  // namespace coheir::detail
