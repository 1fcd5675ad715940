// Flags of keys: local, secret and frozen, under every policy; keys that are declared twice.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/actor.hpp"
#include "support/policies.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::flag;
using context::snapshot;
using test::actor;
using test::as;

namespace {

using names = std::vector<std::string>;

inline constexpr context::key<int> mine{"mine", flag::local};
inline constexpr context::key<int> settled{"settled", flag::frozen};
inline constexpr context::key<std::string> token{"token", flag::secret};
inline constexpr context::key<std::unique_ptr<int>> unique{"unique", flag::local};

int get(actor& who, context::key_name key) {
    return as(who, [&] { return context::get(key, -1); });
}
int get(actor&& who, context::key_name key) { return get(who, key); }
void set(actor& who, context::key_name key, int value) {
    as(who, [&] { context::set(key, value); });
}
names keys(actor& who) {
    return as(who, [] { return context::capture().keys(); });
}
context::detail::slot_bits flags_of(actor& who, const char* key) {
    const auto* found = context::detail::find_visible(&who.level(), std::string_view(key));
    REQUIRE(found);
    return found->bits & context::detail::all_flags;
}

/// Every change of `settled`, as an actor: each must be refused with the same place, and change nothing.
void check_refused(actor& who, const std::string& place) {
    as(who, [&] {
        const auto refused = [&](auto&& change) {
            CHECK_THROWS_AS(change(), coheir::frozen_key);
            try {
                change();
            } catch (const coheir::frozen_key& error) {
                CHECK_THAT(error.what(), Catch::Contains("'settled'") && Catch::Contains(place));
            }
        };
        refused([] { context::set(settled, 2); });
        refused([] { context::set("settled", 2); });
        refused([] { context::set("settled", "text"); });
        refused([] { context::set(std::string("settled"), 2); });
        refused([] { context::update(settled, [](int& n) { n = 2; }); });
        refused([] { context::update<int>("settled", [](int& n) { n = 2; }); });
        CHECK(context::get(settled) == 1);
    });
}

}  // namespace

TEST_CASE("a local value is seen where it was set, and by those who share that context", "[flags]") {
    for (const test::policy& policy : test::all_policies()) {
        INFO(policy.name);
        actor parent;
        as(parent, [] {
            context::set(mine, 1);
            context::set("other", 1);
        });
        CHECK(get(parent, "mine") == 1);
        actor child = parent.heir(policy.is);
        const bool same = policy.changes_spawner;
        CHECK(get(child, "mine") == (same ? 1 : -1));
        CHECK(get(child, "other") == (policy.inherits ? 1 : -1));
        CHECK(as(child, [] { return context::contains(mine); }) == same);
        CHECK(as(child, [] { return context::update(mine, [](int& n) { n = 2; }); }) == same);
        CHECK(get(parent, "mine") == (same ? 2 : 1));
        as(parent, [] { context::set("mine", 3); });  // by string: it stays local
        CHECK(get(parent.heir(policy.is), "mine") == (same ? 3 : -1));
        actor grandchild = child.heir(policy.is);
        CHECK(get(grandchild, "mine") == (same ? 3 : -1));
    }
}

TEST_CASE("below a local value, look-up goes on", "[flags]") {
    actor lowest;
    set(lowest, "mine", 1);
    actor middle = lowest.heir(spawn_policy::chained);
    as(middle, [] { context::set(mine, 2); });
    CHECK(get(middle, "mine") == 2);
    for (const test::policy& policy : test::all_policies()) {
        INFO(policy.name);
        actor top = middle.heir(policy.is);
        CHECK(get(top, "mine") == (policy.changes_spawner ? 2 : policy.inherits ? 1 : -1));
        actor far = top.heir(spawn_policy::chained).heir(spawn_policy::chained);
        const int inherited = policy.inherits ? 1 : -1;
        for (int again = 0; again < 4; ++again) CHECK(get(far, "mine") == inherited);
        CHECK(far.capture().get("mine", -1) == inherited);
        CHECK(get(far.heir(spawn_policy::copying), "mine") == inherited);
        CHECK(keys(far).size() == (policy.inherits ? 1 : 0));
    }
    CHECK(middle.capture().get("mine", -1) == 1);
    CHECK(middle.capture().keys() == names{"mine"});
}

