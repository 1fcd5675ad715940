// when_any, when_all, when_all_settled, with_timeout, timeout_scope, shield and task groups: what each means.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/foreign_awaitables.hpp"
#include "support/parking.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using Catch::Contains;
using test::trace;

namespace {

/// Takes `steps` turns, or when it is stopped, `cleaning` more; then ends with a value, or fails.
coheir::task<int> runner(trace& t, std::string name, int steps, int cleaning = 0, bool fails = false) {
    const test::counted here;
    std::exception_ptr stopped;
    try {
        for (int i = 0; i < steps; ++i) co_await coheir::yield();
    } catch (const coheir::task_cancelled&) {
        stopped = std::current_exception();
    }
    if (stopped) {
        for (int i = 0; i < cleaning; ++i) co_await coheir::yield();
        t.push_back(name + " cleaned up");
        if (fails) throw std::runtime_error(name + " failed to clean up");
        std::rethrow_exception(stopped);
    }
    t.push_back(name + " ended");
    if (fails) throw std::runtime_error(name + " failed");
    co_return steps;
}

/// What a task ends with, as text.
template <class T>
coheir::task<std::string> end_of(coheir::task<T> work) {
    try {
        co_await std::move(work);
    } catch (const coheir::task_cancelled&) {
        co_return "cancelled";
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "a value";
}

template <class T>
coheir::task<T> sleep_and_give(coheir::duration time, T value) {
    co_await coheir::sleep_for(time);
    co_return value;
}

}  // namespace

// ---- when_any

namespace {

coheir::task<> first_of_two(trace& t, int winner_steps, int loser_steps, int cleaning, bool loser_fails,
                            bool winner_fails, bool winner_is_second) {
    const test::counted here;
    try {
        std::size_t index = 0;
        if (winner_is_second) {
            const auto first =
                co_await coheir::when_any(runner(t, "loser", loser_steps, cleaning, loser_fails),
                                          runner(t, "winner", winner_steps, 0, winner_fails));
            index = first.index();
        } else {
            const auto first =
                co_await coheir::when_any(runner(t, "winner", winner_steps, 0, winner_fails),
                                          runner(t, "loser", loser_steps, cleaning, loser_fails));
            index = first.index();
        }
        t.push_back("first: " + std::to_string(index));
    } catch (const std::runtime_error& e) {
        t.push_back(e.what());
    }
}

}  // namespace

TEST_CASE("when_any: whatever the losers do, they end before it returns, and nothing is lost", "[when_any]") {
    for (int winner = 0; winner < 4; ++winner)
        for (int loser = 0; loser < 5; ++loser)
            for (int cleaning = 0; cleaning < 3; ++cleaning)
                for (int bits = 0; bits < 8; ++bits) {
                    const bool loser_fails = bits & 1, winner_fails = bits & 2, is_second = bits & 4;
                    CAPTURE(winner, loser, cleaning, loser_fails, winner_fails, is_second);
                    const test::counted_balance balance;
                    {
                        test::test_loop loop;
                        trace t;
                        loop.run(
                            first_of_two(t, winner, loser, cleaning, loser_fails, winner_fails, is_second));
                        // Nothing of it is left.
                        CHECK_FALSE(loop.step());
                        REQUIRE(balance.is_even());
                        REQUIRE_FALSE(t.empty());
                        const bool winner_won = winner < loser || (winner == loser && !is_second);
                        const bool loser_had_begun = winner > 0 || is_second;
                        if (winner_won) {
                            CHECK(t.back() == (winner_fails ? "winner failed"
                                                            : "first: " + std::to_string(is_second ? 1 : 0)));
                            const bool fails_late = loser_fails && loser_had_begun;
                            CHECK(loop.unhandled.size() == (fails_late ? 1 : 0));
                        } else {
                            CHECK(t.back() == (loser_fails ? "loser failed"
                                                           : "first: " + std::to_string(is_second ? 0 : 1)));
                        }
                    }
                }
}

TEST_CASE("when_any: an lvalue handle that does not win is let go, and runs on", "[when_any]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        const auto kept = coheir::spawn(runner(t, "kept", 5));
        const auto first = co_await coheir::when_any(kept, runner(t, "given", 2));
        t.push_back("first: " + std::to_string(first.index()));
        co_await kept;
    };
    trace t;
    loop.run(body(t));
    CHECK(t == trace{"given ended", "first: 1", "kept ended"});
}

