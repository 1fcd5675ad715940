#pragma once
// Waiting for several tasks at once: what when_all, when_all_settled and when_any have in common.

#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <source_location>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "../spawn.hpp"
#include "wait_link.hpp"

namespace coheir::detail {

class gathering;

[[noreturn]] COHEIR_COLD inline void throw_awaited_elsewhere(const char* operation,
                                                             const task_state& awaiting,
                                                             std::uint64_t caller) {
    throw usage_error(std::string("coheir::") + operation + ": " + description(awaiting) +
                      " awaits what task #" + std::to_string(caller) +
                      " called: await it where it is called");
}

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
        : waiting_(waiting), asker_(waiting.task), operation_(operation), left_(count), until_(how) {}

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
        static_cast<core*>(waiting_.home)->tell_stopped();
    }

    /// Before those go that are waited for. Where nobody has waited to the end, those that nobody else needs
    /// stop.
    void drop() noexcept {
        task_state* const left = link_.abandon();
        if (left && std::exchange(suspended_, false)) run_state::wake(*left);
        if ((was_awaited_ && !left) || are_stopped_) return;
        for (gathered_base* one = first_; one; one = one->next_gathered) {
            if (one->next) one->task->waiters.remove(*one);
        }
        for (gathered_base* one = first_; one; one = one->next_gathered) {
            if (one->takes_result && one->task->waiters.empty())
                core::request_stop(*one->task, {0, asker_, 0});
        }
    }

    wait_link& link_in(const task_state& t) {
        if (t.task != asker_) throw_awaited_elsewhere(operation_, t, asker_);
        return link_;
    }
    bool complete() const noexcept { return left_ == 0; }
    void suspend(std::coroutine_handle<> awaiting) noexcept {
        waiting_.resume_at = awaiting;
        link_.tie(waiting_, *this);
        suspended_ = was_awaited_ = true;
        if (waiting_.stop & task_state::stop_due) [[unlikely]]
            core::interrupt_now(waiting_);
    }
    /// Throws task_cancelled, and the exception of the one that decides; usage_error the second time.
    void finish() {
        if (std::exchange(finished_, true))
            throw usage_error(std::string("coheir::") + operation_ + ": the same " + operation_ +
                              " is awaited twice");
        link_.untie();
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
        stop_wave wave(asker_);
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

    void task_goes() noexcept override { link_.untie(); }
    wait_info describe() const noexcept override {
        wait_info info;
        if (complete()) return info;
        info.what = wait_info::kind::several;
        info.count = left_;
        return info;
    }

    task_state& waiting_;  // from the call to its end, and while it awaits this, which may be kept longer
    const std::uint64_t asker_;  // its number
    const char* const operation_;
    wait_link link_;
    gathered_base* first_ = nullptr;
    gathered_base** last_ = &first_;
    gathered_base* decides_ = nullptr;
    std::size_t left_;
    const until until_;
    bool all_are_joined_ = false;
    bool are_stopped_ = false;
    bool was_awaited_ = false;
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

    void join(task_ref<T> of, gathering& with) noexcept {
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

/// A task that is made, to be started with others; otherwise its coroutine goes back to where it was.
template <class T>
class unstarted_task {
public:
    unstarted_task(task<T>& work, const task_state& waiting, std::source_location at, const char* operation)
        : work_(work), on_(*static_cast<core*>(waiting.home)),
          made_(&detail::make_task(
              on_, work, [this](task_state& t) { return derive_context(on_, on_.policy, t); }, at,
              operation)) {}
    unstarted_task(unstarted_task&& other) noexcept
        : work_(other.work_), on_(other.on_), made_(std::exchange(other.made_, nullptr)) {}
    unstarted_task& operator=(unstarted_task&&) = delete;
    ~unstarted_task() {
        if (!made_) return;
        const std::coroutine_handle<> root = made_->resume_at;
        delete made_;
        task_access::give_back(work_, root);
    }
    task_ref<T> start() noexcept {
        task_state_of<T>& made = *std::exchange(made_, nullptr);
        task_ref<T> ref(made);
        on_.start(made, made.resume_at, false);
        return ref;
    }

private:
    task<T>& work_;
    core& on_;
    task_state_of<T>* made_;
};

/// What a handle refers to.
template <class T>
class joined_task {
public:
    joined_task(const join_handle<T>& of, const task_state& waiting, std::source_location,
                const char* operation)
        : task_(join_handle_access::state(of, operation)) {
        detail::require_joinable(*task_, waiting);
    }
    task_ref<T> start() noexcept { return std::move(task_); }

private:
    task_ref<T> task_;
};

/// The same, taken out of the handle; otherwise it goes back.
template <class T>
class taken_task {
public:
    taken_task(join_handle<T>& of, const task_state& waiting, std::source_location, const char* operation)
        : handle_(of) {
        detail::require_joinable(*join_handle_access::state(of, operation), waiting);
        task_ = join_handle_access::take(of, operation);
    }
    taken_task(taken_task&&) noexcept = default;
    taken_task& operator=(taken_task&&) = delete;
    ~taken_task() {
        if (task_) handle_ = join_handle_access::make(std::move(task_));
    }
    task_ref<T> start() noexcept { return std::move(task_); }

private:
    join_handle<T>& handle_;
    task_ref<T> task_;
};

/// What can be waited for in company. All are got hold of before one is started: where that fails, nothing
/// has been.
template <class A>
struct joinable_traits {
    static constexpr bool is_joinable = false;
};
template <class T>
struct joinable_traits<task<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    using got = unstarted_task<T>;
};
/// A named task is a mistake, which an overload that is not there would not explain.
template <class T>
struct joinable_traits<task<T>&> : joinable_traits<void> {
    static_assert(
        !std::is_same_v<T, T>,
        "coheir: when_all and its kin take tasks: say std::move(task), or std::move of the range of them");
};
template <class T>
struct joinable_traits<const task<T>&> : joinable_traits<task<T>&> {};
template <class T>
struct joinable_traits<join_handle<T>> {
    static constexpr bool is_joinable = true;
    using value_type = T;
    static constexpr bool taking = true;
    using got = taken_task<T>;
};
template <class T>
struct joinable_traits<join_handle<T>&> : joinable_traits<join_handle<T>> {
    static constexpr bool taking = false;
    using got = joined_task<T>;
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
        start(operation, at, std::index_sequence_for<As...>(), from...);
        gathering_.all_joined();
    }
    ~gathered_pack() { gathering_.drop(); }
    gathered_pack(const gathered_pack&) = delete;
    gathered_pack& operator=(const gathered_pack&) = delete;

    wait_link& link_in(const task_state& t) { return gathering_.link_in(t); }
    bool await_ready() const noexcept { return gathering_.complete(); }
    void await_suspend(coroutine_of_a_coheir_task awaiting) noexcept { gathering_.suspend(awaiting.handle); }

protected:
    gathering gathering_;
    std::tuple<gathered_from<As>...> gathered_;

private:
    template <std::size_t... I>
    void start([[maybe_unused]] const char* operation, [[maybe_unused]] std::source_location at,
               std::index_sequence<I...>, As&... from) {
        [[maybe_unused]] auto all = std::tuple<typename joinable_traits<As>::got...>{
            typename joinable_traits<As>::got(from, gathering_.waiting(), at, operation)...};
        (std::get<I>(gathered_).join(std::get<I>(all).start(), gathering_), ...);
    }
};

