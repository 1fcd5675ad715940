// Which request failed: the context that a task had when the exception left it.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;

namespace {

coheir::task<> fail_in(std::string request) {
    context::set("request", std::move(request));
    co_await test::fail_after(1, "broken");
}

/// Collects the request of each unhandled exception.
struct reports {
    explicit reports(coheir::scheduler& of) {
        of.on_unhandled(
            [this](const coheir::unhandled& u) { requests.push_back(u.context().get("request", "none")); });
    }
    test::trace requests;
};

struct set_at_destruction {
    explicit set_at_destruction(const char* v) : value(v) {}
    set_at_destruction(set_at_destruction&& other) noexcept : value(std::exchange(other.value, nullptr)) {}
    ~set_at_destruction() {
        if (value) context::set("request", value);
    }
    const char* value;
};

}  // namespace

TEST_CASE("the handler is given the context that the task failed in, whatever became of it since",
          "[unhandled][context]") {
    const auto& policy = GENERATE(spawn_policy::shared, spawn_policy::copying, spawn_policy::chained);
    test::test_loop loop(policy);
    const reports log(loop.scheduler);
    auto parent = [](bool keep) -> coheir::task<> {
        context::set("request", "parent");
        auto handle = coheir::spawn(fail_in("child"));
        if (!keep) handle.detach();
        co_await coheir::sleep_for(std::chrono::seconds(1));
        context::set("request", "later");
    };
    const bool keep = GENERATE(true, false);
    loop.run(parent(keep));
    loop.run_until_idle();
    CHECK(log.requests == test::trace{"child"});
}

TEST_CASE("the context of the failure is that after unwinding, before the parameters go",
          "[unhandled][context]") {
    test::test_loop loop;
    const reports log(loop.scheduler);
    auto body = [](set_at_destruction) -> coheir::task<> {
        const set_at_destruction local("unwound");
        context::set("request", "thrown");
        throw std::runtime_error("broken");
        co_return;
    };
    auto handle = loop.scheduler.spawn(body(set_at_destruction("parameter")));
    loop.run_until_idle();
    CHECK(handle.context_at_failure().get("request", "none") == "unwound");
    CHECK(handle.context().get("request", "none") == "parameter");
    handle.detach();
    CHECK(log.requests == test::trace{"unwound"});
}

TEST_CASE("one who catches the exception at a join gets the context of the failure from the handle",
          "[join_handle][context]") {
    test::test_loop loop(spawn_policy::shared);
    auto parent = []() -> coheir::task<> {
        const auto handle = coheir::spawn(fail_in("child"));
        const auto fine = coheir::spawn(test::give_after(0, 1));
        CHECK(handle.context_at_failure().empty());
        std::string request;
        context::set("request", "parent");
        try {
            co_await handle;
        } catch (const std::runtime_error&) {
            context::set("request", "later");
            request = handle.context_at_failure().get("request", "none");
        }
        CHECK(request == "child");
        static_cast<void>(co_await fine);
        CHECK(fine.context_at_failure().empty());
    };
    loop.run(parent());
    CHECK_THROWS_AS(coheir::join_handle<>().context_at_failure(), coheir::invalid_handle);
}

TEST_CASE("an exception that is caught inside the task is no failure", "[unhandled][context]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<> {
        try {
            co_await fail_in("inner");
        } catch (const std::runtime_error&) {
        }
    };
    const auto handle = loop.scheduler.spawn(body());
    loop.run_until_idle();
    CHECK(handle.context_at_failure().empty());
}

TEST_CASE("a failure freezes nothing: what cannot be copied is left out, and others go on updating it",
          "[unhandled][context]") {
    const auto& policy = GENERATE(spawn_policy::shared, spawn_policy::chained);
    test::test_loop loop(policy);
    using number = std::unique_ptr<int>;
    auto parent = []() -> coheir::task<> {
        context::set("number", std::make_unique<int>(1));
        context::set("other", "text");
        auto handle = coheir::spawn(fail_in("child"));
        co_await coheir::sleep_for(std::chrono::seconds(1));
        const auto shown = handle.context_at_failure();
        CHECK(shown.get("request", "none") == "child");
        CHECK(shown.get("other", "none") == "text");
        CHECK_FALSE(shown.contains("number"));
        CHECK(context::update<number>("number", [](number& n) { ++*n; }));
        CHECK(**context::find<number>("number") == 2);
    };
    loop.run(parent());
}

TEST_CASE("what a value that is left out had covered is not uncovered", "[unhandled][context]") {
    test::test_loop loop(spawn_policy::chained);
    auto child = []() -> coheir::task<> {
        context::set("number", std::make_unique<int>(1));
        throw std::runtime_error("broken");
        co_return;
    };
    auto parent = [&]() -> coheir::task<> {
        context::set("number", 5);
        context::set("request", "4711");
        const auto handle = coheir::spawn(child());
        co_await coheir::yield();
        CHECK_FALSE(handle.context_at_failure().contains("number"));
        CHECK(handle.context_at_failure().contains("request"));
        CHECK(context::get("number", 0) == 5);
    };
    loop.run(parent());
}

TEST_CASE("for a posted function the context is empty", "[unhandled][context]") {
    test::test_loop loop;
    std::optional<bool> empty;
    loop.scheduler.on_unhandled([&](const coheir::unhandled& u) { empty = u.context().empty(); });
    loop.scheduler.post([] { throw std::runtime_error("broken"); });
    loop.run_until_idle();
    CHECK(empty == true);
}

TEST_CASE("the context of a failure outlives the scheduler", "[unhandled][context]") {
    std::optional<context::snapshot> kept;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { kept = u.context(); });
        loop.spawn(fail_in("4711")).detach();
        loop.run_until_idle();
    }
    REQUIRE(kept);
    CHECK(kept->get("request", "none") == "4711");
}