TEST_CASE("when_any of a range gives the index and the value", "[when_any]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<std::pair<std::size_t, std::string>> {
        std::vector<coheir::task<std::string>> tasks;
        for (int i = 5; i > 0; --i)
            tasks.push_back(sleep_and_give<std::string>(std::chrono::milliseconds(i), std::to_string(i)));
        co_return co_await coheir::when_any(std::move(tasks));
    };
    CHECK(loop.run(body()) == std::pair<std::size_t, std::string>(4, "1"));
    CHECK(loop.clock.now() == coheir::time_point(1ms));

    auto empty = []() -> coheir::task<> { co_await coheir::when_any(std::vector<coheir::task<>>()); };
    CHECK_THROWS_AS(loop.run(empty()), coheir::usage_error);
}

TEST_CASE("when_any gives what cannot be copied, void and references", "[when_any]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<int> {
        static int variable = 3;
        auto pointer = []() -> coheir::task<std::unique_ptr<int>> { co_return std::make_unique<int>(2); };
        auto nothing = []() -> coheir::task<> { co_await coheir::sleep_for(1h); };
        auto first = co_await coheir::when_any(nothing(), pointer());
        co_return *std::get<1>(first) + variable;
    };
    CHECK(loop.run(body()) == 5);
}

// ---- when_all, when_all_settled

TEST_CASE("when_all: the first error cancels the rest once, and their cleaning up is awaited", "[when_all]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        co_await coheir::when_all(runner(t, "a", 9, 3), runner(t, "b", 2, 0, true),
                                  runner(t, "c", 9, 1, true));
    };
    trace t;
    CHECK(loop.run(end_of(body(t))) == "b failed");
    CHECK(t == trace{"b ended", "c cleaned up", "a cleaned up"});
    CHECK(loop.unhandled == std::vector<std::string>{"c failed to clean up"});
}

TEST_CASE("when_all: when its task is stopped, the end of one child does not stop the others again",
          "[when_all]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        co_await coheir::when_all(runner(t, "a", 9, 3), runner(t, "b", 9, 0), runner(t, "c", 9, 1));
    };
    trace t;
    const auto handle = loop.scheduler.spawn(end_of(body(t)));
    for (int i = 0; i < 4; ++i) loop.step();
    handle.request_stop();
    loop.run_until_idle();
    CHECK(handle.done());
    CHECK(t == trace{"b cleaned up", "c cleaned up", "a cleaned up"});
}

TEST_CASE("when_all: an error that is there when it is called stops what it spawns", "[when_all]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        auto failed = coheir::spawn(runner(t, "failed", 0, 0, true));
        co_await coheir::yield();
        co_await coheir::when_all(runner(t, "never", 0), std::move(failed));
    };
    trace t;
    CHECK(loop.run(end_of(body(t))) == "failed failed");
    CHECK(t == trace{"failed ended"});
}

TEST_CASE("when_all_settled gives every outcome, and stops nobody", "[when_all]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        const auto stopped = coheir::spawn(runner(t, "stopped", 9));
        co_await coheir::yield();
        stopped.request_stop();
        const auto [a, b, c] =
            co_await coheir::when_all_settled(runner(t, "a", 4), runner(t, "b", 1, 0, true), stopped);
        CHECK(a.has_value());
        CHECK(a.value() == 4);
        CHECK(a.error() == nullptr);
        CHECK_FALSE(b);
        CHECK_THROWS_WITH(b.value(), "b failed");
        CHECK_THROWS_AS(c.value(), coheir::task_cancelled);

        std::vector<coheir::task<int>> tasks;
        for (int i = 0; i < 4; ++i) tasks.push_back(runner(t, "r", i, 0, i % 2 != 0));
        const auto outcomes = co_await coheir::when_all_settled(std::move(tasks));
        CHECK(outcomes.size() == 4);
        for (std::size_t i = 0; i < 4; ++i) CHECK(outcomes[i].has_value() == (i % 2 == 0));
    };
    trace t;
    loop.run(body(t));
    CHECK(loop.unhandled == std::vector<std::string>());
}

