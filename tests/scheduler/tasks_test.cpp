// The list of the live tasks, and the tree of who spawned whom.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/foreign_awaitables.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using coheir::options;
using coheir::waiting_for;
using namespace std::chrono_literals;

namespace {

coheir::task<> sleep(coheir::duration d) { co_await coheir::sleep_for(d); }

/// The dump without the places of spawns.
std::string tree(const coheir::scheduler& of, std::size_t most = 1000) {
    std::string text;
    std::istringstream lines(of.dump(most));
    for (std::string line; std::getline(lines, line); text += line + "\n")
        if (const auto at = line.find(" spawned at "); at != std::string::npos)
            line.erase(at, line.find(": ", at) - at);
    return text;
}
std::string number(std::uint64_t id) { return "task #" + std::to_string(id); }

}  // namespace

TEST_CASE("the list has each task that has not ended, in the order they came", "[tasks]") {
    test::test_loop loop;
    CHECK(loop.scheduler.tasks().empty());
    const auto first = loop.scheduler.spawn(sleep(1s), options{}.name("sleeper"));
    const auto line = static_cast<unsigned>(__LINE__) - 1;
    const auto second = loop.scheduler.spawn(sleep(0s));
    loop.scheduler.spawn(sleep(2s)).detach();
    auto all = loop.scheduler.tasks();
    REQUIRE(all.size() == 3);
    CHECK(all[0].id() == first.id());
    CHECK(all[0].name() == "sleeper");
    CHECK(all[0].spawned_at().line() == line);
    CHECK(all[0].spawner() == 0);
    CHECK(all[1].id() == second.id());
    CHECK(all[1].name().empty());
    loop.step(), loop.step(), loop.step(), loop.step();
    all = loop.scheduler.tasks();
    CHECK(second.done());
    CHECK(all.size() == 2);
    loop.run_until_idle();
    CHECK(loop.scheduler.tasks().empty());
}

TEST_CASE("the list tells what each task waits for", "[tasks]") {
    test::test_loop loop;
    test::parking lot;
    std::optional<coheir::resolver<void>> resolve;
    auto for_callback = [&]() -> coheir::task<> {
        auto start = [&](auto r) { resolve = r; };
        co_await coheir::callback<>(start);
    };
    auto for_foreign = [&]() -> coheir::task<> { co_await lot.park(); };
    auto for_several = []() -> coheir::task<> { co_await coheir::when_all(sleep(1s), sleep(2s)); };
    auto looks = [&]() -> coheir::task<coheir::task_info> { co_return loop.scheduler.tasks().back(); };
    const auto sleeper = loop.scheduler.spawn(sleep(1500ms));
    auto joins = [](auto other) -> coheir::task<> { co_await other; };
    const auto joiner = loop.scheduler.spawn(joins(sleeper));
    loop.scheduler.spawn(for_callback()).detach();
    loop.scheduler.spawn(for_foreign()).detach();
    loop.scheduler.spawn(for_several()).detach();
    CHECK(loop.scheduler.tasks()[0].waits_for() == waiting_for::its_turn);
    while (loop.scheduler.run_ready()) {
    }
    const auto all = loop.scheduler.tasks();
    REQUIRE(all.size() == 7);
    CHECK(all[0].waits_for() == waiting_for::time);
    CHECK(all[0].wakes_at() == coheir::time_point() + 1500ms);
    CHECK(all[1].waits_for() == waiting_for::task);
    CHECK(all[1].joins() == sleeper.id());
    CHECK_FALSE(all[1].wakes_at());
    CHECK(all[2].waits_for() == waiting_for::resolver);
    CHECK(all[3].waits_for() == waiting_for::operation);
    CHECK(all[4].waits_for() == waiting_for::several);
    CHECK(all[4].left() == 2);
    CHECK(all[5].spawner() == all[4].id());
    const auto here = loop.run(looks());
    CHECK(here.waits_for() == waiting_for::nothing);
    lot.release_all();
    (*resolve)();
    loop.run_until_idle();
}

TEST_CASE("a task that a foreign operation has not suspended after all waits for nothing", "[tasks]") {
    coheir::scheduler loop;
    const auto awaits = [&](auto operation) -> coheir::task<> {
        static_cast<void>(co_await operation);
        const auto all = loop.tasks();
        REQUIRE(all.size() == 1);
        CHECK(all[0].waits_for() == waiting_for::nothing);
    };
    loop.run(awaits(test::returns_false()));
    loop.run(awaits(test::returns_own_handle()));
}

TEST_CASE("a task whose wait is over waits for its turn, whatever it waited for", "[tasks]") {
    test::test_loop loop;
    test::parking lot;
    std::vector<coheir::resolver<void>> resolvers;
    auto for_callback = [&]() -> coheir::task<> {
        auto start = [&](auto r) { resolvers.push_back(r); };
        co_await coheir::callback<>(start);
    };
    auto for_foreign = [&]() -> coheir::task<> { co_await lot.park(); };
    const auto called = loop.scheduler.spawn(for_callback());
    const auto stopped = loop.scheduler.spawn(for_callback());
    loop.scheduler.spawn(for_foreign()).detach();
    while (loop.scheduler.run_ready()) {
    }
    for (const auto& each : loop.scheduler.tasks()) CHECK(each.waits_for() != waiting_for::its_turn);
    resolvers[0]();
    stopped.request_stop();
    lot.release_all();
    const auto all = loop.scheduler.tasks();
    REQUIRE(all.size() == 3);
    for (const auto& each : all) CHECK(each.waits_for() == waiting_for::its_turn);
    loop.run_until_idle();
    CHECK(called.done());
}

