#pragma once
// Time: the steady clock, or one that a test moves by hand.

#include "detail/chrono.hpp"

namespace coheir {

using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

/// A clock that stands still until it is moved, for tests that never sleep. A scheduler that is given one
/// and has nothing ready to run moves it to its next deadline instead of waiting. Belongs to one thread,
/// and must outlive the schedulers that use it.
class manual_clock {
public:
    [[nodiscard]] time_point now() const noexcept { return now_; }
    /// Moves forward; a clock never goes back.
    void advance(duration by) noexcept {
        if (by > duration::zero()) now_ = by < time_point::max() - now_ ? now_ + by : time_point::max();
    }
    void advance_to(time_point to) noexcept {
        if (to > now_) now_ = to;
    }

private:
    time_point now_{};
};

}  // namespace coheir
