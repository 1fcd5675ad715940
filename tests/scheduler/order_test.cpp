// In which order ready tasks run.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <string>
#include <utility>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

using namespace std::chrono_literals;
using test::note;
using test::note_after;
using test::note_steps;
using test::trace;

namespace {

coheir::task<> spawn_two_and_go_on(trace& t) {
    coheir::spawn(note(t, "first child")).detach();
    coheir::spawn(note(t, "second child")).detach();
    t.push_back("parent");
    co_await coheir::yield();
    t.push_back("parent after a yield");
}

coheir::task<> spawn_then(trace& t, std::string what) {
    coheir::spawn(note(t, what + "'s child")).detach();
    t.push_back(std::move(what));
    co_return;
}

coheir::task<> sleep_then_note(trace& t, coheir::duration time, std::string name) {
    t.push_back(name + " before");
    co_await coheir::sleep_for(time);
    t.push_back(name + " after");
}

coheir::task<> sleep_until_then_note(trace& t, coheir::time_point deadline, std::string name) {
    t.push_back(name + " before");
    co_await coheir::sleep_until(deadline);
    t.push_back(name + " after");
}

coheir::task<> join_then_note(trace& t, coheir::join_handle<int> handle, std::string name) {
    co_await handle;
    t.push_back(std::move(name));
}

coheir::task<> take_then_note(trace& t, coheir::join_handle<int> handle, std::string name) {
    co_await std::move(handle);
    t.push_back(std::move(name));
}

}  // namespace

TEST_CASE("tasks run one step each in the order they were spawned, round after round", "[order]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.spawn(note_steps(t, "a", 3)).detach();
    loop.scheduler.spawn(note_steps(t, "b", 1)).detach();
    loop.scheduler.spawn(note_steps(t, "c", 2)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"a1", "b1", "c1", "a2", "c2", "a3"});
}

TEST_CASE("a spawned task goes to the back, and the spawner runs on", "[order]") {
    test::test_loop loop;
    trace t;
    loop.run(spawn_two_and_go_on(t));
    CHECK(t == trace{"parent", "first child", "second child", "parent after a yield"});
}

TEST_CASE("a round runs exactly the tasks that were ready at its start", "[order]") {
    coheir::scheduler loop;
    trace t;
    loop.spawn(spawn_then(t, "a")).detach();
    loop.spawn(spawn_then(t, "b")).detach();
    CHECK(loop.run_ready());
    CHECK(t == trace{"a", "b"});
    CHECK_FALSE(loop.run_ready());
    CHECK(t == trace{"a", "b", "a's child", "b's child"});
}

TEST_CASE("the inbox is taken in the order of arrival, tasks and functions alike", "[order]") {
    coheir::scheduler loop;
    trace t;
    loop.post([&] { t.push_back("function 1"); });
    loop.spawn(note(t, "task 2")).detach();
    loop.remote().post([&] { t.push_back("function 3"); });
    loop.spawn(note(t, "task 4")).detach();
    CHECK_FALSE(loop.run_ready());
    CHECK(t == trace{"function 1", "task 2", "function 3", "task 4"});
}

TEST_CASE("a round takes what was made ready before it, then the inbox, then due timers", "[order]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note_after(t, "timer", 1s)).detach();
    loop.spawn(note_steps(t, "a", 2)).detach();
    loop.post([&] {
        loop.post([&] { t.push_back("posted inside the round"); });
        t.push_back("posted before the round");
    });
    loop.run_ready();
    loop.post([&] { t.push_back("posted after the round"); });
    clock.advance(1s);
    CHECK(t == trace{"a1", "posted before the round"});
    t.clear();
    loop.run_ready();
    CHECK(t == trace{"a2", "posted inside the round", "posted after the round", "timer"});
}

TEST_CASE("what is posted to a round's own scheduler waits for the next round", "[order]") {
    coheir::scheduler loop;
    trace t;
    loop.post([&] {
        loop.post([&] { t.push_back("inner"); });
        t.push_back("outer");
    });
    CHECK(loop.run_ready());
    CHECK(t == trace{"outer"});
    CHECK_FALSE(loop.run_ready());
    CHECK(t == trace{"outer", "inner"});
}

