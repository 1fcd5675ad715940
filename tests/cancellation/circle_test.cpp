// Tasks that wait for each other in a circle, through what stops its rest.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <exception>
#include <functional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "support/test_loop.hpp"

namespace {

using coheir::join_handle;
using coheir::task;
using namespace std::chrono_literals;

template <class T>
task<> watch(join_handle<T>& watched) {
    co_await watched;
}
task<> quick() { co_await coheir::yield(); }
task<> failing() {
    co_await coheir::yield();
    throw std::runtime_error("failed");
}

/// What leaves a task.
task<std::string> caught(task<> work) {
    try {
        co_await std::move(work);
        co_return "nothing";
    } catch (const std::exception& e) {
        co_return e.what();
    } catch (const coheir::task_cancelled&) {
        co_return "cancelled";
    }
}
task<> in_time(join_handle<std::string>& circle) { co_await coheir::with_timeout(watch(circle), 1s); }

/// What a task returns that is given a handle of itself; all that it has spawned must have ended by then.
template <class F>
std::string result_in_circle(F body) {
    test::test_loop loop;
    join_handle<std::string> circle;
    auto start = [&]() -> task<std::string> {
        co_await coheir::yield();
        co_return co_await body(circle);
    };
    circle = loop.scheduler.spawn(start());
    loop.run_until_idle();
    CHECK(circle.done());
    CHECK(loop.scheduler.tasks().empty());
    CHECK(loop.unhandled.empty());
    auto root = [&]() -> task<std::string> {
        std::string result;
        try {
            result = co_await std::move(circle);
        } catch (const coheir::task_cancelled&) {
            result = "the task was cancelled";
        }
        co_return result;
    };
    return loop.run(root());
}

}  // namespace

TEST_CASE("a task that waits for one that waits for it goes on once when the rest is stopped",
          "[cancellation]") {
    test::test_loop loop;
    join_handle<> circle;
    int ends = 0;
    std::string what;
    auto body = [&]() -> task<> {
        try {
            co_await coheir::when_all(failing(), watch(circle));
        } catch (const std::runtime_error& e) {
            what = e.what();
        } catch (const coheir::task_cancelled&) {
            what = "cancelled";
        }
        ++ends;
    };
    auto root = [&]() -> task<> {
        circle = coheir::spawn(body());
        co_await coheir::sleep_for(1s);  // nothing else stands in the queue meanwhile
        CHECK(circle.done());
    };
    loop.run(root());
    loop.run_until_idle();
    CHECK(ends == 1);
    CHECK(loop.scheduler.tasks().empty());  // nobody fell out of the queue
    CHECK(what == "failed");
}

TEST_CASE("what a task asks others to stop for does not come back to it around a circle", "[cancellation]") {
    // Each gives what the circle's own task gets. It waits for one that waits for it, and asks it to stop.
    using way = task<std::string> (*)(join_handle<std::string>&);
    const way with_timeout = [](join_handle<std::string>& circle) -> task<std::string> {
        co_return co_await caught(in_time(circle));
    };
    const way around_another = [](join_handle<std::string>& circle) -> task<std::string> {
        auto other = coheir::spawn(watch(circle));
        auto outer = [](join_handle<> of) -> task<> { co_await of; }(std::move(other));
        auto limited = [](task<> t) -> task<> { co_await coheir::with_timeout(std::move(t), 1s); };
        co_return co_await caught(limited(std::move(outer)));
    };
    const way scope = [](join_handle<std::string>& circle) -> task<std::string> {
        auto block = [&]() -> task<> { co_await coheir::spawn(watch(circle)); };
        auto limited = [&]() -> task<> { co_await coheir::timeout_scope(1s, block); };
        co_return co_await caught(limited());
    };
    const way scope_that_is_over = [](join_handle<std::string>& circle) -> task<std::string> {
        auto watching = coheir::spawn(watch(circle));
        co_await coheir::yield();
        auto block = [&]() -> task<> { co_await watching; };
        auto limited = [&]() -> task<> { co_await coheir::timeout_scope(0s, block); };
        co_return co_await caught(limited());
    };
    for (const way w : {with_timeout, around_another, scope, scope_that_is_over}) {
        CHECK_THAT(result_in_circle(w), Catch::Contains("took longer"));
    }

    const way first_of_two = [](join_handle<std::string>& circle) -> task<std::string> {
        const auto first = co_await coheir::when_any(quick(), watch(circle));
        co_await coheir::yield();  // nothing is due
        co_return first.index() == 0 ? "the first" : "the other";
    };
    CHECK(result_in_circle(first_of_two) == "the first");
}

