// update, find and copies: who shares a value, who may change it, and what its destructor finds.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/policies.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;

namespace {

using numbers = std::vector<int>;
using owning = std::unique_ptr<int>;
inline constexpr context::key<numbers> list{"list"};

void append(int n) {
    if (!context::update(list, [n](numbers& values) { values.push_back(n); })) FAIL("there is no list");
}
void increment(context::key_name key) {
    if (!context::update<owning>(key, [](owning& value) { ++*value; })) FAIL("there is no " << key.text());
}

/// A copy of it fails when it is told to, and it counts the others.
struct reluctant {
    explicit reluctant(int v) : value(v) {}
    reluctant(const reluctant& other) : value(other.value) {
        if (fails) throw std::runtime_error("no copy today");
        ++copies;
    }
    reluctant(reluctant&&) noexcept = default;
    int value;
    inline static bool fails = false;
    inline static int copies = 0;
};

/// Calls a function when it is destroyed, but not when it was moved from.
class at_end {
public:
    explicit at_end(void (*call)()) : call_(call) {}
    at_end(at_end&& other) noexcept : call_(std::exchange(other.call_, nullptr)) {}
    at_end(const at_end&) = default;
    ~at_end() {
        if (call_) call_();
    }

private:
    void (*call_)();
};

}  // namespace

TEST_CASE("update changes the value in place", "[update]") {
    test::actor who;
    const test::acting now(who);
    context::set(list, numbers{1});
    const numbers* const found = context::find(list);
    append(2);
    CHECK(context::find(list) == found);
    CHECK(*found == numbers{1, 2});
    CHECK(context::update<numbers>("list", [](auto& values) { values.clear(); }));
    CHECK(found->empty());
}

TEST_CASE("update calls a function of any kind, and drops what it returns", "[update]") {
    struct doubling {
        bool operator()(int& n) && {
            n *= 2;
            return false;
        }
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", 21);
    CHECK(context::update<int>("k", doubling{}));
    CHECK(context::get<int>("k") == 42);
    const auto counting = [calls = std::make_unique<int>(0)](int& n) mutable { n = ++*calls; };
    CHECK(
        context::update<int>("k", std::move(const_cast<std::remove_const_t<decltype(counting)>&>(counting))));
    CHECK(context::get<int>("k") == 1);
}

TEST_CASE("an update stays on its side, or does not, as the policy says", "[update]") {
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        test::actor parent;
        as(parent, [] { context::set(list, numbers{1}); });
        test::actor child = parent.heir(policy.is);
        as(parent, [] { append(2); });
        as(child, [&] {
            CHECK(context::get(list).has_value() == policy.inherits);
            if (policy.inherits) append(3);
        });
        const bool live = policy.sees_later_changes;
        CHECK(parent.capture().get(list) == (live ? numbers{1, 2, 3} : numbers{1, 2}));
        if (policy.inherits) CHECK(child.capture().get(list) == (live ? numbers{1, 2, 3} : numbers{1, 3}));
    }
}

TEST_CASE("many copies share a value until each updates its own", "[update]") {
    reluctant::copies = 0;
    test::actor first;
    as(first, [] { context::set("k", reluctant(0)); });
    std::vector<test::actor> copies;
    for (int i = 0; i < 10; ++i) copies.push_back(first.heir(spawn_policy::copying));
    CHECK(reluctant::copies == 0);
    const reluctant* const shared = first.capture().find<reluctant>("k");
    for (int i = 0; i < 10; ++i) {
        const test::acting now(copies[static_cast<std::size_t>(i)]);
        CHECK(context::find<reluctant>("k") == shared);
        context::update<reluctant>("k", [i](reluctant& r) { r.value = i; });
        context::update<reluctant>("k", [](reluctant& r) { r.value += 100; });
    }
    CHECK(reluctant::copies == 10);
    for (int i = 0; i < 10; ++i)
        CHECK(copies[static_cast<std::size_t>(i)].capture().find<reluctant>("k")->value == 100 + i);
    CHECK(shared->value == 0);
    as(first, [] { context::update<reluctant>("k", [](reluctant& r) { r.value = 7; }); });
    CHECK(reluctant::copies == 10);  // nobody shared it any more
    CHECK(shared->value == 7);
}

