// An awaitable that wants the promise of its own library's coroutine cannot be awaited in ours.
// error: co_await in a coheir::task: this awaitable needs a coroutine of its own library
#include <coheir/coheir.hpp>

#include <coroutine>

struct its_promise;

struct of_its_library {
    bool await_ready() const noexcept { return false; }
#ifdef FIXED
    void await_suspend(std::coroutine_handle<> h) const { h.resume(); }
#else
    void await_suspend(std::coroutine_handle<its_promise> h) const { h.resume(); }
#endif
    void await_resume() const noexcept {}
};

coheir::task<> body() { co_await of_its_library(); }
