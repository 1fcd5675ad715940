#pragma once
// The end of a task as other threads see it: told to the one who waits, and an error reported by one alone.

#include <atomic>
#include <cstdint>

#include "synchronization.hpp"

namespace coheir::detail {

/// One who waits for the end of a task on another scheduler; lives in what waits.
struct remote_waiter {
    remote_waiter() = default;
    remote_waiter(const remote_waiter&) = delete;
    remote_waiter& operator=(const remote_waiter&) = delete;

    void (*told)(remote_waiter&) noexcept = nullptr;  // on the thread of the end; may destroy the waiter
};

/// nobody → a waiter → telling → ended. The waiter is told between telling and ended; one that goes away
/// meanwhile waits for that, since what is told touches its task. Beside it stand four facts: the end, that
/// no owner is left, that somebody has the exception, that somebody awaits it.
class completion {
public:
    /// Any thread: one await at a time, until it has looked at the end. False: another one has begun.
    bool begin_await() noexcept {
        return (facts_.fetch_or(awaited, std::memory_order_acq_rel) & awaited) == 0;
    }
    void end_await() noexcept { facts_.fetch_and(~awaited, std::memory_order_acq_rel); }

    /// In an await: true if `w` will be told, once. False if it has ended: what was written before complete()
    /// is seen.
    bool wait(remote_waiter& w) noexcept {
        std::uintptr_t was = nobody;
        return waiter_.compare_exchange_strong(was, reinterpret_cast<std::uintptr_t>(&w),
                                               std::memory_order_acq_rel, std::memory_order_acquire);
    }
    /// The waiter goes away: afterwards nobody touches it. True if it had not been told, and never will be.
    bool withdraw(remote_waiter& w) noexcept {
        std::uintptr_t was = reinterpret_cast<std::uintptr_t>(&w);
        if (waiter_.compare_exchange_strong(was, nobody, std::memory_order_acq_rel,
                                            std::memory_order_acquire))
            return true;
        if (was == telling) waiter_.wait(telling, std::memory_order_acquire);
        return false;
    }
    /// The end, once; what waits must find the result.
    void complete() noexcept {
        if (const std::uintptr_t was = waiter_.exchange(telling, std::memory_order_acq_rel); was != nobody) {
            facts_.fetch_or(received, std::memory_order_acq_rel);  // by the one who is told
            auto& w = *reinterpret_cast<remote_waiter*>(was);
            w.told(w);
        }
        waiter_.store(ended, std::memory_order_release);
        waiter_.notify_all();
    }
    bool done() const noexcept {
        const std::uintptr_t now = waiter_.load(std::memory_order_acquire);
        return now == telling || now == ended;
    }

    /// The last owner is gone. True if the end came before: then what is left is for the caller to release.
    bool drop() noexcept { return (facts_.fetch_or(dropped, std::memory_order_acq_rel) & settled) != 0; }
    /// After complete(). True if the last owner went before: then what is left is for the caller to release.
    bool settle() noexcept { return (facts_.fetch_or(settled, std::memory_order_acq_rel) & dropped) != 0; }
    /// What was left is released by somebody else.
    void unsettle() noexcept { facts_.fetch_and(~settled, std::memory_order_acq_rel); }
    /// Takes the exception, for one who gets it or who reports it. True for the first.
    bool receive() noexcept { return (facts_.fetch_or(received, std::memory_order_acq_rel) & received) == 0; }
    /// The one who was told went away without it.
    void give_back() noexcept { facts_.fetch_and(~received, std::memory_order_acq_rel); }

private:
    static constexpr std::uintptr_t nobody = 0, telling = 1, ended = 2;  // else the waiter
    static constexpr std::uint32_t settled = 1, dropped = 2, received = 4, awaited = 8;

    synchronization::atomic<std::uintptr_t> waiter_{nobody};
    synchronization::atomic<std::uint32_t> facts_{0};
};

}  // namespace coheir::detail
