#pragma once
// A coroutine of someone else's that lets exceptions out of resume(), to whoever resumed it.

#include <coroutine>
#include <utility>

namespace test {

class throwing {
public:
    struct promise_type {
        throwing get_return_object() {
            return throwing(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() { throw; }
    };

    throwing(throwing&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
    throwing& operator=(throwing&&) = delete;
    ~throwing() {
        if (handle_) handle_.destroy();
    }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept { return handle_; }
    void await_resume() const noexcept {}

private:
    explicit throwing(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}

    std::coroutine_handle<promise_type> handle_;
};

}  // namespace test
