#pragma once
// Awaiting an operation that calls back: any callback API becomes an awaitable.

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

#include "detail/core.hpp"
#include "detail/synchronization.hpp"
#include "detail/wait_link.hpp"
#include "error.hpp"

namespace coheir {

namespace detail {

// Shared by the awaiting frame and the resolvers, so that a callback that comes too late finds it.
//
// pending → claimed → resolved → woken: a resolver writes the result while it has claimed the state, and
// wakes the task between resolved and woken. A frame that is destroyed meanwhile makes it gone, and
// waits for a resolver that is between resolved and woken: that one touches the task.
template <class T>
class callback_state : public recycled {
public:
    explicit callback_state(task_state& waiting) noexcept : waiting_(&waiting) {}

    template <class... Args>
    bool resolve(Args&&... args) noexcept {
        if (!claim()) return false;
        try {
            result_.emplace(std::forward<Args>(args)...);
        } catch (...) {
            result_.fail(std::current_exception());
        }
        return finish();
    }
    bool fail(std::exception_ptr error) noexcept {
        if (!claim()) return false;
        if (error) result_.fail(std::move(error));
        return finish();
    }

    /// The wait goes. True if nobody has woken the task, nor will.
    bool abandon() noexcept {
        state was = state_.load(std::memory_order_acquire);
        while (was == state::pending || was == state::claimed)
            if (state_.compare_exchange_weak(was, state::gone, std::memory_order_acq_rel)) return true;
        while (state_.load(std::memory_order_acquire) == state::resolved) {
        }
        return false;
    }
    /// What starting the operation has thrown, before anybody goes on.
    void fail_to_start(const std::exception_ptr& error) noexcept {
        start_error_ = error;
        fail(error);  // where it was resolved before, the task is in the queue, and goes on from there
    }
    const std::exception_ptr& start_error() const noexcept { return start_error_; }
    /// The awaiting task is to stop: true if no resolver has come, or will.
    bool interrupt() noexcept {
        state expected = state::pending;
        return state_.compare_exchange_strong(expected, state::gone, std::memory_order_acq_rel);
    }
    bool is_waited_for() const noexcept { return state_.load(std::memory_order_relaxed) == state::pending; }
    /// Whether it was resolved. Only after the task was woken.
    bool has_outcome() const noexcept { return result_.state() != outcome::none; }
    T take() {
        if (result_.state() == outcome::none) throw abandoned_await();
        return result_.take();
    }

    void add_resolver() noexcept { resolvers_.fetch_add(1, std::memory_order_relaxed); }
    void drop_resolver() noexcept {
        if (resolvers_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (claim()) finish();  // with no result: the await throws, since here is no place for an error
        drop();
    }
    void drop() noexcept {
        if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

private:
    enum class state : std::uint8_t { pending, claimed, resolved, woken, gone };

    bool claim() noexcept {
        state expected = state::pending;
        return state_.compare_exchange_strong(expected, state::claimed, std::memory_order_acq_rel);
    }
    bool finish() noexcept {
        state expected = state::claimed;
        if (!state_.compare_exchange_strong(expected, state::resolved, std::memory_order_acq_rel))
            return false;  // gone
        run_state::wake(*waiting_);
        state_.store(state::woken, std::memory_order_release);
        return true;
    }

    task_state* const waiting_;
    std::exception_ptr start_error_;
    result<T> result_;
    synchronization::atomic<state> state_{state::pending};
    synchronization::atomic<std::uint32_t> resolvers_{1};
    synchronization::atomic<std::uint32_t> shares_{2};  // the awaiting frame, and all resolvers together
};

}  // namespace detail

template <class T, class F>
class callback_awaiter;

namespace detail {
template <class F, class Resolver>
concept started_with = std::is_invocable_v < std::decay_t<F>
&, Resolver > ;
}  // namespace detail

/// What a callback calls with the result. Copyable; safe on any thread and at any time: the first call
/// counts, later ones and those that come after the awaiting task is gone are ignored, and give false. When
/// the last copy is dropped without a call, the awaiting task gets abandoned_await.
template <class T>
class resolver {
public:
    resolver(const resolver& other) noexcept : state_(other.state_) { state_->add_resolver(); }
    resolver& operator=(const resolver& other) noexcept {
        resolver copy(other);
        std::swap(state_, copy.state_);
        return *this;
    }
    ~resolver() { state_->drop_resolver(); }