// ---- with_timeout

TEST_CASE("with_timeout: what is over in time gives its result, else it is cancelled, its end awaited",
          "[timeout]") {
    test::test_loop loop;
    CHECK(loop.run([](trace&) -> coheir::task<int> {
        co_return co_await coheir::with_timeout(sleep_and_give(5ms, 1), 6ms);
    }(*std::make_unique<trace>())) == 1);
    CHECK_FALSE(loop.scheduler.next_deadline());  // its timer is gone with it

    auto body = [](trace& t) -> coheir::task<> {
        auto slow = [](trace& notes) -> coheir::task<> {
            CHECK(coheir::this_task::remaining() == 10ms);
            try {
                co_await coheir::sleep_for(1h);
            } catch (const coheir::task_cancelled&) {
                notes.push_back("stopped");
            }
            co_await coheir::sleep_for(2ms);
            notes.push_back("ended");  // by a value: too late
        };
        co_await coheir::with_timeout(slow(t), 10ms);
    };
    trace t;
    const coheir::time_point before = loop.clock.now();
    CHECK_THAT(loop.run(end_of(body(t))),
               Contains("with_timeout: task #") && Contains("took longer than 10ms"));
    CHECK(t == trace{"stopped", "ended"});
    CHECK(loop.clock.now() - before == 12ms);
    CHECK(loop.unhandled == std::vector<std::string>());
}

TEST_CASE("with_timeout: a task that has ended wins over a limit of zero, another never starts",
          "[timeout]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        auto done = coheir::spawn(runner(t, "done", 0));
        const auto looked_at = coheir::spawn(runner(t, "looked at", 0));
        co_await coheir::yield();
        t.push_back(std::to_string(co_await coheir::with_timeout(looked_at, 0ms)));
        t.push_back(std::to_string(co_await coheir::with_timeout(std::move(done), -1h)));
        co_await coheir::with_timeout(runner(t, "never", 0), 0ms);
    };
    trace t;
    CHECK_THAT(loop.run(end_of(body(t))), Contains("took longer than 0ns"));
    CHECK(t == trace{"done ended", "looked at ended", "0", "0"});
}

TEST_CASE(
    "with_timeout: a task that has ended counts, also if its time is over before the waiting one goes on",
    "[timeout]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> { co_await coheir::with_timeout(runner(t, "work", 1), 10ms); };
    trace t;
    const auto handle = loop.scheduler.spawn(end_of(body(t)));
    while (t.empty()) loop.step();
    CHECK_FALSE(handle.done());
    loop.clock.advance(20ms);
    auto look = [](const auto& of) -> coheir::task<std::string> { co_return co_await of; };
    CHECK(loop.run(look(handle)) == "a value");
}

TEST_CASE("with_timeout: an error of what is cancelled goes to the handler", "[timeout]") {
    test::test_loop loop;
    auto fails_to_stop = []() -> coheir::task<> {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            throw std::runtime_error("cannot stop");
        }
    };
    auto body = [](auto work) -> coheir::task<> { co_await coheir::with_timeout(work(), 1ms); };
    CHECK_THAT(loop.run(end_of(body(fails_to_stop))), Contains("took longer than 1ms"));
    CHECK(loop.unhandled == std::vector<std::string>{"cannot stop"});
}

TEST_CASE("with_timeout of a foreign awaitable waits for its end", "[timeout]") {
    test::test_loop loop;
    auto ready = []() -> coheir::task<int> {
        co_return co_await coheir::with_timeout(test::resumes_inline(), 1ms);
    };
    CHECK(loop.run(ready()) == 1);

    std::coroutine_handle<> resume;
    auto late = [](std::coroutine_handle<>& to) -> coheir::task<> {
        co_await coheir::with_timeout(test::later(to), 1ms);
    };
    const auto handle = loop.scheduler.spawn(end_of(late(resume)));
    loop.run_until_idle();
    CHECK(loop.clock.now() >= coheir::time_point(1ms));
    CHECK_FALSE(handle.done());
    resume.resume();
    loop.run_until_idle();
    CHECK(handle.done());
}