/// The same for the elements of a range.
template <class Range>
class gathered_range : public own_awaitable {
public:
    using element = element_t<Range>;
    using value_type = joined_t<element>;

    gathered_range(gathering::until how, const char* operation, std::source_location at, Range& range)
        : gathered_range(how, operation, all_of(operation, at, range)) {}
    ~gathered_range() { gathering_.drop(); }
    gathered_range(const gathered_range&) = delete;
    gathered_range& operator=(const gathered_range&) = delete;

    wait_link& link_in(const task_state& t) { return gathering_.link_in(t); }
    bool await_ready() const noexcept { return gathering_.complete(); }
    void await_suspend(coroutine_of_a_coheir_task awaiting) noexcept { gathering_.suspend(awaiting.handle); }

protected:
    gathering gathering_;
    std::vector<gathered_from<element>> gathered_;

private:
    using all = std::vector<typename joinable_traits<element>::got>;

    gathered_range(gathering::until how, const char* operation, all&& got)
        : gathering_(got.size(), require_task(operation), how, operation), gathered_(got.size()) {
        for (std::size_t i = 0; i < got.size(); ++i) gathered_[i].join(got[i].start(), gathering_);
        gathering_.all_joined();
    }
    static all all_of(const char* operation, std::source_location at, Range& range) {
        const task_state& waiting = require_task(operation);
        all got;
        for (auto& each : range) got.emplace_back(each, waiting, at, operation);
        return got;
    }
};

}  // namespace coheir::detail
