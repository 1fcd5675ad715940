#pragma once
// A look at a context, given to policies: it reads, and makes the contexts of children.

#include <source_location>
#include <utility>

#include "child.hpp"
#include "snapshot.hpp"

namespace coheir::context {

namespace detail {
struct view_access;
}

/// Looks at a context without owning it; valid while that lives, so for the call that it is given to. A
/// view of no context shows nothing.
class [[nodiscard]] view : public detail::readable<view> {
public:
    view() = default;
    explicit view(const snapshot& of) noexcept : snapshot_(&of) {}

    /// The very same context, both ways. Throws wrong_scheduler if it belongs to another scheduler than
    /// the child will.
    [[nodiscard]] child shared() const {
        if (snapshot_)
            throw wrong_scheduler(
                "coheir::spawn_policy::shared: a snapshot, or a context of another scheduler, cannot be "
                "shared: "
                "spawn by another policy");
        return level_ ? child(level_) : child();
    }

    /// A deep copy. Constant time where the context has one level. Values that cannot be copied are frozen
    /// once the policy's child is used. Throws context_busy, std::bad_alloc.
    [[nodiscard]] child copied() const {
        if (snapshot_) return child(detail::snapshot_access::thaw(*snapshot_));
        return level_ ? child(detail::copied_unfrozen(*level_, "copied"), detail::level_ref(level_))
                      : child();
    }

    /// A new, empty level over the live context; over a copy, if it belongs to another scheduler.
    [[nodiscard]] child chained() const {
        if (snapshot_) {
            const detail::level_ref copy = detail::snapshot_access::thaw(*snapshot_);
            return child(detail::chained_onto(copy.get()));
        }
        if (!level_) return child();
        return child(detail::chained_onto(level_));
    }

private:
    friend class detail::readable<view>;
    friend struct detail::view_access;
    explicit view(detail::level& of) noexcept : level_(&of) {}

    const detail::box* look_up(const key_name& key) const noexcept {
        return snapshot_ ? detail::snapshot_access::look_up(*snapshot_, key)
                         : detail::find_visible(level_, key);
    }
    template <class F>
    void for_each_visible(F&& f) const {
        if (snapshot_) return detail::snapshot_access::for_each_visible(*snapshot_, f);
        detail::for_each_visible(level_, f);
    }

    detail::level* level_ = nullptr;
    const snapshot* snapshot_ = nullptr;
};

namespace detail {
struct view_access {
    static view of(level& l) noexcept { return view(l); }
};
}  // namespace detail

}  // namespace coheir::context
