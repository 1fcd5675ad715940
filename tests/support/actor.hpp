#pragma once
// Somebody with a context in plain code: what a task is to its context, without tasks.

#include <coheir/context.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace test {

/// Owns a context as a task does. Its number stands for the task's in the provenance of changes.
class actor {
public:
    /// With an empty context, or a given one.
    explicit actor(
        coheir::context::detail::level_ref context = coheir::context::detail::chained_onto(nullptr))
        : owner_{std::move(context), next_number()} {}

    /// One whose context comes from this one's by a policy, as that of a spawned task does.
    [[nodiscard]] actor heir(const coheir::spawn_policy& policy) const {
        return actor(coheir::context::detail::policy_access::derive(policy, owner_.context.get()));
    }
    [[nodiscard]] coheir::context::snapshot capture() const {
        return coheir::context::detail::snapshot_access::take(*owner_.context, "captured");
    }
    [[nodiscard]] coheir::context::detail::level& level() const { return *owner_.context; }
    [[nodiscard]] std::uint64_t number() const { return owner_.task; }

private:
    friend class acting;
    static std::uint64_t next_number() {
        static std::atomic<std::uint64_t> last{0};
        return ++last;
    }

    coheir::context::detail::owner owner_;
};

/// While it lives, an actor's context is the current one, or none is.
class acting {
public:
    explicit acting(actor& who) noexcept { here_.point_to(&who.owner_); }
    explicit acting(std::nullptr_t) noexcept { here_.point_to(nullptr); }

private:
    coheir::context::detail::installed here_;
};

/// Calls a function as an actor: in its context.
template <class F>
decltype(auto) as(actor& who, F&& f) {
    const acting now(who);
    return std::forward<F>(f)();
}

/// How many levels the contexts of these actors are made of.
inline std::size_t count_levels(const std::vector<actor>& actors) {
    std::set<const coheir::context::detail::level*> levels;
    for (const actor& a : actors)
        for (const auto* l = &a.level(); l && levels.insert(l).second;) l = l->parent();
    return levels.size();
}

}  // namespace test
