// Small programs, each stopped and destroyed after every one of its steps.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;
using test::counted;
using test::stopped_after_each_step;
using test::test_loop;

namespace {

const std::vector<spawn_policy> all_policies{spawn_policy::shared, spawn_policy::copying,
                                             spawn_policy::chained, spawn_policy::isolated};

coheir::task<counted> count_down(counted from) {
    context::set("level", from);
    if (from.value == 0) co_return from;
    co_await coheir::yield();
    const counted below = co_await count_down(counted(from.value - 1));
    co_await coheir::yield();
    co_return counted(below.value + 1);
}

coheir::task<counted> sleep_then_give(coheir::duration time, counted value) {
    const counted local(1);
    co_await coheir::sleep_for(time);
    context::set("slept", local);
    co_return value;
}

coheir::task<counted> fail_late(counted) {
    const counted local(1);
    context::set("value", local);
    co_await coheir::yield();
    throw std::runtime_error("no luck");
}

coheir::task<> spawn_and_join(counted) {
    context::set("value", counted(1));
    auto first = coheir::spawn(count_down(counted(2)));
    const auto second = coheir::spawn(sleep_then_give(1s, counted(2)));
    const counted& looked = co_await second;
    const counted moved = co_await std::move(first);
    context::set("value", counted(looked.value + moved.value));
}

coheir::task<> gather(counted) {
    context::set("value", counted(1));
    const auto handle = coheir::spawn(count_down(counted(1)));
    auto [a, b, c] =
        co_await coheir::when_all(count_down(counted(2)), sleep_then_give(1s, counted(3)), handle);
    std::vector<coheir::task<counted>> range;
    for (int i = 0; i < 3; ++i) range.push_back(sleep_then_give(i * 1ms, counted(i)));
    const std::vector<counted> results = co_await coheir::when_all(std::move(range));
    context::set("sum", counted(a.value + b.value + c.value + results.back().value));
}

coheir::task<> gather_failures(counted) {
    try {
        co_await coheir::when_all(fail_late(counted(1)), count_down(counted(2)), fail_late(counted(3)));
    } catch (const std::runtime_error&) {
        context::set("failed", counted(1));
    }
    const auto failed = coheir::spawn(fail_late(counted(4)));
    co_await coheir::yield();
    co_await coheir::yield();
    co_await coheir::yield();
    co_await failed;
}

coheir::task<> park(test::parking& in, counted) {
    const counted local(1);
    co_await in.park();
    co_await coheir::yield();
}

coheir::task<> park_and_release(test::parking& in) {
    const auto first = coheir::spawn(park(in, counted(1)));
    const auto second = coheir::spawn(park(in, counted(2)));
    while (in.size() < 2) co_await coheir::yield();
    in.release_first();
    co_await first;
    in.release_first();
    co_await second;
}

using resolvers = std::vector<coheir::resolver<counted>>;

coheir::task<counted> wait_for_callback(resolvers& waiting, counted) {
    auto start = [&waiting, held = counted(1)](auto resolve) { waiting.push_back(resolve); };
    co_return co_await coheir::callback<counted>(std::move(start));
}

coheir::task<> call_back(resolvers& waiting) {
    const auto first = coheir::spawn(wait_for_callback(waiting, counted(1)));
    const auto second = coheir::spawn(wait_for_callback(waiting, counted(2)));
    const auto third = coheir::spawn(wait_for_callback(waiting, counted(3)));
    while (waiting.size() < 3) co_await coheir::yield();
    waiting[0](counted(4));
    waiting[1].fail(std::make_exception_ptr(std::runtime_error("no luck")));
    waiting.clear();  // the third is abandoned
    co_await first;
}

coheir::task<> post_functions(coheir::scheduler& loop) {
    for (int i = 0; i < 3; ++i) {
        loop.post([&loop, held = counted(i)] {
            if (held.value > 0) loop.post([again = held] { static_cast<void>(again); });
            if (held.value > 1) throw std::runtime_error("no luck");
        });
        co_await coheir::yield();
    }
}

coheir::task<> contexts_at_all_depths(int depth, counted) {
    for (const char* key : {"a", "b", "c"}) context::set(key, counted(depth));
    co_await coheir::yield();
    if (depth > 0) {
        coheir::spawn(contexts_at_all_depths(depth - 1, counted(1)), coheir::options{}.name("detached"))
            .detach();
        co_await coheir::when_all(contexts_at_all_depths(depth - 1, counted(2)));
    }
    context::update<counted>("a", [](counted& c) { ++c.value; });
    context::erase("b");
    co_await coheir::yield();
    context::clear();
    context::set("c", std::make_unique<counted>(depth));
}

}  // namespace

TEST_CASE("nested awaits can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) { loop.scheduler.spawn(count_down(counted(4))).detach(); };
        CHECK(stopped_after_each_step(program, policy) == 9);
    }
}

TEST_CASE("spawned and joined tasks can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            loop.scheduler.spawn(spawn_and_join(counted(1))).detach();
        };
        CHECK(stopped_after_each_step(program, policy) == 1 + 5 + 2 + 1);
    }
}

