// Policies: how a child's context comes from its spawner's, and what one's own policy can do.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/policies.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::child;
using context::snapshot;
using context::view;
using context::detail::policy_access;
using test::actor;
using test::as;

namespace {

using numbers = std::vector<int>;
using names = std::vector<std::string>;
inline constexpr context::key<int> answer{"answer"};

int get(actor& who, context::key_name key) {
    return as(who, [&] { return context::get(key, -1); });
}
void set(actor& who, context::key_name key, int value) {
    as(who, [&] { context::set(key, value); });
}

/// Calls a policy of one's own on an actor's context, for what happens meanwhile.
template <class F>
actor heir_by(actor& who, F&& policy) {
    return who.heir(spawn_policy(std::forward<F>(policy)));
}

/// A context of two levels, for policies to change.
struct pair {
    actor lower;
    actor upper = lower.heir(spawn_policy::chained);
    pair() {
        as(lower, [] {
            context::set("inherited", numbers{1});
            context::set("hidden", 1);
        });
        as(upper, [] {
            context::set("own", numbers{1});
            context::set("hidden", 2);
            context::set("number", 1);
        });
    }
    [[nodiscard]] bool is_unchanged() {
        const snapshot below = lower.capture();
        const snapshot all = upper.capture();
        return below.keys() == names{"hidden", "inherited"} &&
               below.get("inherited", numbers{}) == numbers{1} && below.get("hidden", 0) == 1 &&
               all.keys() == names{"hidden", "inherited", "number", "own"} &&
               all.get("own", numbers{}) == numbers{1} && all.get("hidden", 0) == 2 &&
               all.get("number", 0) == 1;
    }
};

void append(numbers& values) { values.push_back(2); }

}  // namespace

TEST_CASE("a child has what its spawner had, and later changes pass or not, as the policy says", "[policy]") {
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        actor parent;
        set(parent, "before", 1);
        actor child = parent.heir(policy.is);
        CHECK(get(child, "before") == (policy.inherits ? 1 : -1));
        CHECK(child.capture().keys() == (policy.inherits ? names{"before"} : names{}));
        set(parent, "before", 2);
        set(parent, "later", 2);
        CHECK(get(child, "before") == (policy.sees_later_changes ? 2 : policy.inherits ? 1 : -1));
        CHECK(get(child, "later") == (policy.sees_later_changes ? 2 : -1));
        set(child, "later", 3);
        set(child, "new", 3);
        CHECK(get(parent, "later") == (policy.changes_spawner ? 3 : 2));
        CHECK(get(parent, "new") == (policy.changes_spawner ? 3 : -1));
        as(child, [] { context::clear(); });
        CHECK(parent.capture().empty() == policy.changes_spawner);
    }
}

TEST_CASE("a child of an empty context is empty", "[policy]") {
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        actor parent;
        actor child = parent.heir(policy.is);
        CHECK(child.capture().empty());
        set(child, "k", 1);
        CHECK(parent.capture().empty() == !policy.changes_spawner);
    }
}

TEST_CASE("where no context is current a child starts empty", "[policy]") {
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        actor child(policy_access::derive(policy.is, nullptr));
        CHECK(child.capture().empty());
        set(child, "k", 1);
        CHECK(get(child, "k") == 1);
    }
    actor child(policy_access::derive(
        [](const view& parent) {
            CHECK(parent.empty());
            context::child made = parent.copied();
            made.set("k", 1);
            return made;
        },
        nullptr));
    CHECK(get(child, "k") == 1);
}

TEST_CASE("a shared child is the very same context, after the spawner's end too", "[policy]") {
    for (const spawn_policy& policy :
         {spawn_policy::shared, spawn_policy([](const view& parent) { return parent.shared(); })}) {
        std::optional<actor> parent(std::in_place);
        set(*parent, "k", 1);
        actor child = parent->heir(policy);
        CHECK(&child.level() == &parent->level());
        actor another = child.heir(policy);
        parent.reset();
        set(another, "k", 2);
        CHECK(get(child, "k") == 2);
    }
}

TEST_CASE("an isolated child keeps nothing of its spawner alive", "[policy]") {
    const test::counted_balance balance;
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        std::optional<actor> parent(std::in_place);
        as(*parent, [] { context::set("k", test::counted(1)); });
        const actor child = parent->heir(policy.is);
        parent.reset();
        CHECK(balance.live() == (policy.inherits ? 1 : 0));
    }
    CHECK(balance.is_even());
}

