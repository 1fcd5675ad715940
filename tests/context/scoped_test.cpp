// Scopes: a value for the length of a block, and what was there before comes back.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <forward_list>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "support/actor.hpp"
#include "support/child_process.hpp"
#include "support/counted.hpp"
#include "support/policies.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::flag;
using context::scoped;
using test::actor;
using test::as;
using namespace std::chrono_literals;

namespace {

inline constexpr context::key<int> number{"number"};
inline constexpr context::key<int> settled{"settled", flag::frozen};

int get(actor& who, context::key_name key = "number") {
    return as(who, [&] { return context::get(key, -1); });
}

// A value that opens a scope while it is copied, in the context that it goes into.
struct logged {
    explicit logged(bool fails) : fails_when_copied(fails) {}
    logged(const logged& other) : fails_when_copied(other.fails_when_copied) {
        const scoped quiet{"log_level", 3};
        if (fails_when_copied) throw std::runtime_error("no copy");
    }
    bool fails_when_copied;
};

}  // namespace

TEST_CASE("a scope restores what was there, with its place and address, or its absence", "[scoped]") {
    actor who;
    as(who, [] {
        context::set("number", 1);
        const int* const before = context::find<int>("number");
        {
            const scoped n{"number", 2};
            const scoped other{"other", "text"};
            const scoped run_time{std::string("at run time, and longer than any small string"), 3};
            CHECK(context::get(number) == 2);
            CHECK(context::get("other", "") == "text");
            CHECK(context::get("at run time, and longer than any small string", 0) == 3);
            {
                const scoped inner{number, 4};
                CHECK(context::get(number) == 4);
            }
            CHECK(context::get(number) == 2);
        }
        CHECK(context::find<int>("number") == before);
        CHECK(*before == 1);
        CHECK(context::capture().keys() == std::vector<std::string>{"number"});
    });
    CHECK(who.level().kin == nullptr);
}

TEST_CASE("whatever happens to the key inside is undone at the end", "[scoped]") {
    actor who;
    const auto inside = [](auto&& change) {
        for (const bool there : {true, false}) {
            context::clear();
            if (there) context::set("number", 1);
            {
                const scoped n{"number", 2};
                change();
                context::set("kept", 1);
            }
            CHECK(context::get("number", -1) == (there ? 1 : -1));
            CHECK(context::contains("kept"));
        }
    };
    as(who, [&] {
        inside([] {});
        inside([] { context::set("number", 3); });
        inside([] { context::set("number", "of another type"); });
        inside([] { context::update<int>("number", [](int& n) { n = 3; }); });
        inside([] { context::erase("number"); });
        inside([] { context::clear(); });
        inside([] {
            context::clear();
            context::set("number", 3);
        });
        inside([] { static_cast<void>(context::capture()); });
        try {
            context::set("number", 1);
            const scoped n{"number", 2};
            throw 1;
        } catch (int) {
        }
        CHECK(context::get(number) == 1);
    });
}

TEST_CASE("a scope covers and uncovers by the policy", "[scoped]") {
    for (const test::policy& policy : test::all_policies()) {
        INFO(policy.name);
        actor parent;
        as(parent, [] { context::set("number", 1); });
        actor child = parent.heir(policy.is);
        const int inherited = policy.inherits ? 1 : -1;
        as(child, [&] {
            const scoped n{"number", 2};
            CHECK(get(child) == 2);
            CHECK(get(parent) == (policy.changes_spawner ? 2 : 1));
            actor copy = child.heir(spawn_policy::copying);
            actor above = child.heir(spawn_policy::chained);
            CHECK(get(copy) == 2);
            CHECK(get(above) == 2);
            as(above, [] { const scoped again{"number", 3}; });
            CHECK(get(above) == 2);
        });
        CHECK(get(child) == inherited);
        CHECK(get(parent) == 1);
        if (policy.sees_later_changes) {
            as(child, [&] {
                const scoped n{"number", 2};
                as(parent, [] { context::set("number", 5); });
            });
            CHECK(get(child) == (policy.changes_spawner ? 1 : 5));
        }
    }
}

