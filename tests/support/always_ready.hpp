#pragma once
// What is always ready, and counts its turns: nothing of it may keep the others waiting.

#include <coheir/coheir.hpp>

#include <chrono>

namespace test {

inline coheir::task<> yields_for_ever(int& turns) {
    for (;; ++turns) co_await coheir::yield();
}
inline coheir::task<> sets_timers_for_ever(int& turns) {
    for (;; ++turns) co_await coheir::sleep_for(std::chrono::nanoseconds(0));
}
/// Posts itself again and again.
template <class To>
struct post_again {
    To& to;
    int& turns;
    void operator()() const {
        ++turns;
        to.post(*this);
    }
};

/// Ten of each.
struct always_ready {
    int yields = 0, timers = 0, posts = 0;

    template <class Scheduler>
    explicit always_ready(Scheduler& on) {
        for (int i = 0; i < 10; ++i) {
            on.spawn(yields_for_ever(yields)).detach();
            on.spawn(sets_timers_for_ever(timers)).detach();
            on.post(post_again<Scheduler>{on, posts});
        }
    }
    always_ready(const always_ready&) = delete;
    always_ready& operator=(const always_ready&) = delete;

    /// Whether each had a turn since the last call.
    bool all_had_a_turn() {
        const bool all = yields > 0 && timers > 0 && posts > 0;
        yields = timers = posts = 0;
        return all;
    }
};

}  // namespace test
