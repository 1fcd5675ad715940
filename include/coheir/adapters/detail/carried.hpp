#pragma once
// A context on its way through code that is not ours: carried by what was started, current while that goes
// on.

#include <atomic>
#include <cstdint>
#include <utility>

#include "../../context/detail/current.hpp"
#include "../../context/policy.hpp"
#include "../../context/snapshot.hpp"
#include "../../detail/memory.hpp"

namespace coheir::detail {

class flow;
class strand_mates;

/// A context that is carried: as a snapshot, for any thread; or live, for one strand, where a fork shares it.
/// Counted, so that executors can be copied; never changed. A live one is one for each level.
class carried : recycled {
public:
    explicit carried(context::snapshot of) noexcept : snapshot_(std::move(of)) {}
    carried(context::detail::level_ref live, strand_mates& with) noexcept;

    class ref;

private:
    friend class flow;
    friend class strand_mates;
    constexpr carried() noexcept = default;

    context::snapshot snapshot_;
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
    /// The same for what goes on in the current flow: if that is live, the level itself.
    [[nodiscard]] static ref take();

    explicit operator bool() const noexcept { return of_ != nullptr; }
    friend bool operator==(const ref& a, const ref& b) noexcept { return a.of_ == b.of_; }
    const carried& operator*() const noexcept { return *of_; }
    const carried* operator->() const noexcept { return of_; }

    /// What shows nothing.
    [[nodiscard]] static ref nothing() noexcept { return ref(&shows_nothing); }

private:
    // All threads use this one, so it is not counted.
    static carried shows_nothing;

    bool is_counted() const noexcept { return of_ && of_ != &shows_nothing; }
    void add() const noexcept {
        if (is_counted()) of_->refs_.fetch_add(1, std::memory_order_relaxed);
    }
    static void end(carried* of) noexcept;

