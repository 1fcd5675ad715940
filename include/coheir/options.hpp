#pragma once
// What one spawn may say of its task: the policy, a name, a context to start from.

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "context/policy.hpp"
#include "context/snapshot.hpp"
#include "detail/chrono.hpp"

namespace coheir {

/// Options of a spawn: `spawn(work(), options{}.policy(spawn_policy::chained).name("poller"))`.
class options {
public:
    /// A policy alone: `spawn(work(), spawn_policy::chained)`.
    options(const spawn_policy& p) noexcept : policy_(p) {}  // NOLINT: implicit
    options() noexcept {}  // not an aggregate: g++ 11 and 12 destroy those twice in a co_await expression

    /// How the task's context comes from its spawner's, instead of the scheduler's policy.
    options&& policy(const spawn_policy& p) && noexcept {
        policy_ = p;
        return std::move(*this);
    }
    /// A name for messages.
    options&& name(std::string n) && noexcept {
        name_ = std::move(n);
        return std::move(*this);
    }
    /// The task's context derives from this snapshot instead of the spawner's context: by `copying` it is a
    /// private copy, by `chained` an empty level over one; `shared` is refused with wrong_scheduler.
    options&& context(context::snapshot s) && noexcept {
        context_.emplace(std::move(s));
        return std::move(*this);
    }

    /// The task has until then, and less if its spawner has: see this_task::deadline.
    options&& deadline(std::chrono::steady_clock::time_point until) && noexcept {
        deadline_ = until;
        return std::move(*this);
    }

    [[nodiscard]] const std::optional<spawn_policy>& policy() const& noexcept { return policy_; }
    [[nodiscard]] std::string_view name() const& noexcept { return name_; }
    [[nodiscard]] const std::optional<coheir::context::snapshot>& context() const& noexcept {
        return context_;
    }

    /// time_point::max() for none.
    [[nodiscard]] std::chrono::steady_clock::time_point deadline() const& noexcept { return deadline_; }

private:
    std::optional<spawn_policy> policy_;
    std::chrono::steady_clock::time_point deadline_ = std::chrono::steady_clock::time_point::max();
    std::string name_;
    std::optional<coheir::context::snapshot> context_;
};

}  // namespace coheir
