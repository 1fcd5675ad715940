// Levels: what a context shows that is chained onto others, and what changes and copies of it do.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/merging.hpp"
#include "support/small_stack.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using test::actor;
using test::as;

namespace {

using numbers = std::vector<int>;
using names = std::vector<std::string>;

void set(actor& who, context::key_name key, int value) {
    as(who, [&] { context::set(key, value); });
}
bool erase(actor& who, context::key_name key) {
    return as(who, [&] { return context::erase(key); });
}
void clear(actor& who) {
    as(who, [] { context::clear(); });
}
int get(actor& who, context::key_name key) {
    return as(who, [&] { return context::get(key, -1); });
}
bool update(actor& who, context::key_name key, int value) {
    return as(who, [&] { return context::update<int>(key, [&](int& n) { n = value; }); });
}

/// Three contexts, each chained onto the one before.
struct family {
    actor grandparent;
    actor parent = grandparent.heir(spawn_policy::chained);
    actor child = parent.heir(spawn_policy::chained);
};

}  // namespace

TEST_CASE("a chained child sees what its ancestors set, before and later", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    CHECK(get(f.child, "k") == 1);
    set(f.parent, "k", 2);
    CHECK(get(f.child, "k") == 2);
    CHECK(get(f.grandparent, "k") == 1);
    set(f.grandparent, "k", 3);
    CHECK(get(f.child, "k") == 2);
    CHECK(erase(f.parent, "k"));
    CHECK(get(f.child, "k") == 3);
    set(f.grandparent, "k", 4);
    CHECK(get(f.child, "k") == 4);
    clear(f.grandparent);
    CHECK(get(f.child, "k") == -1);
}

TEST_CASE("what a chained child sets is its own", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    set(f.child, "k", 3);
    set(f.child, "own", 4);
    CHECK(get(f.child, "k") == 3);
    CHECK(get(f.parent, "k") == 1);
    CHECK(get(f.parent, "own") == -1);
    set(f.grandparent, "k", 2);
    CHECK(get(f.child, "k") == 3);
    CHECK(f.child.capture().keys() == names{"k", "own"});
    CHECK(f.parent.capture().keys() == names{"k"});
}

TEST_CASE("erase touches the own level only, and uncovers what lies below", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    CHECK_FALSE(erase(f.child, "k"));
    CHECK(get(f.child, "k") == 1);
    set(f.parent, "k", 2);
    set(f.child, "k", 3);
    CHECK(erase(f.child, "k"));
    CHECK(get(f.child, "k") == 2);
    CHECK_FALSE(erase(f.child, "k"));
    CHECK(erase(f.parent, "k"));
    CHECK(get(f.child, "k") == 1);
}

TEST_CASE("clear touches the own level only, and uncovers what lies below", "[level]") {
    family f;
    set(f.grandparent, "a", 1);
    set(f.grandparent, "b", 1);
    set(f.parent, "b", 2);
    set(f.child, "b", 3);
    set(f.child, "c", 3);
    clear(f.child);
    CHECK(f.child.capture().keys() == names{"a", "b"});
    CHECK(get(f.child, "b") == 2);
    clear(f.parent);
    CHECK(get(f.child, "b") == 1);
    clear(f.child);
    CHECK(f.child.capture().keys() == names{"a", "b"});
}

TEST_CASE("update of an inherited value changes it where it is", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    actor sibling = f.grandparent.heir(spawn_policy::chained);
    CHECK(update(f.child, "k", 2));
    for (actor* const who : {&f.grandparent, &f.parent, &f.child, &sibling}) CHECK(get(*who, "k") == 2);
    CHECK_FALSE(erase(f.child, "k"));
    CHECK_FALSE(erase(f.parent, "k"));

    set(f.parent, "k", 10);
    CHECK(update(f.child, "k", 11));
    CHECK(get(f.grandparent, "k") == 2);
    CHECK(get(f.parent, "k") == 11);
    set(f.child, "k", 20);
    CHECK(update(f.child, "k", 21));
    CHECK(get(f.parent, "k") == 11);
    CHECK_FALSE(update(f.child, "missing", 1));
}

TEST_CASE("a value of another type hides the one below", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    as(f.parent, [] { context::set("k", "text"); });
    as(f.child, [] {
        CHECK(context::find<int>("k") == nullptr);
        CHECK_THROWS_AS(context::get<int>("k"), coheir::bad_value_type);
        CHECK_THROWS_AS(context::update<int>("k", [](int&) {}), coheir::bad_value_type);
        CHECK(context::get<std::string>("k") == "text");
    });
}

