#pragma once
// What a scheduler calls around each run of a task that shows a key: state outside contexts that follows
// them.

#include <cstddef>
#include <vector>

#include "task_state.hpp"

namespace coheir::detail {

class mirror {
public:
    mirror() = default;
    mirror(const mirror&) = delete;
    mirror& operator=(const mirror&) = delete;
    virtual ~mirror() = default;
    /// False, without having called anything, where the context does not show the key.
    virtual bool enter(const context::detail::level& shown) = 0;
    virtual void leave() = 0;

    bool entered = false;
};

/// The mirrors of a scheduler. Those that were entered are left, whatever has become of the key.
class mirror_list {
public:
    mirror_list() = default;
    mirror_list(const mirror_list&) = delete;
    mirror_list& operator=(const mirror_list&) = delete;
    ~mirror_list() {
        for (mirror* const m : all_) delete m;
    }

    bool empty() const noexcept { return all_.empty(); }
    /// Throws std::bad_alloc.
    void add(mirror* owned) {
        try {
            all_.push_back(owned);
        } catch (...) {
            delete owned;
            throw;
        }
    }
    /// In the order they were added. `failed()` is called in the handler of what one throws.
    template <class Failed>
    void enter(const context::detail::level& shown, Failed failed) noexcept {
        for (mirror* const m : all_) try {
                m->entered = m->enter(shown);
            } catch (...) {
                failed();
            }
    }
    /// The other way round.
    template <class Failed>
    void leave(Failed failed) noexcept {
        for (std::size_t i = all_.size(); i-- > 0;) try {
                if (std::exchange(all_[i]->entered, false)) all_[i]->leave();
            } catch (...) {
                failed();
            }
    }

private:
    std::vector<mirror*> all_;
};

}  // namespace coheir::detail