TEST_CASE("a limit for one that waits for the limiting task gives timeout_error, and cancels that one",
          "[cancellation]") {
    test::test_loop loop;
    join_handle<> outer;
    std::string in_child, in_outer;
    auto child = [&]() -> task<> {
        in_child =
            co_await caught([](join_handle<>& h) -> task<> { co_await coheir::with_timeout(h, 1s); }(outer));
    };
    auto body = [&]() -> task<> {
        in_outer = co_await caught([](task<> c) -> task<> { co_await coheir::spawn(std::move(c)); }(child()));
        if (in_outer == "cancelled") throw coheir::task_cancelled();
    };
    outer = loop.scheduler.spawn(body());
    loop.run_until_idle();
    CHECK(in_outer == "cancelled");
    CHECK_THAT(in_child, Catch::Contains("took longer"));
    CHECK(loop.scheduler.tasks().empty());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("stopping the children of a group leaves alone the block that one of them waits for",
          "[cancellation]") {
    using way = task<std::string> (*)(join_handle<std::string>&);
    const way block_sleeps = [](join_handle<std::string>& circle) -> task<std::string> {
        auto block = [&](coheir::task_group& g) -> task<> {
            g.spawn(watch(circle));
            g.spawn(failing());
            co_await coheir::sleep_for(1h);
        };
        auto grouped = [&]() -> task<> { co_await coheir::with_task_group(block); };
        std::string what = co_await caught(grouped());
        co_await coheir::yield();  // the task itself was not asked to stop
        co_return what;
    };
    const way block_has_ended = [](join_handle<std::string>& circle) -> task<std::string> {
        auto block = [&](coheir::task_group& g) -> task<> {
            g.spawn(watch(circle));
            g.spawn(failing());
            co_return;
        };
        auto grouped = [&]() -> task<> { co_await coheir::with_task_group(block); };
        std::string what = co_await caught(grouped());
        co_await coheir::yield();
        co_return what;
    };
    const way block_fails = [](join_handle<std::string>& circle) -> task<std::string> {
        auto block = [&](coheir::task_group& g) -> task<> {
            g.spawn(watch(circle));
            co_await coheir::yield();
            throw std::runtime_error("failed");
        };
        auto grouped = [&]() -> task<> { co_await coheir::with_task_group(block); };
        std::string what = co_await caught(grouped());
        co_await coheir::yield();
        co_return what;
    };
    for (const way w : {block_sleeps, block_has_ended, block_fails}) CHECK(result_in_circle(w) == "failed");

    const way asked = [](join_handle<std::string>& circle) -> task<std::string> {
        auto block = [&](coheir::task_group& g) -> task<> {
            g.spawn(watch(circle));
            co_await coheir::yield();
            g.request_stop();
            const auto late = coheir::spawn(watch(circle));
            co_await coheir::sleep_for(1s);
            g.add(late);
            co_await coheir::sleep_for(1s);
        };
        auto grouped = [&]() -> task<> { co_await coheir::with_task_group(block); };
        std::string what = co_await caught(grouped());
        co_await coheir::yield();
        co_return what;
    };
    CHECK(result_in_circle(asked) == "nothing");
}

TEST_CASE("a request from outside goes around a circle once, and stops all of it", "[cancellation]") {
    test::test_loop loop;
    join_handle<std::string> circle;
    std::string what;
    auto body = [&]() -> task<std::string> {
        what = co_await caught(in_time(circle));
        co_await coheir::yield();  // a request throws once
        co_return "";
    };
    circle = loop.scheduler.spawn(body());
    loop.scheduler.post([&] { circle.request_stop(); });
    loop.scheduler.run_ready(100);
    loop.scheduler.run_ready(100);
    circle.request_stop();
    loop.run_until_idle();
    CHECK(what == "cancelled");
    CHECK(circle.done());
    CHECK(loop.scheduler.tasks().empty());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("a circle through a group stops all of it, and each goes on once", "[cancellation]") {
    test::test_loop loop;
    join_handle<> outer;
    int ends = 0;
    std::string of_child, of_outer;
    auto all = [&]() -> task<> { co_await coheir::when_all(failing(), watch(outer)); };
    auto child = [&]() -> task<> {
        of_child = co_await caught(all());
        ++ends;
        if (of_child == "cancelled") throw coheir::task_cancelled();
    };
    auto block = [&](coheir::task_group& g) -> task<> {
        g.spawn(child());
        co_return;
    };
    auto grouped = [&]() -> task<> { co_await coheir::with_task_group(block); };
    auto body = [&]() -> task<> { of_outer = co_await caught(grouped()); };
    outer = loop.scheduler.spawn(body());
    loop.run_until_idle();
    CHECK(ends == 1);
    CHECK(of_child == "cancelled");
    CHECK(of_outer == "cancelled");
    CHECK(loop.scheduler.tasks().empty());
    CHECK(loop.unhandled == std::vector<std::string>{"failed"});  // the error that nobody got
}

namespace {

coheir::task<> wait_for(coheir::remote_handle<>& other, int& stopped) {
    try {
        co_await other;
    } catch (const coheir::task_cancelled&) {
        ++stopped;
        throw;
    }
}

/// Runs both for longer than anything here takes; false if something is still on its way.
bool come_to_rest(coheir::scheduler& one, coheir::scheduler& two) {
    for (int rounds = 0; rounds < 100; ++rounds) one.run_ready(), two.run_ready();
    return !one.run_ready() && !two.run_ready();
}

}  // namespace

TEST_CASE("a request goes once around a circle of tasks of several schedulers, and opens it",
          "[cancellation][remote]") {
    coheir::scheduler one, two;
    coheir::remote_handle<> a, b;
    int stopped = 0;
    const bool alone = GENERATE(false, true);
    if (alone) {  // waits for itself
        a = one.remote().spawn(wait_for(a, stopped));
    } else {
        a = one.remote().spawn(wait_for(b, stopped));
        b = two.remote().spawn(wait_for(a, stopped));
    }
    REQUIRE(come_to_rest(one, two));
    REQUIRE(stopped == 0);
    const int requests = GENERATE(1, 2);
    for (int i = 0; i < requests; ++i) a.request_stop();
    REQUIRE(come_to_rest(one, two));
    CHECK(stopped == (alone ? 1 : 2));
    CHECK(a.done());
    CHECK((alone || b.done()));
}

TEST_CASE("a circle through tasks of one scheduler and of another is opened, too", "[cancellation][remote]") {
    coheir::scheduler one, two;
    coheir::remote_handle<> a, b;
    int stopped = 0;
    const auto through_a_child = [&]() -> coheir::task<> { co_await coheir::spawn(wait_for(a, stopped)); };
    a = one.remote().spawn(wait_for(b, stopped));
    b = two.remote().spawn(through_a_child());
    REQUIRE(come_to_rest(one, two));
    b.request_stop();
    REQUIRE(come_to_rest(one, two));
    CHECK(stopped == 2);
    CHECK(a.done());
    CHECK(b.done());
}

TEST_CASE("a time limit for a task of another scheduler that waits for the limiting one gives timeout_error",
          "[cancellation][remote]") {
    coheir::manual_clock clock;
    coheir::scheduler one(coheir::spawn_policy::copying, clock), two;
    coheir::remote_handle<> a, b;
    int stopped = 0;
    std::string end;
    const auto limits = [&]() -> coheir::task<> {
        try {
            co_await coheir::with_timeout(b, 10ms);
        } catch (const coheir::timeout_error&) {
            end = "timeout";
        } catch (const coheir::task_cancelled&) {
            end = "cancelled";
        }
    };
    a = one.remote().spawn(limits());
    b = two.remote().spawn(wait_for(a, stopped));
    REQUIRE(come_to_rest(one, two));
    clock.advance(10ms);
    REQUIRE(come_to_rest(one, two));
    CHECK(end == "timeout");
    CHECK(stopped == 1);
    CHECK(a.done());
    CHECK(b.done());
}

TEST_CASE("a task that is stopped twice at once still waits for the end of the one on another scheduler",
          "[cancellation][remote]") {
    coheir::scheduler one, two;
    std::vector<std::string> ends;
    const auto ends_late = [&]() -> coheir::task<> {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
        }
        for (int i = 0; i < 10; ++i) co_await coheir::yield();
        ends.push_back("there");
    };
    const auto waits = [&]() -> coheir::task<> {
        try {
            co_await two.remote().spawn(ends_late());
        } catch (const coheir::task_cancelled&) {
        }
        ends.push_back("here");
    };
    const auto groups = [&]() -> coheir::task<> {
        const auto waiting = coheir::spawn(waits());
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            group.add(waiting);
            group.add(waiting);
            co_return;
        });
    };
    const auto handle = one.spawn(groups());
    REQUIRE(come_to_rest(one, two));
    handle.request_stop();
    REQUIRE(come_to_rest(one, two));
    CHECK(ends == std::vector<std::string>{"there", "here"});
    CHECK(handle.done());
}

