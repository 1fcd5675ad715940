#pragma once
// The context of a task to be: what a policy makes, and may still change.

#include <source_location>
#include <utility>

#include "detail/read.hpp"
#include "detail/slot.hpp"
#include "key.hpp"
#include "snapshot.hpp"

namespace coheir::context {

class child;
class view;

namespace detail {
struct child_access;
template <>
inline constexpr bool never_throws<child> = false;
}  // namespace detail

/// A context that no task has yet. Made empty, or by a view's shared(), copied() or chained(); a policy
/// may change it and returns it. Belongs to one thread. Every use of one that was moved from throws
/// usage_error. A shared one in which a key was frozen that an open scope will change at its end makes the
/// spawn throw usage_error; then nothing has changed.
class [[nodiscard]] child : public detail::readable<child> {
public:
    /// An empty context. Throws std::bad_alloc.
    child() : context_(detail::chained_onto(nullptr)) {}
    child(child&&) noexcept = default;
    child& operator=(child&&) noexcept = default;

    template <class V>
    void set(key_name key, V&& value, std::source_location where = std::source_location::current()) {
        detail::assign<stored_t<V>>(writable(), key, {where, 0}, std::forward<V>(value));
    }
    template <class T, class V>
    void set(const key<T>& key, V&& value, std::source_location where = std::source_location::current()) {
        detail::assign<T>(writable(), key.name(), {where, 0}, std::forward<V>(value));
    }

    /// See context::update; but of the child's own values only: throws usage_error for one that is inherited.
    /// In a shared child, throws not_copyable for a value that cannot be copied.
    template <class T, class F>
    bool update(key_name key, F&& f, std::source_location where = std::source_location::current()) {
        return update_own<T>(key, std::forward<F>(f), where);
    }
    template <class T, class F>
    bool update(const key<T>& key, F&& f, std::source_location where = std::source_location::current()) {
        return update_own<T>(key.name(), std::forward<F>(f), where);
    }

    bool erase(key_name key) { return detail::erase(writable(), key); }
    template <class T>
    bool erase(const key<T>& key) {
        return detail::erase(writable(), key.name());
    }
    void clear() { detail::clear(writable()); }

    /// An immutable whole of it. Values that cannot be copied are frozen, the parent's, too, for good.
    [[nodiscard]] snapshot capture() const { return detail::snapshot_access::take(visible(), "captured"); }

private:
    friend class view;
    friend class detail::readable<child>;
    friend struct detail::child_access;
    explicit child(detail::level_ref own) noexcept : context_(std::move(own)) {}
    child(detail::level_ref own, detail::level_ref copied_from) noexcept
        : context_(std::move(own)), copied_from_(std::move(copied_from)) {}
    explicit child(detail::level* shared_with) noexcept : context_(shared_with), is_shared_(true) {}

    /// Changes to a shared context are made to a draft, for when the policy throws after them.
    detail::level& writable() {
        require_whole();
        if (is_shared_ && !draft_) {
            detail::require_idle(*context_, "changed");
            draft_ = detail::chained_onto(context_->parent());
            draft_->own = context_->own;
        }
        return draft_ ? *draft_ : *context_;
    }
    detail::level& visible() const {
        require_whole();
        return draft_ ? *draft_ : *context_;
    }
    void require_whole() const {
        if (!context_) throw usage_error("coheir::context::child: it was moved from");
    }
    const detail::box* look_up(const key_name& key) const { return detail::find_visible(&visible(), key); }
    template <class F>
    void for_each_visible(F&& f) const {
        detail::for_each_visible(&visible(), f);
    }

    // A value below the child's own level is another's, and would stay changed if the policy throws.
    template <class T, class F>
    bool update_own(const key_name& key, F&& f, std::source_location where) {
        detail::level& own = writable();
        if (!own.own.find(key) && look_up(key))
            throw usage_error("coheir::context::child::update: key " + coheir::detail::quoted(key.text()) +
                              " is inherited, not the child's own: set it, or update it in the parent");
        return detail::update<T>(own, key, {where, 0}, std::forward<F>(f));
    }

    detail::level_ref context_;
    detail::level_ref draft_;
    detail::level_ref copied_from_;  // whose values are frozen once a task has the copy
    bool is_shared_ = false;
};

namespace detail {
struct child_access {
    /// The level that it will be, and one that shows what it will show.
    static const level_ref& context_of(const child& made) {
        made.require_whole();
        return made.context_;
    }
    static const level& visible_in(const child& made) { return made.visible(); }

    /// The context, with the changes made to it. Throws usage_error; then nothing has changed.
    static level_ref finished(child&& made) {
        made.require_whole();
        if (made.copied_from_) freeze_uncopyable(*made.copied_from_);
        if (made.draft_) {
            require_no_scope(*made.context_, made.draft_->own);
            made.context_->own.swap(made.draft_->own);
            made.context_->changed();
        }
        return std::move(made.context_);
    }
};
}  // namespace detail

}  // namespace coheir::context
