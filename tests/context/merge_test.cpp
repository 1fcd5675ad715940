// Merging: chains of levels that nobody owns stay short, and nobody can tell.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/merging.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using test::actor;
using test::as;
using test::count_levels;

namespace {

using names = std::vector<std::string>;

void set(actor& who, context::key_name key, int value) {
    as(who, [&] { context::set(key, value); });
}
int get(actor& who, context::key_name key) {
    return as(who, [&] { return context::get(key, -1); });
}

std::size_t depth_of(const actor& who) {
    std::size_t depth = 0;
    for (const auto* l = &who.level(); l; l = l->parent()) ++depth;
    return depth;
}

}  // namespace

TEST_CASE("a successor that clears finds what its predecessor had, not what it set itself", "[merge]") {
    for (const bool merging : {true, false}) {
        const test::merging_is now(merging);
        std::optional<actor> p(std::in_place);
        set(*p, "a", 1);
        actor c = p->heir(spawn_policy::chained);
        p.reset();
        set(c, "a", 2);
        CHECK(get(c, "a") == 2);
        as(c, [] { context::clear(); });
        CHECK(get(c, "a") == 1);
    }
}

TEST_CASE("a level that somebody owns is merged with none", "[merge]") {
    actor bottom;
    set(bottom, "a", 1);
    std::optional<actor> middle(bottom.heir(spawn_policy::chained));
    set(*middle, "a", 2);
    actor top = middle->heir(spawn_policy::chained);
    set(top, "a", 3);
    middle.reset();
    CHECK(depth_of(top) == 3);
    CHECK(get(bottom, "a") == 1);
    as(top, [] { context::clear(); });
    CHECK(get(top, "a") == 2);
    set(bottom, "b", 1);
    CHECK(get(top, "b") == 1);
}

TEST_CASE("under shared a level is owned until the last of its owners goes", "[merge]") {
    std::optional<actor> bottom(std::in_place);
    set(*bottom, "a", 1);
    std::optional<actor> middle(bottom->heir(spawn_policy::chained));
    std::optional<actor> sharer(middle->heir(spawn_policy::shared));
    actor top = middle->heir(spawn_policy::chained);
    bottom.reset();
    middle.reset();
    CHECK(depth_of(top) == 3);
    set(*sharer, "a", 2);
    CHECK(get(top, "a") == 2);
    as(*sharer, [] { context::clear(); });
    CHECK(get(top, "a") == 1);
    sharer.reset();
    CHECK(depth_of(top) == 2);
    CHECK(get(top, "a") == 1);
}

TEST_CASE("two neighbours that nobody owns become one, in whatever order they lost their owners", "[merge]") {
    for (const bool larger_above : {false, true}) {
        std::vector<std::size_t> order{0, 1, 2, 3};
        do {
            CAPTURE(order, larger_above);
            std::vector<actor> chain(1);
            for (int i = 0; i < 4; ++i) {
                set(chain.back(), "level " + std::to_string(i), i);
                set(chain.back(), "all", i);
                if (i >= 2) set(chain.back(), "upper", i);
                if (i <= 1) set(chain.back(), "lower", i);
                for (int j = 0; j < (larger_above ? i : 3 - i) * 10; ++j)
                    set(chain.back(), "many " + std::to_string(j), i * 100 + j);
                chain.push_back(chain.back().heir(spawn_policy::chained));
            }
            actor& top = chain[4];
            set(top, "all", 4);
            const names keys = top.capture().keys();
            const auto* const found = as(top, [] { return context::find<int>("many 3"); });
            for (const std::size_t i : order) actor(std::move(chain[i]));
            CHECK(depth_of(top) == 2);
            CHECK(top.capture().keys() == keys);
            CHECK(get(top, "all") == 4);
            as(top, [] { context::clear(); });
            CHECK(get(top, "all") == 3);
            CHECK(get(top, "upper") == 3);
            CHECK(get(top, "lower") == 1);
            CHECK(get(top, "many 3") == (larger_above ? 303 : 203));
            CHECK(as(top, [] { return context::find<int>("many 3"); }) == found);
            for (int i = 0; i < 4; ++i) CHECK(get(top, "level " + std::to_string(i)) == i);
        } while (std::next_permutation(order.begin(), order.end()));
    }
}