TEST_CASE("due timers come by their deadlines, and equal ones in the order they were made", "[order]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    const auto times = {30ms, 10ms, 20ms, 10ms, 30ms, 10ms};
    int number = 0;
    for (const auto time : times)
        loop.spawn(note_after(t, std::to_string(time.count()) + "/" + std::to_string(++number), time))
            .detach();
    loop.run_ready();
    clock.advance(1s);  // all at once
    CHECK_FALSE(loop.run_ready());
    CHECK(t == trace{"10/2", "10/4", "10/6", "20/3", "30/1", "30/5"});
}

TEST_CASE("a timer that becomes due while a round runs waits for the next round", "[order]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note_after(t, "timer", 1s)).detach();
    loop.run_ready();
    loop.post([&] { clock.advance(2s); });
    loop.spawn(note(t, "in the round")).detach();
    loop.run_ready();
    CHECK(t == trace{"in the round"});
    loop.run_ready();
    CHECK(t == trace{"in the round", "timer"});
}

TEST_CASE("a task that never stops yielding does not keep timers and the inbox waiting", "[order]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note_after(t, "timer", 1s)).detach();
    loop.post([&] {
        clock.advance(1s);
        loop.post([&] { t.push_back("posted"); });
    });
    loop.run(note_steps(t, "a", 3));
    CHECK(t == trace{"a1", "a2", "posted", "timer", "a3"});
}

TEST_CASE("sleeping for no time or less goes to the back, like a yield", "[order]") {
    const auto time = GENERATE(0ms, -1ms, -1'000'000'000ms);
    test::test_loop loop;
    trace t;
    loop.scheduler.spawn(sleep_then_note(t, time, "a")).detach();
    loop.scheduler.spawn(note_steps(t, "b", 2)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"a before", "b1", "a after", "b2"});
    CHECK(loop.clock.now() == coheir::time_point());
}

TEST_CASE("sleeping until now or a time gone by goes to the back, like a yield", "[order]") {
    test::test_loop loop;
    loop.clock.advance(1h);
    const auto deadline = GENERATE_REF(loop.clock.now(), loop.clock.now() - 1ns, coheir::time_point::min());
    trace t;
    loop.scheduler.spawn(sleep_until_then_note(t, deadline, "a")).detach();
    loop.scheduler.spawn(note_steps(t, "b", 2)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"a before", "b1", "a after", "b2"});
    CHECK(loop.clock.now() == coheir::time_point(1h));
}

TEST_CASE("those who wait for a task go on in the order they came", "[order]") {
    test::test_loop loop;
    trace t;
    const auto handle = loop.scheduler.spawn(test::give_after(3, 7));
    for (const char* name : {"first", "second", "third"})
        loop.scheduler.spawn(join_then_note(t, handle, name)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"first", "second", "third"});
}

TEST_CASE("who moves the result out is served after those who only look at it", "[order]") {
    test::test_loop loop;
    trace t;
    const auto handle = loop.scheduler.spawn(test::give_after(3, 7));
    loop.scheduler.spawn(take_then_note(t, handle, "mover")).detach();
    loop.scheduler.spawn(join_then_note(t, handle, "first")).detach();
    loop.scheduler.spawn(join_then_note(t, handle, "second")).detach();
    loop.run_until_idle();
    CHECK(t == trace{"first", "second", "mover"});
    CHECK(loop.unhandled.empty());
}

namespace {
coheir::task<> two_movers_among(trace& t, coheir::join_handle<int> handle, bool moves, std::string name) {
    try {
        if (moves)
            co_await std::move(handle);
        else
            co_await handle;
        t.push_back(std::move(name));
    } catch (const coheir::result_taken&) {
        t.push_back(name + ": taken");
    }
}
}  // namespace

TEST_CASE("of several who move a result out, the first to come gets it", "[order]") {
    test::test_loop loop;
    trace t;
    const auto handle = loop.scheduler.spawn(test::give_after(3, 7));
    loop.scheduler.spawn(two_movers_among(t, handle, true, "mover 1")).detach();
    loop.scheduler.spawn(two_movers_among(t, handle, false, "looker 1")).detach();
    loop.scheduler.spawn(two_movers_among(t, handle, true, "mover 2")).detach();
    loop.scheduler.spawn(two_movers_among(t, handle, false, "looker 2")).detach();
    loop.run_until_idle();
    CHECK(t == trace{"looker 1", "looker 2", "mover 1", "mover 2: taken"});
}

