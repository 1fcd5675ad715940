// Contexts that are entered in plain code, and bound functions, among tasks.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>
#include <thread>

#include "support/child_process.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using coheir::task;
using context::snapshot;

namespace {

std::string user() { return context::get("user", "nobody"); }

snapshot with_user(const char* name) {
    return snapshot().run([&] {
        context::set("user", name);
        return context::capture();
    });
}

task<std::string> ask() { co_return user(); }

task<std::string> ask_later() {
    co_await coheir::yield();
    context::set("asked", true);
    co_return user();
}

}  // namespace

TEST_CASE("what is run or spawned in an entered context inherits a snapshot of it", "[enter]") {
    for (const spawn_policy& policy : {spawn_policy::copying, spawn_policy::chained}) {
        coheir::scheduler loop{policy};
        std::optional<coheir::join_handle<std::string>> handle;
        {
            const context::enter scope(with_user("ada"));
            CHECK(loop.run(ask_later()) == "ada");
            CHECK_FALSE(context::contains("asked"));
            handle = loop.spawn(ask_later());
            context::set("user", "grace");
        }
        loop.run_until_idle();
        CHECK(handle->context().get("user", "") == "ada");
        CHECK(handle->context().contains("asked"));
    }
}

TEST_CASE("an entered context is not shared with tasks", "[enter]") {
    coheir::scheduler loop{spawn_policy::shared};
    const context::enter scope(with_user("ada"));
    CHECK_THROWS_AS(loop.spawn(ask()), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(ask()), coheir::wrong_scheduler);
    CHECK(user() == "ada");
}

TEST_CASE("inside a task, an entered context hides the task until its block ends", "[enter]") {
    coheir::scheduler loop;
    const auto root = []() -> task<> {
        context::set("user", "ada");
        const std::uint64_t id = coheir::this_task::id();
        {
            const context::enter scope(with_user("grace"));
            CHECK(user() == "grace");
            CHECK_FALSE(coheir::this_task::exists());
            CHECK_THROWS_AS(coheir::spawn(ask()), coheir::no_current_task);
            const std::string seen = co_await ask();  // awaits of what does not suspend go on in it
            CHECK(seen == "grace");
        }
        CHECK(user() == "ada");
        CHECK(coheir::this_task::id() == id);
        co_await coheir::yield();
        CHECK(user() == "ada");
    };
    loop.run(root());
}

TEST_CASE("a task that suspends in an entered context ends the program, with a message",
          "[enter][child_process]") {
    const test::child_outcome resumed = test::in_child_process([] {
        coheir::scheduler loop;
        const auto root = []() -> task<> {
            const context::enter scope{snapshot()};
            co_await coheir::yield();
        };
        loop.run(root());
    });
    CHECK(resumed.aborted);
    CHECK_THAT(resumed.errors, Catch::Contains("after a co_await"));
    const test::child_outcome destroyed = test::in_child_process([] {
        coheir::scheduler loop;
        const auto root = []() -> task<> {
            const context::enter scope{snapshot()};
            co_await coheir::sleep_for(std::chrono::hours(1));
        };
        loop.spawn(root()).detach();
        loop.run_ready(1);
    });
    CHECK(destroyed.aborted);
    CHECK_THAT(destroyed.errors, Catch::Contains("after a co_await"));
}

TEST_CASE("a function that a task binds outlives the task and the scheduler", "[bind]") {
    std::optional<context::bound<std::string (*)()>> kept;
    {
        coheir::scheduler loop;
        const auto root = [&]() -> task<> {
            context::set("user", "ada");
            kept = context::bind(&user);
            context::set("user", "grace");
            CHECK((*kept)() == "ada");
            CHECK(user() == "grace");
            co_return;
        };
        loop.run(root());
    }
    std::string answer;
    std::thread([&] { answer = (*kept)(); }).join();
    CHECK(answer == "ada");
}

TEST_CASE("a posted function has no context, and a bound one brings its own", "[bind]") {
    coheir::scheduler loop;
    std::string bare = "?", carried = "?";
    const auto root = [&]() -> task<> {
        context::set("user", "ada");
        loop.post([&] { bare = context::find<std::string>("user") ? "some" : "none"; });
        loop.post(context::bind([&] { carried = user(); }));
        co_return;
    };
    loop.run(root());
    loop.run_until_idle();
    CHECK(bare == "none");
    CHECK(carried == "ada");
}