TEST_CASE("inside update everything that changes, captures, copies or spawns is refused", "[update]") {
    const auto refuse = [](test::actor& busy) {
        CHECK_THROWS_AS(context::set("k", numbers{}), coheir::context_busy);
        CHECK_THROWS_AS(context::set("other", 1), coheir::context_busy);
        CHECK_THROWS_AS(context::set("new", 1), coheir::context_busy);
        CHECK_THROWS_AS(context::erase("k"), coheir::context_busy);
        CHECK_THROWS_AS(context::erase("other"), coheir::context_busy);
        CHECK_THROWS_AS(context::clear(), coheir::context_busy);
        CHECK_THROWS_AS(context::update<numbers>("k", [](numbers&) {}), coheir::context_busy);
        CHECK_THROWS_AS(context::update<int>("other", [](int&) {}), coheir::context_busy);
        CHECK_THROWS_AS(busy.capture(), coheir::context_busy);
        for (const test::policy& policy : test::all_policies()) {
            CAPTURE(policy.name);
            if (policy.inherits) CHECK_THROWS_AS(busy.heir(policy.is), coheir::context_busy);
        }
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", numbers{1});
    context::set("other", 1);
    context::update<numbers>("k", [&](numbers& values) {
        values.push_back(2);
        refuse(who);
        CHECK(context::get<int>("other") == 1);  // reading is fine
        CHECK(context::find<numbers>("k") == &values);
        CHECK(context::contains("k"));
        values.push_back(3);
    });
    CHECK(who.capture().keys() == std::vector<std::string>{"k", "other"});
    CHECK(context::get<numbers>("k") == numbers{1, 2, 3});
    context::set("new", 1);  // no longer busy
    CHECK(context::erase("other"));
}

TEST_CASE("inside update of an inherited value the parent and all heirs are busy", "[update]") {
    test::actor parent;
    as(parent, [] { context::set("k", numbers{1}); });
    test::actor child = parent.heir(spawn_policy::chained);
    test::actor sibling = parent.heir(spawn_policy::chained);
    test::actor grandchild = child.heir(spawn_policy::chained);
    test::actor stranger = parent.heir(spawn_policy::copying);
    as(grandchild, [&] {
        context::update<numbers>("k", [&](numbers& values) {
            values.push_back(2);
            CHECK_THROWS_AS(context::set("x", 1), coheir::context_busy);
            as(parent, [&] {
                CHECK_THROWS_AS(context::set("k", 1), coheir::context_busy);
                CHECK_THROWS_AS(context::clear(), coheir::context_busy);
            });
            for (test::actor* const heir : {&child, &sibling, &grandchild, &parent}) {
                CHECK_THROWS_AS(heir->capture(), coheir::context_busy);
                CHECK_THROWS_AS(heir->heir(spawn_policy::copying), coheir::context_busy);
                as(*heir, [] {
                    CHECK_THROWS_AS(context::update<numbers>("k", [](numbers&) {}), coheir::context_busy);
                });
            }
            as(stranger, [] {
                context::set("x", 1);
                CHECK(context::update<numbers>("k", [](numbers& its) { its.push_back(9); }));
            });
            values.push_back(3);
        });
    });
    CHECK(sibling.capture().get<numbers>("k") == numbers{1, 2, 3});
    CHECK(stranger.capture().get<numbers>("k") == numbers{1, 9});
}

TEST_CASE("a context may lose its owner while its value is updated", "[update]") {
    std::optional<test::actor> parent(std::in_place);
    as(*parent, [] { context::set("k", numbers{1}); });
    std::optional<test::actor> child(parent->heir(spawn_policy::chained));
    test::actor grandchild = child->heir(spawn_policy::chained);
    as(grandchild, [&] {
        context::update<numbers>("k", [&](numbers& values) {
            parent.reset();
            child.reset();
            values.push_back(2);
            CHECK_THROWS_AS(grandchild.capture(), coheir::context_busy);
        });
        CHECK(context::get<numbers>("k") == numbers{1, 2});
    });
    CHECK(grandchild.capture().size() == 1);
}

TEST_CASE("a function that throws leaves the value as it left it", "[update]") {
    for (const bool is_shared : {false, true}) {
        CAPTURE(is_shared);
        test::actor who;
        const test::acting now(who);
        context::set("k", numbers{1});
        std::optional<context::snapshot> sharer;
        if (is_shared) sharer = who.capture();
        const auto half_done = [](numbers& values) {
            values.push_back(2);
            throw std::runtime_error("half done");
        };
        CHECK_THROWS_WITH(context::update<numbers>("k", half_done), "half done");
        CHECK(context::get<numbers>("k") == numbers{1, 2});
        if (sharer) CHECK(sharer->get<numbers>("k") == numbers{1});
        context::set("other", 1);  // not busy
        CHECK(context::update<numbers>("k", [](numbers& values) { values.push_back(3); }));
    }
}

TEST_CASE("a copy that throws inside update changes nothing", "[update]") {
    reluctant::copies = 0;
    test::actor who;
    const test::acting now(who);
    context::set("k", reluctant(1));
    const reluctant* const before = context::find<reluctant>("k");
    const context::detail::provenance made = context::detail::find_visible(&who.level(), "k")->set;
    const context::snapshot sharer = who.capture();
    reluctant::fails = true;
    CHECK_THROWS_WITH(context::update<reluctant>("k", [](reluctant&) { FAIL("called"); }), "no copy today");
    reluctant::fails = false;
    CHECK(context::find<reluctant>("k") == before);
    CHECK(context::detail::find_visible(&who.level(), "k")->set.where.line() == made.where.line());
    context::set("other", 1);  // not busy
    context::update<reluctant>("k", [](reluctant& r) { r.value = 2; });
    CHECK(context::find<reluctant>("k")->value == 2);
    CHECK(sharer.find<reluctant>("k")->value == 1);
}

TEST_CASE("a copy constructor called by update cannot change the context", "[update]") {
    struct meddling {
        meddling() = default;
        meddling(const meddling&) { CHECK_THROWS_AS(context::set("k", 1), coheir::context_busy); }
        meddling(meddling&&) = default;
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", meddling());
    const context::snapshot sharer = who.capture();
    CHECK(context::update<meddling>("k", [](meddling&) {}));
    CHECK(context::find<meddling>("k"));
}

TEST_CASE("values have stable addresses while other keys change", "[update]") {
    test::actor who;
    std::vector<test::actor> others;
    const test::acting now(who);
    context::set("number", 1);
    context::set("text", "a text");
    context::set("pointer", std::make_unique<int>(3));
    const int* const number = context::find<int>("number");
    const std::string* const text = context::find<std::string>("text");
    const owning* const pointer = context::find<owning>("pointer");
    const auto check = [&] {
        CHECK(context::find<int>("number") == number);
        CHECK(context::find<std::string>("text") == text);
        CHECK(context::find<owning>("pointer") == pointer);
        CHECK((*number == 1 && *text == "a text" && **pointer == 3));
    };
    for (int i = 0; i < 200; ++i) context::set("key " + std::to_string(i), i);
    check();
    for (const test::policy& policy : test::all_policies()) others.push_back(who.heir(policy.is));
    check();
    for (int i = 0; i < 200; ++i) context::set("key " + std::to_string(i), std::to_string(i));
    check();
    const context::snapshot copy = who.capture();
    for (int i = 0; i < 100; ++i) context::erase("key " + std::to_string(i));
    for (int i = 100; i < 200; ++i)
        context::update<std::string>("key " + std::to_string(i), [](std::string& s) { s += "!"; });
    check();
    CHECK(copy.find<int>("number") == number);
    others.clear();
    for (int i = 100; i < 200; ++i) context::erase("key " + std::to_string(i));
    check();
}

TEST_CASE("a value that cannot be copied is updated in place as long as no copy is made",
          "[update][frozen]") {
    test::actor parent;
    as(parent, [] {
        context::set("k", std::make_unique<int>(1));
        increment("k");
    });
    test::actor sharer = parent.heir(spawn_policy::shared);
    test::actor chained = parent.heir(spawn_policy::chained);
    const test::actor isolated = parent.heir(spawn_policy::isolated);
    as(sharer, [] { increment("k"); });
    as(chained, [] { increment("k"); });
    as(parent, [] { increment("k"); });
    CHECK(**as(parent, [] { return context::find<owning>("k"); }) == 5);
}

TEST_CASE("a copy or snapshot freezes values that cannot be copied, for good", "[update][frozen]") {
    for (const char* const how : {"copying", "snapshot", "copied chain", "snapshot of a chain"}) {
        CAPTURE(how);
        test::actor who;
        const test::acting now(who);
        context::set("k", std::make_unique<int>(1));
        context::set("copyable", 1);
        {
            const std::string way = how;
            const test::actor chained = who.heir(spawn_policy::chained);
            if (way == "copying") static_cast<void>(who.heir(spawn_policy::copying));
            if (way == "snapshot") static_cast<void>(who.capture());
            if (way == "copied chain") static_cast<void>(chained.heir(spawn_policy::copying));
            if (way == "snapshot of a chain") static_cast<void>(chained.capture());
        }
        for (int i = 0; i < 2; ++i)
            CHECK_THROWS_AS(context::update<owning>("k", [](owning&) { FAIL("called"); }),
                            coheir::not_copyable);
        CHECK_THROWS_WITH(increment("k"), Catch::Contains("'k'") && Catch::Contains("unique_ptr<int"));
        CHECK(**context::find<owning>("k") == 1);
        CHECK(context::update<int>("copyable", [](int& n) { ++n; }));

        context::set("other", std::make_unique<int>(5));  // set after the copy
        increment("other");
        context::set("k", std::make_unique<int>(2));  // a new value
        increment("k");
        CHECK(**context::find<owning>("k") == 3);
        CHECK(**context::find<owning>("other") == 6);
    }
}

TEST_CASE("a copy has frozen values that its original may set anew, and the other way round",
          "[update][frozen]") {
    test::actor first;
    as(first, [] { context::set("k", std::make_unique<int>(1)); });
    test::actor second = first.heir(spawn_policy::copying);
    as(second, [] {
        CHECK_THROWS_AS(increment("k"), coheir::not_copyable);
        context::set("k", std::make_unique<int>(2));
        increment("k");
    });
    as(first, [] {
        CHECK(**context::find<owning>("k") == 1);
        CHECK_THROWS_AS(increment("k"), coheir::not_copyable);
        context::set("k", std::make_unique<int>(10));
        increment("k");
    });
    CHECK(**as(second, [] { return context::find<owning>("k"); }) == 3);
}

TEST_CASE("a frozen value stays frozen when levels merge", "[update][frozen]") {
    std::optional<test::actor> first(std::in_place), second;
    as(*first, [] { context::set("frozen", std::make_unique<int>(1)); });
    static_cast<void>(first->capture());
    as(*first, [] { context::set("free", std::make_unique<int>(1)); });
    second.emplace(first->heir(spawn_policy::chained));
    as(*second, [] { context::set("own", std::make_unique<int>(1)); });
    test::actor third = second->heir(spawn_policy::chained);
    first.reset();
    second.reset();
    REQUIRE(third.level().parent()->parent() == nullptr);  // merged
    const test::acting now(third);
    CHECK_THROWS_AS(increment("frozen"), coheir::not_copyable);
    increment("free");
    increment("own");
    static_cast<void>(third.capture());
    CHECK_THROWS_AS(increment("free"), coheir::not_copyable);
    CHECK_THROWS_AS(increment("own"), coheir::not_copyable);
}

TEST_CASE("a value that can be assigned but not copied is updatable again when set", "[update][frozen]") {
    struct assignable {  // trivially copyable, by assignment
        explicit assignable(int v) : value(v) {}
        assignable(const assignable&) = delete;
        assignable(assignable&&) = default;
        assignable& operator=(const assignable&) = default;
        int value;
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", assignable(1));
    static_cast<void>(who.capture());
    CHECK_THROWS_AS(context::update<assignable>("k", [](assignable&) {}), coheir::not_copyable);
    context::set("k", assignable(2));
    CHECK(context::update<assignable>("k", [](assignable& a) { ++a.value; }));
    CHECK(context::find<assignable>("k")->value == 3);
    const context::snapshot copy = who.capture();
    CHECK_THROWS_AS(context::update<assignable>("k", [](assignable&) {}), coheir::not_copyable);
    CHECK(copy.find<assignable>("k")->value == 3);
}

TEST_CASE("a copy that is refused freezes nothing", "[update][frozen]") {
    test::actor bottom;
    as(bottom, [] { context::set("busy", 1); });
    test::actor middle = bottom.heir(spawn_policy::chained);
    as(middle, [] { context::set("middle", std::make_unique<int>(1)); });
    test::actor top = middle.heir(spawn_policy::chained);
    as(top, [] { context::set("top", std::make_unique<int>(1)); });
    as(bottom, [&] {
        context::update<int>("busy", [&](int&) {
            CHECK_THROWS_AS(top.capture(), coheir::context_busy);
            CHECK_THROWS_AS(top.heir(spawn_policy::copying), coheir::context_busy);
        });
    });
    as(top, [] {
        increment("top");
        increment("middle");
    });
}

TEST_CASE("the destructor of a value that goes finds the new state, and may change it",
          "[update][destructor]") {
    test::actor who;
    const test::acting now(who);
    static std::vector<std::string> seen;
    seen.clear();
    const auto make = [] {
        return at_end([] {
            seen.push_back(context::get("k", "nothing"));
            context::set("destroyed", context::get("destroyed", 0) + 1);
            context::set("from destructor " + std::to_string(seen.size()), std::vector{1, 2});
            if (context::contains("to erase")) context::erase("to erase");
        });
    };
    context::set("to erase", 1);

    context::set("k", make());
    context::set("k", "replaced");
    CHECK(seen == std::vector<std::string>{"replaced"});
    CHECK(context::get<int>("destroyed") == 1);
    CHECK_FALSE(context::contains("to erase"));

    context::erase("k");
    context::set("x", make());
    context::erase("x");
    CHECK(seen.back() == "nothing");
    CHECK_FALSE(context::contains("x"));
    CHECK(context::get<int>("destroyed") == 2);

    context::set("y", make());
    context::set("z", make());
    context::clear();
    CHECK(seen.size() == 4);
    CHECK(seen.back() == "nothing");
    CHECK(context::get<int>("destroyed") == 2);  // counted in the cleared context
    CHECK(who.capture().keys() ==
          std::vector<std::string>{"destroyed", "from destructor 3", "from destructor 4"});
}

TEST_CASE("the destructor of a value that update replaced may use the context", "[update][destructor]") {
    static int destroyed;
    destroyed = 0;
    test::actor who;
    const test::acting now(who);
    context::set("k", at_end([] {
                     ++destroyed;
                     context::set("destroyed", destroyed);
                 }));
    auto sharer = std::make_optional(who.heir(spawn_policy::copying));
    // Inside the function the other one lets go: then the replaced value is update's alone.
    CHECK(context::update<at_end>("k", [&](at_end&) {
        sharer.reset();
        CHECK(destroyed == 0);
    }));
    CHECK(destroyed == 1);
    CHECK(context::get<int>("destroyed") == 1);
    context::erase("k");
    CHECK(context::get<int>("destroyed") == 2);
}

TEST_CASE("a destructor may replace and erase what is being replaced, over and over",
          "[update][destructor]") {
    static int left;
    left = 1000;
    struct chain {
        chain() = default;
        chain(chain&& other) noexcept : active(std::exchange(other.active, false)) {}
        ~chain() {
            if (!active || --left <= 0) return;
            if (left % 3 == 0) context::erase("k");
            if (left % 3 == 1) context::clear();
            context::set("k", chain());
        }
        bool active = true;
    };
    {
        test::actor who;
        const test::acting now(who);
        context::set("k", chain());
        context::set("k", chain());
        CHECK(left <= 0);
        CHECK(context::find<chain>("k"));
    }
}

TEST_CASE("a value's destructor may drop the last owner of another context, or of a copy",
          "[update][destructor]") {
    const test::counted_balance balance;
    {
        test::actor who;
        const test::acting now(who);
        auto other = std::make_shared<test::actor>();
        as(*other, [] { context::set("deep", test::counted(1)); });
        auto copy = std::make_shared<test::actor>(who.heir(spawn_policy::chained));
        as(*copy, [] { context::set("deep", test::counted(2)); });
        context::set("other", std::move(other));
        context::set("heir", std::move(copy));
        CHECK(balance.live() == 2);
        context::set("other", 1);
        CHECK(balance.live() == 1);
        context::erase("heir");
        CHECK(balance.live() == 0);
        CHECK(who.capture().keys() == std::vector<std::string>{"other"});
    }
    CHECK(balance.is_even());
}