TEST_CASE("merging keeps the addresses of values, and where they were set", "[merge]") {
    for (const bool larger_above : {false, true}) {
        CAPTURE(larger_above);
        std::vector<actor> chain(1);
        std::vector<std::string> keys;
        for (int i = 0; i < 12; ++i) {
            for (int j = 0; j < (larger_above ? i + 1 : 12 - i); ++j) {
                keys.push_back("key " + std::to_string(i) + " " + std::to_string(j));
                as(chain.back(), [&] { context::set(keys.back(), std::vector{i, j}); });
            }
            chain.push_back(chain.back().heir(spawn_policy::chained));
        }
        actor top = std::move(chain.back());
        const auto boxes = [&] {
            std::vector<const context::detail::box*> found;
            for (const std::string& key : keys)
                found.push_back(context::detail::find_visible(&top.level(), key));
            return found;
        };
        const auto before = boxes();
        std::vector<std::uint64_t> tasks;
        for (const auto* const b : before) tasks.push_back(b->set.task);
        chain.clear();
        REQUIRE(depth_of(top) == 2);
        CHECK(boxes() == before);
        for (std::size_t i = 0; i < keys.size(); ++i) CHECK(boxes()[i]->set.task == tasks[i]);
    }
}

TEST_CASE("an heir reads the same before and after a merge, though it remembers where it looked", "[merge]") {
    std::vector<actor> chain(1);
    for (int i = 0; i < 6; ++i) {
        set(chain.back(), "k", i);
        set(chain.back(), "level " + std::to_string(i), i);
        chain.push_back(chain.back().heir(spawn_policy::chained));
    }
    actor top = chain.back().heir(spawn_policy::chained);
    const auto check = [&](int k) {
        for (int repeat = 0; repeat < 4; ++repeat) {
            CHECK(get(top, "k") == k);
            CHECK(get(top, "missing") == -1);
            for (int i = 0; i < 6; ++i) CHECK(get(top, "level " + std::to_string(i)) == i);
        }
    };
    check(5);
    actor(std::move(chain[2]));
    actor(std::move(chain[3]));
    check(5);
    as(chain[5], [] { context::erase("k"); });
    check(4);
    as(chain[4], [] { context::erase("k"); });
    check(3);
    actor(std::move(chain[1]));
    actor(std::move(chain[0]));
    check(3);
    as(top, [] { context::update<int>("k", [](int& n) { n = 33; }); });
    check(33);
}

