#pragma once
// Tasks at all the places where a task can wait, each holding values that must be destroyed once.

#include <coheir/coheir.hpp>

#include <chrono>
#include <vector>

#include "counted.hpp"
#include "parking.hpp"

namespace test {

inline coheir::task<counted> park_holding(parking& in, counted held) {
    coheir::context::set("value", held);
    const counted local(1);
    co_await in.park();
    co_return local;
}

inline coheir::task<counted> await_child(parking& in, counted held, int depth) {
    const counted local(2);
    if (depth == 0) co_return co_await park_holding(in, held);
    co_return co_await await_child(in, local, depth - 1);
}

inline coheir::task<counted> sleep_holding(coheir::duration time, counted held) {
    coheir::context::set("value", held);
    co_await coheir::sleep_for(time);
    co_return held;
}

inline coheir::task<counted> yield_holding(counted held) {
    coheir::context::set("value", held);
    for (;;) co_await coheir::yield();
}

inline coheir::task<counted> join_holding(coheir::join_handle<counted> joined, counted held) {
    coheir::context::set("value", held);
    const counted& result = co_await joined;
    co_return result;
}

inline coheir::task<counted> gather_holding(coheir::join_handle<counted> joined, parking& in, counted held) {
    auto [first, second] = co_await coheir::when_all(joined, park_holding(in, held));
    co_return second;
}

inline coheir::task<counted> callback_holding(std::vector<coheir::resolver<counted>>& resolvers,
                                              counted held) {
    auto start = [&](auto resolve) { resolvers.push_back(resolve); };
    const counted result = co_await coheir::callback<counted>(start);
    co_return held;
}

/// Spawns seven children, which are at all the places where a task can wait.
inline coheir::task<counted> spawn_all_kinds(parking& in, std::vector<coheir::resolver<counted>>& resolvers,
                                             counted held) {
    coheir::context::set("value", held);
    const auto parked = coheir::spawn(park_holding(in, counted(1)));
    const auto sleeping = coheir::spawn(sleep_holding(std::chrono::hours(1), counted(2)));
    coheir::spawn(yield_holding(counted(3))).detach();
    coheir::spawn(join_holding(parked, counted(4))).detach();
    coheir::spawn(gather_holding(sleeping, in, counted(5))).detach();
    coheir::spawn(callback_holding(resolvers, counted(6))).detach();
    coheir::spawn(await_child(in, counted(7), 5)).detach();
    co_return co_await park_holding(in, counted(8));
}

}  // namespace test