TEST_CASE("time limits name what they limited", "[timeout]") {
    test::test_loop loop;
    auto sleep = []() -> coheir::task<> { co_await coheir::with_timeout(coheir::sleep_for(1h), 1500us); };
    CHECK_THAT(loop.run(end_of(sleep())), Contains("a wait of task #") && Contains("longer than 1.5ms"));
    auto block = []() -> coheir::task<> {
        co_await coheir::timeout_scope(2s, []() -> coheir::task<> { co_await coheir::sleep_for(1h); });
    };
    CHECK_THAT(loop.run(end_of(block())), Contains("a block of task #") && Contains("longer than 2s"));
}

// ---- timeout_scope

namespace {

coheir::task<std::string> limited(coheir::duration outer, coheir::duration inner, trace& t) {
    try {
        co_await coheir::timeout_scope(outer, [&]() -> coheir::task<> {
            context::set("set", "inside");  // the same context
            try {
                co_await coheir::timeout_scope(inner, [&]() -> coheir::task<> {
                    try {
                        co_await coheir::sleep_for(1h);
                    } catch (const coheir::task_cancelled&) {
                        t.push_back("stopped");
                        throw;
                    }
                });
            } catch (const coheir::timeout_error&) {
                t.push_back("inner");
            }
            co_await coheir::sleep_for(5ms);
            t.push_back("went on");
        });
    } catch (const coheir::timeout_error&) {
        t.push_back("outer");
    }
    co_await coheir::yield();
    co_return context::get("set", "not set");
}

}  // namespace

TEST_CASE("timeout_scope: nested limits are told apart", "[timeout]") {
    test::test_loop loop;
    trace t;
    CHECK(loop.run(limited(10ms, 1ms, t)) == "inside");
    CHECK(t == trace{"stopped", "inner", "went on"});
    t.clear();
    CHECK(loop.run(limited(1ms, 10ms, t)) == "inside");
    CHECK(t == trace{"stopped", "outer"});
    t.clear();
    CHECK(loop.run(limited(3ms, 1ms, t)) == "inside");
    CHECK(t == trace{"stopped", "inner", "outer"});
    t.clear();
    CHECK(loop.run(limited(1ms, 1ms, t)) == "inside");  // both at once: the outer one counts
    CHECK(t == trace{"stopped", "outer"});
    CHECK_FALSE(loop.scheduler.next_deadline());
}

TEST_CASE("timeout_scope: a request to stop the task stays task_cancelled", "[timeout]") {
    for (const bool after_the_limit : {false, true}) {
        test::test_loop loop;
        auto body = []() -> coheir::task<> {
            co_await coheir::timeout_scope(5ms, []() -> coheir::task<> { co_await coheir::sleep_for(1h); });
        };
        const auto handle = loop.scheduler.spawn(end_of(body()));
        loop.step();
        if (after_the_limit) {
            loop.clock.advance(5ms);
            loop.scheduler.run_ready(0);  // the timer is due, the task has not run yet
        }
        handle.request_stop();
        auto look = [](const auto& of) -> coheir::task<std::string> { co_return co_await of; };
        CHECK(loop.run(look(handle)) == "cancelled");
    }
}

TEST_CASE("timeout_scope: a block that goes on to its end has ended, and no request is left", "[timeout]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<int> {
        const int result = co_await coheir::timeout_scope(1ms, []() -> coheir::task<int> {
            try {
                co_await coheir::sleep_for(1h);
            } catch (const coheir::task_cancelled&) {
            }
            co_return 1;
        });
        const int without_a_wait =
            co_await coheir::timeout_scope(0ms, []() -> coheir::task<int> { co_return 2; });
        co_await coheir::yield();  // throws nothing
        co_return result + without_a_wait;
    };
    CHECK(loop.run(body()) == 3);
}