TEST_CASE("no context is current while a policy is called, and then what was before", "[policy]") {
    actor who;
    const test::acting now(who);
    context::set("k", 1);
    bool called = false;
    const auto look = [&](const view& parent) {
        called = true;
        CHECK_THROWS_AS(context::contains("k"), coheir::no_current_context);
        CHECK(context::find<int>("k") == nullptr);
        CHECK_THROWS_AS(context::set("k", 2), coheir::no_current_context);
        CHECK(parent.get<int>("k") == 1);
        return parent.chained();
    };
    const actor child = heir_by(who, look);
    CHECK(called);
    CHECK(context::get<int>("k") == 1);
    const auto fail = [](const view&) -> context::child { throw std::runtime_error("no"); };
    CHECK_THROWS_WITH(heir_by(who, fail), "no");
    CHECK(context::get<int>("k") == 1);
}

TEST_CASE("a view shows what the spawner's context shows", "[policy]") {
    pair p;
    set(p.lower, "answer", 42);
    int called = 0;
    const auto look = [&](const view& parent) {
        ++called;
        CHECK(parent.keys() == names{"answer", "hidden", "inherited", "number", "own"});
        CHECK(parent.size() == 5);
        CHECK_FALSE(parent.empty());
        CHECK(parent.get<int>("hidden") == 2);
        CHECK(parent.get("hidden", 0) == 2);
        CHECK(parent.get<long>("missing", 7) == 7);
        CHECK(parent.get("missing", "x") == "x");
        CHECK(parent.get<int>("missing") == std::nullopt);
        CHECK(parent.get(answer) == 42);
        CHECK(parent.get(answer, 1) == 42);
        CHECK(parent.get(answer.or_default(1)) == 42);
        CHECK(*parent.find(answer) == 42);
        CHECK(*parent.find<numbers>("inherited") == numbers{1});
        CHECK(parent.find<int>("inherited") == nullptr);
        CHECK(parent.contains("own"));
        CHECK(parent.contains(answer));
        CHECK_FALSE(parent.contains("missing"));
        CHECK_THROWS_AS(parent.get<std::string>("hidden"), coheir::bad_value_type);
        CHECK_THROWS_AS(parent.get("hidden", "x"), coheir::bad_value_type);
        return child{};
    };
    static_cast<void>(heir_by(p.upper, look));
    actor from_snapshot(policy_access::derive(spawn_policy(look), p.upper.capture()));
    CHECK(called == 2);
    CHECK(from_snapshot.capture().empty());
}

TEST_CASE("a child can be changed before it is given to the task", "[policy]") {
    for (const char* const how : {"shared", "copied", "chained", "empty"}) {
        CAPTURE(how);
        const std::string kind = how;
        pair p;
        const auto change = [&](const view& parent) {
            child made = kind == "shared"    ? parent.shared()
                         : kind == "copied"  ? parent.copied()
                         : kind == "chained" ? parent.chained()
                                             : child{};
            made.set("new", "text");
            made.set(answer, 41);
            CHECK(made.update(answer, [](int& n) { ++n; }));
            made.set("gone", 1);
            CHECK(made.erase("gone"));
            CHECK_FALSE(made.erase("gone"));
            CHECK_FALSE(made.update<int>("gone", [](int&) {}));
            CHECK_FALSE(made.contains("gone"));
            CHECK(made.get<std::string>("new") == "text");
            CHECK(*made.find(answer) == 42);
            CHECK(made.contains(answer));
            CHECK_THROWS_AS(made.update<int>("new", [](int&) {}), coheir::bad_value_type);
            CHECK_THROWS_AS(made.get<int>("new"), coheir::bad_value_type);
            const bool inherits = kind != "empty";
            CHECK(made.erase("hidden") == (kind == "shared" || kind == "copied"));
            CHECK(made.get("hidden", 0) == (kind == "chained" ? 2 : inherits ? 1 : 0));
            if (kind == "chained")
                CHECK_THROWS_AS(made.update<numbers>("own", append), coheir::usage_error);
            else
                CHECK(made.update<numbers>("own", append) == inherits);
            CHECK(made.size() == (inherits ? 6 : 2));
            return made;
        };
        actor heir = heir_by(p.upper, change);
        CHECK(heir.capture().get<std::string>("new") == "text");
        CHECK(get(heir, "answer") == 42);
        CHECK(get(p.upper, "answer") == (kind == "shared" ? 42 : -1));
        CHECK(get(p.upper, "hidden") == (kind == "shared" ? 1 : 2));
        CHECK(p.upper.capture().get<numbers>("own") == (kind == "shared" ? numbers{1, 2} : numbers{1}));
        if (kind == "shared" || kind == "copied") CHECK(heir.capture().get<numbers>("own") == numbers{1, 2});
    }
}

