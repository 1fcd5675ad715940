// What is not awaitable is refused by a sentence.
// error: co_await in a coheir::task: this is not awaitable
#include <coheir/coheir.hpp>

#include <coroutine>

struct almost_awaitable {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
#ifdef FIXED
    void await_resume() const noexcept {}
#endif
};

coheir::task<> body() { co_await almost_awaitable(); }