// ---- shield

TEST_CASE("shield: the wait is cancelled at once, what is waited for runs on", "[shield]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> { co_await coheir::shield(runner(t, "shielded", 3)); };
    trace t;
    const auto handle = loop.scheduler.spawn(end_of(body(t)));
    loop.step();
    loop.step();
    handle.request_stop();
    loop.step();  // of the shielded one
    loop.step();
    CHECK(handle.done());
    CHECK(t == trace());
    loop.run_until_idle();
    CHECK(t == trace{"shielded ended"});
}

TEST_CASE("a handle that others wait for is let go when one of them is cancelled", "[cancellation]") {
    test::test_loop loop;
    trace t;
    const auto shared = loop.scheduler.spawn(runner(t, "shared", 4));
    auto join = [](const auto& of) -> coheir::task<> { co_await of; };
    const auto one = loop.scheduler.spawn(end_of(join(shared)));
    const auto other = loop.scheduler.spawn(end_of(join(shared)));
    for (int i = 0; i < 3; ++i) loop.step();
    one.request_stop();
    for (int i = 0; i < 2; ++i) loop.step();
    CHECK(one.done());
    CHECK_FALSE(shared.done());
    loop.run_until_idle();
    CHECK(other.done());
    CHECK(t == trace{"shared ended"});

    const auto alone = loop.scheduler.spawn(runner(t, "alone", 4, 1));
    const auto only = loop.scheduler.spawn(end_of(join(alone)));
    for (int i = 0; i < 2; ++i) loop.step();
    only.request_stop();
    loop.run_until_idle();
    CHECK(t == trace{"shared ended", "alone cleaned up"});
}

// ---- task groups

TEST_CASE("a group is left when the block and all children have ended", "[task_group]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<int> {
        const int result =
            co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<int> {
                auto spawns = [](coheir::task_group& into, trace& notes) -> coheir::task<> {
                    co_await coheir::yield();
                    into.spawn(runner(notes, "grandchild", 2), coheir::options().name("grandchild"));
                };
                group.spawn(spawns(group, t));
                group.spawn(runner(t, "child", 1));
                CHECK(group.size() == 2);
                const auto adopted = coheir::spawn(runner(t, "adopted", 6));
                group.add(adopted);
                co_await coheir::yield();
                t.push_back("block ended");
                co_return 7;
            });
        t.push_back("left");
        co_return result;
    };
    trace t;
    CHECK(loop.run(body(t)) == 7);
    CHECK(t == trace{"block ended", "child ended", "grandchild ended", "adopted ended", "left"});
}

TEST_CASE("a group's first error cancels the block and the other children, further errors are reported",
          "[task_group]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            group.spawn(runner(t, "a", 9, 2));
            group.spawn(runner(t, "b", 2, 0, true));
            group.spawn(runner(t, "c", 9, 1, true));
            try {
                co_await coheir::sleep_for(1h);
            } catch (const coheir::task_cancelled&) {
                t.push_back("block stopped");
                group.spawn(runner(t, "too late", 0));
                throw;
            }
        });
    };
    trace t;
    CHECK(loop.run(end_of(body(t))) == "b failed");
    CHECK(t == trace{"b ended", "block stopped", "c cleaned up", "a cleaned up"});
    CHECK(loop.clock.now() == coheir::time_point());
    CHECK(loop.unhandled == std::vector<std::string>{"c failed to clean up"});
}

TEST_CASE("an exception that leaves a group's block cancels the children, whose end is awaited",
          "[task_group]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            group.spawn(runner(t, "a", 9, 2));
            co_await coheir::yield();
            throw std::runtime_error("block failed");
        });
    };
    trace t;
    CHECK(loop.run(end_of(body(t))) == "block failed");
    CHECK(t == trace{"a cleaned up"});
}

