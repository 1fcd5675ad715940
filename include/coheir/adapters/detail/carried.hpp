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

/// A context that is carried: as a snapshot, for any thread; or live, for one thread or strand, where a fork
/// shares it. Counted, so that executors can be copied; never changed.
class carried : recycled {
public:
    explicit carried(context::snapshot of) noexcept : snapshot_(std::move(of)) {}
    explicit carried(context::detail::level_ref live) noexcept : live_(std::move(live)) {}

    class ref;

private:
    friend class flow;
    constexpr carried() noexcept = default;

    context::snapshot snapshot_;
    context::detail::level_ref live_;
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
        if (is_counted() && of_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of_;
    }

    /// The current context as it is now; what shows nothing, where none is current. Throws context_busy and
    /// std::bad_alloc.
    [[nodiscard]] static ref take_snapshot();
    /// The same for what goes on in the current flow: if that is live, the level itself.
    [[nodiscard]] static ref take();

    explicit operator bool() const noexcept { return of_ != nullptr; }
    friend bool operator==(const ref& a, const ref& b) noexcept { return a.of_ == b.of_; }
    const carried& operator*() const noexcept { return *of_; }

    /// What shows nothing.
    [[nodiscard]] static ref nothing() noexcept { return ref(&shows_nothing); }

private:
    // All threads use this one, so it is not counted.
    static carried shows_nothing;

    bool is_counted() const noexcept { return of_ && of_ != &shows_nothing; }
    void add() const noexcept {
        if (is_counted()) of_->refs_.fetch_add(1, std::memory_order_relaxed);
    }

    carried* of_ = nullptr;
};

constinit inline carried carried::ref::shows_nothing{};

/// Which flow goes on on this thread, innermost; written by flows only.
COHEIR_EXPORT inline constinit thread_local flow* innermost_flow = nullptr;

/// One leg of a flow, which is all that goes on from one call to the next: while it lives, the context that
/// was carried here is current. What is set in it is carried on by what is started in it.
/// Not for coroutines: open it in plain functions that stay on a thread.
class flow {
public:
    /// Throws std::bad_alloc.
    COHEIR_NOINLINE explicit flow(const carried& in) : live_(in.live_), outer_(innermost_flow) {
        mine_.context = live_ ? in.live_ : context::detail::snapshot_access::thaw(in.snapshot_);
        installed_.point_to(&mine_);
        innermost_flow = this;
    }
    COHEIR_NOINLINE ~flow() { innermost_flow = outer_; }
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;

    /// The flow whose context is the current one, or null.
    COHEIR_NOINLINE static flow* current() noexcept {
        flow* const innermost = innermost_flow;
        return innermost && context::detail::current() == &innermost->mine_ ? innermost : nullptr;
    }

    /// What it goes on with, from leg to leg.
    struct state {
        context::detail::level_ref context;
        bool live = false;  // it is this level that is carried, not a snapshot of it
    };
    [[nodiscard]] state now() const { return {mine_.context, live_}; }
    void go_on_in(state with) noexcept {
        taken_ = {};
        std::swap(mine_.context, with.context);
        live_ = with.live;
    }
    /// From now on the level itself is carried: another flow of this thread or strand refers to it.
    void stay_live() noexcept { live_ = true; }
    [[nodiscard]] static bool current_is_live() noexcept {
        const flow* const here = current();
        return here && here->live_;
    }

    /// What a child that begins here goes on with, by a policy. Throws what policies throw.
    [[nodiscard]] static state fork(const spawn_policy& policy);

private:
    friend class carried::ref;

    context::detail::owner mine_;  // goes last: destructors of values find what was current before
    bool live_;
    // What was taken of it last. As long as that is held, whatever changes the level gives it another root.
    carried::ref taken_;
    const context::detail::node* taken_root_ = nullptr;
    flow* const outer_;
    context::detail::installed installed_;
};

inline carried::ref carried::ref::take_snapshot() {
    context::detail::owner* const who = context::detail::current();
    if (!who) return nothing();
    context::detail::level& from = *who->context;
    flow* const here = from.kin ? nullptr : flow::current();
    if (here && here->taken_ && here->taken_root_ == from.own.root() && from.updates == 0)
        return here->taken_;
    ref now(new carried(context::detail::snapshot_access::take(from, "carried on")));
    if (here && (from.own.flags() & context::detail::local_bit) == 0) {  // else the snapshot has another root
        here->taken_ = now;
        here->taken_root_ = from.own.root();
    }
    return now;
}

inline carried::ref carried::ref::take() {
    if (flow::current_is_live()) return ref(new carried(flow::current()->now().context));
    return take_snapshot();
}

inline flow::state flow::fork(const spawn_policy& policy) {
    using namespace context::detail;
    owner* const who = context::detail::current();
    state child{policy_access::derive(policy, who ? who->context.get() : nullptr), false};
    if (!who) return child;
    for (const level* l = child.context.get(); l && !child.live; l = l->parent())
        child.live = l == who->context.get();
    flow* const here = current();
    if (child.live && here) here->stay_live();
    return child;
}

}  // namespace coheir::detail
