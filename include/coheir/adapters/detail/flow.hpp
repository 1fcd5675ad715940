#pragma once
// What goes on in a carried context, leg by leg, through code that is not ours.

#include <cstdint>
#include <new>
#include <utility>

#include "../../config.hpp"
#include "../../context/detail/current.hpp"
#include "../../context/policy.hpp"
#include "../../context/snapshot.hpp"
#include "../../detail/globals.hpp"
#include "carried.hpp"

namespace coheir::detail {

/// One leg of a flow, which is all that goes on from one call to the next: while it lives, the context that
/// was carried here is current. What is set in it is carried on by what is started in it.
/// Not for coroutines: open it in plain functions that stay on a thread.
class flow {
public:
    /// `home` says which executor runs it. Throws std::bad_alloc.
    flow(carried::ref in, std::uint64_t home) : home_(home) {
        if (in.is_missing()) throw std::bad_alloc();
        if (in->mates_)
            go_on_in(state(std::move(in), home));
        else
            mine_.context = in->thaw();
        installed_.point_to(&mine_);
    }
    ~flow() = default;
    flow(const flow&) = delete;
    flow& operator=(const flow&) = delete;

    /// The flow whose context is the current one, or null.
    COHEIR_NOINLINE static flow* current() noexcept {
        context::detail::owner* const innermost = on_this_thread().innermost_flow;
        return innermost && context::detail::current() == innermost ? &flow_of(*innermost) : nullptr;
    }

    /// What it goes on with, from leg to leg; may be destroyed on any thread.
    class state {
    public:
        /// A level that is linked with no other.
        explicit state(context::detail::level_ref apart) noexcept : home_(0), apart_(std::move(apart)) {}
        state(carried::ref live, std::uint64_t home) noexcept : live_(std::move(live)), home_(home) {}

    private:
        friend class flow;
        carried::ref live_;
        std::uint64_t home_;                      // of a live one: where that was
        const void* thread_ = &on_this_thread();  // the same
        context::detail::level_ref apart_;
    };
    /// What it goes on with now, and whether that may be gone on with here.
    [[nodiscard]] state now() const { return is_live() ? state(taken_, home_) : state(mine_.context); }
    [[nodiscard]] bool is_home_of(const state& s) const noexcept { return !s.live_ || s.home_ == home_; }
    /// Whether a child may begin here that was forked with it: if it is live, on its parent's executor, or on
    /// the thread of a parent that is a task.
    [[nodiscard]] bool may_begin(const state& s) const noexcept {
        return is_home_of(s) || (s.home_ == of_a_task && s.thread_ == &on_this_thread());
    }
    void go_on_in(state with) noexcept {
        mates_ = with.live_ ? with.live_->mates_ : nullptr;
        if (with.live_) with.apart_ = with.live_->live_;
        std::swap(mine_.context, with.apart_);
        // The level that is left goes, with `with`, before who keeps the others away from it.
        std::swap(taken_, with.live_);
        if (mates_) mates_->bury();  // runs destructors of values, which find all in order
    }
    /// Whether one of these goes on here, and so none elsewhere.
    COHEIR_NOINLINE static bool is_here(const strand_mates& mates) noexcept {
        context::detail::owner* const innermost = on_this_thread().innermost_flow;
        return innermost && flow_of(*innermost).mates_ == &mates;
    }

    /// What a child that begins here goes on with, by a policy. A child that refers to the context of the
    /// current flow makes that live, too; where neither a flow nor a task is current, it gets a copy. Throws
    /// what policies throw.
    [[nodiscard]] static state fork(const spawn_policy& policy);

private:
    friend class carried::ref;

    static constexpr std::uint64_t of_a_task = 0;  // in place of an executor's

    bool is_live() const noexcept { return mates_ != nullptr; }

    struct owner_in_flow : context::detail::owner {
        explicit owner_in_flow(flow& in) noexcept : of(in) {}
        flow& of;
    };
    static flow& flow_of(context::detail::owner& mine) noexcept {
        return static_cast<owner_in_flow&>(mine).of;
    }

