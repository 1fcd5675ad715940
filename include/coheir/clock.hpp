#pragma once
// Time: the steady clock, or one that a test moves by hand.

#include "detail/chrono.hpp"

namespace coheir {

using time_point = std::chrono::steady_clock::time_point;
using duration = std::chrono::steady_clock::duration;

namespace detail {

/// A duration of any kind as ours: rounded up, so that nobody wakes early, and as far as ours reach; for ever
/// for what is no number.
template <class Rep, class Period>
constexpr duration as_duration(std::chrono::duration<Rep, Period> d) noexcept {
    using wide = std::chrono::duration<long double, duration::period>;
    if (!(wide(d) < wide(duration::max()))) return duration::max();
    if (wide(d) <= wide(duration::min())) return duration::min();
    if constexpr (std::chrono::treat_as_floating_point_v<Rep>)
        return std::chrono::ceil<duration>(wide(d));  // Rep itself may round to beyond
    else
        return std::chrono::ceil<duration>(d);
}

}  // namespace detail

/// A clock that stands still until it is moved, for tests that never sleep. A scheduler that is given one
/// and has nothing ready to run moves it to its next deadline instead of waiting. Belongs to one thread,
/// and must outlive the schedulers that use it.
class manual_clock {
public:
    [[nodiscard]] time_point now() const noexcept { return now_; }
    /// Moves forward, as far as it reaches; a clock never goes back.
    template <class Rep, class Period>
    void advance(std::chrono::duration<Rep, Period> by) noexcept {
        const duration steps = detail::as_duration(by);
        if (steps > duration::zero())
            now_ = steps < time_point::max() - now_ ? now_ + steps : time_point::max();
    }
    void advance_to(time_point to) noexcept {
        if (to > now_) now_ = to;
    }

private:
    time_point now_{};
};

}  // namespace coheir