TEST_CASE("a relay of chained contexts holds a bounded number of levels", "[merge]") {
    std::vector<actor> runner(1);
    set(runner.front(), "start", 1);
    std::size_t most = 0;
    for (int i = 0; i < 100'000; ++i) {
        if (i % 3 == 0) set(runner.front(), "k", i);
        if (i % 7 == 0) set(runner.front(), "key " + std::to_string(i % 50), i);
        runner.push_back(runner.front().heir(spawn_policy::chained));
        runner.erase(runner.begin());
        if (i % 100 == 0) most = std::max(most, count_levels(runner));
    }
    CHECK(most <= 3);
    CHECK(get(runner.front(), "start") == 1);
    CHECK(get(runner.front(), "k") == 99'999);
    CHECK(runner.front().capture().size() == 52);
}

// An owned level can stand on one that nobody owns, and that on a fork; there are fewer forks than owners.
TEST_CASE("there are fewer than three times as many levels as owners, whatever fans out", "[merge][slow]") {
    for (unsigned seed = 1; seed <= 200; ++seed) {
        CAPTURE(seed);
        std::mt19937 random(seed);
        std::vector<actor> actors(1);
        set(actors.front(), "k", 0);
        for (int i = 0; i < 300; ++i) {
            const std::size_t who = random() % actors.size();
            switch (random() % 8) {
                case 0: actors.push_back(actors[who].heir(spawn_policy::copying)); break;
                case 1: actors.push_back(actors[who].heir(spawn_policy::shared)); break;
                case 2: set(actors[who], "k", i); break;
                case 3:
                case 4:
                case 5: actors.push_back(actors[who].heir(spawn_policy::chained)); break;
                default:
                    if (actors.size() > 1) actors.erase(actors.begin() + static_cast<std::ptrdiff_t>(who));
            }
            REQUIRE(count_levels(actors) < 3 * actors.size());
        }
    }
}

TEST_CASE("levels that fan out from one that nobody owns are merged when all but one have gone", "[merge]") {
    std::optional<actor> root(std::in_place);
    set(*root, "k", 1);
    std::vector<actor> children;
    for (int i = 0; i < 100; ++i) {
        actor child = root->heir(spawn_policy::chained);
        set(child, "child", i);
        children.push_back(child.heir(spawn_policy::chained));  // the child's own owner goes
    }
    root.reset();
    CHECK(count_levels(children) == 201);
    std::mt19937 random(1);  // NOLINT: the same in every run
    std::shuffle(children.begin(), children.end(), random);
    while (children.size() > 1) {
        children.pop_back();
        REQUIRE(count_levels(children) <= 2 * children.size() + 1);
        REQUIRE(get(children.back(), "k") == 1);
    }
    CHECK(count_levels(children) == 2);
    CHECK(children.front().capture().keys() == names{"child", "k"});
}

TEST_CASE("a million levels that lose their owners are merged into one, in any order",
          "[merge][deep][slow]") {
    for (const bool newest_first : {false, true}) {
        std::vector<actor> chain;
        chain.reserve(1'000'000);
        chain.emplace_back();
        set(chain.front(), "k", 1);
        while (chain.size() < chain.capacity()) {
            chain.push_back(chain.back().heir(spawn_policy::chained));
            if (chain.size() % 1000 == 0) set(chain.back(), "key " + std::to_string(chain.size()), 2);
        }
        actor top = chain.back().heir(spawn_policy::chained);
        if (newest_first)
            while (!chain.empty()) chain.pop_back();
        chain.clear();
        CHECK(depth_of(top) == 2);
        CHECK(top.capture().size() == 1001);
        CHECK(get(top, "k") == 1);
    }
}

TEST_CASE("a value that a merge drops is destroyed then, and finds every level in order",
          "[merge][destructor]") {
    static actor* reader;
    static int seen;
    struct reading {
        reading() = default;
        reading(reading&& other) noexcept : active(std::exchange(other.active, false)) {}
        ~reading() {
            if (!active) return;
            seen = as(*reader, [] { return context::get("k", -1) * 100 + context::get("below", -1); });
            as(*reader, [] { context::set("from the destructor", 1); });
        }
        bool active = true;
    };
    for (const int others : {0, 20}) {
        CAPTURE(others);
        seen = 0;
        std::optional<actor> lower(std::in_place);
        as(*lower, [&] {
            context::set("k", reading());
            context::set("below", 7);
            for (int i = 0; i < others; ++i) context::set("other " + std::to_string(i), i);
        });
        std::optional<actor> upper(lower->heir(spawn_policy::chained));
        set(*upper, "k", 1);
        actor top = upper->heir(spawn_policy::chained);
        reader = &top;
        lower.reset();
        CHECK(seen == 0);
        upper.reset();
        CHECK(seen == 107);
        CHECK(get(top, "from the destructor") == 1);
        CHECK(depth_of(top) == 2);
    }
}

// What a merge drops may own other contexts, even those that the merged levels stand on.
TEST_CASE("a value that a merge drops may be the last owner of the level below", "[merge][destructor]") {
    for (const int others : {0, 20}) {
        for (const bool lower_first : {true, false}) {
            CAPTURE(others, lower_first);
            auto bottom = std::make_shared<actor>();
            set(*bottom, "bottom", 1);
            set(*bottom, "k", 1);
            std::optional<actor> lower(bottom->heir(spawn_policy::chained));
            set(*lower, "lower", 2);
            for (int i = 0; i < others; ++i) set(*lower, "other " + std::to_string(i), i);
            as(*lower, [&] { context::set("owner", std::move(bottom)); });
            std::optional<actor> upper(lower->heir(spawn_policy::chained));
            set(*upper, "owner", 3);
            set(*upper, "upper", 3);
            for (int i = 0; i < others; ++i) set(*upper, "more " + std::to_string(i), i);
            actor top = upper->heir(spawn_policy::chained);
            if (lower_first) lower.reset();
            upper.reset();
            lower.reset();
            CHECK(get(top, "bottom") == 1);
            CHECK(get(top, "lower") == 2);
            CHECK(get(top, "upper") == 3);
            CHECK(get(top, "owner") == 3);
            CHECK(top.capture().size() == 5U + 2U * static_cast<unsigned>(others));
            CHECK(depth_of(top) == 2);
        }
    }
}

TEST_CASE("a value that a merge drops may own the heirs of the merged levels", "[merge][destructor]") {
    // The last heir goes in the middle of the merge: then the merged levels go too.
    const test::counted_balance balance;
    for (const int others : {0, 20}) {
        std::optional<actor> lower(std::in_place);
        auto top = std::make_shared<std::optional<actor>>();
        as(*lower, [&] {
            context::set("owner", std::shared_ptr<void>(nullptr, [top](void*) { top->reset(); }));
            context::set("counted", test::counted(1));
            for (int i = 0; i < others; ++i) context::set("other " + std::to_string(i), i);
        });
        std::optional<actor> upper(lower->heir(spawn_policy::chained));
        as(*upper, [] {
            context::set("owner", 1);
            context::set("counted", test::counted(2));
        });
        top->emplace(upper->heir(spawn_policy::chained));
        lower.reset();
        upper.reset();
        CHECK_FALSE(top->has_value());
        CHECK(balance.live() == 0);
    }
    CHECK(balance.is_even());
}

TEST_CASE("what a merge hides and nobody can uncover is destroyed", "[merge]") {
    const test::counted_balance balance;
    std::vector<actor> runner(1);
    for (int i = 0; i < 100; ++i) {
        as(runner.front(), [&] { context::set("k", test::counted(i)); });
        runner.push_back(runner.front().heir(spawn_policy::chained));
        runner.erase(runner.begin());
        CHECK(balance.live() <= 2);
    }
}