TEST_CASE("what is changed in place under a local value is the value below", "[flags]") {
    actor lowest;
    set(lowest, "mine", 1);
    actor middle = lowest.heir(spawn_policy::chained);
    as(middle, [] { context::set(mine, 2); });
    actor top = middle.heir(spawn_policy::chained);
    CHECK(as(top, [] { return context::update<int>("mine", [](int& n) { n += 10; }); }));
    CHECK(get(lowest, "mine") == 11);
    CHECK(get(middle, "mine") == 2);
    CHECK(get(top, "mine") == 11);
}

TEST_CASE("a snapshot has no local values, and neither has what starts from it", "[flags]") {
    actor who;
    as(who, [] {
        context::set(mine, 1);
        context::set("other", 2);
        context::set(unique, std::make_unique<int>(1));
        const snapshot taken = context::capture();
        CHECK(taken.keys() == names{"other"});
        taken.run([] {
            CHECK_FALSE(context::contains(mine));
            context::set("mine", 5);
            CHECK(context::capture().get("mine", 0) == 5);  // a slot of its own, without flags
        });
        // What no copy gets, no copy freezes.
        CHECK(context::update(unique, [](std::unique_ptr<int>& p) { *p = 2; }));
        CHECK(context::get(mine) == 1);
    });
}

TEST_CASE("local values of levels that nobody owns are gone, and what is below them shows on", "[flags]") {
    actor lowest;
    set(lowest, "a", 1);
    std::optional<actor> middle(lowest.heir(spawn_policy::chained));
    as(*middle, [] {
        context::set("mine", 1);
        context::set("b", 1);
    });
    std::optional<actor> upper(middle->heir(spawn_policy::chained));
    as(*upper, [] {
        context::set(mine, 2);
        context::set("c", 1);
    });
    actor top = upper->heir(spawn_policy::chained);
    CHECK(get(top, "mine") == 1);
    middle.reset();
    CHECK(get(top, "mine") == 1);
    upper.reset();  // now the two are merged
    CHECK(test::count_levels({top, lowest}) == 3);
    CHECK(get(top, "mine") == 1);
    CHECK(keys(top) == names{"a", "b", "c", "mine"});
}

TEST_CASE("flags count however a map has grown, and been copied and split since", "[flags]") {
    actor who;
    as(who, [] {
        context::set(mine, 1);
        context::set(settled, 1);
    });
    for (int n = 0; n < 100; ++n) {
        set(who, "key " + std::to_string(n), n);
        actor copy = who.heir(spawn_policy::copying);
        set(copy, "its own", n);
        as(copy, [] {
            CHECK_FALSE(context::contains(mine));
            CHECK_THROWS_AS(context::erase("settled"), coheir::frozen_key);
            CHECK_THROWS_AS(context::clear(), coheir::frozen_key);
        });
        CHECK(copy.capture().size() == static_cast<std::size_t>(n) + 3);
        CHECK_THROWS_AS(as(who, [] { context::clear(); }), coheir::frozen_key);
    }
    CHECK(get(who, "mine") == 1);
}

TEST_CASE("a copy of a context without local values takes the same nodes", "[flags]") {
    actor who;
    set(who, "a", 1);
    actor copy = who.heir(spawn_policy::copying);
    CHECK(who.level().own.root() == copy.level().own.root());
}

TEST_CASE("a frozen value is set once, and a later change names the first place", "[flags]") {
    for (const test::policy& policy : test::all_policies()) {
        if (!policy.inherits) continue;
        INFO(policy.name);
        actor parent;
        unsigned line = 0;
        as(parent, [&] {
            context::set(settled, 1);
            line = __LINE__ - 1;
        });
        const std::string place =
            "flag_test.cpp:" + std::to_string(line) + " by task #" + std::to_string(parent.number());
        check_refused(parent, place);
        actor child = parent.heir(policy.is);
        check_refused(child, place);
        check_refused(parent, place);
        actor deep = child.heir(spawn_policy::chained).heir(policy.is).heir(spawn_policy::chained);
        check_refused(deep, place);
        as(parent, [] {
            CHECK_THROWS_AS(context::erase(settled), coheir::frozen_key);
            CHECK_THROWS_AS(context::erase("settled"), coheir::frozen_key);
            CHECK_THROWS_AS(context::clear(), coheir::frozen_key);
            CHECK(context::get(settled) == 1);
        });
        CHECK(deep.capture().run([] { return context::get(settled, 0); }) == 1);
        deep.capture().run([] { CHECK_THROWS_AS(context::set("settled", 2), coheir::frozen_key); });
    }
}

