#pragma once
// Running a function on another scheduler, and coming back with its result.

#include <source_location>
#include <type_traits>
#include <utility>

#include "remote.hpp"

namespace coheir {

namespace detail {

template <class R>
struct result_of_call {
    using type = R;
    static constexpr bool is_task = false;
};
template <class T>
struct result_of_call<task<T>> {
    using type = T;
    static constexpr bool is_task = true;
};
template <class F>
using call_result = result_of_call<std::invoke_result_t<std::decay_t<F>&>>;

template <class F>
task<typename call_result<F>::type> called(F f) {
    if constexpr (call_result<F>::is_task)
        co_return co_await f();
    else
        co_return f();
}

template <class F>
task<typename call_result<F>::type> called_on(remote there, F f, std::source_location at) {
    auto handle = there.spawn(detail::called(std::move(f)), options(spawn_policy::copying), at);
    co_return co_await std::move(handle);
}

}  // namespace detail

/// `T result = co_await run_on(other, f)`: calls f() in a task of the other scheduler, and goes on here with
/// its result, or its exception. f may return a task, which is awaited there. The context there is a copy of
/// the caller's, made when this is awaited: what f changes in it stays there. f, with what it captures, is
/// moved to the other thread, and destroyed there before this goes on. If the caller is destroyed meanwhile,
/// f runs on, and its exception goes to the other scheduler's unhandled handler. Awaiting throws
/// scheduler_closed, also where the other scheduler is destroyed before f has ended, and std::bad_alloc. With
/// g++ 11 and 12, give a lambda that captures anything non-trivial a name first; see docs/pitfalls.md.
template <class F>
    requires detail::callable<F> task<typename detail::call_result<F>::type> run_on(
        remote other, F&& f, std::source_location at = std::source_location::current()) {
        return detail::called_on(std::move(other), std::decay_t<F>(std::forward<F>(f)), at);
    }

}  // namespace coheir