    class innermost {
    public:
        COHEIR_NOINLINE explicit innermost(context::detail::owner& mine) noexcept
            : outer_(std::exchange(on_this_thread().innermost_flow, &mine)) {}
        COHEIR_NOINLINE ~innermost() { on_this_thread().innermost_flow = outer_; }
        innermost(const innermost&) = delete;
        innermost& operator=(const innermost&) = delete;

    private:
        context::detail::owner* const outer_;
    };

    struct end_of_context {
        ~end_of_context() { of.context = context::detail::level_ref(); }
        context::detail::owner& of;
    };

    owner_in_flow mine_{*this};
    innermost innermost_{mine_};  // while the context goes, its values may still find out who is here
    const std::uint64_t home_;
    strand_mates* mates_ = nullptr;  // if it is live
    // If it is live, what carries that. Else what was taken of it last: as long as that is held, whatever
    // changes the level gives it another root.
    carried::ref taken_;
    const context::detail::node* taken_root_ = nullptr;
    // When it is not current any more: destructors of values find what was current before.
    const end_of_context end_of_context_{mine_};
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
    auto open = context::detail::carried_scopes::copied(from.kin ? from.kin->scopes : nullptr);
    ref now(new carried(context::detail::snapshot_access::take(from, "carried on"), std::move(open)));
    if (here && (from.own.flags() & context::detail::local_bit) == 0) {  // else the snapshot has another root
        here->taken_ = now;
        here->taken_root_ = from.own.root();
    }
    return now;
}

inline carried::ref carried::ref::take_snapshot_or_none() {
    try {
        return take_snapshot();
    } catch (const std::bad_alloc&) {
        return ref(&missing);
    }
}

inline void carried::ref::end(carried* of) noexcept {
    strand_mates* const mates = of->mates_;
    if (mates && !flow::is_here(*mates)) return mates->leave_behind(of);
    delete of;
    if (mates) mates->leave();
}

inline carried::ref carried::ref::take_live(std::uint64_t home) noexcept {
    const flow* const here = flow::current();
    return here && here->is_live() && here->home_ == home ? here->taken_ : ref();
}

/// The same context with counts of its own: it may go to another thread. Of its values, that takes all for
/// frozen; who makes it has still to freeze them. Throws std::bad_alloc.
inline context::detail::level_ref set_apart(const context::detail::map& own,
                                            const context::detail::level* below) {
    using namespace context::detail;
    return stacked(frozen_map(own).thawed(), frozen_map(flattened(below)).thawed());
}

inline flow::state flow::fork(const spawn_policy& policy) {
    using namespace context::detail;
    owner* const who = context::detail::current();
    level* const from = who ? who->context.get() : nullptr;
    // All that needs memory comes before the child is finished: that freezes values, and changes a shared
    // one.
    context::child made = policy_access::child_of(policy, from);
    const level_ref child = child_access::context_of(made);
    bool live = false;
    for (const level* l = child.get(); l && from && !live; l = l->parent()) live = l == from;

    flow* const here = current();
    const bool shares = child.get() == from;
    // What was entered ends with its block, and two forks there would have nobody to keep them on one strand.
    if (!live || (!here && who->task == 0)) {
        const level& seen = child_access::visible_in(made);
        state apart(set_apart(shares ? inheritable(seen.own) : seen.own, seen.parent()));
        static_cast<void>(child_access::finished(std::move(made)));
        freeze_uncopyable(*child);
        return apart;
    }
    const std::uint64_t home = here ? here->home_ : of_a_task;
    if (here && here->is_live()) {
        state forked(shares ? here->taken_ : carried::ref(new carried(child, *here->mates_)), home);
        static_cast<void>(child_access::finished(std::move(made)));
        return forked;
    }
    // The first live one here.
    const strand_mates::member maker(*new strand_mates);
    carried::ref forked(new carried(child, *maker));
    carried::ref mine;
    if (here) mine = shares ? forked : carried::ref(new carried(here->mine_.context, *maker));
    static_cast<void>(child_access::finished(std::move(made)));
    if (here) {
        here->taken_ = std::move(mine);
        here->mates_ = &*maker;
    }
    return state(std::move(forked), home);
}

}  // namespace coheir::detail
