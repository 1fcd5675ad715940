// A scheduler inside another event loop: run_ready, next_deadline, on_wakeup.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

using namespace std::chrono_literals;
using test::note;
using test::note_after;
using test::note_steps;
using test::trace;

TEST_CASE("run_ready without work does nothing and says so", "[embedding]") {
    coheir::scheduler loop;
    CHECK_FALSE(loop.run_ready());
    CHECK_FALSE(loop.run_ready(0));
    CHECK_FALSE(loop.run_ready(1));
    CHECK(loop.next_deadline() == std::nullopt);
}

TEST_CASE("run_ready runs at most so many tasks and functions, and tells whether work is left",
          "[embedding]") {
    coheir::scheduler loop;
    trace t;
    for (const char* name : {"a", "b", "c"}) loop.spawn(note(t, name)).detach();
    loop.post([&] { t.push_back("d"); });
    CHECK(loop.run_ready(0));
    CHECK(t.empty());
    CHECK(loop.run_ready(1));
    CHECK(t == trace{"a"});
    CHECK(loop.run_ready(2));
    CHECK(t == trace{"a", "b", "c"});
    CHECK_FALSE(loop.run_ready(2));
    CHECK(t == trace{"a", "b", "c", "d"});
}

TEST_CASE("run_ready ends with its round though there is room for more", "[embedding]") {
    coheir::scheduler loop;
    trace t;
    loop.spawn(note_steps(t, "a", 3)).detach();
    CHECK(loop.run_ready(100));
    CHECK(t == trace{"a1"});
    CHECK(loop.run_ready());
    CHECK(t == trace{"a1", "a2"});
    CHECK(loop.run_ready(std::numeric_limits<std::size_t>::max()));
    CHECK_FALSE(loop.run_ready());  // the end after the last yield
    CHECK(t == trace{"a1", "a2", "a3"});
}

TEST_CASE("rounds are the same however few tasks run_ready may run", "[embedding]") {
    const std::size_t most = GENERATE(1u, 2u, 3u, 4u, 1000u);
    coheir::scheduler loop;
    trace t;
    loop.spawn(note_steps(t, "a", 3)).detach();
    loop.spawn(note_steps(t, "b", 1)).detach();
    loop.spawn(note_steps(t, "c", 2)).detach();
    while (loop.run_ready(most)) {
    }
    CHECK(t == trace{"a1", "b1", "c1", "a2", "c2", "a3"});
}

TEST_CASE("what comes in the middle of a round waits for the next one", "[embedding]") {
    coheir::scheduler loop;
    trace t;
    loop.spawn(note_steps(t, "a", 2)).detach();
    loop.spawn(note_steps(t, "b", 2)).detach();
    CHECK(loop.run_ready(1));
    loop.spawn(note(t, "new")).detach();
    while (loop.run_ready(1)) {
    }
    CHECK(t == trace{"a1", "b1", "a2", "b2", "new"});
}

TEST_CASE("next_deadline is the earliest, and nothing without timers", "[embedding]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    for (const auto time : {3s, 1s, 2s})
        loop.spawn(note_after(t, std::to_string(time.count()), time)).detach();
    CHECK(loop.next_deadline() == std::nullopt);  // none of them has begun
    CHECK_FALSE(loop.run_ready());
    for (const auto time : {1s, 2s, 3s}) {
        REQUIRE(loop.next_deadline() == coheir::time_point(time));
        CHECK_FALSE(loop.run_ready());  // not due yet
        clock.advance_to(*loop.next_deadline());
        CHECK_FALSE(loop.run_ready());
        CHECK(t.back() == std::to_string(time.count()));
    }
    CHECK(t.size() == 3);
    CHECK(loop.next_deadline() == std::nullopt);
}

TEST_CASE("a timer is not due a nanosecond early", "[embedding]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note_after(t, "timer", 1s)).detach();
    loop.run_ready();
    clock.advance(1s - 1ns);
    loop.run_ready();
    CHECK(t.empty());
    clock.advance(1ns);
    loop.run_ready();
    CHECK(t == trace{"timer"});
}

TEST_CASE("a spawn outside a round waits for run_ready", "[embedding]") {
    coheir::scheduler loop;
    trace t;
    const auto handle = loop.spawn(note(t, "task"));
    CHECK(t.empty());
    CHECK_FALSE(handle.done());
    CHECK_FALSE(loop.run_ready());
    CHECK(handle.done());
}

TEST_CASE("the wake-up comes once for each time that the inbox stops being empty", "[embedding][wakeup]") {
    coheir::scheduler loop;
    trace t;
    int wakeups = 0;
    loop.on_wakeup([&] { ++wakeups; });
    CHECK(wakeups == 0);
    loop.post([] {});
    CHECK(wakeups == 1);
    loop.post([] {});
    loop.spawn(note(t, "task")).detach();
    loop.remote().post([] {});
    CHECK(wakeups == 1);
    loop.run_ready();
    CHECK(wakeups == 1);
    loop.spawn(note(t, "task")).detach();
    CHECK(wakeups == 2);
    loop.run_ready();
    loop.remote().post([] {});
    CHECK(wakeups == 3);
}

