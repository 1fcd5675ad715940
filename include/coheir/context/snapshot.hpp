#pragma once
// An immutable whole of a context, for any thread and for as long as one likes.

#include <type_traits>
#include <utility>
#include <vector>

#include "detail/read.hpp"

namespace coheir::context {

template <class F>
class bound;

namespace detail {

struct snapshot_access;

/// Whether f(args...) compiles; std::invoke, and so pointers to members, would need <functional>.
template <class F, class... Args>
concept called_with = requires {
    std::declval<F>()(std::declval<Args>()...);
};
template <class F, class... Args>
using call_result_t = decltype(std::declval<F>()(std::declval<Args>()...));

}  // namespace detail

/// What a context showed at one moment. Copying one is two atomic increments; it changes no more and may
/// be read, copied and dropped on any thread. Values are shared with the context until somebody updates
/// one. Memory that a value points at (a std::shared_ptr's pointee) is not part of it.
class [[nodiscard]] snapshot : public detail::readable<snapshot> {
public:
    /// Shows nothing.
    snapshot() = default;

    /// Calls a function with a context of its own that shows what this does, on any thread, and returns what
    /// it returns: see enter. Defined, like bind, in context/capture.hpp.
    template <class F, class... Args>
        requires detail::called_with<F, Args...> detail::call_result_t<F, Args...> run(F&& f, Args&&... args)
    const;

    /// A function that does so at every call.
    template <class F>
    bound<std::decay_t<F>> bind(F&& f) const;

private:
    friend class detail::readable<snapshot>;
    friend struct detail::snapshot_access;
    snapshot(detail::frozen_map own, detail::frozen_map below) noexcept
        : own_(std::move(own)), below_(std::move(below)) {}

    const detail::box* look_up(const key_name& key) const noexcept {
        const detail::box* const found = own_.find(key);
        return found ? found : below_.find(key);
    }
    template <class F>
    void for_each_visible(F&& f) const {
        own_.for_each([&](const detail::box& b) { f(b); });
        below_.for_each([&](const detail::box& b) {
            if (!own_.find(b.key_as_name())) f(b);
        });
    }

    detail::frozen_map own_;    // what clear() in a context made of it uncovers stays apart:
    detail::frozen_map below_;  // all that was inherited
};

namespace detail {

struct snapshot_access {
    /// Throws context_busy and std::bad_alloc; then nothing has been frozen.
    static snapshot take(level& from, const char* what) {
        snapshot taken = take_unfrozen(from, what);
        freeze_uncopyable(from);
        return taken;
    }
    /// The same, but who takes it has still to freeze what cannot be copied, or let go of it.
    static snapshot take_unfrozen(const level& from, const char* what) {
        const parts made = parts_of(from, what);
        return snapshot(frozen_map(made.own), frozen_map(made.below));
    }
    /// The same for an onlooker: nothing is frozen for its sake, so values are left out that cannot be copied
    /// and that a context can still update. Throws context_busy and std::bad_alloc.
    static snapshot look(const level& at) {
        for (const level* l = &at; l; l = l->parent()) require_idle(*l, "captured");
        map own = inheritable(at.own);
        map below = flattened(at.parent());
        leave_out(own, own, below);
        leave_out(below, below, below);
        return snapshot(frozen_map(own), frozen_map(below));
    }
    /// A new context, for any scheduler, that shows what the snapshot does. Throws std::bad_alloc.
    static level_ref thaw(const snapshot& from) { return stacked(from.own_.thawed(), from.below_.thawed()); }
    static const box* look_up(const snapshot& in, const key_name& key) noexcept { return in.look_up(key); }
    static bool is_own(const snapshot& in, const box& b) noexcept {
        return in.own_.find(b.key_as_name()) == &b;
    }
    template <class F>
    static void for_each_visible(const snapshot& in, F&& f) {
        in.for_each_visible(std::forward<F>(f));
    }

private:
    /// Takes the values of `in` that only one context may hold out of both maps.
    static void leave_out(const map& in, map& out_of, map& and_of) {
        if (!in.has_unfrozen()) return;
        std::vector<box_ref> left_out;
        in.for_each([&](box& b) {
            if (!b.type->clone && !b.frozen_by_copy) left_out.push_back(box_ref::shared(b));
        });
        for (const box_ref& b : left_out) {
            out_of.take(b->key_as_name());
            and_of.take(b->key_as_name());
        }
    }
};

}  // namespace detail

}  // namespace coheir::context
