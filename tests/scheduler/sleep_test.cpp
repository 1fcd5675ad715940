// Sleeping and clocks.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <ratio>
#include <string>
#include <utility>
#include <vector>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

using namespace std::chrono_literals;
using coheir::time_point;
using test::note_after;
using test::trace;

namespace {

template <class Duration>
coheir::task<> sleep_for(Duration time) {
    co_await coheir::sleep_for(time);
}
template <class TimePoint>
coheir::task<> sleep_until(TimePoint deadline) {
    co_await coheir::sleep_until(deadline);
}

/// When a task that is at its first wait will go on; nothing if it is ready.
template <class T>
std::optional<time_point> deadline_of(coheir::task<T> sleeping, coheir::duration started_at = {}) {
    test::test_loop loop;
    loop.clock.advance(started_at);
    loop.scheduler.spawn(std::move(sleeping)).detach();
    const bool ready = loop.scheduler.run_ready();
    const auto deadline = loop.scheduler.next_deadline();
    CHECK(ready == !deadline);
    return deadline;
}

/// Whether a task that is at its first wait never goes on by itself, and nobody waits for it.
bool is_for_ever(coheir::task<> sleeping, coheir::duration started_at = {}) {
    test::test_loop loop;
    loop.clock.advance(started_at);
    const auto handle = loop.scheduler.spawn(std::move(sleeping));
    loop.scheduler.run_until_idle();
    CHECK(loop.clock.now() == time_point(started_at));
    CHECK_FALSE(loop.scheduler.next_deadline());
    coheir::scheduler steady;
    steady.spawn(sleep_for(coheir::duration::max())).detach();
    steady.run_until_idle();  // returns
    return !handle.done();
}

}  // namespace

TEST_CASE("a manual clock stands still until it is moved, and never goes back", "[clock]") {
    coheir::manual_clock clock;
    const time_point start = clock.now();
    CHECK(clock.now() == start);
    clock.advance(1s);
    CHECK(clock.now() == start + 1s);
    clock.advance(-1s);
    clock.advance(0s);
    clock.advance_to(start);
    CHECK(clock.now() == start + 1s);
    clock.advance_to(start + 2s);
    CHECK(clock.now() == start + 2s);
    clock.advance(std::chrono::hours::min());
    CHECK(clock.now() == start + 2s);
    clock.advance(std::chrono::hours::max());
    CHECK(clock.now() == time_point::max());
    clock.advance(1s);
    CHECK(clock.now() == time_point::max());
}

TEST_CASE("a scheduler tells the time of its clock", "[clock]") {
    coheir::manual_clock clock;
    const coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    clock.advance(1h);
    CHECK(loop.now() == clock.now());
    const coheir::scheduler steady;
    const auto before = std::chrono::steady_clock::now();
    const auto between = steady.now();
    CHECK(before <= between);
    CHECK(between <= std::chrono::steady_clock::now());
}

TEST_CASE("a sleep counts from the await on the scheduler's clock", "[sleep]") {
    CHECK(deadline_of(sleep_for(5s)) == time_point(5s));
    CHECK(deadline_of(sleep_for(5s), 1h) == time_point(1h + 5s));
    CHECK(deadline_of(sleep_until(time_point(2h)), 1h) == time_point(2h));
    CHECK(deadline_of(sleep_for(24h * 365)) == time_point(24h * 365));
}

TEST_CASE("a sleep of no time or less is no timer", "[sleep]") {
    CHECK(deadline_of(sleep_for(0s)) == std::nullopt);
    CHECK(deadline_of(sleep_for(-1ns)) == std::nullopt);
    CHECK(deadline_of(sleep_for(coheir::duration::min()), 1h) == std::nullopt);
    CHECK(deadline_of(sleep_for(std::chrono::hours::min())) == std::nullopt);
    CHECK(deadline_of(sleep_for(std::chrono::duration<double>(-std::numeric_limits<double>::infinity()))) ==
          std::nullopt);
    CHECK(deadline_of(sleep_until(time_point())) == std::nullopt);
    CHECK(deadline_of(sleep_until(time_point::min()), 1h) == std::nullopt);
}