TEST_CASE("handles that outlive the scheduler can be kept wherever it is stopped", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            std::vector<coheir::join_handle<counted>> handles;
            handles.push_back(loop.scheduler.spawn(count_down(counted(2))));
            handles.push_back(loop.scheduler.spawn(sleep_then_give(1s, counted(3))));
            handles.push_back(loop.scheduler.spawn(fail_late(counted(4))));
            loop.scheduler.spawn(spawn_and_join(counted(1))).detach();
            return handles;
        };
        CHECK(stopped_after_each_step(program, policy) > 10);
    }
}

TEST_CASE("when_all can be stopped at every step", "[steps][teardown][when_all]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) { loop.scheduler.spawn(gather(counted(1))).detach(); };
        CHECK(stopped_after_each_step(program, policy) > 10);
    }
}

TEST_CASE("failing tasks can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            loop.scheduler.spawn(gather_failures(counted(1))).detach();
        };
        CHECK(stopped_after_each_step(program, policy) > 10);
    }
}

TEST_CASE("tasks that wait for foreign awaitables can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        test::parking parking;
        const auto program = [&](test_loop& loop) {
            loop.scheduler.spawn(park_and_release(parking)).detach();
        };
        CHECK(stopped_after_each_step(program, policy) > 5);
        CHECK(parking.size() == 0);
    }
}

TEST_CASE("tasks that are parked for ever are destroyed at the end", "[steps][teardown]") {
    test::parking parking;
    const auto program = [&](test_loop& loop) {
        for (int i = 0; i < 3; ++i) loop.scheduler.spawn(park(parking, counted(i))).detach();
    };
    CHECK(stopped_after_each_step(program) == 3);
    CHECK(parking.size() == 0);
}

TEST_CASE("tasks that wait for a callback can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            auto waiting = std::make_unique<resolvers>();
            loop.scheduler.spawn(call_back(*waiting)).detach();
            return waiting;  // resolvers may outlive the scheduler
        };
        CHECK(stopped_after_each_step(program, policy) > 5);
    }
}

TEST_CASE("posted functions can be stopped at every step", "[steps][teardown]") {
    const auto program = [](test_loop& loop) {
        loop.scheduler.spawn(post_functions(loop.scheduler)).detach();
    };
    CHECK(stopped_after_each_step(program) == 4 + 5);
}

TEST_CASE("a tree of tasks with contexts can be stopped at every step", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            loop.scheduler.spawn(contexts_at_all_depths(3, counted(1))).detach();
        };
        CHECK(stopped_after_each_step(program, policy) > 30);
    }
}

TEST_CASE("snapshots that are taken at every step outlive the scheduler", "[steps][teardown]") {
    for (const auto& policy : all_policies) {
        const auto program = [](test_loop& loop) {
            auto snapshots = std::make_unique<std::vector<context::snapshot>>();
            auto handle = loop.scheduler.spawn(contexts_at_all_depths(2, counted(1)));
            auto watch = [](coheir::join_handle<void> of,
                            std::vector<context::snapshot>& into) -> coheir::task<> {
                while (!of.done()) {
                    into.push_back(of.context());
                    co_await coheir::yield();
                }
            };
            loop.scheduler.spawn(watch(std::move(handle), *snapshots)).detach();
            return snapshots;
        };
        CHECK(stopped_after_each_step(program, policy) > 20);
    }
}

// The helpers themselves.

namespace {
coheir::task<> park_for_ever(test::parking& in) { co_await in.park(); }
}  // namespace

namespace {
coheir::task<int&> give_reference(int& to) {
    co_await coheir::sleep_for(1s);
    co_return to;
}
}  // namespace

TEST_CASE("the test loop passes on what the root returns or throws", "[support]") {
    test_loop loop;
    int variable = 1;
    CHECK(loop.run(test::give_after(2, 42)) == 42);
    CHECK(&loop.run(give_reference(variable)) == &variable);
    CHECK_THROWS_WITH(loop.run(test::fail_after(2, "no luck")), "no luck");
    CHECK(loop.unhandled.empty());
    loop.scheduler.spawn(test::fail_after(2, "unheard")).detach();
    loop.run_until_idle();
    CHECK(loop.unhandled == std::vector<std::string>{"unheard"});
}

TEST_CASE("a deadlock on the test loop fails the test", "[support][!shouldfail]") {
    test::parking parking;
    test_loop loop;
    loop.run(park_for_ever(parking));
}

TEST_CASE("a program that does not destroy everything fails when it is stopped", "[support][!shouldfail]") {
    std::vector<counted> kept;
    stopped_after_each_step([&](test_loop& loop) { loop.scheduler.post([&] { kept.emplace_back(1); }); });
}

TEST_CASE("a counted value that is destroyed twice, or never, is noticed", "[support]") {
    const test::counted_balance balance;
    CHECK(balance.is_even());
    alignas(counted) unsigned char memory[sizeof(counted)];
    auto* const value = ::new (memory) counted(1);
    CHECK_FALSE(balance.is_even());
    CHECK(balance.live() == 1);
    value->~counted();
    CHECK(balance.is_even());
    value->~counted();
    CHECK_FALSE(balance.is_even());
}
