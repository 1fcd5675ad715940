#pragma once
// The one place that knows and installs the current context of a thread.

#include <cstdint>
#include <utility>

#include "../../config.hpp"
#include "../../detail/fatal.hpp"
#include "../../detail/globals.hpp"
#include "../../detail/split.hpp"
#include "level.hpp"

namespace coheir::context::detail {

/// Somebody whose context can be current: a task, or a scope in plain code.
struct owner {
    level_ref context;
    std::uint64_t task = 0;  // its number, for the provenance of changes
};

COHEIR_INLINE current_slot& slot() noexcept { return coheir::detail::on_this_thread().slot; }

/// What the slot says. A call that is never inlined: compilers cache the address of a thread-local variable
/// across the suspension of a coroutine that may go on on another thread
/// (https://github.com/llvm/llvm-project/issues/47179).
COHEIR_EXPORT COHEIR_NOINLINE inline owner* in_slot() noexcept { return slot().current; }

/// Who is current on this thread, or null. Ends the program, with a message, where somebody is, but in
/// another copy of the slot.
COHEIR_INLINE owner* current() noexcept {
    owner* const who = in_slot();
    if (!who) [[unlikely]]
        coheir::detail::require_no_split();
    return who;
}

/// Whether its context goes on in copies, from call to call: that of a flow, see adapters/detail/flow.hpp.
COHEIR_NOINLINE inline bool goes_on_in_copies(const owner& who) noexcept {
    return coheir::detail::on_this_thread().innermost_flow == &who;
}

/// Makes owners current, one after the other, and restores what was before at the end of its scope.
/// Only the classes of this header write the slot. Not for coroutines: open it in plain functions that stay
/// on a thread.
class installed {
public:
    COHEIR_NOINLINE installed() noexcept : before_(slot()) { slot().outside = before_.current; }
    COHEIR_NOINLINE ~installed() { slot() = before_; }
    installed(const installed&) = delete;
    installed& operator=(const installed&) = delete;

    COHEIR_THREAD_LOCAL_ACCESS void point_to(owner* next) noexcept { slot().current = next; }
    /// For code that is not a task's: what was current before this object was made.
    void point_outside() noexcept { point_to(before_.current); }

private:
    const current_slot before_;
};

/// While it lives, what was current before the innermost `installed` is current: for callbacks into code
/// that is not a task's, from deep inside one.
class outside {
public:
    COHEIR_NOINLINE outside() noexcept : before_(slot().current) { slot().current = slot().outside; }
    COHEIR_NOINLINE ~outside() { slot().current = before_; }
    outside(const outside&) = delete;
    outside& operator=(const outside&) = delete;

private:
    owner* const before_;
};

/// While it lives, no context is current: for policies.
class nobody_current {
public:
    COHEIR_NOINLINE nobody_current() noexcept : before_(std::exchange(slot().current, nullptr)) {}
    COHEIR_NOINLINE ~nobody_current() { slot().current = before_; }
    nobody_current(const nobody_current&) = delete;
    nobody_current& operator=(const nobody_current&) = delete;

private:
    owner* const before_;
};

/// While it lives, a context that belongs to it is current, and no task. It ends where it began: on its
/// thread, and before what was current then is again; else the program ends, with a message.
class entered {
public:
    COHEIR_NOINLINE explicit entered(level_ref context) noexcept
        : mine_{std::move(context), 0}, before_(std::exchange(slot().current, &mine_)) {}
    COHEIR_NOINLINE ~entered() {
        if (slot().current != &mine_) [[unlikely]]
            coheir::detail::fatal(
                "context::enter: the scope ends where its context is not current: on another thread, in "
                "another order than scopes were opened in, or after a co_await inside it");
        slot().current = before_;
    }
    entered(const entered&) = delete;
    entered& operator=(const entered&) = delete;

private:
    owner mine_;  // goes last: destructors of values find what was current before
    owner* const before_;
};

}  // namespace coheir::context::detail
