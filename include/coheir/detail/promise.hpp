#pragma once
// The promise of every task, and how one task awaits another.

#include <coroutine>
#include <exception>
#include <utility>

#include "../concepts.hpp"
#include "../error.hpp"
#include "foreign.hpp"
#include "memory.hpp"
#include "run_state.hpp"
#include "stop.hpp"
#include "wait_link.hpp"

namespace coheir {

template <class T>
class task;

namespace detail {

/// Awaitables of ours derive from this: they know tasks, and need no resumer. One makes its awaiter by
/// `await_in(task)`, or is its own; then it has a wait_link if it knows the task while that waits, and gives
/// it by `link_in(task)`, or throws.
struct own_awaitable {};

template <class A>
concept is_own_awaitable = std::derived_from<std::remove_cvref_t<A>, own_awaitable>;
template <class A>
concept makes_its_awaiter = requires(A&& a, task_state& t) {
    static_cast<A&&>(a).await_in(t);
};
template <class A>
concept is_linked = requires(A& a, const task_state& t) {
    a.link_in(t);
};

struct promise_base;

template <class Promise>
concept promise_of_a_coheir_task = std::derived_from<Promise, promise_base>;

/// What awaits something of ours. A handle that cannot become one is a coroutine of another library: that is
/// what the compiler says then, and that nothing of coheir can be awaited there.
struct coroutine_of_a_coheir_task {
    template <promise_of_a_coheir_task Promise>
    COHEIR_INLINE coroutine_of_a_coheir_task(std::coroutine_handle<Promise> of) noexcept
        : handle(of), task(of.promise().state) {}

    std::coroutine_handle<> handle;
    task_state* task;
};

template <class T>
class child_awaiter;

/// An awaiter that stands elsewhere in the same expression: g++ would move one that it is given by reference.
template <class Awaiter>
struct awaiter_ref {
    Awaiter& to;
    bool await_ready() const noexcept { return to.await_ready(); }
    template <promise_of_a_coheir_task Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting) const {
        return to.await_suspend(awaiting);
    }
    decltype(auto) await_resume() const { return to.await_resume(); }
};

/// The same for one with a wait_link, which may go while it is awaited.
template <class Awaiter>
struct linked_awaiter_ref {
    Awaiter& to;
    wait_link& link;
    bool is_gone = false;
    bool await_ready() const noexcept { return to.await_ready(); }
    template <promise_of_a_coheir_task Promise>
    auto await_suspend(std::coroutine_handle<Promise> awaiting) {
        link.begin(is_gone);
        return to.await_suspend(awaiting);
    }
    decltype(auto) await_resume() const {
        if (is_gone) [[unlikely]]
            throw abandoned_await();
        return to.await_resume();
    }
};

/// Ends a coroutine: goes on with the one that awaits it, or tells that the task has ended.
struct final_awaiter {
    const promise_base& promise;  // g++ would read the handle that it is given from the frame

    bool await_ready() const noexcept { return false; }
    COHEIR_INLINE std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept;
    void await_resume() const noexcept {}
};

/// An exception has left a coroutine: if it leaves its task, too, what the context shows now is kept with it.
COHEIR_COLD inline void note_failure(const frame_link& up, task_state& t) noexcept {
    if (up.continuation) return;
    t.failed = true;
    if (t.stop & task_state::stop_requested && is_cancelled(std::current_exception())) return;  // no failure
    try {
        t.extras().at_failure = context::detail::snapshot_access::look(*t.context);
    } catch (const std::exception&) {  // no memory, or a value is being changed: then it is empty
    }
}

// No member may be over-aligned or differ between promises in front of these two: frames are destroyed
// through a handle to a promise of this type.
struct promise_base : recycled {
    frame_link* up;  // both are set before the coroutine starts
    task_state* state;

    std::suspend_always initial_suspend() const noexcept { return {}; }
    final_awaiter final_suspend() const noexcept { return {*this}; }

    template <class U>
    COHEIR_INLINE child_awaiter<U> await_transform(task<U>&& child) const;
    /// A task is awaited once: say co_await std::move(task).
    template <class U>
    child_awaiter<U> await_transform(task<U>&) const {
        static_assert(!std::is_same_v<U, U>, "co_await takes a task: say co_await std::move(task)");
        return child_awaiter<U>({});
    }

    template <is_own_awaitable A>
    auto await_transform(A&& awaitable) const {
        if constexpr (makes_its_awaiter<A>) {
            return static_cast<A&&>(awaitable).await_in(*state);
        } else if constexpr (is_linked<A>) {
            return linked_awaiter_ref<std::remove_reference_t<A>>{awaitable, awaitable.link_in(*state)};
        } else {
            return awaiter_ref<std::remove_reference_t<A>>{awaitable};
        }
    }

