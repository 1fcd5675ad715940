// run, run_until_idle, and schedulers inside others' tasks.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using test::note;
using test::note_after;
using test::note_steps;
using test::trace;

namespace {

coheir::task<int> forty_two() { co_return 42; }
coheir::task<int> fails() {
    co_await coheir::yield();
    throw std::runtime_error("no luck");
}
coheir::task<std::unique_ptr<int>> move_only() { co_return std::make_unique<int>(42); }
coheir::task<int&> reference(int& to) { co_return to; }

struct no_default {
    explicit no_default(int v) : value(v) {}
    int value;
};
coheir::task<no_default> without_default() { co_return no_default(42); }

coheir::task<> park(test::parking& in) { co_await in.park(); }

coheir::task<> spawn_three(trace& t) {
    coheir::spawn(note_steps(t, "a", 2)).detach();
    coheir::spawn(note_steps(t, "b", 2)).detach();
    coheir::spawn(note_after(t, "timer", 1s)).detach();
    t.push_back("root");
    co_await coheir::yield();
    t.push_back("root ends");
}

}  // namespace

TEST_CASE("run returns what the task returns, of any type", "[run]") {
    coheir::scheduler loop;
    CHECK(loop.run(forty_two()) == 42);
    CHECK(*loop.run(move_only()) == 42);
    CHECK(loop.run(without_default()).value == 42);
    int variable = 1;
    int& same = loop.run(reference(variable));
    CHECK(&same == &variable);
    trace t;
    loop.run(note(t, "void"));
    CHECK(t == trace{"void"});
}

TEST_CASE("run throws what the task throws, and the handler hears nothing of it", "[run]") {
    test::test_loop loop;
    CHECK_THROWS_WITH(loop.scheduler.run(fails()), "no luck");
    CHECK(loop.unhandled.empty());
    CHECK(loop.scheduler.run(forty_two()) == 42);
}

TEST_CASE("run drops the root's result when it returns", "[run]") {
    const test::counted_balance balance;
    coheir::scheduler loop;
    CHECK(loop.run(test::give_after(1, test::counted(42))).value == 42);
    CHECK(balance.is_even());
}

TEST_CASE("run returns as soon as the root has ended and leaves the rest queued", "[run]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.run(spawn_three(t));
    CHECK(t == trace{"root", "a1", "b1", "root ends"});
    SECTION("run_until_idle runs on, in the order they had") {
        loop.scheduler.run_until_idle();
        CHECK(t == trace{"root", "a1", "b1", "root ends", "a2", "b2", "timer"});
    }
    SECTION("a second run goes on with them before the new root") {
        loop.scheduler.run(note(t, "second root"));
        CHECK(t == trace{"root", "a1", "b1", "root ends", "a2", "b2", "second root"});
        loop.scheduler.run_until_idle();
        CHECK(t.back() == "timer");
    }
    SECTION("they are destroyed with the scheduler") {}
}

namespace {
coheir::task<> post_and_end(coheir::scheduler& loop, trace& t) {
    loop.post([&] {
        t.push_back("posted");
        loop.post([&] { t.push_back("posted later"); });
    });
    co_await coheir::yield();
    t.push_back("root ends");  // in a round that holds the function, too
}
}  // namespace

TEST_CASE("run stops in the middle of a round, and the next one takes up its rest", "[run]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.run(post_and_end(loop.scheduler, t));
    CHECK(t == trace{"root ends"});
    SECTION("with another run") {
        loop.scheduler.run(note_steps(t, "second root ", 2));
        CHECK(t == trace{"root ends", "posted", "second root 1", "posted later", "second root 2"});
    }
    SECTION("with run_ready") {
        CHECK(loop.scheduler.run_ready());
        CHECK(t == trace{"root ends", "posted"});
        CHECK_FALSE(loop.scheduler.run_ready());
        CHECK(t == trace{"root ends", "posted", "posted later"});
    }
}

TEST_CASE("a second run starts with an empty context", "[run]") {
    const auto set = [](std::string value) -> coheir::task<std::string> {
        auto before = context::get("key", "nothing");
        context::set("key", value);
        co_return before;
    };
    for (const auto& policy : {coheir::spawn_policy::shared, coheir::spawn_policy::copying,
                               coheir::spawn_policy::chained, coheir::spawn_policy::isolated}) {
        coheir::scheduler loop(policy);
        CHECK(loop.run(set("first")) == "nothing");
        CHECK(loop.run(set("second")) == "nothing");
    }
}

