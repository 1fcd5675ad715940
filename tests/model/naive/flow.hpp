#pragma once
// The coroutine of the reference: something that runs when it is awaited, and says when it stops for a while.

#include <coroutine>
#include <exception>
#include <utility>

namespace model::naive {

class [[nodiscard]] flow {
public:
    struct promise_type {
        std::coroutine_handle<> awaiting = std::noop_coroutine();
        std::exception_ptr error{};

        flow get_return_object() { return flow(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        auto final_suspend() const noexcept {
            struct back {
                std::coroutine_handle<> to;
                bool await_ready() const noexcept { return false; }
                std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept { return to; }
                void await_resume() const noexcept {}
            };
            return back{awaiting};
        }
        void return_void() const noexcept {}
        void unhandled_exception() { error = std::current_exception(); }
    };

    flow() = default;
    flow(flow&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    flow& operator=(flow&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~flow() { end(); }

    /// Destroys it where it is, the innermost one that it awaits first.
    void end() {
        if (const auto frame = std::exchange(frame_, nullptr)) frame.destroy();
    }
    [[nodiscard]] std::coroutine_handle<> frame() const { return frame_; }

    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        frame_.promise().awaiting = awaiting;
        return frame_;
    }
    void await_resume() const {
        if (frame_.promise().error) std::rethrow_exception(frame_.promise().error);
    }

private:
    explicit flow(std::coroutine_handle<promise_type> frame) : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_ = nullptr;
};

}  // namespace model::naive