    template <class A>
        requires(!is_own_awaitable<A>)
    auto await_transform(A&& awaitable) const {
        static_assert(coheir::awaitable<A>, "co_await in a coheir::task: this is not awaitable");
        static_assert(!coheir::awaitable<A> || awaitable_without_promise<A>,
                      "co_await in a coheir::task: this awaitable needs a coroutine of its own library: its "
                      "await_suspend does not take a plain std::coroutine_handle<>");
        return foreign_awaiter<A>(static_cast<A&&>(awaitable), *state);
    }
};

COHEIR_INLINE std::coroutine_handle<> final_awaiter::await_suspend(std::coroutine_handle<>) const noexcept {
    if (const std::coroutine_handle<> continuation = promise.up->continuation) [[likely]]
        return promise.state->home->transfer(continuation);
    promise.state->ended = true;  // the run loop sees it
    return std::noop_coroutine();
}

template <class T>
struct promise final : promise_base {
    task<T> get_return_object() noexcept;
    template <class U = T>
        requires std::is_constructible_v<T, U>
    void return_value(U&& value) { static_cast<result_link<T>*>(up)->result.emplace(std::forward<U>(value)); }
    void unhandled_exception() noexcept {
        static_cast<result_link<T>*>(up)->result.fail(std::current_exception());
        note_failure(*up, *state);
    }
};

template <class T>
struct promise<T&> final : promise_base {
    task<T&> get_return_object() noexcept;
    void return_value(T& value) noexcept { static_cast<result_link<T&>*>(up)->result.emplace(value); }
    void unhandled_exception() noexcept {
        static_cast<result_link<T&>*>(up)->result.fail(std::current_exception());
        note_failure(*up, *state);
    }
};

template <>
struct promise<void> final : promise_base {
    inline task<void> get_return_object() noexcept;
    void return_void() noexcept { static_cast<result_link<void>*>(up)->result.emplace(); }
    void unhandled_exception() noexcept {
        static_cast<result_link<void>*>(up)->result.fail(std::current_exception());
        note_failure(*up, *state);
    }
};

/// The promise behind a handle of any coroutine of ours.
inline promise_base& promise_of(std::coroutine_handle<> frame) noexcept {
    static_assert(sizeof(promise<int>) == sizeof(promise_base) &&
                  alignof(promise<int>) == alignof(promise_base));
    return std::coroutine_handle<promise_base>::from_address(frame.address()).promise();
}

/// What was stored here is stored now: compilers make one vector store of two neighbouring ones, and the
/// loads that soon follow wait for it.
template <class T>
COHEIR_INLINE void store_apart(T& stored) noexcept {
    __asm__ volatile("" : "+m"(stored));
}

/// co_await of a task: runs it in the same task and context, and gives its result. Takes the frame, whose
/// result is kept here, in the awaiting frame.
template <class T>
class [[nodiscard]] child_awaiter : result_link<T> {
public:
    COHEIR_INLINE explicit child_awaiter(std::coroutine_handle<> child) noexcept { this->frame = child; }
    child_awaiter(const child_awaiter&) = delete;
    child_awaiter& operator=(const child_awaiter&) = delete;
    COHEIR_INLINE ~child_awaiter() {
        if (this->frame) this->frame.destroy();
    }

    bool await_ready() const noexcept { return false; }
    template <promise_of_a_coheir_task Promise>
    COHEIR_INLINE std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> awaiting) noexcept {
        const std::coroutine_handle<> child = this->frame;
        store_apart(this->frame);
        this->continuation = awaiting;
        task_state* const state = awaiting.promise().state;
        promise_base& promise = promise_of(child);
        promise.state = state;
        store_apart(promise.state);
        promise.up = this;
        return state->home->transfer(child);
    }
    COHEIR_INLINE T await_resume() { return this->result.take(); }
};

// Coroutines that never ran and wait to be destroyed, linked through `up`.
struct unstarted_frames {
    frame_link* next = nullptr;
    bool active = false;
};
COHEIR_EXPORT inline constinit thread_local unstarted_frames unstarted;

/// Destroys a coroutine that never ran. Its parameters may own others that never ran either, as deep as a
/// user makes it: those wait until this one is gone.
COHEIR_COLD inline void destroy_unstarted(std::coroutine_handle<> frame) noexcept {
    unstarted_frames& mine = unstarted;
    promise_of(frame).up = mine.next;
    mine.next = static_cast<frame_link*>(frame.address());  // an address, never used as a link
    if (std::exchange(mine.active, true)) return;
    while (mine.next) {
        const auto first = std::coroutine_handle<>::from_address(mine.next);
        mine.next = promise_of(first).up;
        first.destroy();
    }
    mine.active = false;
}

/// Destroys what is left of a suspended task, the innermost coroutine first: it may refer to what is in
/// the frames that await it. The task's context must be current.
inline void destroy_frames(task_state& t) noexcept {
    frame_link* const root = &t.root();
    std::coroutine_handle<> innermost = t.stop & task_state::stop_before_start ? root->frame : t.resume_at;
    while (root->frame) {
        frame_link* const link = innermost == root->frame ? root : promise_of(innermost).up;
        const std::coroutine_handle<> above = link->continuation;
        std::exchange(link->frame, {}).destroy();
        innermost = above;
    }
}

}  // namespace detail
}  // namespace coheir
