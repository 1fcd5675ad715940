#pragma once
// Awaitables of another library, one for each way to complete: at once, inside await_suspend, later, or on
// another thread. Each gives an int.

#include <coheir/coheir.hpp>

#include <coroutine>
#include <thread>
#include <utility>

namespace test {

struct ready {
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    int await_resume() const noexcept { return 1; }
};

struct resumes_inline {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const { h.resume(); }
    int await_resume() const noexcept { return 1; }
};
struct resumes_inline_and_returns_true : resumes_inline {
    bool await_suspend(std::coroutine_handle<> h) const {
        h.resume();
        return true;
    }
};
struct resumes_inline_and_returns_noop : resumes_inline {
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) const {
        h.resume();
        return std::noop_coroutine();
    }
};
struct returns_false : resumes_inline {
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
};
struct returns_own_handle : resumes_inline {
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) const noexcept { return h; }
};

/// Gives the handle away, for whoever completes it later.
class later {
public:
    explicit later(std::coroutine_handle<>& to) noexcept : to_(&to) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const noexcept { *to_ = h; }
    int await_resume() const noexcept { return 2; }

private:
    std::coroutine_handle<>* to_;
};

/// Completed by a thread of its own, for which its destructor waits.
class by_thread {
public:
    by_thread() = default;
    by_thread(const by_thread&) = delete;
    by_thread& operator=(const by_thread&) = delete;
    ~by_thread() {
        if (thread_.joinable()) thread_.join();
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) {
        thread_ = std::thread([h] { h.resume(); });  // the task goes on after this function at the earliest
    }
    int await_resume() {
        thread_.join();
        return 3;
    }

private:
    std::thread thread_;
};

/// A task that awaits one of them.
template <class Awaitable>
coheir::task<int> await_one(Awaitable it) {
    co_return co_await std::move(it);
}

}  // namespace test
