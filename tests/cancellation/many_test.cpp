// Very many of them: no recursion, nothing that stays behind.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/small_stack.hpp"
#include "support/test_loop.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;

namespace {

coheir::task<> sleeps_long() {
    context::set("value", test::counted());
    co_await coheir::sleep_for(24h);
}

coheir::task<> joins(coheir::join_handle<> of) { co_await std::move(of); }

coheir::task<std::size_t> spawn_in_turn(std::size_t count, const test::counted_balance& balance) {
    std::size_t most = 0;
    co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
        for (std::size_t i = 0; i < count; ++i) {
            auto child = [](test::counted) -> coheir::task<test::counted> {
                context::set("value", test::counted());
                co_await coheir::yield();
                co_return test::counted();
            };
            group.spawn(child(test::counted()));
            if (i % 10 == 9) {
                co_await coheir::sleep_for(1ms);
                most = std::max(most, balance.live());
            }
        }
    });
    co_return most;
}

}  // namespace

TEST_CASE("after 100,000 cancelled long sleeps no context is alive, before their time comes",
          "[cancellation]") {
    const test::counted_balance balance;
    test::test_loop loop;
    std::vector<coheir::join_handle<>> handles;
    for (int i = 0; i < 100'000; ++i) handles.push_back(loop.scheduler.spawn(sleeps_long()));
    while (loop.scheduler.run_ready()) {
    }
    CHECK(balance.live() == 100'000);
    for (const auto& handle : handles) handle.request_stop();
    handles.clear();
    while (loop.scheduler.run_ready()) {
    }
    CHECK(balance.is_even());
    CHECK(loop.clock.now() == coheir::time_point());
    CHECK_FALSE(loop.scheduler.next_deadline());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("a million tasks, each of which joins the next, are stopped without recursion",
          "[cancellation][slow]") {
    test::on_small_stack([] {
        coheir::manual_clock clock;
        coheir::scheduler loop(coheir::spawn_policy::isolated, clock);
        auto handle = loop.spawn(sleeps_long());
        for (int i = 0; i < 1'000'000; ++i) handle = loop.spawn(joins(std::move(handle)));
        while (loop.run_ready()) {
        }
        REQUIRE_FALSE(handle.done());
        handle.request_stop();
        while (loop.run_ready()) {
        }
        CHECK(handle.done());
        CHECK(clock.now() == coheir::time_point());
    });
}

TEST_CASE("tasks that join each other in a circle can be stopped", "[cancellation]") {
    test::test_loop loop;
    std::vector<coheir::join_handle<>> handles(2);
    auto joins_other = [](const coheir::join_handle<>& other) -> coheir::task<> { co_await other; };
    handles[0] = loop.scheduler.spawn(joins_other(handles[1]));
    handles[1] = loop.scheduler.spawn(joins_other(handles[0]));
    loop.run_until_idle();
    handles[0].request_stop();
    loop.run_until_idle();
    CHECK(handles[0].done());
    CHECK(handles[1].done());
}

TEST_CASE("the children of a group leave nothing behind when they end", "[task_group]") {
    const test::counted_balance balance;
    {
        test::test_loop loop;
        CHECK(loop.run(spawn_in_turn(100'000, balance)) < 50);
    }
    CHECK(balance.is_even());
}