TEST_CASE("a child that was moved from refuses every use", "[policy]") {
    child made;
    made.set("number", 1);
    const child taken = std::move(made);
    CHECK(*taken.find<int>("number") == 1);
    const auto refused = [](auto&& use) {
        CHECK_THROWS_WITH(use(), Catch::Contains("moved from"));
        CHECK_THROWS_AS(use(), coheir::usage_error);
    };
    refused([&] { return made.find<int>("number"); });  // NOLINT: moved from
    refused([&] { return made.find(answer); });
    refused([&] { return made.get<int>("number"); });
    refused([&] { return made.contains("number"); });
    refused([&] { return made.keys(); });
    refused([&] { return made.capture(); });
    refused([&] { made.set("number", 2); });
    refused([&] { made.update<int>("number", [](int& n) { n = 2; }); });
    refused([&] { made.erase("number"); });
    refused([&] { made.clear(); });
    STATIC_REQUIRE(noexcept(std::declval<const view&>().find<int>("number")));
    STATIC_REQUIRE(noexcept(std::declval<const snapshot&>().find<int>("number")));
}

TEST_CASE("clearing a child touches its own level only", "[policy]") {
    const auto clearing = [](auto derive) {
        return [derive](const view& parent) {
            child made = derive(parent);
            made.set("x", 1);
            made.clear();
            CHECK_FALSE(made.contains("x"));
            return made;
        };
    };
    pair shared;
    actor heir = heir_by(shared.upper, clearing([](const view& parent) { return parent.shared(); }));
    CHECK(heir.capture().keys() == names{"hidden", "inherited"});
    CHECK(shared.upper.capture().keys() == names{"hidden", "inherited"});
    CHECK(get(shared.upper, "hidden") == 1);
    pair copied;
    heir = heir_by(copied.upper, clearing([](const view& parent) { return parent.copied(); }));
    CHECK(heir.capture().keys() == names{"hidden", "inherited"});
    CHECK(copied.is_unchanged());
    pair chained;
    heir = heir_by(chained.upper, clearing([](const view& parent) { return parent.chained(); }));
    CHECK(heir.capture().size() == 4);
    CHECK(chained.is_unchanged());
}

TEST_CASE("a policy may update the child's own values, and none that it inherits", "[policy]") {
    for (const char* const how : {"shared", "copied", "chained"}) {
        CAPTURE(how);
        const std::string kind = how;
        pair p;
        const auto change = [&](const view& parent) {
            child made = kind == "shared"   ? parent.shared()
                         : kind == "copied" ? parent.copied()
                                            : parent.chained();
            CHECK_THROWS_AS(made.update<numbers>("inherited", append), coheir::usage_error);
            CHECK_THROWS_WITH(made.update<numbers>("inherited", append), Catch::Contains("'inherited'"));
            made.set("inherited", numbers{7});
            CHECK(made.update<numbers>("inherited", append));
            return made;
        };
        actor heir = heir_by(p.upper, change);
        CHECK(heir.capture().get<numbers>("inherited") == numbers{7, 2});
        CHECK(p.lower.capture().get<numbers>("inherited") == numbers{1});
        CHECK(p.upper.capture().get<numbers>("inherited") == (kind == "shared" ? numbers{7, 2} : numbers{1}));
    }
}

TEST_CASE("a child's capture has the changes made to the child", "[policy]") {
    for (const bool is_shared : {true, false}) {
        CAPTURE(is_shared);
        pair p;
        snapshot taken;
        const auto change = [&](const view& parent) {
            child made = is_shared ? parent.shared() : parent.copied();
            made.set("new", 1);
            made.erase("number");
            taken = made.capture();
            made.set("new", 2);
            return made;
        };
        static_cast<void>(heir_by(p.upper, change));
        CHECK(taken.keys() == names{"hidden", "inherited", "new", "own"});
        CHECK(taken.get("new", 0) == 1);
    }
}