TEST_CASE("what a child's own level does not have, it may erase and clear", "[flags]") {
    actor parent;
    as(parent, [] { context::set(settled, 1); });
    actor child = parent.heir(spawn_policy::chained);
    set(child, "other", 1);
    CHECK_FALSE(as(child, [] { return context::erase("settled"); }));
    as(child, [] { context::clear(); });
    CHECK(get(child, "settled") == 1);
    actor copy = parent.heir(spawn_policy::copying);
    CHECK_THROWS_AS(as(copy, [] { context::clear(); }), coheir::frozen_key);
    CHECK_THROWS_AS(as(copy, [] { context::erase("settled"); }), coheir::frozen_key);
}

TEST_CASE("what a parent freezes later is frozen for those who are chained to it", "[flags]") {
    actor parent;
    actor child = parent.heir(spawn_policy::chained);
    actor grandchild = child.heir(spawn_policy::chained);
    as(parent, [] { context::set(settled, 1); });
    CHECK_THROWS_AS(set(child, "settled", 2), coheir::frozen_key);
    CHECK_THROWS_AS(set(grandchild, "settled", 2), coheir::frozen_key);
    CHECK(get(grandchild, "settled") == 1);
}

TEST_CASE("a policy cannot change what is frozen", "[flags]") {
    actor parent;
    as(parent, [] { context::set(settled, 1); });
    const auto changes = [](const context::view& from) {
        auto made = from.copied();
        made.set("settled", 2);
        return made;
    };
    CHECK_THROWS_AS(parent.heir(changes), coheir::frozen_key);
    const auto clears = [](const context::view& from) {
        auto made = from.shared();
        made.clear();
        return made;
    };
    CHECK_THROWS_AS(parent.heir(clears), coheir::frozen_key);
    CHECK(get(parent, "settled") == 1);
}

TEST_CASE("flags that a policy sets in a shared context count in those chained to it", "[flags]") {
    actor parent;
    actor chained = parent.heir(spawn_policy::chained);
    actor shared = parent.heir([](const context::view& from) {
        auto made = from.shared();
        made.set(settled, 1);
        made.set(mine, 1);
        return made;
    });
    CHECK_THROWS_AS(set(chained, "settled", 2), coheir::frozen_key);
    CHECK_FALSE(as(chained, [] { return context::contains("mine"); }));
    CHECK(get(shared, "mine") == 1);
}

TEST_CASE("a policy cannot freeze in a shared context what a scope will change at its end", "[flags]") {
    actor parent;
    as(parent, [&] {
        context::set("other", 1);
        const auto freezes = [](const context::view& from) {
            auto made = from.shared();
            made.set("other", 2);
            made.erase("settled");
            made.set(settled, 3);
            return made;
        };
        {
            const context::scoped open{"settled", 2};
            CHECK_THROWS_WITH(parent.heir(freezes), Catch::Contains("'settled'") && Catch::Contains("scope"));
            CHECK(context::get("settled", -1) == 2);  // nothing has changed
            CHECK(context::get("other", -1) == 1);
            const auto erases = [](const context::view& from) {
                auto made = from.shared();
                made.erase("settled");
                return made;
            };
            CHECK(get(parent.heir(erases), "settled") == -1);
        }
        CHECK_FALSE(context::contains("settled"));
        CHECK(get(parent.heir(freezes), "settled") == 3);
    });
}

namespace {
/// A value that calls a function when it is copied.
struct meddling {
    explicit meddling(void (*f)()) : copied(f) {}
    meddling(const meddling& other) : copied(other.copied) { copied(); }
    void (*copied)();
};
inline constexpr context::key<meddling> frozen_meddling{"key", flag::frozen};
}  // namespace

TEST_CASE("what making a value does to its key counts before the value is set", "[flags]") {
    using context::key;
    actor who;
    as(who, [] {
        const meddling freezes([] { context::set(key<int>("key", flag::frozen), 1); });
        CHECK_THROWS_AS(context::set("key", freezes), coheir::frozen_key);
        CHECK(context::get("key", -1) == 1);

        const meddling hides([] { context::set(key<int>("hidden", flag::secret | flag::local), 1); });
        context::set("hidden", hides);
        CHECK(context::find<meddling>("hidden"));
        CHECK_THAT(context::dump(), Catch::Contains("hidden = <redacted>"));
        CHECK_FALSE(context::capture().contains("hidden"));

        const meddling declares([] { context::set(key<int>("declared", flag::secret), 1); });
        CHECK_THROWS_AS(context::set(key<meddling>("declared"), declares), coheir::key_conflict);
        CHECK(context::get("declared", -1) == 1);
    });
}