    carried* of_ = nullptr;
};

constinit inline carried carried::ref::shows_nothing{};

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
        while (!left_.compare_exchange_weak(of->next_, of, std::memory_order_release, std::memory_order_relaxed)) {
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

/// Which flow goes on on this thread, innermost; written by flows only.
COHEIR_EXPORT inline constinit thread_local flow* innermost_flow = nullptr;

/// One leg of a flow, which is all that goes on from one call to the next: while it lives, the context that
/// was carried here is current. What is set in it is carried on by what is started in it.
/// Not for coroutines: open it in plain functions that stay on a thread.
class flow {
public:
    /// Throws std::bad_alloc.
    explicit flow(carried::ref in) : innermost_(*this) {
        if (in->mates_)
            go_on_in(state(std::move(in)));
        else
            mine_.context = context::detail::snapshot_access::thaw(in->snapshot_);
        installed_.point_to(&mine_);
    }
    ~flow() = default;
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;

    /// The flow whose context is the current one, or null.
    COHEIR_NOINLINE static flow* current() noexcept {
        flow* const innermost = innermost_flow;
        return innermost && context::detail::current() == &innermost->mine_ ? innermost : nullptr;
    }

    /// What it goes on with, from leg to leg; may be destroyed on any thread.
    class state {
    public:
        /// A level that is linked with no other.
        explicit state(context::detail::level_ref apart) noexcept : apart_(std::move(apart)) {}
        explicit state(carried::ref live) noexcept : live_(std::move(live)) {}

    private:
        friend class flow;
        carried::ref live_;
        context::detail::level_ref apart_;
    };
    [[nodiscard]] state now() const { return is_live() ? state(taken_) : state(mine_.context); }
    void go_on_in(state with) noexcept {
        mates_ = with.live_ ? with.live_->mates_ : nullptr;
        if (with.live_) with.apart_ = with.live_->live_;
        if (mates_) mates_->bury();
        std::swap(mine_.context, with.apart_);
        std::swap(taken_, with.live_);  // the level that is left goes before who keeps the others away from it
    }
    [[nodiscard]] static bool current_is_live() noexcept {
        const flow* const here = current();
        return here && here->is_live();
    }
    /// Whether one of these goes on here, and so none elsewhere.
    COHEIR_NOINLINE static bool is_here(const strand_mates& mates) noexcept {
        return innermost_flow && innermost_flow->mates_ == &mates;
    }

    /// What a child that begins here goes on with, by a policy. A child that refers to the context of the
    /// current flow makes that live, too. Throws what policies throw.
    [[nodiscard]] static state fork(const spawn_policy& policy);

private:
    friend class carried::ref;

    bool is_live() const noexcept { return mates_ != nullptr; }

    /// The last to end: while the context goes, its values may still find out who is here.
    class innermost {
    public:
        COHEIR_NOINLINE explicit innermost(flow& f) noexcept : outer_(std::exchange(innermost_flow, &f)) {}
        COHEIR_NOINLINE ~innermost() { innermost_flow = outer_; }
        innermost(const innermost&) = delete;
        innermost& operator=(const innermost&) = delete;

    private:
        flow* const outer_;
    };

    innermost innermost_;
    strand_mates* mates_ = nullptr;  // if it is live
    // If it is live, what carries that. Else what was taken of it last: as long as that is held, whatever
    // changes the level gives it another root.
    carried::ref taken_;
    const context::detail::node* taken_root_ = nullptr;
    // Goes when it is not current any more: destructors of values find what was current before.
    context::detail::owner mine_;
    context::detail::installed installed_;
};

inline carried::ref carried::ref::take_snapshot() {
    context::detail::owner* const who = context::detail::current();
    if (!who) return nothing();
    context::detail::level& from = *who->context;
    flow* here = from.kin ? nullptr : flow::current();
    if (here && here->is_live()) here = nullptr;
    if (here && here->taken_ && here->taken_root_ == from.own.root() && from.updates == 0)
        return here->taken_;
    ref now(new carried(context::detail::snapshot_access::take(from, "carried on")));
    if (here && (from.own.flags() & context::detail::local_bit) == 0) {  // else the snapshot has another root
        here->taken_ = now;
        here->taken_root_ = from.own.root();
    }
    return now;
}

inline void carried::ref::end(carried* of) noexcept {
    strand_mates* const mates = of->mates_;
    if (mates && !flow::is_here(*mates)) return mates->leave_behind(of);
    delete of;
    if (mates) mates->leave();
}

inline carried::ref carried::ref::take() {
    return flow::current_is_live() ? flow::current()->taken_ : take_snapshot();
}

/// The same context with counts of its own: it may go to another thread. Throws std::bad_alloc.
inline context::detail::level_ref set_apart(context::detail::level_ref made) {
    using namespace context::detail;
    for (level* l = made.get(); l; l = l->parent()) freeze_uncopyable(*l);
    return stacked(frozen_map(made->own).thawed(), frozen_map(flattened(made->parent())).thawed());
}

inline flow::state flow::fork(const spawn_policy& policy) {
    using namespace context::detail;
    owner* const who = context::detail::current();
    level_ref child = policy_access::derive(policy, who ? who->context.get() : nullptr);
    bool live = false;
    for (const level* l = child.get(); l && who && !live; l = l->parent()) live = l == who->context.get();
    if (!live) return state(set_apart(std::move(child)));

    flow* const here = current();
    const bool shares = here && child.get() == here->mine_.context.get();
    if (here && here->is_live() && shares) return state(here->taken_);
    if (here && here->is_live()) return state(carried::ref(new carried(std::move(child), *here->mates_)));
    // The first live one here.
    const strand_mates::member maker(*new strand_mates);
    carried::ref forked(new carried(std::move(child), *maker));
    if (here) {
        here->taken_ = shares ? forked : carried::ref(new carried(here->mine_.context, *maker));
        here->mates_ = &*maker;
    }
    return state(std::move(forked));
}

}  // namespace coheir::detail
