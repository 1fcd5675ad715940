#pragma once
// What can be awaited: the requirements that the compiler names when something cannot.

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

namespace coheir {

namespace detail {

template <class A>
concept has_member_co_await = requires(A&& a) {
    static_cast<A&&>(a).operator co_await();
};
template <class A>
concept has_free_co_await = requires(A&& a) {
    operator co_await(static_cast<A&&>(a));
};

/// The awaiter of an awaitable, as the language finds it.
template <class A>
decltype(auto) get_awaiter(A&& a) {
    if constexpr (has_member_co_await<A>)
        return static_cast<A&&>(a).operator co_await();
    else if constexpr (has_free_co_await<A>)
        return operator co_await(static_cast<A&&>(a));
    else
        return static_cast<A&&>(a);
}

template <class A>
using awaiter_t = decltype(detail::get_awaiter(std::declval<A>()));  // a value, or a reference

template <class R>
concept await_suspend_result =
    std::is_void_v<R> || std::same_as<R, bool> || std::convertible_to<R, std::coroutine_handle<>>;

}  // namespace detail

/// Something that `co_await` takes: it, or what its operator co_await gives, has await_ready and
/// await_resume.
template <class A>
concept awaitable = requires(std::remove_reference_t<detail::awaiter_t<A>>& awaiter) {
    static_cast<bool>(awaiter.await_ready());
    awaiter.await_resume();
};

/// An awaitable that any coroutine can await: its await_suspend takes a plain std::coroutine_handle<>,
/// not one of its own library's promise type. This is what a coheir::task can await.
template <class A>
concept awaitable_without_promise = awaitable<A> &&
    requires(std::remove_reference_t<detail::awaiter_t<A>>& awaiter, std::coroutine_handle<> handle) {
    { awaiter.await_suspend(handle) } -> detail::await_suspend_result;
};

}  // namespace coheir