TEST_CASE("run_until_idle on a scheduler with nothing to do returns", "[run]") {
    coheir::scheduler loop;
    loop.run_until_idle();
    trace t;
    loop.post([&] { t.push_back("posted"); });
    loop.run_until_idle();
    CHECK(t == trace{"posted"});
}

TEST_CASE("run_until_idle runs all timers and leaves those who wait for something else", "[run]") {
    test::parking parking;
    test::test_loop loop;
    trace t;
    const auto endless = loop.scheduler.spawn(park(parking));
    loop.scheduler.spawn(note_after(t, "year", 365 * 24h)).detach();
    loop.scheduler.spawn(note_after(t, "second", 1s)).detach();
    loop.scheduler.run_until_idle();
    CHECK(t == trace{"second", "year"});
    CHECK(loop.clock.now() == coheir::time_point(365 * 24h));
    CHECK_FALSE(endless.done());
}

TEST_CASE("run moves a manual clock only when nothing is ready, and only to the next deadline", "[run]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note_after(t, "late", 10s)).detach();
    loop.run(note_steps(t, "a", 5));
    CHECK(clock.now() == coheir::time_point());
    loop.run(note_after(t, "early", 5s));
    CHECK(clock.now() == coheir::time_point(5s));
    loop.run_until_idle();
    CHECK(clock.now() == coheir::time_point(10s));
}

TEST_CASE("an empty task cannot be run", "[run]") {
    coheir::scheduler loop;
    CHECK_THROWS_AS(loop.run(coheir::task<>()), coheir::invalid_task);
    auto moved_from = forty_two();
    const auto taken = std::move(moved_from);
    CHECK_THROWS_AS(loop.run(std::move(moved_from)), coheir::invalid_task);
    CHECK(loop.run(forty_two()) == 42);
}

TEST_CASE("a closed scheduler runs nothing new and what it has to the end", "[run][close]") {
    const test::counted_balance balance;
    test::test_loop loop;
    trace t;
    loop.scheduler.spawn(note_after(t, "old", 1s)).detach();
    CHECK_FALSE(loop.scheduler.closed());
    loop.scheduler.close();
    CHECK(loop.scheduler.closed());
    CHECK_THROWS_AS(loop.scheduler.run(test::give_after(0, test::counted())), coheir::scheduler_closed);
    CHECK_THROWS_AS(loop.scheduler.spawn(test::give_after(0, test::counted())).detach(),
                    coheir::scheduler_closed);
    CHECK_THROWS_AS(loop.scheduler.post([] {}), coheir::scheduler_closed);
    CHECK(balance.is_even());
    loop.scheduler.run_until_idle();
    CHECK(t == trace{"old"});
}

TEST_CASE("an error of a closed scheduler names the operation", "[run][close]") {
    coheir::scheduler loop;
    loop.close();
    CHECK_THROWS_WITH(loop.run(forty_two()), Catch::Contains("run") && Catch::Contains("closed"));
    CHECK_THROWS_WITH(loop.spawn(forty_two()).detach(),
                      Catch::Contains("spawn") && Catch::Contains("closed"));
    CHECK_THROWS_WITH(loop.post([] {}), Catch::Contains("post") && Catch::Contains("closed"));
    CHECK_THROWS_WITH(loop.remote().post([] {}), Catch::Contains("post") && Catch::Contains("closed"));
}

namespace {

coheir::task<> reenter(coheir::scheduler& loop, trace& t) {
    const auto attempt = [&](const char* what, auto run) {
        try {
            run();
            t.push_back(what);
        } catch (const coheir::scheduler_busy& e) {
            t.push_back(std::string(what) + " is refused");
            CHECK(std::string(e.what()).find(what) != std::string::npos);
        }
    };
    attempt("run", [&] { loop.run(forty_two()); });
    attempt("run_until_idle", [&] { loop.run_until_idle(); });
    attempt("run_ready", [&] { loop.run_ready(); });
    co_return;
}

}  // namespace

TEST_CASE("a scheduler cannot be run again inside its own task", "[run]") {
    test::test_loop loop;
    trace t;
    loop.scheduler.run(reenter(loop.scheduler, t));
    CHECK(t == trace{"run is refused", "run_until_idle is refused", "run_ready is refused"});
}