TEST_CASE("a group survives the cancellation of one child, and of all", "[task_group]") {
    test::test_loop loop;
    auto body = [](trace& t) -> coheir::task<> {
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            const auto one = coheir::spawn(runner(t, "one", 9));
            group.add(one);
            group.spawn(runner(t, "other", 3));
            co_await coheir::yield();
            one.request_stop();
        });
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            for (int i = 0; i < 3; ++i) group.spawn(runner(t, "poller", 1'000'000));
            co_await coheir::yield();
            group.request_stop();
        });
    };
    trace t;
    CHECK(loop.run(end_of(body(t))) == "a value");
    CHECK(t == trace{"one cleaned up", "other ended", "poller cleaned up", "poller cleaned up",
                     "poller cleaned up"});
}

TEST_CASE("a group whose task is asked to stop cancels its children and throws task_cancelled",
          "[task_group]") {
    for (const bool in_block : {false, true}) {
        test::test_loop loop;
        auto body = [](trace& t, bool wait_in_block) -> coheir::task<> {
            co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
                group.spawn(runner(t, "a", 9, 2));
                group.spawn(runner(t, "b", 9, 3, true));
                if (wait_in_block) co_await coheir::sleep_for(1h);
            });
        };
        trace t;
        const auto handle = loop.scheduler.spawn(end_of(body(t, in_block)));
        for (int i = 0; i < 3; ++i) loop.step();
        handle.request_stop();
        loop.run_until_idle();
        auto look = [](const auto& of) -> coheir::task<std::string> { co_return co_await of; };
        CHECK(loop.run(look(handle)) == "cancelled");
        CHECK(t == trace{"a cleaned up", "b cleaned up"});
        CHECK(loop.unhandled == std::vector<std::string>{"b failed to clean up"});
    }
}

// ---- misuse, and what is over

namespace {

/// Awaits it, and again: what each gives. The first may be cancelled.
template <class Any>
coheir::task<> await_twice(trace& t, Any any) {
    auto waits = any();
    auto once = [&]() -> coheir::task<> { co_await waits; };
    t.push_back(co_await end_of(once()));
    t.push_back(co_await end_of(once()));
}

}  // namespace

TEST_CASE("what waits for several tasks is awaited once, the second time says so", "[when_any][when_all]") {
    for (const bool cancelled : {false, true}) {
        test::test_loop loop;
        trace t;
        const auto long_running = loop.scheduler.spawn(sleep_and_give(1s, 1));
        const auto keeps = [](const coheir::join_handle<int>& h) -> coheir::task<> { co_await h; };
        const auto keeper = loop.scheduler.spawn(keeps(long_running));  // so it is let go
        const auto twice = [&](auto any) { return loop.scheduler.spawn(await_twice(t, any)); };
        std::vector<coheir::join_handle<int>> range{long_running, long_running};
        const auto all = {
            twice([&] { return coheir::when_any(long_running, long_running); }),
            twice([&] { return coheir::when_any(range); }),
            twice([&] { return coheir::when_all(long_running, long_running); }),
            twice([&] { return coheir::when_all(range); }),
            twice([&] { return coheir::when_all_settled(long_running, long_running); }),
            twice([&] { return coheir::when_all_settled(range); }),
        };
        loop.scheduler.run_ready(100), loop.scheduler.run_ready(100);
        if (cancelled)
            for (const auto& each : all) each.request_stop();
        loop.run_until_idle();
        REQUIRE(t.size() == 12);
        for (std::size_t i = 0; i < t.size(); i += 2) {
            CHECK(t[i] == (cancelled ? "cancelled" : "a value"));
            CHECK_THAT(t[i + 1], Contains("is awaited twice"));
        }
        CHECK(keeper.done());
    }
}

TEST_CASE("with_timeout: the timer of a wait that has ended is gone, however long the wait is kept",
          "[timeout]") {
    test::test_loop loop;
    const auto work = loop.scheduler.spawn(sleep_and_give(1ms, 1));
    bool has_timer = true;
    auto waits = [&]() -> coheir::task<> {
        auto kept = coheir::with_timeout(work, 1h);
        co_await kept;
        has_timer = loop.scheduler.next_deadline().has_value();
    };
    loop.run(waits());
    CHECK_FALSE(has_timer);
}