TEST_CASE("a sleep that is longer than the clock reaches is for ever", "[sleep]") {
    CHECK(is_for_ever(sleep_for(coheir::duration::max())));
    CHECK(is_for_ever(sleep_for(coheir::duration::max()), 1h));
    CHECK(is_for_ever(sleep_for(coheir::duration::max() - 1ns), 1h));
    CHECK(is_for_ever(sleep_for(std::chrono::hours::max())));
    CHECK(is_for_ever(sleep_for(std::chrono::years(1000)), 1h));
    CHECK(is_for_ever(sleep_for(std::chrono::duration<double>(std::numeric_limits<double>::infinity()))));
    CHECK(is_for_ever(sleep_for(std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN()))));
    CHECK(is_for_ever(sleep_until(time_point::max()), 1h));
    using hours = std::chrono::time_point<std::chrono::steady_clock, std::chrono::hours>;
    CHECK(is_for_ever(sleep_until(hours::max()), 1h));
}

TEST_CASE("durations that are no whole nanoseconds are rounded up", "[sleep]") {
    using picoseconds = std::chrono::duration<long long, std::pico>;
    CHECK(deadline_of(sleep_for(picoseconds(1))) == time_point(1ns));
    CHECK(deadline_of(sleep_for(picoseconds(1001))) == time_point(2ns));
    CHECK(deadline_of(sleep_for(picoseconds(2000))) == time_point(2ns));
    CHECK(deadline_of(sleep_for(std::chrono::duration<double>(0.5))) == time_point(500ms));
    CHECK(deadline_of(sleep_for(std::chrono::duration<float, std::milli>(0.25f))) == time_point(250us));
    // The next to what the clock reaches, which in its own kind of number would be rounded to beyond.
    CHECK(deadline_of(sleep_for(std::chrono::duration<float, std::ratio<3600>>(2562047.75f))) >
          time_point(292 * 365 * 24h));
}

TEST_CASE("sleeping tasks go on when their time has come, in its order", "[sleep]") {
    test::test_loop loop;
    trace t;
    const std::vector<std::chrono::milliseconds> times{30ms, 10ms, 20ms, 10ms, 0ms};
    for (const auto time : times)
        loop.scheduler.spawn(note_after(t, std::to_string(time.count()), time)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"0", "10", "10", "20", "30"});
    CHECK(loop.clock.now() == time_point(30ms));
}

namespace {

coheir::task<> sleep_often(std::vector<time_point>& woken, int times, const coheir::manual_clock& clock) {
    for (int i = 0; i < times; ++i) {
        co_await coheir::sleep_for(10ms);
        woken.push_back(clock.now());
    }
}

coheir::task<> sleep_again(std::vector<time_point>& woken, const coheir::manual_clock& clock) {
    auto sleeping = coheir::sleep_for(10ms);
    co_await coheir::sleep_for(5ms);
    co_await sleeping;
    woken.push_back(clock.now());
    co_await sleeping;
    woken.push_back(clock.now());
}

}  // namespace

TEST_CASE("a task that sleeps again and again wakes at the right times", "[sleep]") {
    test::test_loop loop;
    std::vector<time_point> woken;
    loop.run(sleep_often(woken, 3, loop.clock));
    CHECK(woken == std::vector{time_point(10ms), time_point(20ms), time_point(30ms)});
}

TEST_CASE("a sleep that is kept starts when it is awaited, each time", "[sleep]") {
    test::test_loop loop;
    std::vector<time_point> woken;
    loop.run(sleep_again(woken, loop.clock));
    CHECK(woken == std::vector{time_point(15ms), time_point(25ms)});
}

TEST_CASE("ten thousand sleeping tasks wake in the order of their deadlines", "[sleep]") {
    test::test_loop loop;
    std::vector<int> woken;
    auto body = [](std::vector<int>& into, int time) -> coheir::task<> {
        co_await coheir::sleep_for(time * 1ms);
        into.push_back(time);
    };
    for (int i = 0; i < 10'000; ++i) loop.scheduler.spawn(body(woken, i * 7919 % 5003)).detach();
    loop.run_until_idle();
    CHECK(woken.size() == 10'000);
    CHECK(std::is_sorted(woken.begin(), woken.end()));
}

TEST_CASE("on the steady clock nobody wakes early", "[sleep]") {
    coheir::scheduler loop;
    const auto start = std::chrono::steady_clock::now();
    loop.run(sleep_for(2ms));
    CHECK(std::chrono::steady_clock::now() - start >= 2ms);
    trace t;
    loop.spawn(note_after(t, "late", 2ms)).detach();
    loop.spawn(note_after(t, "early", 1ms)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"early", "late"});
}
