#pragma once
// Taking a context along: capture it, and enter it or run functions in it, on any thread.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "detail/current.hpp"
#include "snapshot.hpp"

namespace coheir::context {

/// The current context as it is now: two atomic increments where it has one level. Copying, spawning from and
/// changing the context later move nothing in the snapshot.
/// Throws no_current_context, context_busy inside update, std::bad_alloc.
[[nodiscard]] inline snapshot capture() {
    detail::owner* const who = detail::current();
    if (!who) throw no_current_context("capture");
    return detail::snapshot_access::take(*who->context, "captured");
}

/// Opens a context in code that has no task, for the length of a block: `context::enter scope{snapshot};`.
/// It shows what the snapshot does; what is set in it stays in it and goes with it. What is spawned in it
/// inherits a snapshot of it, so `shared` is refused. Scopes nest. Inside a task, no task is current in it.
///
/// For plain code: a task that suspends inside the block goes on in its own context. A scope that does not
/// end where it began (another thread, another order, after such a co_await) ends the program, with a
/// message. Costs two recycled allocations, seven for a snapshot of a chain, and at most 16 or 32 atomic
/// increments. Throws std::bad_alloc.
class enter {
public:
    [[nodiscard("the context is open as long as this lives: give it a name")]]  //
    explicit enter(const snapshot& in)
        : scope_(detail::snapshot_access::thaw(in)) {}
    enter(const enter&) = delete;
    enter& operator=(const enter&) = delete;
    static void* operator new(std::size_t) = delete;
    static void* operator new[](std::size_t) = delete;

private:
    detail::entered scope_;
};

/// A function that runs in a context that was captured: what bind() returns. As copyable, and as safe to call
/// on several threads at once, as the function itself. Refers to no task and no scheduler.
template <class F>
class [[nodiscard]] bound {
public:
    template <class G>
    bound(snapshot in, G&& f) : in_(std::move(in)), f_(std::forward<G>(f)) {}

    /// Enters the context, calls the function with these arguments, and returns what it returns. Each call
    /// starts from the snapshot: what one sets, the next does not see. Costs what enter does, and so throws
    /// std::bad_alloc even where the function throws nothing.
    template <class... Args>
        requires detail::called_with<F&, Args...> detail::call_result_t<F&, Args...>
    operator()(Args&&... args) & { return in_.run(f_, std::forward<Args>(args)...); }
    template <class... Args>
        requires detail::called_with<const F&, Args...> detail::call_result_t<const F&, Args...>
    operator()(Args&&... args) const& { return in_.run(f_, std::forward<Args>(args)...); }
    template <class... Args>
        requires detail::called_with<F, Args...> detail::call_result_t<F, Args...>
    operator()(Args&&... args) && { return in_.run(std::move(f_), std::forward<Args>(args)...); }

    /// What it runs in.
    [[nodiscard]] const snapshot& context() const noexcept { return in_; }

private:
    snapshot in_;
    F f_;
};

template <class F, class... Args>
    requires detail::called_with<F, Args...> detail::call_result_t<F, Args...> snapshot::run(F&& f,
                                                                                             Args&&... args)
const {
    const enter scope(*this);
    return std::forward<F>(f)(std::forward<Args>(args)...);
}

template <class F>
bound<std::decay_t<F>> snapshot::bind(F&& f) const {
    return bound<std::decay_t<F>>(*this, std::forward<F>(f));
}

/// The function with the current context: for a thread, a pool, a C callback, another library. It may be
/// called after the task and its scheduler are gone. Costs what capture() does; throws what that throws, and
/// what copying or moving the function throws.
template <class F>
bound<std::decay_t<F>> bind(F&& f) {
    detail::owner* const who = detail::current();
    if (!who) throw no_current_context("bind");
    return bound<std::decay_t<F>>(detail::snapshot_access::take(*who->context, "captured"),
                                  std::forward<F>(f));
}

}  // namespace coheir::context
