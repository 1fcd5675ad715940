// Taking a context along: capture, enter, run and bind, on any thread.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

#include "support/actor.hpp"
#include "support/child_process.hpp"
#include "support/counted.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::snapshot;
using test::actor;
using test::as;

namespace {

snapshot with_user(const char* name) {
    actor who;
    return as(who, [&] {
        context::set("user", name);
        return context::capture();
    });
}

std::string user() { return context::get("user", "nobody"); }

}  // namespace

TEST_CASE("capture takes the current context as it is, and later changes do not reach it", "[capture]") {
    actor who;
    snapshot taken;
    as(who, [&] {
        context::set("user", "ada");
        taken = context::capture();
        context::set("user", "grace");
        context::set("new", 1);
    });
    CHECK(taken.get("user", "") == "ada");
    CHECK_FALSE(taken.contains("new"));
}

TEST_CASE("where no context is current, capture and bind say so by name", "[capture]") {
    CHECK_THROWS_AS(context::capture(), coheir::no_current_context);
    CHECK_THROWS_WITH(context::capture(), Catch::Contains("context::capture"));
    CHECK_THROWS_AS(context::bind([] {}), coheir::no_current_context);
    CHECK_THROWS_WITH(context::bind([] {}), Catch::Contains("context::bind"));
}

TEST_CASE("capture and bind are refused while a value of the context is being updated", "[capture]") {
    actor who;
    as(who, [] {
        context::set("n", 1);
        context::update<int>("n", [](int&) {
            CHECK_THROWS_AS(context::capture(), coheir::context_busy);
            CHECK_THROWS_AS(context::bind([] {}), coheir::context_busy);
        });
    });
}

TEST_CASE("in an entered context everything works that works in a task's", "[enter]") {
    const snapshot taken = with_user("ada");
    {
        const context::enter scope(taken);
        CHECK(user() == "ada");
        CHECK(*context::find<std::string>("user") == "ada");
        context::set("user", "grace");
        context::set("n", 1);
        context::update<int>("n", [](int& n) { ++n; });
        CHECK(user() == "grace");
        CHECK(context::get("n", 0) == 2);
        CHECK(context::erase("n"));
        CHECK(context::capture().get("user", "") == "grace");
        context::clear();
        CHECK_FALSE(context::contains("user"));
    }
    CHECK(taken.get("user", "") == "ada");
    CHECK_FALSE(taken.contains("n"));
    CHECK_THROWS_AS(context::contains("user"), coheir::no_current_context);
}

TEST_CASE("entered contexts nest, and each shows its own", "[enter]") {
    const snapshot ada = with_user("ada"), grace = with_user("grace");
    const context::enter outer(ada);
    {
        const context::enter inner(grace);
        CHECK(user() == "grace");
        context::set("user", "lin");
        {
            const context::enter empty{snapshot()};
            CHECK(user() == "nobody");
        }
        CHECK(user() == "lin");
    }
    CHECK(user() == "ada");
    try {
        const context::enter inner(grace);
        throw 1;
    } catch (int) {
    }
    CHECK(user() == "ada");
}

TEST_CASE("an entered context has the levels of the one that was captured", "[enter]") {
    actor below;
    as(below, [] { context::set("user", "ada"); });
    actor above = below.heir(spawn_policy::chained);
    const snapshot taken = as(above, [] {
        context::set("user", "grace");
        return context::capture();
    });
    const context::enter scope(taken);
    CHECK(user() == "grace");
    context::clear();
    CHECK(user() == "ada");
    context::clear();
    CHECK(user() == "ada");
}

TEST_CASE("entering inside a context hides it and brings it back", "[enter]") {
    actor who;
    const snapshot taken = with_user("grace");
    as(who, [&] {
        context::set("user", "ada");
        taken.run([] { context::set("user", "lin"); });
        CHECK(user() == "ada");
    });
}

TEST_CASE("values that die with an entered context find what was current before", "[enter]") {
    struct asks_at_end {
        std::string* answer;
        explicit asks_at_end(std::string& to) : answer(&to) {}
        asks_at_end(asks_at_end&& other) noexcept : answer(std::exchange(other.answer, nullptr)) {}
        ~asks_at_end() {
            if (answer) *answer = user();
        }
    };
    std::string answer;
    const context::enter outer(with_user("ada"));
    {
        const context::enter inner(with_user("grace"));
        context::set("asks", asks_at_end(answer));
    }
    CHECK(answer == "ada");
}

