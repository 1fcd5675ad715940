#pragma once
// A context on its way through code that is not ours: carried by what was started, current while that goes
// on.

#include <atomic>
#include <cstdint>
#include <utility>

#include "../../context/detail/level.hpp"
#include "../../context/snapshot.hpp"
#include "../../detail/memory.hpp"

namespace coheir::detail {

class flow;
class strand_mates;

/// A context that is carried: as a snapshot, for any thread; or live, for one strand, where a fork shares it.
/// Counted, so that executors can be copied; what it shows never changes. A live one is one for each level.
class carried : recycled {
public:
    carried(context::snapshot of, context::detail::carried_scopes open) noexcept
        : snapshot_(std::move(of)), scopes_(std::move(open)) {}
    carried(context::detail::level_ref live, strand_mates& with) noexcept;

    class ref;

private:
    friend class flow;
    friend class strand_mates;
    constexpr explicit carried(std::uint32_t refs) noexcept : refs_(refs) {}

    /// A context that shows what the snapshot does, and in which the same scopes are open. Throws
    /// std::bad_alloc.
    [[nodiscard]] context::detail::level_ref thaw() const {
        context::detail::level_ref made = context::detail::snapshot_access::thaw(snapshot_);
        if (scopes_.empty()) return made;
        if (!made->kin) made->kin = new context::detail::kinship;
        made->kin->scopes = scopes_.copied().release();
        return made;
    }

    context::snapshot snapshot_;
    context::detail::carried_scopes scopes_;
    context::detail::level_ref live_;
    strand_mates* mates_ = nullptr;  // of a live one
    carried* next_ = nullptr;        // of those that nobody carries any more
    std::atomic<std::uint32_t> refs_{0};
};

/// One who carries it. Null: nothing was taken yet.
class carried::ref {
public:
    ref() = default;
    explicit ref(carried* of) noexcept : of_(of) { add(); }
    ref(const ref& other) noexcept : ref(other.of_) {}
    ref(ref&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    ref& operator=(ref other) noexcept {
        std::swap(of_, other.of_);
        return *this;
    }
    ~ref() {
        if (is_counted() && of_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) end(of_);
    }

    /// The current context as it is now; what shows nothing, where none is current. Throws context_busy and
    /// std::bad_alloc.
    [[nodiscard]] static ref take_snapshot();
    /// The same where no exception is allowed: for want of memory, what has whoever goes on with it get
    /// std::bad_alloc. Throws context_busy.
    [[nodiscard]] static ref take_snapshot_or_none();
    /// The live context of the current flow, if it has one and is run by that executor; else null.
    [[nodiscard]] static ref take_live(std::uint64_t home) noexcept;

    explicit operator bool() const noexcept { return of_ != nullptr; }
    friend bool operator==(const ref& a, const ref& b) noexcept { return a.of_ == b.of_; }
    const carried* operator->() const noexcept { return of_; }

    /// What shows nothing.
    [[nodiscard]] static ref nothing() noexcept { return ref(&shows_nothing); }
    [[nodiscard]] bool is_missing() const noexcept { return of_ == &missing; }

private:
    // All threads use this one, so it is not counted.
    static carried shows_nothing;
    static carried missing;  // for want of memory; rare, so it is counted, and never ends

    bool is_counted() const noexcept { return of_ && of_ != &shows_nothing; }
    void add() const noexcept {
        if (is_counted()) of_->refs_.fetch_add(1, std::memory_order_relaxed);
    }
    static void end(carried* of) noexcept;

    carried* of_ = nullptr;
};

constinit inline carried carried::ref::shows_nothing{0};
constinit inline carried carried::ref::missing{1};

/// Those who carry levels that are linked with each other, all on one strand. Levels count without atomics,
/// but the last who carries one can be a copy of an executor that Asio drops anywhere: then it waits here for
/// the next who is on the strand, or for the last of all, who is alone with them.
class strand_mates : public recycled {
public:
    void join() noexcept { members_.fetch_add(1, std::memory_order_relaxed); }
    /// Any thread.
    void leave() noexcept {
        if (members_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
            bury();
            delete this;
        }
    }
    /// Any thread: nobody carries it any more.
    void leave_behind(carried* of) noexcept {
        of->next_ = left_.load(std::memory_order_relaxed);
        while (!left_.compare_exchange_weak(of->next_, of, std::memory_order_release,
                                            std::memory_order_relaxed)) {
        }
        leave();
    }
    /// On the strand.
    void bury() noexcept {
        if (!left_.load(std::memory_order_relaxed)) return;
        for (carried* c = left_.exchange(nullptr, std::memory_order_acquire); c;)
            delete std::exchange(c, c->next_);
    }

    /// One of them, as long as it lives.
    class member {
    public:
        explicit member(strand_mates& of) noexcept : of_(of) { of_.join(); }
        ~member() { of_.leave(); }
        member(const member&) = delete;
        member& operator=(const member&) = delete;
        strand_mates& operator*() const noexcept { return of_; }

    private:
        strand_mates& of_;
    };

private:
    std::atomic<std::uint32_t> members_{0};
    std::atomic<carried*> left_{nullptr};
};

inline carried::carried(context::detail::level_ref live, strand_mates& with) noexcept
    : live_(std::move(live)), mates_(&with) {
    with.join();
}

}  // namespace coheir::detail
