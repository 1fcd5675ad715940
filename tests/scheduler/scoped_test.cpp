// Scopes of values in tasks: across suspensions, and when frames are destroyed without running on.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "support/child_process.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using coheir::task;
using context::scoped;

namespace {

int number() { return context::get("number", -1); }

std::vector<spawn_policy> policies() {
    return {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained};
}

}  // namespace

TEST_CASE("a scope holds across suspensions, and restores after them", "[scoped]") {
    for (const spawn_policy& policy : policies()) {
        coheir::scheduler loop{policy};
        const auto inner = []() -> task<int> {
            co_await coheir::yield();
            co_return number();
        };
        const auto child = [&]() -> task<> {
            {
                const scoped n{"number", 2};
                co_await coheir::yield();
                CHECK(number() == 2);
                const int seen = co_await inner();
                CHECK(seen == 2);
                co_await coheir::yield();
            }
            CHECK(number() == 1);
        };
        const auto root = [&]() -> task<> {
            context::set("number", 1);
            const auto handle = coheir::spawn(child());
            for (int i = 0; i < 8; ++i) co_await coheir::yield();
            co_await handle;
            CHECK(number() == 1);
        };
        loop.run(root());
    }
}

TEST_CASE("an exception that leaves a scope leaves what was there", "[scoped]") {
    coheir::scheduler loop;
    const auto fails = []() -> task<> {
        const scoped n{"number", 2};
        co_await coheir::yield();
        throw std::runtime_error("failed");
    };
    const auto root = [&]() -> task<> {
        context::set("number", 1);
        try {
            co_await fails();
        } catch (const std::runtime_error&) {
        }
        CHECK(number() == 1);
    };
    loop.run(root());
}

TEST_CASE("the frame of a scope that is destroyed restores its own context, which handles still show",
          "[scoped]") {
    for (const spawn_policy& policy : policies()) {
        std::optional<coheir::join_handle<void>> parent_handle, child_handle;
        {
            coheir::scheduler loop{policy};
            const auto child = []() -> task<> {
                const scoped n{"number", 2};
                const scoped other{"other", 2};
                co_await coheir::sleep_for(std::chrono::hours(1));
            };
            const auto parent = [&]() -> task<> {
                context::set("number", 1);
                child_handle = coheir::spawn(child());
                co_await coheir::sleep_for(std::chrono::hours(1));
            };
            parent_handle = loop.spawn(parent(), coheir::options{}.policy(spawn_policy::isolated));
            while (loop.run_ready(100)) {
            }
            CHECK(child_handle->context().get("number", -1) == 2);
        }
        CHECK(child_handle->context().get("number", -1) == 1);
        CHECK_FALSE(child_handle->context().contains("other"));
        CHECK(parent_handle->context().get("number", -1) == 1);
    }
}

TEST_CASE("tasks that share a context and cross their scopes of one key end the program, with a message",
          "[scoped][child_process]") {
    const auto crossing = [](bool same_key) {
        coheir::scheduler loop{spawn_policy::shared};
        const auto holds = [](std::string key, int turns) -> task<> {
            const scoped n{key, turns};
            for (int i = 0; i < turns; ++i) co_await coheir::yield();
        };
        const auto root = [&]() -> task<> {
            const auto first = coheir::spawn(holds("number", 2));
            const auto second = coheir::spawn(holds(same_key ? "number" : "other", 4));
            co_await first;
            co_await second;
            if (context::capture().size() != 0) throw std::logic_error("something is left");
        };
        loop.run(root());
    };
    const test::child_outcome same = test::in_child_process([&] { crossing(true); });
    CHECK(same.aborted);
    CHECK_THAT(same.errors, Catch::Contains("another order"));
    CHECK(test::in_child_process([&] { crossing(false); }).status == 0);
}

TEST_CASE("scopes of tasks that share a context end with their scheduler, in whichever order they began",
          "[scoped]") {
    coheir::join_handle<> kept;
    {
        coheir::scheduler loop(coheir::spawn_policy::shared);
        const auto hold = [](std::string value, int turns) -> coheir::task<> {
            for (int i = 0; i < turns; ++i) co_await coheir::yield();
            const scoped held{"key", value};
            co_await coheir::sleep_for(std::chrono::hours(1));
        };
        const auto root = [&]() -> coheir::task<> {
            context::set("key", "before");
            // The oldest task opens its scope last but one, the youngest first, the second in the middle.
            coheir::spawn(hold("second", 1)).detach();
            coheir::spawn(hold("last", 3)).detach();
            coheir::spawn(hold("first", 0)).detach();
            for (int i = 0; i < 2; ++i) co_await coheir::yield();
            const scoped mine{"key", "the root's"};
            co_await coheir::sleep_for(std::chrono::hours(1));
        };
        kept = loop.spawn(root());
        for (int round = 0; round < 6; ++round) loop.run_ready();
        CHECK(kept.context().get("key", "none") == "last");
    }
    CHECK(kept.context().get("key", "none") == "before");
}

TEST_CASE("tasks that spawn their successors in a scope of their own end in order", "[scoped]") {
    coheir::scheduler loop{spawn_policy::chained};
    int left = 1000;
    struct spawner {
        static task<> go(int& left) {
            const scoped n{"number", left};
            if (--left > 0) coheir::spawn(go(left)).detach();
            co_await coheir::yield();
        }
    };
    loop.run(spawner::go(left));
    loop.run_until_idle();
    CHECK(left == 0);
}