TEST_CASE("a newer request around a circle is not lost behind an older one that is on its way",
          "[cancellation][remote]") {
    coheir::manual_clock clock;
    coheir::scheduler one(coheir::spawn_policy::copying, clock), two(coheir::spawn_policy::copying, clock);
    coheir::remote_handle<> there, back;
    join_handle<> first, inner;
    int stopped = 0;
    // first waits for there, that for inner, that for back, that for first.
    first = one.spawn(wait_for(there, stopped));
    const auto waits_back = [&]() -> task<> { co_await back; };
    inner = two.spawn(waits_back());
    there = two.remote().spawn(watch(inner));
    back = one.remote().spawn(watch(first));
    REQUIRE(come_to_rest(one, two));
    REQUIRE(stopped == 0);

    SECTION("where it begins") {
        const auto limits = [&]() -> task<> { co_await coheir::with_timeout(first, 1ms); };
        const auto limiting = one.spawn(limits());
        REQUIRE(come_to_rest(one, two));
        clock.advance(2ms);
        one.run_ready();
        limiting.request_stop();  // which no longer waits, then
        one.run_ready();
        REQUIRE(limiting.done());
        first.request_stop();
    }
    SECTION("further on") {
        const auto limits = [&]() -> task<> {
            try {
                co_await coheir::with_timeout(inner, 1ms);
            } catch (const coheir::timeout_error&) {
            }
        };
        two.spawn(limits()).detach();
        REQUIRE(come_to_rest(one, two));
        clock.advance(2ms);
        two.run_ready();
        first.request_stop();
        two.run_ready();
    }
    REQUIRE(come_to_rest(one, two));
    CHECK(stopped == 1);
    CHECK(first.done());
    CHECK(inner.done());
    CHECK(back.done());
}

