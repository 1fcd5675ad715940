#pragma once
// Mirrors: thread-local state of others follows the value of a key from task to task.

#include <type_traits>
#include <utility>

#include "context/key.hpp"
#include "scheduler.hpp"

namespace coheir {

namespace detail {

template <class T, class Enter, class Leave>
class mirror_of final : public mirror {
public:
    mirror_of(const context::key<T>& of, Enter e, Leave l)
        : key_(of), enter_(std::move(e)), leave_(std::move(l)) {}
    bool enter(const context::detail::level& shown) override {
        const T* const value =
            context::detail::find_in<T>(context::detail::find_visible(&shown, key_.name()));
        if (value) enter_(*value);
        return value != nullptr;
    }
    void leave() override { leave_(); }

private:
    const context::key<T> key_;
    Enter enter_;
    Leave leave_;
};

}  // namespace detail

template <class T, class Enter, class Leave>
    requires detail::mirrored_by<T, Enter, Leave>
void scheduler::mirror(const context::key<T>& key, Enter enter, Leave leave) {
    require_idle("mirror");
    core_.mirrors().add(new detail::mirror_of<T, Enter, Leave>(key, std::move(enter), std::move(leave)));
}

}  // namespace coheir
