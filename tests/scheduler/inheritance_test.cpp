// What tasks inherit, at scale: each its own parent's values, in bounded memory.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/test_loop.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;
using test::counted;

namespace {

inline constexpr context::key<int> request_id{"request_id"};

struct tally {
    std::mt19937 random{42};
    int right = 0;
    int wrong = 0;

    coheir::duration random_time() { return std::uniform_int_distribution<int>(0, 20)(random) * 1ms; }
    void count(bool good) { ++(good ? right : wrong); }
};

coheir::task<> read_id(int expected, tally& seen) {
    for (int i = 0; i < 3; ++i) {
        co_await coheir::sleep_for(seen.random_time());
        seen.count(context::get(request_id, -1) == expected);
        seen.count(context::get<int>("request_id", -1) == expected);
    }
}

coheir::task<> set_id_and_spawn(int id, tally& seen) {
    co_await coheir::sleep_for(seen.random_time());
    context::set(request_id, id);
    co_await coheir::sleep_for(seen.random_time());
    std::vector<coheir::task<>> children;
    for (int i = 0; i < 10; ++i) children.push_back(read_id(id, seen));
    co_await coheir::when_all(std::move(children));
    seen.count(context::get(request_id, -1) == id);
}

coheir::task<> set_and_spawn_setters(int id, tally& seen, int depth) {
    const int inherited = context::get(request_id, 0);
    context::set(request_id, id);
    for (int i = 0; i < 3 && depth > 0; ++i)
        coheir::spawn(set_and_spawn_setters(id * 10 + i, seen, depth - 1)).detach();
    co_await coheir::sleep_for(seen.random_time());
    seen.count(context::get(request_id, -1) == id);
    seen.count(inherited == id / 10);
}

}  // namespace

TEST_CASE("of a thousand tasks at once every child sees its own parent's id", "[inheritance]") {
    const spawn_policy policy = GENERATE(spawn_policy::shared, spawn_policy::copying, spawn_policy::chained);
    test::test_loop loop(policy);
    tally seen;
    for (int id = 0; id < 1000; ++id) loop.scheduler.spawn(set_id_and_spawn(id, seen)).detach();
    loop.run_until_idle();
    CHECK(seen.right == 1000 * (10 * 3 * 2 + 1));
    CHECK(seen.wrong == 0);
}

TEST_CASE("isolated children of a thousand tasks see no id", "[inheritance]") {
    test::test_loop loop(spawn_policy::isolated);
    tally seen;
    for (int id = 0; id < 1000; ++id) loop.scheduler.spawn(set_id_and_spawn(id, seen)).detach();
    loop.run_until_idle();
    CHECK(seen.right == 1000);  // the parents
    CHECK(seen.wrong == 1000 * 10 * 3 * 2);
}

TEST_CASE("a tree of tasks that each set the id they inherited keeps them apart", "[inheritance]") {
    const spawn_policy policy = GENERATE(spawn_policy::copying, spawn_policy::chained);
    test::test_loop loop(policy);
    tally seen;
    loop.scheduler.spawn(set_and_spawn_setters(1, seen, 7)).detach();
    loop.run_until_idle();
    CHECK(seen.right == 2 * 3280);
    CHECK(seen.wrong == 0);
}

namespace {

struct chain_log {
    std::size_t longest = 0;      // chain of levels under a task
    std::size_t most_values = 0;  // alive at once
    int wrong = 0;
    int ended = 0;
};

std::size_t levels_below_this_task() {
    std::size_t count = 0;
    for (const auto* l = context::detail::current()->context.get(); l; l = l->parent()) ++count;
    return count;
}

coheir::task<> succeed(int left, int total, chain_log& log, counted) {
    log.wrong += context::get<int>("first", -1) != total;
    log.wrong += context::get("last", counted(-1)).value != left + 1;
    context::set("last", counted(left));
    if (left % 7 == 0) co_await coheir::yield();
    if (left > 0) coheir::spawn(succeed(left - 1, total, log, counted(left))).detach();
    if (left % 1000 < 10) {
        log.longest = std::max(log.longest, levels_below_this_task());
        log.most_values = std::max(log.most_values, counted::live());
    }
    ++log.ended;
}

coheir::task<> start_succession(int total, chain_log& log) {
    context::set("first", total);
    context::set("last", counted(total + 1));
    coheir::spawn(succeed(total, total, log, counted(0))).detach();
    co_return;
}

}  // namespace

TEST_CASE("a task that spawns its successor a million times holds a bounded number of levels and values",
          "[inheritance][memory][slow]") {
    const int policy = GENERATE(0, 1, 2);
    const int total = policy == 0 ? 1'000'000 : 100'000;
    const spawn_policy policies[]{spawn_policy::chained, spawn_policy::copying, spawn_policy::shared};
    const test::counted_balance balance;
    chain_log log;
    {
        coheir::manual_clock clock;
        coheir::scheduler loop(policies[policy], clock);
        loop.run(start_succession(total, log));
        loop.run_until_idle();
    }
    CHECK(log.ended == total + 1);
    CHECK(log.wrong == 0);
    CHECK(log.longest <= 5);
    CHECK(log.most_values <= 20);
    CHECK(balance.is_even());
}