TEST_CASE("the end of a task puts its waiter behind what is ready already", "[order]") {
    test::test_loop loop;
    trace t;
    const auto handle = loop.scheduler.spawn(test::give_after(1, 7));  // ends in round 2
    loop.scheduler.spawn(join_then_note(t, handle, "waiter")).detach();
    loop.scheduler.spawn(note_steps(t, "a", 4)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"a1", "a2", "waiter", "a3", "a4"});
}

namespace {
coheir::task<> join_finished(trace& t, coheir::join_handle<int> looked_at, coheir::join_handle<int> moved) {
    co_await looked_at;
    t.push_back("looked");
    co_await std::move(moved);
    t.push_back("moved");
    co_await coheir::when_all(looked_at, looked_at);
    t.push_back("all");
    co_await coheir::when_all();
    t.push_back("none");
}
}  // namespace

TEST_CASE("joining a finished task does not suspend", "[order]") {
    test::test_loop loop;
    trace t;
    const auto looked_at = loop.scheduler.spawn(test::give_after(0, 1));
    const auto moved = loop.scheduler.spawn(test::give_after(0, 2));
    loop.run_until_idle();
    loop.scheduler.spawn(join_finished(t, looked_at, moved)).detach();
    loop.scheduler.spawn(note(t, "another")).detach();
    loop.run_until_idle();
    CHECK(t == trace{"looked", "moved", "all", "none", "another"});
}

namespace {
coheir::task<> await_child(trace& t) {
    co_await note(t, "child");
    t.push_back("parent");
}
}  // namespace

TEST_CASE("awaiting a task runs it at once, before anything else that is ready", "[order]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.spawn(await_child(t)).detach();
    loop.scheduler.spawn(note(t, "another")).detach();
    loop.run_until_idle();
    CHECK(t == trace{"child", "parent", "another"});
}

namespace {
coheir::task<> spawn_and_join(trace& t) {
    const auto first = coheir::spawn(note_steps(t, "x", 1));
    const auto second = coheir::spawn(note_steps(t, "y", 2));
    co_await first;
    co_await second;
    t.push_back("joined");
}

coheir::task<> gather(trace& t) {
    co_await coheir::when_all(note_steps(t, "x", 1), note_steps(t, "y", 2));
    t.push_back("joined");
}

coheir::task<> gather_range(trace& t) {
    std::vector<coheir::task<>> tasks;
    tasks.push_back(note_steps(t, "x", 1));
    tasks.push_back(note_steps(t, "y", 2));
    co_await coheir::when_all(std::move(tasks));
    t.push_back("joined");
}
}  // namespace

TEST_CASE("when_all spawns in the order of its arguments and goes on in as many rounds as a join",
          "[order][when_all]") {
    const auto traced = [](coheir::task<> (*body)(trace&)) {
        test::test_loop loop;
        trace t;
        loop.scheduler.spawn(body(t)).detach();
        loop.scheduler.spawn(note_steps(t, "tick ", 6)).detach();
        loop.run_until_idle();
        return t;
    };
    const trace joined = traced(spawn_and_join);
    CHECK(traced(gather) == joined);
    CHECK(traced(gather_range) == joined);
    CHECK(joined ==
          trace{"tick 1", "x1", "y1", "tick 2", "y2", "tick 3", "tick 4", "joined", "tick 5", "tick 6"});
}

namespace {
coheir::task<> gather_later(trace& t) {
    auto both = coheir::when_all(note(t, "x"), note(t, "y"));
    t.push_back("called");
    co_await coheir::yield();
    t.push_back("awaits");
    co_await both;
    t.push_back("has both");
}
}  // namespace

TEST_CASE("when_all spawns when it is called, not when it is awaited", "[order][when_all]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.spawn(gather_later(t)).detach();
    loop.run_until_idle();
    CHECK(t == trace{"called", "x", "y", "awaits", "has both"});
}