TEST_CASE("requests that come while another arrives, and tells stop tokens, are handed on behind it",
          "[cancellation][remote]") {
    const int requests = GENERATE(1, 2, 3, 4);
    const bool by_waiting = GENERATE(false, true);
    coheir::scheduler one, two, three;
    int asked = 0;
    std::function<void()> ask_again;
    const auto last = [&]() -> task<> {
        while (asked < 2) {
            try {
                co_await coheir::sleep_for(1h);
            } catch (const coheir::task_cancelled&) {
                ++asked;
            }
        }
    };
    const auto middle = [&]() -> task<> {
        bool is_first = true;
        const auto tells = [&] {
            if (!std::exchange(is_first, false)) return;
            while (asked == 0) three.run_ready();  // it has been asked, and waits again
            for (int i = 0; i < requests; ++i) ask_again();
        };
        const std::stop_callback told(coheir::this_task::stop_token(), tells);
        co_await three.remote().spawn(last());
    };
    coheir::remote_handle<> of_middle = two.remote().spawn(middle());
    join_handle<> waiting;
    const auto waits = [&]() -> task<> { co_await of_middle; };
    if (by_waiting) waiting = one.spawn(waits());
    ask_again = [&] { by_waiting ? static_cast<void>(waiting.request_stop()) : of_middle.request_stop(); };
    for (int i = 0; i < 10; ++i) one.run_ready(), two.run_ready(), three.run_ready();
    ask_again();
    for (int i = 0; i < 20; ++i) one.run_ready(), two.run_ready(), three.run_ready();
    CHECK(asked == 2);
    CHECK(of_middle.done());
    CHECK((!by_waiting || waiting.done()));
}

TEST_CASE("two requests of different askers that are handed on at once reach all that each of them would",
          "[cancellation][remote]") {
    const bool at_once = GENERATE(false, true);
    coheir::scheduler one, two;
    coheir::remote_handle<> there, back;
    join_handle<> first, inner, last;
    bool goes_on = false, holds_up = true;
    // first → there (two) → inner → last → back (one) → first
    const auto waits = [](const auto& for_it) -> task<> {
        co_await coheir::yield();
        co_await for_it;
    };
    const auto turns = [&]() -> task<> {
        while (holds_up) co_await coheir::yield();
    };
    const auto limits = [&]() -> task<> {
        co_await coheir::yield();
        last = coheir::spawn(waits(back));
        while (!goes_on) co_await coheir::yield();
        try {
            co_await coheir::with_timeout(last, 0ms);
        } catch (const coheir::timeout_error&) {
        }
        co_await coheir::yield();  // asked by the other, it ends here at the latest
    };
    two.spawn(turns()).detach();
    first = one.spawn(waits(there));
    inner = two.spawn(limits());
    there = two.remote().spawn(waits(inner));
    back = one.remote().spawn(waits(first));
    for (int i = 0; i < 10; ++i) one.run_ready(), two.run_ready();
    two.run_ready(1);  // so that the task that limits goes on before what comes now
    goes_on = true;
    first.request_stop();
    two.run_ready(1);
    if (!at_once) two.run_ready();
    one.run_ready();  // its request comes round by here
    holds_up = false;
    REQUIRE(come_to_rest(one, two));
    CHECK(first.done());
    CHECK(inner.done());
    CHECK_THROWS_AS(one.run(waits(first)), coheir::task_cancelled);
    CHECK_THROWS_AS(two.run(waits(inner)), coheir::task_cancelled);
}
