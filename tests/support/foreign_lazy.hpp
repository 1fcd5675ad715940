#pragma once
// A coroutine of another library: lazy, gives an int, transfers into itself and back to whoever awaits it.

#include <coroutine>
#include <exception>
#include <utility>

namespace test {

class foreign_lazy {
public:
    struct promise_type {
        foreign_lazy get_return_object() noexcept {
            return foreign_lazy(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        struct back_to_awaiting {
            bool await_ready() const noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> h) const noexcept {
                return h.promise().awaiting;
            }
            void await_resume() const noexcept {}
        };
        back_to_awaiting final_suspend() const noexcept { return {}; }
        void return_value(int v) noexcept { value = v; }
        void unhandled_exception() noexcept { error = std::current_exception(); }

        std::coroutine_handle<> awaiting;
        std::exception_ptr error;
        int value = 0;
    };

    foreign_lazy(foreign_lazy&& other) noexcept : frame_(std::exchange(other.frame_, {})) {}
    foreign_lazy& operator=(foreign_lazy&&) = delete;
    ~foreign_lazy() {
        if (frame_) frame_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<promise_type> await_suspend(std::coroutine_handle<> awaiting) const noexcept {
        frame_.promise().awaiting = awaiting;
        return frame_;
    }
    int await_resume() const {
        if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
        return frame_.promise().value;
    }

private:
    explicit foreign_lazy(std::coroutine_handle<promise_type> h) noexcept : frame_(h) {}
    std::coroutine_handle<promise_type> frame_;
};

}  // namespace test