TEST_CASE("heirs that were made in a scope keep, or see, what their policy says when it ends", "[scoped]") {
    actor parent;
    std::optional<actor> copy, above, far_above;
    context::snapshot taken;
    as(parent, [&] {
        context::set("number", 1);
        const scoped n{"number", 2};
        copy = parent.heir(spawn_policy::copying);
        above = parent.heir(spawn_policy::chained);
        taken = context::capture();
        far_above =
            above->heir(spawn_policy::chained).heir(spawn_policy::chained).heir(spawn_policy::chained);
        for (int again = 0; again < 4; ++again) CHECK(get(*far_above) == 2);
        CHECK(get(*above) == 2);
    });
    CHECK(get(parent) == 1);
    CHECK(get(*copy) == 2);
    CHECK(get(*above) == 1);
    CHECK(get(*far_above) == 1);
    CHECK(taken.get(number) == 2);
}

TEST_CASE("a scope that is refused has changed nothing", "[scoped]") {
    CHECK_THROWS_AS((scoped{"number", 1}), coheir::no_current_context);
    CHECK_THROWS_WITH((scoped{"number", 1}), Catch::Contains("scoped") && Catch::Contains("'number'"));
    struct fails {
        explicit fails(int) { throw 1; }
        fails(const fails&) = default;
    };
    static constexpr context::key<fails> failing{"number"};
    actor who;
    as(who, [] {
        CHECK_THROWS_AS((scoped{settled, 1}), coheir::usage_error);
        CHECK_FALSE(context::contains("settled"));
        context::set("number", 1);
        CHECK_THROWS_AS((scoped{failing, 1}), int);
        CHECK(context::get(number) == 1);
        context::update(number, [](int&) { CHECK_THROWS_AS((scoped{"other", 1}), coheir::context_busy); });
        CHECK(context::capture().size() == 1);
        context::set(settled, 1);
        CHECK_THROWS_AS((scoped{"settled", 2}), coheir::frozen_key);
        CHECK_THROWS_WITH((scoped{"settled", 2}), Catch::Contains("scoped_test.cpp:"));
        const scoped n{"number", 2};
        static constexpr context::key<int> frozen_number{"number", flag::frozen};
        CHECK_THROWS_AS(context::set(frozen_number, 3), coheir::usage_error);
        CHECK(context::get(number) == 2);
    });
    CHECK(get(who) == 1);
    CHECK(who.level().kin == nullptr);
}

TEST_CASE("a scope touches its own context only, whichever is current at its end", "[scoped]") {
    actor one, other;
    as(one, [] { context::set("number", 1); });
    as(other, [] { context::set("number", 10); });
    std::optional<scoped> scope;
    as(one, [&] { scope.emplace(number, 2); });
    as(other, [&] { scope.reset(); });
    CHECK(get(one) == 1);
    CHECK(get(other) == 10);
    as(one, [&] { scope.emplace(number, 2); });
    scope.reset();
    CHECK(get(one) == 1);
}

TEST_CASE("a scope keeps its context alive, and values die once", "[scoped]") {
    const test::counted_balance balance;
    std::optional<actor> who(std::in_place);
    std::optional<scoped> scope;
    as(*who, [&] {
        context::set("value", test::counted(1));
        scope.emplace(std::string("value"), test::counted(2));
    });
    CHECK(balance.live() == 2);
    who.reset();
    CHECK(balance.live() == 2);
    scope.reset();
    CHECK(balance.is_even());
}

TEST_CASE("scopes of different keys may end in any order", "[scoped]") {
    actor who;
    as(who, [] {
        context::set("number", 1);
        std::optional<scoped> first, second, third;
        first.emplace(number, 2);
        second.emplace(std::string("other"), 2);
        third.emplace(std::string("third"), 3);
        second.reset();
        first.reset();
        CHECK(context::get(number) == 1);
        CHECK(context::get("third", 0) == 3);
    });
    CHECK(who.level().kin == nullptr);
}

