#pragma once
// Programs that run for as long as one likes, and end with an exception where a promise is broken.

#include <cstdio>
#include <stdexcept>
#include <string>

namespace endurance {

/// Tasks hop between four schedulers on four threads, in every way there is, each with its own context.
void hops(long long count);
/// An idle loop is woken by posts of another thread, each within 100 ms.
void wakeups(long long count);
/// Timers that are set again and again, a flood of posts, and tasks that give way: each goes on every round.
void fairness(long long rounds);
/// Sleeps on the real clock: none ends early, none is lost.
void sleeps(long long count);
/// Spawns, sets, scopes, snapshots: resident memory stays flat.
void growth(long long requests);
/// Hashes of so many names that somebody has chosen: setting and looking up takes at most twice as long. (Of
/// equal hashes there are always as many.)
void flooding(long long keys);

template <class... Args>
void require(bool holds, const char* format, Args... args) {
    if (holds) return;
    char text[256];
    std::snprintf(text, sizeof text, format, args...);
    throw std::runtime_error(text);
}

}  // namespace endurance
