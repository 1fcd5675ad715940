#pragma once
// The coroutine of another library, which awaits whatever it is given.

#include <coroutine>
#include <exception>

struct their_task {
    struct promise_type {
        their_task get_return_object() const noexcept { return {}; }
        std::suspend_never initial_suspend() const noexcept { return {}; }
        std::suspend_never final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
};