TEST_CASE("making a frozen value cannot open a scope of its key", "[flags]") {
    static std::optional<context::scoped> open;
    actor who;
    as(who, [] {
        const meddling opens([] { open.emplace(std::string_view("key"), 1); });
        CHECK_THROWS_AS(context::set(frozen_meddling, opens), coheir::usage_error);
        CHECK(context::get("key", -1) == 1);
        open.reset();
        CHECK_FALSE(context::contains("key"));
    });
}

TEST_CASE("flags stay when a value is set by string, of whatever type, here and in heirs", "[flags]") {
    using namespace context::detail;
    actor parent;
    as(parent, [] { context::set(token, "x"); });
    actor chained = parent.heir(spawn_policy::chained);
    actor copy = parent.heir(spawn_policy::copying);
    for (actor* who : {&parent, &chained, &copy}) {
        as(*who, [] { context::set("token", "y"); });
        CHECK(flags_of(*who, "token") == secret_bit);
        as(*who, [] { context::set(std::string("token"), 5); });
        CHECK(flags_of(*who, "token") == secret_bit);
        as(*who, [] { context::update<int>("token", [](int& n) { ++n; }); });
        CHECK(flags_of(*who, "token") == secret_bit);
        as(*who, [] { context::set(token, "z"); });
        CHECK(flags_of(*who, "token") == secret_bit);
    }
    const snapshot taken = parent.capture();
    taken.run([] {
        context::set("token", "y");
        CHECK((find_current("token")->bits & all_flags) == secret_bit);
    });
}

TEST_CASE("a typed key adds its flags to a value that was set by string", "[flags]") {
    actor who;
    set(who, "settled", 1);
    set(who, "settled", 2);
    as(who, [] { context::set(settled, 3); });
    CHECK_THROWS_AS(set(who, "settled", 4), coheir::frozen_key);
    CHECK(get(who, "settled") == 3);
}

TEST_CASE("a flag goes with the slot", "[flags]") {
    actor who;
    as(who, [] {
        context::set(token, "x");
        context::erase(token);
        context::set("token", "y");
    });
    CHECK(flags_of(who, "token") == 0);
}

TEST_CASE("typed keys of one name with another type or other flags are told apart by the second to set",
          "[flags]") {
    static constexpr context::key<int> same_plain{"same"};
    static constexpr context::key<long> same_long{"same"};
    static constexpr context::key<int> same_secret{"same", flag::secret};
    static constexpr context::key<int> again{"same"};
    actor who;
    as(who, [] {
        context::set(same_plain, 1);
        context::set(again, 2);
        CHECK_THROWS_AS(context::set(same_long, 3L), coheir::key_conflict);
        CHECK_THROWS_AS(context::set(same_secret, 3), coheir::key_conflict);
        CHECK(context::get(same_plain) == 2);
        context::set("same", 4);
        CHECK_THROWS_AS(context::set(same_secret, 3), coheir::key_conflict);
        context::clear();
        context::set(same_secret, 1);
        CHECK_THROWS_AS(context::set(same_plain, 3), coheir::key_conflict);
        try {
            context::set(same_plain, 3);
        } catch (const coheir::key_conflict& error) {
            CHECK_THAT(error.what(), Catch::Contains("'same'") && Catch::Contains("int (secret)"));
        }
    });
}

TEST_CASE("a value with a stable place is overwritten in place whoever sets it", "[flags]") {
    static constexpr context::key<int> typed{"typed"};
    actor who;
    as(who, [] {
        context::set(typed, 1);
        const int* const at = context::find(typed);
        context::set("typed", 2);
        context::set(typed, 3);
        CHECK(context::find(typed) == at);
        context::set(token, "x");
        const std::string* const text = context::find(token);
        context::set("token", "y");
        context::set(token, "z");
        CHECK(context::find(token) == text);
        CHECK(*text == "z");
    });
}

TEST_CASE("a key with a default is a key", "[flags]") {
    static constexpr auto retries = context::key<int>("retries").or_default(3);
    actor who;
    as(who, [] {
        CHECK(context::get(retries) == 3);
        CHECK_FALSE(context::contains(retries));
        CHECK(context::find(retries) == nullptr);
        context::set(retries, 5);
        CHECK(context::update(retries, [](int& n) { ++n; }));
        CHECK(context::get(retries) == 6);
        CHECK(*context::find(retries) == 6);
        CHECK(context::capture().get(retries) == 6);
        CHECK(context::erase(retries));
        CHECK(context::get(retries) == 3);
    });
}