TEST_CASE("scopes that end in another order than they began end the program, with a message",
          "[enter][child_process]") {
    const test::child_outcome crossed = test::in_child_process([] {
        std::optional<context::enter> first, second;
        first.emplace(snapshot());
        second.emplace(snapshot());
        first.reset();
    });
    CHECK(crossed.aborted);
    CHECK_THAT(crossed.errors, Catch::Contains("another order"));
    const test::child_outcome elsewhere = test::in_child_process([] {
        std::optional<context::enter> scope;
        std::thread([&] { scope.emplace(snapshot()); }).join();
        scope.reset();
    });
    CHECK(elsewhere.aborted);
    CHECK_THAT(elsewhere.errors, Catch::Contains("another thread"));
}

TEST_CASE("a scope is for a block: it is not copied, moved or allocated", "[enter]") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<context::enter>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<context::enter>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<snapshot, context::enter>);
}

TEST_CASE("run gives arguments and result through, references and what moves only", "[bind]") {
    const snapshot taken = with_user("ada");
    int n = 1;
    int& same = taken.run([](int& of) -> int& { return of; }, n);
    CHECK(&same == &n);
    auto moved = taken.run(
        [](std::unique_ptr<int> p) {
            ++*p;
            return p;
        },
        std::make_unique<int>(1));
    CHECK(*moved == 2);
    STATIC_REQUIRE(std::is_void_v<decltype(taken.run([] {}))>);
    CHECK(taken.run(user) == "ada");
    CHECK_THROWS_AS(taken.run([] { throw 1; }), int);
    CHECK_FALSE(context::detail::current());
}

TEST_CASE("a bound function runs in what was captured, on any thread and when its context is gone",
          "[bind]") {
    std::optional<actor> who(std::in_place);
    const auto ask = as(*who, [] {
        context::set("user", "ada");
        return context::bind([](const std::string& greeting) { return greeting + " " + user(); });
    });
    as(*who, [] { context::set("user", "grace"); });
    who.reset();
    std::string answer;
    std::thread([&] { answer = ask("hello"); }).join();
    CHECK(answer == "hello ada");
    CHECK(ask("bye") == "bye ada");
}

TEST_CASE("each call of a bound function starts from the snapshot", "[bind]") {
    actor who;
    auto count = as(who, [] {
        context::set("n", 1);
        return context::bind([] {
            context::update<int>("n", [](int& n) { ++n; });
            return context::get("n", 0);
        });
    });
    CHECK(count() == 2);
    CHECK(count() == 2);
    CHECK(count.context().get("n", 0) == 1);
    CHECK(as(who, [] { return context::get("n", 0); }) == 1);
}

TEST_CASE("a bound function is as const and as movable as the function", "[bind]") {
    const snapshot taken = with_user("ada");
    auto changing = taken.bind([n = 0]() mutable { return ++n; });
    CHECK(changing() == 1);
    CHECK(changing() == 2);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<const decltype(changing)&>);
    STATIC_REQUIRE_FALSE(std::is_invocable_v<decltype(changing)&, int>);

    auto unique = taken.bind([p = std::make_unique<int>(7)] { return *p; });
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<decltype(unique)>);
    const auto moved = std::move(unique);
    CHECK(moved() == 7);

    struct once {
        int operator()() && { return 1; }
    };
    auto single = taken.bind(once{});
    STATIC_REQUIRE_FALSE(std::is_invocable_v<decltype(single)&>);
    CHECK(std::move(single)() == 1);

    const auto of_pointer = taken.bind(user);
    CHECK(of_pointer() == "ada");
}

TEST_CASE("values that are bound die with the last copy of the function, wherever that is", "[bind]") {
    const test::counted_balance balance;
    {
        std::optional<actor> who(std::in_place);
        auto f = as(*who, [&] {
            context::set("value", test::counted());
            return context::bind([] {});
        });
        who.reset();
        CHECK(balance.live() == 1);
        std::thread([g = std::move(f)]() mutable { g(); }).join();
    }
    CHECK(balance.is_even());
}
