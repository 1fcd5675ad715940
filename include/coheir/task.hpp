#pragma once
// The task: a lazy coroutine that runs in the context of the task that awaits or spawned it.

#include <coroutine>
#include <utility>

#include "detail/promise.hpp"
#include "error.hpp"

namespace coheir {

namespace detail {

/// What a coheir::task gives to a coroutine of another library: nothing that it can await.
template <class T>
struct only_in_a_coheir_task {
    bool await_ready() const noexcept { return false; }
    void await_suspend(coroutine_of_a_coheir_task) const noexcept {}
    T await_resume() const;
};

struct task_access;

}  // namespace detail

/// A coroutine that returns a T: void, a value (moved out; it needs no default constructor), or a
/// reference. It starts when it is awaited, in the awaiting task and its context, or when it is spawned or
/// run, as a task of its own. Either happens once, and takes the task: `co_await work()`, or
/// `co_await std::move(t)`. A task that is dropped before is destroyed without having run.
///
/// Awaiting costs one frame, from recycled memory, and keeps the stack flat however deep or long.
/// Belongs to one thread at a time. Calling a coroutine throws std::bad_alloc; awaiting an empty task
/// throws invalid_task.
template <class T = void>
class [[nodiscard("a task does nothing until it is awaited, spawned or run")]] task {
public:
    using promise_type = detail::promise<T>;
    using value_type = T;

    /// An empty task, as a moved-from one is.
    task() = default;
    task(task && other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    task& operator=(task&& other) noexcept {
        task taken(std::move(other));
        std::swap(frame_, taken.frame_);
        return *this;
    }
    ~task() {
        if (frame_) detail::destroy_unstarted(frame_);
    }

    /// Whether there is a coroutine to await.
    [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(frame_); }

    /// For the message: a task of ours can be awaited in a coheir::task only.
    detail::only_in_a_coheir_task<T> operator co_await()&& noexcept { return {}; }

private:
    friend promise_type;
    friend struct detail::task_access;
    explicit task(std::coroutine_handle<> frame) noexcept : frame_(frame) {}

    std::coroutine_handle<> frame_;
};

namespace detail {

struct task_access {
    [[noreturn]] COHEIR_COLD static void refuse(const char* operation) { throw invalid_task(operation); }
    template <class T>
    static std::coroutine_handle<> look(const task<T>& at) noexcept {
        return at.frame_;
    }
    /// The coroutine, which the caller owns from now on. Throws invalid_task.
    template <class T>
    COHEIR_INLINE static std::coroutine_handle<> take(task<T>& from, const char* operation) {
        if (!from.frame_) [[unlikely]]
            refuse(operation);
        return std::exchange(from.frame_, {});
    }
    /// What was taken, unless the task has got another one since: then it is destroyed.
    template <class T>
    COHEIR_COLD static void give_back(task<T>& to, std::coroutine_handle<> frame) noexcept {
        to.frame_ ? destroy_unstarted(frame) : static_cast<void>(to.frame_ = frame);
    }
};

template <class T>
task<T> promise<T>::get_return_object() noexcept {
    return task<T>(std::coroutine_handle<promise>::from_promise(*this));
}
template <class T>
task<T&> promise<T&>::get_return_object() noexcept {
    return task<T&>(std::coroutine_handle<promise>::from_promise(*this));
}
task<void> promise<void>::get_return_object() noexcept {
    return task<void>(std::coroutine_handle<promise>::from_promise(*this));
}

template <class T>
COHEIR_INLINE child_awaiter<T> promise_base::await_transform(task<T>&& child) const {
    return child_awaiter<T>(task_access::take(child, "task: co_await"));
}

}  // namespace detail

}  // namespace coheir