TEST_CASE("a chained child outlives its ancestors and keeps what they had", "[level]") {
    std::optional<actor> grandparent(std::in_place);
    set(*grandparent, "a", 1);
    set(*grandparent, "b", 1);
    std::optional<actor> parent(grandparent->heir(spawn_policy::chained));
    set(*parent, "b", 2);
    actor child = parent->heir(spawn_policy::chained);
    set(child, "b", 3);
    grandparent.reset();
    CHECK(get(child, "a") == 1);
    CHECK(get(child, "b") == 3);
    parent.reset();
    CHECK(get(child, "a") == 1);
    CHECK(update(child, "a", 9));
    CHECK(get(child, "a") == 9);
    clear(child);
    CHECK(get(child, "b") == 2);
    CHECK(child.capture().keys() == names{"a", "b"});
}

TEST_CASE("siblings see their parent, and not each other", "[level]") {
    actor parent;
    actor one = parent.heir(spawn_policy::chained);
    actor two = parent.heir(spawn_policy::chained);
    set(one, "k", 1);
    CHECK(get(two, "k") == -1);
    set(parent, "k", 0);
    CHECK(get(two, "k") == 0);
    CHECK(get(one, "k") == 1);
    actor sharer = two.heir(spawn_policy::shared);
    set(sharer, "k", 2);
    CHECK(get(two, "k") == 2);
    CHECK(get(one, "k") == 1);
}

TEST_CASE("a copy of a chained context keeps its own level apart", "[level]") {
    family f;
    set(f.grandparent, "a", 1);
    set(f.grandparent, "b", 1);
    set(f.parent, "b", 2);
    set(f.child, "b", 3);
    set(f.child, "c", 3);
    actor copy = f.child.heir(spawn_policy::copying);
    CHECK(copy.capture().keys() == names{"a", "b", "c"});
    CHECK(get(copy, "b") == 3);
    CHECK_FALSE(erase(copy, "a"));  // not its own
    CHECK(erase(copy, "b"));
    CHECK(get(copy, "b") == 2);  // uncovered
    CHECK_FALSE(erase(copy, "b"));
    set(copy, "a", 4);
    clear(copy);
    CHECK(get(copy, "a") == 1);
    CHECK(copy.capture().keys() == names{"a", "b"});

    actor of_snapshot(context::detail::snapshot_access::thaw(f.child.capture()));
    CHECK(erase(of_snapshot, "b"));
    CHECK(get(of_snapshot, "b") == 2);
    clear(of_snapshot);
    CHECK(of_snapshot.capture().keys() == names{"a", "b"});
}

TEST_CASE("a copy of a chained context is independent of every level of it", "[level]") {
    family f;
    set(f.grandparent, "a", 1);
    set(f.parent, "b", 1);
    set(f.child, "c", 1);
    actor copy = f.child.heir(spawn_policy::copying);
    set(f.grandparent, "a", 2);
    CHECK(update(f.parent, "b", 2));
    set(f.parent, "new", 2);
    clear(f.child);
    for (const char* const key : {"a", "b", "c"}) {
        CHECK(get(copy, key) == 1);
        CHECK(update(copy, key, 3));
        CHECK(get(copy, key) == 3);
    }
    CHECK(get(copy, "new") == -1);
    CHECK(get(f.child, "a") == 2);
    CHECK(get(f.child, "b") == 2);
    actor heir = copy.heir(spawn_policy::chained);
    CHECK(update(heir, "a", 4));
    CHECK(get(copy, "a") == 4);
    CHECK(get(f.child, "a") == 2);
}

TEST_CASE("a copy of a context has two levels at most", "[level]") {
    family f;
    set(f.grandparent, "k", 1);
    actor deep = f.child.heir(spawn_policy::chained);
    std::vector<actor> copies;
    copies.push_back(deep.heir(spawn_policy::copying));
    CHECK(test::count_levels(copies) == 2);
    actor nothing_inherited = actor().heir(spawn_policy::chained);
    copies.clear();
    copies.push_back(nothing_inherited.heir(spawn_policy::copying));
    CHECK(test::count_levels(copies) == 1);
}

TEST_CASE("keys of every level are listed once, sorted", "[level]") {
    family f;
    for (const char* const key : {"z", "b", "a"}) set(f.grandparent, key, 1);
    for (const char* const key : {"c", "b"}) set(f.parent, key, 2);
    for (const char* const key : {"y", "c", "a"}) set(f.child, key, 3);
    const context::snapshot all = f.child.capture();
    CHECK(all.keys() == names{"a", "b", "c", "y", "z"});
    CHECK(all.size() == 5);
    CHECK_FALSE(all.empty());
}