TEST_CASE("what a round makes ready by itself needs no wake-up", "[embedding][wakeup]") {
    test::test_loop loop;
    trace t;
    int wakeups = 0;
    loop.scheduler.spawn(note_steps(t, "a", 3)).detach();
    loop.scheduler.spawn(note_after(t, "timer", 1s)).detach();
    loop.scheduler.run_ready();
    loop.scheduler.on_wakeup([&] { ++wakeups; });
    wakeups = 0;
    loop.run_until_idle();
    CHECK(wakeups == 0);
    CHECK(t.size() == 4);
}

TEST_CASE("a wake-up that is registered while something waits is called at once", "[embedding][wakeup]") {
    coheir::scheduler loop;
    loop.post([] {});
    int wakeups = 0;
    loop.on_wakeup([&] { ++wakeups; });
    CHECK(wakeups == 1);
    loop.run_ready();
    int others = 0;
    loop.on_wakeup([&] { ++others; });
    CHECK(others == 0);
    loop.post([] {});
    CHECK(wakeups == 1);
    CHECK(others == 1);
}

TEST_CASE("a wake-up that is registered after run left work queued is called at once",
          "[embedding][wakeup]") {
    const auto in_the_same_round = GENERATE(true, false);
    coheir::scheduler loop;
    trace t;
    if (!in_the_same_round) loop.spawn(note_steps(t, "rest", 2)).detach();
    auto root = note(t, "root");
    auto rest = note_steps(t, "rest", 2);
    if (in_the_same_round) loop.post([&] { loop.spawn(std::move(rest)).detach(); });
    loop.run(std::move(root));
    int wakeups = 0;
    loop.on_wakeup([&] { ++wakeups; });
    CHECK(wakeups == 1);
    while (loop.run_ready()) {
    }
    CHECK(t.size() == 3);
}

TEST_CASE("no wake-up is called after it was taken away, or for the end of the scheduler",
          "[embedding][wakeup]") {
    int wakeups = 0;
    {
        coheir::scheduler loop;
        loop.on_wakeup([&] { ++wakeups; });
        loop.post([] {});
        CHECK(wakeups == 1);
        loop.run_ready();
        loop.on_wakeup({});
        loop.post([] {});
        CHECK(wakeups == 1);
        loop.run_ready();
        loop.on_wakeup([&] { ++wakeups; });
        loop.on_wakeup(std::function<void()>());
        loop.post([] {});
        CHECK(wakeups == 1);
        loop.run_ready();
        loop.on_wakeup([&] { ++wakeups; });
    }
    CHECK(wakeups == 1);
}

namespace {

std::string context_seen;

void look_at_context() {
    try {
        context_seen = coheir::context::get("key", "nothing");
    } catch (const coheir::no_current_context&) {
        context_seen = "no context";
    }
}

coheir::task<> post_inside(coheir::scheduler& to) {
    coheir::context::set("key", "the poster's");
    to.post([] {});
    co_return;
}

}  // namespace

TEST_CASE("a wake-up sees no context of the task that posts", "[embedding][wakeup]") {
    test::test_loop loop;
    coheir::scheduler other;
    other.on_wakeup(look_at_context);
    context_seen.clear();
    loop.run(post_inside(other));
    CHECK(context_seen == "no context");
}

TEST_CASE("a wake-up is called on the thread that posts", "[embedding][wakeup][threads]") {
    coheir::scheduler loop;
    std::thread::id called_on;
    loop.on_wakeup([&] { called_on = std::this_thread::get_id(); });
    const coheir::remote remote = loop.remote();
    std::thread other([&] { remote.post([] {}); });
    const auto id = other.get_id();
    other.join();
    CHECK(called_on == id);
}

TEST_CASE("an event loop that sleeps between wake-ups misses no post of other threads",
          "[embedding][wakeup][threads]") {
    constexpr int posts = 20'000;
    coheir::scheduler loop;
    std::atomic<std::uint32_t> rings{0};
    int received = 0;
    loop.on_wakeup([&] {
        rings.fetch_add(1);
        rings.notify_one();
    });
    std::thread poster([&received, remote = loop.remote()] {
        for (int i = 0; i < posts; ++i) remote.post([&] { ++received; });
    });
    std::uint32_t heard = 0;
    while (received < posts) {
        rings.wait(heard);  // would hang if a wake-up were missing
        heard = rings.load();
        while (loop.run_ready()) {
        }
    }
    poster.join();
    CHECK(received == posts);
    CHECK(rings.load() <= posts);
}