TEST_CASE("a policy that throws changes nothing, whatever it did before", "[policy]") {
    struct what {
        const char* name;
        child (*does)(const view&);
    };
    const what all[] = {
        {"sets in a shared child",
         [](const view& parent) {
             child made = parent.shared();
             made.set("number", 9);
             made.set("own", 9);
             made.set("new", 9);
             return made;
         }},
        {"erases and clears in a shared child",
         [](const view& parent) {
             child made = parent.shared();
             made.erase("hidden");
             made.clear();
             return made;
         }},
        {"updates a shared child's own value",
         [](const view& parent) {
             child made = parent.shared();
             made.update<numbers>("own", append);
             return made;
         }},
        {"sets and updates what a shared child inherits",
         [](const view& parent) {
             child made = parent.shared();
             made.set("inherited", numbers{3});
             made.update<numbers>("inherited", append);
             return made;
         }},
        {"sets and updates what a chained child inherits",
         [](const view& parent) {
             child made = parent.chained();
             made.set("own", numbers{3});
             made.update<numbers>("own", append);
             return made;
         }},
        {"changes a chained child",
         [](const view& parent) {
             child made = parent.chained();
             made.set("own", 9);
             made.set("new", 9);
             made.clear();
             return made;
         }},
        {"changes a copy",
         [](const view& parent) {
             child made = parent.copied();
             made.update<numbers>("own", append);
             made.set("number", 9);
             made.clear();
             return made;
         }},
    };
    for (const what& w : all) {
        CAPTURE(w.name);
        pair p;
        actor heir = p.upper.heir(spawn_policy::chained);
        const auto fail = [&](const view& parent) -> child {
            const child made = w.does(parent);
            throw std::runtime_error("no");
        };
        CHECK_THROWS_WITH(heir_by(p.upper, fail), "no");
        CHECK(p.is_unchanged());
        CHECK(heir.capture().size() == 4);
    }
}

TEST_CASE("a policy that throws frees what it made", "[policy]") {
    const test::counted_balance balance;
    {
        actor parent;
        for (const test::policy& policy : test::all_policies()) {
            const auto fail = [&](const view& parent_view) -> child {
                std::vector<child> made;
                made.push_back(parent_view.shared());
                made.push_back(parent_view.copied());
                made.push_back(parent_view.chained());
                made.emplace_back();
                for (child& c : made) c.set(policy.name, test::counted(1));
                throw std::runtime_error("no");
            };
            CHECK_THROWS_WITH(heir_by(parent, fail), "no");
            CHECK(balance.live() == 0);
        }
    }
    CHECK(balance.is_even());
}

TEST_CASE("what a policy replaces in a shared context is destroyed in the new state", "[policy]") {
    static actor* spawner;
    static int seen;
    struct reading {
        reading() = default;
        reading(reading&& other) noexcept : active(std::exchange(other.active, false)) {}
        ~reading() {
            if (active) seen = get(*spawner, "k");
        }
        bool active = true;
    };
    seen = 0;
    actor parent;
    spawner = &parent;
    as(parent, [] { context::set("k", reading()); });
    const auto change = [](const view& p) {
        child made = p.shared();
        made.set("k", 1);
        CHECK(seen == 0);
        return made;
    };
    static_cast<void>(heir_by(parent, change));
    CHECK(seen == 1);
}

