#pragma once
// How a child's context comes from its spawner's: shared, copying, chained, isolated, or one's own way.

#include <atomic>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../detail/function.hpp"
#include "detail/current.hpp"
#include "view.hpp"

namespace coheir {

namespace context::detail {
struct policy_access;
}

/// How the context of a spawned task comes from the one of its spawner. A small value, copied freely.
class spawn_policy {
public:
    /// The very same context, both ways.
    static const spawn_policy shared;
    /// A deep copy: later changes on either side stay there.
    static const spawn_policy copying;
    /// A new, empty level over the spawner's live context.
    static const spawn_policy chained;
    /// A fresh, empty context: for detached work that must not keep a request's values alive.
    static const spawn_policy isolated;

    /// One's own: `context::child f(const context::view& parent)`. No context is current while it is
    /// called; if it throws, the spawn fails and nothing has changed, but what its captures
    /// froze. Copies of the policy share the callable, so where they are used on several threads it is called
    /// on all of them. Throws usage_error for an empty function: a null pointer, an empty std::function.
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, spawn_policy> &&
                 std::is_invocable_r_v<context::child, std::decay_t<F>&, const context::view&>)
    spawn_policy(F&& f)
        : kind_(kind::own), own_(new own_policy(checked(std::forward<F>(f)))) {}  // NOLINT: implicit

    spawn_policy(const spawn_policy& other) noexcept : kind_(other.kind_), own_(other.own_) {
        if (own_) own_->shares.fetch_add(1, std::memory_order_relaxed);
    }
    spawn_policy& operator=(const spawn_policy& other) noexcept {
        spawn_policy copy(other);
        std::swap(kind_, copy.kind_);
        std::swap(own_, copy.own_);
        return *this;
    }
    constexpr ~spawn_policy() {
        if (own_ && own_->shares.fetch_sub(1, std::memory_order_acq_rel) == 1) delete own_;
    }

private:
    friend struct context::detail::policy_access;
    enum class kind : std::uint8_t { shared, copying, chained, isolated, own };
    struct own_policy {
        template <class F>
        explicit own_policy(F&& f) : call(std::forward<F>(f)) {}
        detail::function<context::child(const context::view&)> call;
        std::atomic<std::uint32_t> shares{1};
    };
    constexpr explicit spawn_policy(kind k) noexcept : kind_(k) {}

    template <class F>
    static F&& checked(F&& f) {
        if (detail::is_empty<std::decay_t<F>>(f))
            throw usage_error("coheir::spawn_policy: an empty function is no policy");
        return std::forward<F>(f);
    }

    kind kind_;
    own_policy* own_ = nullptr;
};

constinit inline const spawn_policy spawn_policy::shared{kind::shared};
constinit inline const spawn_policy spawn_policy::copying{kind::copying};
constinit inline const spawn_policy spawn_policy::chained{kind::chained};
constinit inline const spawn_policy spawn_policy::isolated{kind::isolated};

namespace context::detail {

struct policy_access {
    /// The context of a child by a policy. `parent` is null where no context is current. Throws
    /// context_busy, std::bad_alloc and what one's own policy throws.
    static level_ref derive(const spawn_policy& policy, level* parent) {
        if (policy.kind_ != spawn_policy::kind::shared || !parent) return derived(policy, parent);
        require_idle(*parent, "spawned from");
        return level_ref(parent);
    }

    /// The same from a snapshot, for a task of another scheduler. Throws wrong_scheduler for `shared`.
    static level_ref derive(const spawn_policy& policy, const snapshot& parent) {
        using kind = spawn_policy::kind;
        const view from(parent);
        switch (policy.kind_) {
            case kind::shared: return child_access::finished(from.shared());
            case kind::copying: return child_access::finished(from.copied());
            case kind::chained: return child_access::finished(from.chained());
            case kind::isolated: return chained_onto(nullptr);
            case kind::own: break;
        }
        return own(policy, from);
    }

    /// The same, unfinished: nothing has changed yet, and who asks may still fail.
    static child child_of(const spawn_policy& policy, level* parent) {
        using kind = spawn_policy::kind;
        if (policy.kind_ == kind::isolated) return {};
        if (parent) require_idle(*parent, "spawned from");
        const view from = parent ? view_access::of(*parent) : view();
        switch (policy.kind_) {
            case kind::shared: return from.shared();
            case kind::copying: return from.copied();
            case kind::chained: return from.chained();
            default: return called(policy, from);
        }
    }

    static bool is_isolated(const spawn_policy& policy) noexcept {
        return policy.kind_ == spawn_policy::kind::isolated;
    }
    static bool is_shared(const spawn_policy& policy) noexcept {
        return policy.kind_ == spawn_policy::kind::shared;
    }
    /// Whether one needs to be taken: the isolated child knows nothing of it, the shared one is refused.
    static bool reads_snapshot(const spawn_policy& policy) noexcept {
        return !is_isolated(policy) && !is_shared(policy);
    }

private:
    COHEIR_NOINLINE static level_ref derived(const spawn_policy& policy, level* parent) {
        using kind = spawn_policy::kind;
        if (policy.kind_ == kind::isolated) return chained_onto(nullptr);
        if (parent) require_idle(*parent, "spawned from");
        if (policy.kind_ == kind::own) return own(policy, parent ? view_access::of(*parent) : view());
        if (!parent) return chained_onto(nullptr);
        return policy.kind_ == kind::copying ? copied(*parent, "spawned from") : chained_onto(parent);
    }
    static level_ref own(const spawn_policy& policy, const view& parent) {
        return child_access::finished(called(policy, parent));
    }
    static child called(const spawn_policy& policy, const view& parent) {
        // It may replace the scheduler's policy, itself.
        const spawn_policy kept(policy);  // NOLINT(*-unnecessary-copy-initialization)
        const nobody_current none;
        return kept.own_->call(parent);
    }
};

}  // namespace context::detail

}  // namespace coheir
