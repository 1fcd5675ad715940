#pragma once
// The shapes of the loops, the same for every library that is measured.

namespace shapes {

// await: a parent awaits children that end at once; a tree of calls.
inline constexpr int children = 1'000'000;
inline constexpr int fib_n = 25;
inline constexpr int fib_calls = 242'785;

// spawn: a task spawns tasks that end at once, and goes on when all have ended.
inline constexpr int tasks = 1'000;

// yield: tasks give way to each other.
inline constexpr int yielders = 10;
inline constexpr int yields = 10'000;

// post: threads post functions to a running loop, until the last has run.
inline constexpr int posters = 4;
inline constexpr int posts = 50'000;

// timer: with others pending, one is armed and cancelled, and its waiter has been told.
inline constexpr int pending = 100'000;
inline constexpr int timers = 10'000;

// memory: tasks that sleep for an hour.
inline constexpr int sleepers = 200'000;

}  // namespace shapes