TEST_CASE("a scheduler cannot be run again inside a function posted to it", "[run]") {
    test::test_loop loop;
    loop.scheduler.post([&] { loop.scheduler.run(forty_two()); });
    loop.scheduler.run_until_idle();
    REQUIRE(loop.unhandled.size() == 1);
    CHECK_THAT(loop.unhandled.front(), Catch::Contains("running already"));
}

namespace {

coheir::task<std::string> read_and_set(std::string value) {
    auto read = context::get("key", "nothing");
    co_await coheir::yield();
    context::set("key", std::move(value));
    co_return read;
}

coheir::task<> run_inside(coheir::scheduler& inner, trace& t) {
    context::set("key", "outer");
    t.push_back("inner reads " + inner.run(read_and_set("inner")));
    t.push_back("outer reads " + context::get("key", "nothing"));
    co_await coheir::yield();
    t.push_back("later " + context::get("key", "nothing"));
}

coheir::task<> share_inside(coheir::scheduler& inner, trace& t) {
    context::set("key", "outer");
    try {
        inner.run(read_and_set("inner"));
    } catch (const coheir::wrong_scheduler&) {
        t.push_back("refused");
    }
    try {
        inner.spawn(read_and_set("inner")).detach();
    } catch (const coheir::wrong_scheduler&) {
        t.push_back("refused");
    }
    co_return;
}

coheir::task<> reenter_outer(coheir::scheduler& outer, trace& t) {
    try {
        outer.run(forty_two());
    } catch (const coheir::scheduler_busy&) {
        t.push_back("refused");
    }
    co_return;
}

coheir::task<> run_reentering(coheir::scheduler& inner, coheir::scheduler& outer, trace& t) {
    inner.run(reenter_outer(outer, t));
    co_return;
}

}  // namespace

TEST_CASE("a scheduler that runs inside another's task gives its tasks a copy of the context",
          "[run][nested]") {
    const auto policy = GENERATE(0, 1);
    test::test_loop outer;
    coheir::scheduler inner(policy == 0 ? coheir::spawn_policy::copying : coheir::spawn_policy::chained);
    trace t;
    outer.run(run_inside(inner, t));
    CHECK(t == trace{"inner reads outer", "outer reads outer", "later outer"});
}

TEST_CASE("an isolated scheduler that runs inside another's task gives its tasks an empty context",
          "[run][nested]") {
    test::test_loop outer;
    coheir::scheduler inner(coheir::spawn_policy::isolated);
    trace t;
    outer.run(run_inside(inner, t));
    CHECK(t == trace{"inner reads nothing", "outer reads outer", "later outer"});
}

TEST_CASE("a context is not shared with a task of another scheduler", "[run][nested]") {
    test::test_loop outer;
    coheir::scheduler inner(coheir::spawn_policy::shared);
    trace t;
    outer.run(share_inside(inner, t));
    CHECK(t == trace{"refused", "refused"});
    CHECK_FALSE(inner.run_ready());
}

TEST_CASE("a scheduler is busy also while it runs another inside its task", "[run][nested]") {
    test::test_loop outer;
    coheir::scheduler inner;
    trace t;
    outer.run(run_reentering(inner, outer.scheduler, t));
    CHECK(t == trace{"refused"});
}

namespace {

coheir::task<> wake_and_wait(coheir::scheduler& inner, coheir::join_handle<int> mine, trace& t) {
    inner.run_until_idle();
    t.push_back(mine.done() ? "done" : "not done");
    co_await mine;
    t.push_back("joined");
}

}  // namespace

TEST_CASE("what an inner scheduler's task hands to the outer one arrives there", "[run][nested]") {
    test::test_loop outer;
    coheir::scheduler inner;
    trace t;
    int resolved = 0;
    auto wait = [](coheir::scheduler& on, int& result) -> coheir::task<int> {
        auto start = [&](auto resolve) { on.post([resolve] { resolve(7); }); };
        result = co_await coheir::callback<int>(start);
        co_return result;
    };
    const auto handle = outer.scheduler.spawn(wait(inner, resolved));
    outer.run(wake_and_wait(inner, handle, t));
    CHECK(t == trace{"not done", "joined"});
    CHECK(resolved == 7);
}