TEST_CASE("values that cannot be copied are frozen in a copied child, and free in a shared or chained one",
          "[policy][frozen]") {
    using owning = std::unique_ptr<int>;
    const auto increment = [](owning& value) { ++*value; };
    const auto make_parent = [] {
        actor parent;
        as(parent, [] { context::set("k", std::make_unique<int>(1)); });
        return parent;
    };
    const auto value_of = [](actor& who) { return as(who, [] { return **context::find<owning>("k"); }); };

    actor parent = make_parent();
    actor heir = heir_by(parent, [&](const view& p) { return p.chained(); });
    as(heir, [&] { CHECK(context::update<owning>("k", increment)); });
    CHECK(value_of(parent) == 2);

    parent = make_parent();
    heir = heir_by(parent, [&](const view& p) {
        child made = p.shared();
        CHECK_THROWS_AS(made.update<owning>("k", increment), coheir::not_copyable);  // it may yet throw
        made.set("other", 1);
        return made;
    });
    as(heir, [&] { CHECK(context::update<owning>("k", increment)); });
    CHECK(value_of(parent) == 2);

    parent = make_parent();
    heir = heir_by(parent, [&](const view& p) {
        child made = p.copied();
        CHECK_THROWS_AS(made.update<owning>("k", increment), coheir::not_copyable);
        made.set("k", std::make_unique<int>(5));
        CHECK(made.update<owning>("k", increment));
        return made;
    });
    CHECK(value_of(heir) == 6);
    as(parent, [&] { CHECK_THROWS_AS(context::update<owning>("k", increment), coheir::not_copyable); });
}

TEST_CASE("a change made by a policy says where, and by no task", "[policy]") {
    actor parent;
    int line = 0;
    actor heir = heir_by(parent, [&](const view& p) {
        child made = p.chained();
        made.set("k", 1), line = __LINE__;
        return made;
    });
    const auto& made = context::detail::find_visible(&heir.level(), "k")->set;
    CHECK(made.task == 0);
    CHECK(static_cast<int>(made.where.line()) == line);
    CHECK(std::string_view(made.where.file_name()).ends_with("policy_test.cpp"));
}

TEST_CASE("a child that is given to nobody leaves no trace", "[policy]") {
    const test::counted_balance balance;
    actor parent;
    set(parent, "k", 1);
    actor heir = heir_by(parent, [](const view& p) {
        child first = p.shared();
        first.set("k", 2);
        child second = p.chained();
        second.set("counted", test::counted(1));
        child third = std::move(second);
        third.set("more", test::counted(2));
        second = p.copied();
        second.set("k", 3);
        first = std::move(second);
        return first;
    });
    CHECK(get(parent, "k") == 1);
    CHECK(get(heir, "k") == 3);
    CHECK(balance.is_even());
}

TEST_CASE("policies are copied freely, and share what one's own policy holds", "[policy]") {
    const test::counted_balance balance;
    actor parent;
    {
        std::optional<spawn_policy> policy(
            [calls = std::make_unique<int>(0), alive = test::counted()](const view&) mutable {
                child made;
                made.set("calls", ++*calls);
                return made;
            });
        spawn_policy copy = *policy;
        spawn_policy assigned = spawn_policy::shared;
        assigned = copy;
        const spawn_policy& same = assigned;
        assigned = same;
        const spawn_policy moved = std::move(copy);
        policy.reset();
        CHECK(balance.live() == 1);
        actor heir = parent.heir(assigned);
        CHECK(get(heir, "calls") == 1);
        heir = parent.heir(moved);
        CHECK(get(heir, "calls") == 2);
        assigned = spawn_policy::isolated;
        heir = parent.heir(assigned);
        CHECK(heir.capture().empty());
    }
    CHECK(balance.is_even());
}

TEST_CASE("a policy is made of what gives a child for a view, and of nothing else", "[policy]") {
    struct not_a_policy {};
    struct const_call {
        child operator()(const view& parent) const { return parent.copied(); }
    };
    struct once {
        child operator()(const view& parent) && { return parent.copied(); }
    };
    static_assert(std::is_convertible_v<child (*)(const view&), spawn_policy>);
    static_assert(std::is_convertible_v<const_call, spawn_policy>);
    static_assert(std::is_convertible_v<const const_call&, spawn_policy>);
    static_assert(!std::is_convertible_v<once, spawn_policy>);
    static_assert(!std::is_convertible_v<not_a_policy, spawn_policy>);
    static_assert(!std::is_convertible_v<int, spawn_policy>);
    static_assert(!std::is_convertible_v<int (*)(const view&), spawn_policy>);
    static_assert(!std::is_convertible_v<child (*)(int), spawn_policy>);
    static_assert(!std::is_default_constructible_v<spawn_policy>);
    static_assert(std::is_nothrow_copy_constructible_v<spawn_policy>);
    actor parent;
    set(parent, "k", 1);
    actor heir = parent.heir(const_call());
    CHECK(get(heir, "k") == 1);
}