// Contexts remember what they found far down the chain: whatever changes there must be seen.
TEST_CASE("a change far down a chain is seen at once, however often the key was read before",
          "[level][far]") {
    for (const std::size_t changed : {0U, 1U, 5U, 8U}) {
        CAPTURE(changed);
        std::vector<actor> chain(1);
        set(chain.front(), "k", 0);
        set(chain.front(), "gone", 0);
        for (int i = 0; i < 9; ++i) chain.push_back(chain.back().heir(spawn_policy::chained));
        actor& top = chain.back();
        actor& far = chain[changed];
        const std::string dynamic = "k";
        const auto reads = [&](int expected) {
            for (int i = 0; i < 5; ++i) {
                REQUIRE(get(top, "k") == expected);
                REQUIRE(get(top, dynamic) == expected);
                REQUIRE(get(top, "missing") == -1);
                REQUIRE(get(top, std::string("missing")) == -1);
            }
        };
        reads(0);
        set(far, "k", 1);
        reads(1);
        as(far, [] { context::set("k", "text"); });
        as(top, [] { CHECK(context::get<std::string>("k") == "text"); });
        set(far, "k", 2);
        reads(2);
        const context::snapshot copy = far.capture();
        CHECK(update(far, "k", 3));  // a clone
        reads(3);
        CHECK(update(top, "k", 4));
        reads(4);
        CHECK(erase(far, "k"));
        reads(changed == 0 ? -1 : 0);
        set(far, "missing", 5);
        CHECK(get(top, "missing") == 5);
        set(far, "k", 6);
        set(far, "missing", 6);
        clear(far);
        reads(changed == 0 ? -1 : 0);
        const auto set_k = [](const context::view& parent) {
            context::child made = parent.shared();
            made.set("k", 7);
            return made;
        };
        static_cast<void>(far.heir(set_k));
        reads(7);
        chain.erase(chain.begin(), chain.end() - 1);
        CHECK(get(chain.back(), "k") == 7);
    }
}

TEST_CASE("names that share a hash are told apart far down a chain", "[level][far]") {
    const context::key_name one("one", 1, false), two("two", 1, false), three("three", 1, false);
    std::vector<actor> chain(1);
    set(chain.front(), one, 1);
    for (int i = 0; i < 5; ++i) chain.push_back(chain.back().heir(spawn_policy::chained));
    for (int i = 0; i < 5; ++i) {
        CHECK(get(chain.back(), one) == 1);
        CHECK(get(chain.back(), two) == -1);
        CHECK(get(chain.back(), three) == -1);
    }
    set(chain.front(), two, 2);
    for (int i = 0; i < 5; ++i) {
        CHECK(get(chain.back(), one) == 1);
        CHECK(get(chain.back(), two) == 2);
        CHECK(get(chain.back(), three) == -1);
    }
}

TEST_CASE("a look-up down a chain costs the same at any depth once it was made", "[level][far]") {
    // Without that, this takes 10^11 steps.
    std::vector<actor> chain(1);
    set(chain.front(), "k", 1);
    for (int i = 0; i < 100'000; ++i) chain.push_back(chain.back().heir(spawn_policy::chained));
    int sum = 0;
    as(chain.back(), [&] {
        for (int i = 0; i < 1'000'000; ++i) sum += context::get("k", 0) + context::get("missing", 0);
    });
    CHECK(sum == 1'000'000);
}

namespace {

enum class loss { oldest_first, newest_first, random };

void build_read_and_destroy(std::size_t count, loss order) {
    const test::counted_balance balance;
    bool right = true;
    test::on_small_stack([&] {
        std::vector<actor> chain;
        chain.reserve(count);
        chain.emplace_back();
        as(chain.front(), [] { context::set("bottom", test::counted(1)); });
        for (std::size_t i = 1; i < count; ++i) {
            chain.push_back(chain.back().heir(spawn_policy::chained));
            if (i % 1000 == 0)
                as(chain.back(), [&] { context::set("own", test::counted(static_cast<int>(i))); });
        }
        as(chain.back(), [&] {
            right &= context::find<test::counted>("bottom")->value == 1;
            right &= context::find<test::counted>("own")->value == static_cast<int>(count - 1000);
            right &= !context::contains("missing");
            right &= context::find<int>("missing") == nullptr;
        });
        const actor copy = chain.back().heir(spawn_policy::copying);
        right &= copy.capture().size() == 2;
        if (order == loss::newest_first) std::reverse(chain.begin(), chain.end());
        if (order == loss::random) std::shuffle(chain.begin(), chain.end(), std::mt19937(1));  // NOLINT
        for (actor& a : chain) actor(std::move(a));
    });
    CHECK(right);
    CHECK(balance.is_even());
}

}  // namespace

TEST_CASE("a million levels with live owners are built, read and destroyed on a small stack",
          "[level][deep][slow]") {
    build_read_and_destroy(1'000'000, loss::oldest_first);
}

TEST_CASE("a million levels lose their owners newest first, on a small stack", "[level][deep][slow]") {
    build_read_and_destroy(1'000'000, loss::newest_first);
}

TEST_CASE("a million levels lose their owners in random order, on a small stack", "[level][deep][slow]") {
    build_read_and_destroy(1'000'000, loss::random);
}

TEST_CASE("a million levels that are never merged go at once, on a small stack", "[level][deep][slow]") {
    const test::merging_is off(false);
    build_read_and_destroy(1'000'000, loss::oldest_first);
}