    /// The result: the arguments make a T (none for void).
    template <class... Args>
        requires(std::is_void_v<T> ? sizeof...(Args) == 0 : std::is_constructible_v<T, Args...>)
    bool operator()(Args&&... args) const noexcept { return state_->resolve(std::forward<Args>(args)...); }
    /// The await throws this exception; abandoned_await for none.
    bool fail(std::exception_ptr error) const noexcept { return state_->fail(std::move(error)); }

private:
    template <class U, class F>
    friend class coheir::callback_awaiter;
    explicit resolver(detail::callback_state<T>& first_of) noexcept : state_(&first_of) {}

    detail::callback_state<T>* state_;
};

template <class T, class F>
class [[nodiscard("co_await it")]] callback_awaiter final : detail::wait, public detail::own_awaitable {
public:
    explicit callback_awaiter(F start) : start_(std::move(start)) {}
    callback_awaiter(const callback_awaiter&) = delete;
    callback_awaiter& operator=(const callback_awaiter&) = delete;
    ~callback_awaiter() {
        detail::task_state* const left = link_.abandon();
        if (!state_) return;
        if (!resumed_ && state_->abandon() && left) detail::run_state::wake(*left);
        state_->drop();
    }

    detail::wait_link& link_in(const detail::task_state&) noexcept { return link_; }
    bool await_ready() const noexcept { return false; }
    void await_suspend(detail::coroutine_of_a_coheir_task awaiting) {
        if (waiting_) throw usage_error("coheir::callback: the same callback is awaited twice");
        waiting_ = awaiting.task;
        detail::task_state& waiting = *waiting_;
        waiting.resume_at = awaiting.handle;
        if (waiting.stop & detail::task_state::stop_due) {
            link_.tie(waiting, *this);
            return waiting.home->enqueue(waiting);
        }
        detail::callback_state<T>& state = *(state_ = new detail::callback_state<T>(waiting));
        link_.tie(waiting, *this);
        const resolver<T> resolve(state);
        try {
            start_(resolve);
        } catch (...) {  // it may have destroyed this, but not the state
            state.fail_to_start(std::current_exception());
        }
    }
    T await_resume() {
        link_.untie();
        resumed_ = true;
        // Nothing is lost: where there is something to give, the next wait throws.
        if (!state_ || (!state_->start_error() && !state_->has_outcome())) end_wait(*waiting_);
        if (state_->start_error()) std::rethrow_exception(state_->start_error());
        return state_->take();
    }

private:
    void interrupt(detail::task_state & waiting, detail::stop_wave&) noexcept override {
        if (state_ && state_->interrupt()) detail::run_state::wake(waiting);
    }
    void task_goes() noexcept override {
        link_.untie();
        if (state_) state_->abandon();
    }
    detail::wait_info describe() const noexcept override {
        detail::wait_info info;
        if (state_ && state_->is_waited_for()) info.what = detail::wait_info::kind::callback;
        return info;
    }

    F start_;
    detail::callback_state<T>* state_ = nullptr;
    detail::task_state* waiting_ = nullptr;
    detail::wait_link link_;
    bool resumed_ = false;
};

/// `T result = co_await callback<T>([](auto resolve) { start_operation(…, resolve); })`: calls the function
/// at once, in the task's context, with a resolver<T>, and suspends until that is called, from anywhere. What
/// the function throws is thrown by the await. A request to stop that comes after the result does not take
/// that away: the next wait throws. One allocation, recycled. With g++ 11 and 12, give a lambda that captures
/// anything non-trivial a name first; see docs/pitfalls.md.
template <class T = void, detail::started_with<resolver<T>> F>
callback_awaiter<T, std::decay_t<F>> callback(F&& start) {
    return callback_awaiter<T, std::decay_t<F>>(std::forward<F>(start));
}

}  // namespace coheir