// ---- from a snapshot: for a task that starts with another context, or on another scheduler

TEST_CASE("from a snapshot a child is a copy, or a level over one, or empty", "[policy][snapshot]") {
    pair p;
    const snapshot from = p.upper.capture();
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        if (policy.changes_spawner) continue;
        actor heir(policy_access::derive(policy.is, from));
        CHECK(heir.capture().keys() == (policy.inherits ? from.keys() : names{}));
        as(heir, [&] {
            const bool is_own = policy.inherits && !policy.sees_later_changes;
            CHECK(context::erase("hidden") == is_own);
            CHECK(context::get("hidden", 0) == (is_own ? 1 : policy.inherits ? 2 : 0));
            CHECK(context::update<numbers>("inherited", append) == policy.inherits);
            context::set("own", 5);
        });
        CHECK(p.is_unchanged());
        CHECK(from.get<numbers>("inherited") == numbers{1});
        CHECK(from.get<numbers>("own") == numbers{1});
    }
}

TEST_CASE("a snapshot cannot be shared", "[policy][snapshot]") {
    pair p;
    const snapshot from = p.upper.capture();
    CHECK_THROWS_AS(policy_access::derive(spawn_policy::shared, from), coheir::wrong_scheduler);
    CHECK_THROWS_AS(policy_access::derive([](const view& parent) { return parent.shared(); }, from),
                    coheir::wrong_scheduler);
    CHECK_THROWS_AS(view(from).shared(), coheir::wrong_scheduler);
}

TEST_CASE("a level over a snapshot outlives it, and clearing it uncovers what was captured",
          "[policy][snapshot]") {
    std::optional<pair> p(std::in_place);
    std::optional<snapshot> from(p->upper.capture());
    actor heir(policy_access::derive(spawn_policy::chained, *from));
    p.reset();
    from.reset();
    set(heir, "hidden", 7);
    as(heir, [] { context::clear(); });
    CHECK(get(heir, "hidden") == 2);
    CHECK(heir.capture().size() == 4);
}

TEST_CASE("one's own policy may change what it makes of a snapshot", "[policy][snapshot]") {
    pair p;
    const snapshot from = p.upper.capture();
    for (const bool chained : {false, true}) {
        const auto change = [&](const view& parent) {
            CHECK_THROWS_AS(context::contains("k"), coheir::no_current_context);
            child made = chained ? parent.chained() : parent.copied();
            made.set("hidden", 8);
            if (!chained) CHECK(made.update<numbers>("own", append));
            return made;
        };
        actor heir(policy_access::derive(change, from));
        CHECK(get(heir, "hidden") == 8);
        as(heir, [] { context::erase("hidden"); });
        CHECK(get(heir, "hidden") == (chained ? 2 : 1));
        CHECK(heir.capture().get<numbers>("own") == (chained ? numbers{1} : numbers{1, 2}));
        CHECK(p.is_unchanged());
    }
}

TEST_CASE("an empty function is no policy", "[policy]") {
    child (*none)(const view&) = nullptr;
    const auto is_refused = [](auto f) {
        CHECK_THROWS_WITH(spawn_policy(f), "coheir::spawn_policy: an empty function is no policy");
    };
    is_refused(none);
    is_refused(std::function<child(const view&)>());
    CHECK_NOTHROW(spawn_policy(std::function<child(const view&)>([](const view& v) { return v.copied(); })));
    CHECK_NOTHROW(spawn_policy(+[](const view& v) { return v.copied(); }));
}

TEST_CASE("a policy may freeze keys of a shared context, but those that an open scope will change",
          "[policy][frozen]") {
    static constexpr context::key<int> settled{"settled", context::flag::frozen};
    static constexpr context::key<int> number{"number", context::flag::frozen};
    const auto freezes = [](const context::key<int>& key) {
        return [&key](const view& parent) {
            child made = parent.shared();
            made.set(key, 3);
            return made;
        };
    };
    actor parent;
    as(parent, [&] {
        const context::scoped inside("number", 2);
        static_cast<void>(heir_by(parent, freezes(settled)));
        CHECK(context::get(settled) == 3);
        CHECK_THROWS_AS(heir_by(parent, freezes(number)), coheir::usage_error);
        CHECK(context::get<int>("number") == 2);
    });
}