TEST_CASE("scopes of one key that end in another order than they began end the program, with a message",
          "[scoped][child_process]") {
    const test::child_outcome crossed = test::in_child_process([] {
        actor who;
        as(who, [] {
            std::optional<scoped> first, second;
            first.emplace(number, 1);
            second.emplace(std::string("number"), 2);
            first.reset();
        });
    });
    CHECK(crossed.aborted);
    CHECK_THAT(crossed.errors, Catch::Contains("another order"));
    const test::child_outcome by_sharers = test::in_child_process([] {
        actor parent;
        actor child = parent.heir(spawn_policy::shared);
        std::optional<scoped> first, second;
        as(parent, [&] { first.emplace(number, 1); });
        as(child, [&] { second.emplace(number, 2); });
        first.reset();
    });
    CHECK(by_sharers.aborted);
    const test::child_outcome in_update = test::in_child_process([] {
        actor who;
        as(who, [] {
            std::optional<scoped> scope;
            scope.emplace(number, 1);
            context::update(number, [&](int&) { scope.reset(); });
        });
    });
    CHECK(in_update.aborted);
    CHECK_THAT(in_update.errors, Catch::Contains("inside update"));
}

TEST_CASE("a local value of a scope is not inherited, and a secret one stays secret", "[scoped]") {
    static constexpr context::key<int> mine{"mine", flag::local};
    actor who;
    as(who, [&] {
        const scoped m{mine, 1};
        CHECK_FALSE(context::capture().contains("mine"));
        CHECK(context::contains("mine"));
    });
}

TEST_CASE("a value that cannot be copied comes back as it was", "[scoped]") {
    actor who;
    as(who, [&] {
        context::set("unique", std::make_unique<int>(1));
        {
            const scoped u{"unique", std::make_unique<int>(2)};
            actor copy = who.heir(spawn_policy::copying);
            CHECK(as(copy, [] { return **context::find<std::unique_ptr<int>>("unique"); }) == 2);
        }
        CHECK(context::update<std::unique_ptr<int>>("unique", [](auto& p) { ++*p; }));  // no copy has it
        CHECK(**context::find<std::unique_ptr<int>>("unique") == 2);
    });
}

TEST_CASE("a scoped value is for a block: it is not copied or moved", "[scoped]") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<scoped>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<scoped>);
}

TEST_CASE("making the value of a scope may open a scope, and may fail after that", "[scoped]") {
    actor who;
    as(who, [] {
        const logged fine(false), bad(true);
        {
            const scoped user{"user", fine};
            CHECK(context::contains("user"));
            CHECK_FALSE(context::contains("log_level"));
            CHECK_THROWS_WITH(scoped("other", bad), "no copy");
            CHECK_FALSE(context::contains("other"));
        }
        CHECK_FALSE(context::contains("user"));
        CHECK_THROWS_WITH(scoped("user", bad), "no copy");
        CHECK_FALSE(context::contains("user"));
    });
}

TEST_CASE("a scope refuses a text that is a null pointer, and names its key", "[scoped]") {
    actor who;
    as(who, [] {
        CHECK_THROWS_WITH(scoped("user", static_cast<const char*>(nullptr)),
                          Catch::Contains("scoped: key 'user'") && Catch::Contains("null pointer"));
        CHECK_FALSE(context::contains("user"));
    });
}

TEST_CASE("a hundred thousand scopes inside each other take as long as so many apart", "[scoped][deep]") {
    test::actor who;
    const test::acting now(who);
    constexpr context::key<int> key{"k"};
    constexpr context::key<int> others[] = {context::key<int>{"a"}, context::key<int>{"b"}};
    const auto start = std::chrono::steady_clock::now();
    std::forward_list<context::scoped> open;
    for (int i = 0; i < 100'000; ++i) {
        if (i % 3 == 0)
            open.emplace_front(key, i);
        else
            open.emplace_front(others[i % 3 - 1], i);
    }
    CHECK(context::get(key) == 99'999);
    while (!open.empty()) open.pop_front();
    CHECK(who.capture().empty());
    CHECK(std::chrono::steady_clock::now() - start < 10s);  // it is 0.1 s, and was minutes
}