TEST_CASE("a task that sleeps until a time that has come waits for its turn", "[tasks]") {
    test::test_loop loop;
    const auto sleeping = []() -> coheir::task<> { co_await coheir::sleep_for(coheir::duration::zero()); };
    loop.scheduler.spawn(sleeping()).detach();
    REQUIRE(loop.step());
    const auto all = loop.scheduler.tasks();
    REQUIRE(all.size() == 1);
    CHECK(all[0].waits_for() == waiting_for::its_turn);
}

TEST_CASE("the list shows contexts as they are, and freezes nothing", "[tasks]") {
    using number_ptr = std::unique_ptr<int>;
    test::test_loop loop;
    std::vector<coheir::task_info> during, during_update;
    auto body = [&]() -> coheir::task<> {
        context::set("request", "4711");
        context::set("number", std::make_unique<int>(1));
        during = loop.scheduler.tasks();
        context::set("request", "later");
        CHECK(context::update<number_ptr>("number", [&](number_ptr& n) {
            ++*n;
            during_update = loop.scheduler.tasks();
        }));
        co_return;
    };
    loop.run(body());
    REQUIRE(during.size() == 1);
    CHECK(during[0].context().keys() == std::vector<std::string>{"request"});
    CHECK(during[0].context().get("request", "none") == "4711");
    CHECK(during_update[0].context().empty());
}

TEST_CASE("the dump is a tree of who spawned whom", "[tasks]") {
    test::test_loop loop;
    std::vector<std::uint64_t> ids;
    auto leaf = [&](coheir::duration d) -> coheir::task<> {
        ids.push_back(coheir::this_task::id());
        co_await coheir::sleep_for(d);
    };
    auto middle = [&](int leaves) -> coheir::task<> {
        ids.push_back(coheir::this_task::id());
        for (int i = 0; i < leaves; ++i) coheir::spawn(leaf(2s), options{}.name("le\naf")).detach();
        co_await coheir::sleep_for(1s);
    };
    auto top = [&]() -> coheir::task<> {
        ids.push_back(coheir::this_task::id());
        coheir::spawn(middle(1)).detach();
        coheir::spawn(middle(2)).detach();
        co_await coheir::sleep_for(3s);
    };
    loop.scheduler.spawn(top(), options{}.name("top")).detach();
    while (loop.scheduler.run_ready()) {
    }
    REQUIRE(ids.size() == 6);
    const std::string second = " 'le\\x0aaf': sleeps for 2.000s more\n";
    CHECK(tree(loop.scheduler) ==
          "6 tasks\n"
          "  " +
              number(ids[0]) +
              " 'top': sleeps for 3.000s more\n"
              "    " +
              number(ids[1]) +
              ": sleeps for 1.000s more\n"
              "      " +
              number(ids[3]) + second + "    " + number(ids[2]) +
              ": sleeps for 1.000s more\n"
              "      " +
              number(ids[4]) + second + "      " + number(ids[5]) + second);
    std::ostringstream stream;
    loop.scheduler.dump(stream);
    CHECK(stream.str() == loop.scheduler.dump());
    CHECK(stream.str().find("tasks_test.cpp:") != std::string::npos);
    loop.clock.advance(1s);
    while (loop.scheduler.run_ready()) {
    }
    // Parents that have ended show as such; what is too much is counted.
    const auto gone = [&](std::size_t parent) {
        return ", spawned by " + number(ids[parent]) + ", which is not here\n";
    };
    const std::string third = " 'le\\x0aaf': sleeps for 1.000s more";
    CHECK(tree(loop.scheduler, 2) ==
          "4 tasks\n"
          "  " +
              number(ids[0]) +
              " 'top': sleeps for 2.000s more\n"
              "  " +
              number(ids[3]) + third + gone(1) + "  and 2 more\n");
    CHECK(tree(loop.scheduler, 0) == "4 tasks\n  and 4 more\n");
    loop.run_until_idle();
    CHECK(loop.scheduler.dump() == "0 tasks\n");
}

TEST_CASE("a chain of a hundred thousand tasks is listed and printed without recursion", "[tasks]") {
    static int left;
    left = 100'000;
    struct chain {
        static coheir::task<> next() {
            if (--left > 0) coheir::spawn(next()).detach();
            co_await coheir::sleep_for(1s);
        }
    };
    test::test_loop loop;
    loop.scheduler.spawn(chain::next()).detach();
    while (loop.scheduler.run_ready()) {
    }
    CHECK(loop.scheduler.tasks().size() == 100'000);
    CHECK(loop.scheduler.dump(100'001).size() < 20'000'000);
}

TEST_CASE("a task on another scheduler tells who spawned it", "[tasks][remote]") {
    test::test_loop here, there;
    std::uint64_t id = 0;
    auto body = [&]() -> coheir::task<> {
        id = coheir::this_task::id();
        there.scheduler.remote().spawn(sleep(1s)).detach();
        co_return;
    };
    here.run(body());
    while (there.scheduler.run_ready()) {
    }
    const auto all = there.scheduler.tasks();
    REQUIRE(all.size() == 1);
    CHECK(all[0].spawner() == id);
    there.run_until_idle();
}

TEST_CASE("a task is found by its number, on its own scheduler, while it lives", "[tasks]") {
    test::test_loop loop;
    const auto sleeper = loop.scheduler.spawn(sleep(1s), options{}.name("sleeper"));
    context::detail::task_facts facts;
    auto look = [&]() -> coheir::task<bool> {
        co_return coheir::detail::on_this_thread().running->find(sleeper.id(), facts);
    };
    CHECK(loop.run(look()));
    CHECK(facts.name == "sleeper");
    CHECK(facts.spawned_at.line() == sleeper.spawned_at().line());
    loop.run_until_idle();
    CHECK_FALSE(loop.run(look()));
    CHECK(coheir::detail::on_this_thread().running == nullptr);
}