TEST_CASE("with_timeout: a wait that was let go stops nobody when its time comes", "[timeout]") {
    test::test_loop loop;
    trace t;
    const auto work = loop.scheduler.spawn(sleep_and_give(2s, 1));
    const auto keeps = [](const coheir::join_handle<int>& h) -> coheir::task<> { co_await h; };
    const auto keeper = loop.scheduler.spawn(end_of(keeps(work)));
    auto limited = [&]() -> coheir::task<> { co_await coheir::with_timeout(work, 1s); };
    auto waits = [&]() -> coheir::task<> { t.push_back(co_await end_of(limited())); };
    const auto waiting = loop.scheduler.spawn(waits());
    loop.scheduler.run_ready(100), loop.scheduler.run_ready(100);
    loop.clock.advance(1s);
    waiting.request_stop();  // it is let go before the timer fires, and goes on after that
    loop.run_until_idle();
    CHECK(t == trace{"cancelled"});
    auto read = [&]() -> coheir::task<std::string> { co_return co_await keeper; };
    CHECK(loop.run(read()) == "a value");
}

TEST_CASE("with_timeout: dropped without being awaited, it has its task stop", "[timeout]") {
    const bool has_begun = GENERATE(false, true);
    test::test_loop loop;
    trace t;
    const auto drops = [&]() -> coheir::task<> {
        {
            const auto dropped = coheir::with_timeout(runner(t, "task", 5), 1s);
            if (has_begun) co_await coheir::yield();
        }
        t.push_back("dropped");
    };
    loop.run(drops());
    loop.run_until_idle();
    CHECK(t == (has_begun ? trace{"dropped", "task cleaned up"} : trace{"dropped"}));
    CHECK(loop.scheduler.tasks().empty());
    CHECK(loop.unhandled.empty());
}

TEST_CASE(
    "a wait that is dropped does not come back to the task that dropped it, and stops what is given twice",
    "[when_all][timeout]") {
    test::test_loop loop;
    trace t;
    coheir::join_handle<void> self;
    const auto watches = [&]() -> coheir::task<> { co_await self; };
    const int how = GENERATE(0, 1, 2);
    const auto drops = [&]() -> coheir::task<> {
        co_await coheir::yield();
        auto twice = coheir::spawn(runner(t, "twice", 5));
        auto copy = twice;
        if (how == 0) {
            const auto dropped = coheir::when_all(watches(), watches());
            co_await coheir::yield();
        } else if (how == 1) {
            const auto dropped = coheir::with_timeout(watches(), 1s);
            co_await coheir::yield();
        } else {
            const auto dropped = coheir::when_any(std::move(twice), std::move(copy));
            co_await coheir::yield();
        }
        co_await coheir::sleep_for(1ms);
        t.push_back("went on");
    };
    self = loop.scheduler.spawn(drops());
    loop.run_until_idle();
    CHECK(t == trace{how == 2 ? "twice cleaned up" : "twice ended", "went on"});
    CHECK(self.done());
    CHECK(loop.unhandled.empty());
}

TEST_CASE(
    "a when_all that is dropped asks all of its tasks at once: one that waits for another awaits its end",
    "[when_all]") {
    test::test_loop loop;
    trace t;
    const auto waits_for = [&](coheir::join_handle<int> other) -> coheir::task<int> {
        try {
            co_await other;
        } catch (const coheir::task_cancelled&) {
        }
        t.push_back(other.done() ? "after its end" : "before its end");
        co_return 0;
    };
    const bool waiting_first = GENERATE(false, true);
    const auto drops = [&]() -> coheir::task<> {
        auto other = coheir::spawn(runner(t, "other", 5, 2));
        const auto copy = other;
        if (waiting_first) {
            const auto dropped = coheir::when_all(waits_for(copy), std::move(other));
            co_await coheir::yield();
        } else {
            const auto dropped = coheir::when_all(std::move(other), waits_for(copy));
            co_await coheir::yield();
        }
    };
    loop.run(drops());
    loop.run_until_idle();
    CHECK(t == trace{"other cleaned up", "after its end"});
}
