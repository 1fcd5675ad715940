// Spawning: options, policies end to end, and what a failed spawn leaves behind.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::options;
using coheir::spawn_policy;
using test::give_after;
using test::note;
using test::trace;

namespace {

using keys = std::vector<std::string>;

/// Reads a key, sets it, and shows both sides afterwards: "child read, child now, parent now".
coheir::task<std::string> read_and_set() {
    auto read = context::get("key", "none");
    context::set("key", "child");
    co_await coheir::yield();
    co_return read + "," + context::get("key", "none");
}

coheir::task<std::string> parent_of(std::optional<spawn_policy> policy) {
    context::set("key", "parent");
    auto handle =
        policy ? coheir::spawn(read_and_set(), options{}.policy(*policy)) : coheir::spawn(read_and_set());
    std::string child = co_await std::move(handle);
    co_return child + "," + context::get("key", "none");
}

coheir::task<std::string> read_key() { co_return context::get("key", "none"); }

coheir::task<std::string> change_after_spawn(std::optional<spawn_policy> policy) {
    context::set("key", "before");
    auto handle = policy ? coheir::spawn(read_key(), options{}.policy(*policy)) : coheir::spawn(read_key());
    context::set("key", "after");
    co_return co_await std::move(handle);
}

const std::vector<spawn_policy> all_policies{spawn_policy::shared, spawn_policy::copying,
                                             spawn_policy::chained, spawn_policy::isolated};
const std::vector<std::string> seen_by_each{"parent,child,child", "parent,child,parent",
                                            "parent,child,parent", "none,child,parent"};

context::child copy_and_mark(const context::view& parent) {
    context::child made = parent.copied();
    made.set("mark", "own policy");
    made.set("parents keys", static_cast<int>(parent.size()));
    return made;
}

}  // namespace

TEST_CASE("each policy decides what child and parent see of each other", "[spawn][policies]") {
    for (std::size_t i = 0; i < all_policies.size(); ++i) {
        test::test_loop loop(all_policies[i]);
        CHECK(loop.run(parent_of(std::nullopt)) == seen_by_each[i]);
    }
}

TEST_CASE("a spawn's own policy goes before the scheduler's, for that spawn", "[spawn][policies]") {
    for (const auto& scheduler_policy : all_policies) {
        test::test_loop loop(scheduler_policy);
        for (std::size_t i = 0; i < all_policies.size(); ++i)
            CHECK(loop.run(parent_of(all_policies[i])) == seen_by_each[i]);
    }
}

TEST_CASE("set_policy holds for the spawns after it", "[spawn][policies]") {
    test::test_loop loop(spawn_policy::shared);
    for (std::size_t i = 0; i < all_policies.size(); ++i) {
        loop.scheduler.set_policy(all_policies[i]);
        CHECK(loop.run(parent_of(std::nullopt)) == seen_by_each[i]);
    }
}

TEST_CASE("a child's context is derived at the spawn, not when the child starts", "[spawn][policies]") {
    test::test_loop loop(spawn_policy::isolated);
    CHECK(loop.run(change_after_spawn(spawn_policy::shared)) == "after");
    CHECK(loop.run(change_after_spawn(spawn_policy::copying)) == "before");
    CHECK(loop.run(change_after_spawn(spawn_policy::chained)) == "after");
    CHECK(loop.run(change_after_spawn(spawn_policy::isolated)) == "none");
}

TEST_CASE("a task that is spawned where no context is current starts empty, by every policy",
          "[spawn][policies]") {
    for (const auto& policy : all_policies) {
        test::test_loop loop(policy);
        loop.scheduler.run(parent_of(std::nullopt));
        const auto handle = loop.scheduler.spawn(read_and_set());
        CHECK(handle.context().empty());
        loop.run_until_idle();
        CHECK(handle.context().keys() == keys{"key"});
    }
}

TEST_CASE("tasks that are spawned from posted functions start empty", "[spawn][policies]") {
    test::test_loop loop(spawn_policy::shared);
    coheir::join_handle<std::string> handle;
    loop.scheduler.post([&] { handle = loop.scheduler.spawn(read_and_set()); });
    loop.run_until_idle();
    CHECK(handle.context().keys() == keys{"key"});
    auto join = [](coheir::join_handle<std::string> h) -> coheir::task<std::string> { co_return co_await h; };
    CHECK(loop.run(join(handle)) == "none,child");
}

TEST_CASE("options default to the scheduler's policy, no name and the spawner's context",
          "[spawn][options]") {
    const options defaults;
    CHECK_FALSE(defaults.policy());
    CHECK_FALSE(defaults.context());
    CHECK(defaults.name().empty());
    test::test_loop loop;
    auto body = [](const options& how) -> coheir::task<std::string> {
        context::set("key", "parent");
        auto handle = coheir::spawn(read_key(), how);
        co_return std::string(handle.name()) + co_await std::move(handle);
    };
    CHECK(loop.run(body(defaults)) == "parent");
}

TEST_CASE("options can be kept and used for many spawns", "[spawn][options]") {
    test::test_loop loop;
    const options how = options{}.policy(spawn_policy::isolated).name("worker");
    for (int i = 0; i < 3; ++i) {
        const auto handle = loop.scheduler.spawn(give_after(0, i), how);
        CHECK(handle.name() == "worker");
    }
}

namespace {

coheir::task<context::snapshot> take_snapshot() {
    context::set("key", "snapshot");
    const auto handle = coheir::spawn(read_key(), options{}.policy(spawn_policy::shared));
    co_return handle.context();
}

coheir::task<std::string> spawn_from(context::snapshot start, spawn_policy policy) {
    context::set("key", "spawner");
    context::set("other", 1);
    auto handle = coheir::spawn(read_and_set(), options{}.policy(policy).context(start));
    const bool has_other = handle.context().contains("other");
    std::string child = co_await std::move(handle);
    co_return child + "," + context::get("key", "none") + "," + start.get("key", "none") +
        (has_other ? ",other" : "");
}

}  // namespace

TEST_CASE("a task can start from a snapshot instead of the spawner's context", "[spawn][options][policies]") {
    test::test_loop loop;
    const context::snapshot snapshot = loop.run(take_snapshot());
    CHECK(loop.run(spawn_from(snapshot, spawn_policy::copying)) == "snapshot,child,spawner,snapshot");
    CHECK(loop.run(spawn_from(snapshot, spawn_policy::chained)) == "snapshot,child,spawner,snapshot");
    CHECK(loop.run(spawn_from(snapshot, spawn_policy::isolated)) == "none,child,spawner,snapshot");
    CHECK_THROWS_AS(loop.run(spawn_from(snapshot, spawn_policy::shared)), coheir::wrong_scheduler);
}

TEST_CASE("a snapshot of one scheduler starts tasks on another, also after the first is gone",
          "[spawn][options]") {
    context::snapshot snapshot;
    {
        test::test_loop loop;
        snapshot = loop.run(take_snapshot());
    }
    test::test_loop another;
    const auto handle = another.scheduler.spawn(read_and_set(), options{}.context(snapshot));
    another.run_until_idle();
    CHECK(handle.context().get("key", "none") == "child");
    CHECK(snapshot.get("key", "none") == "snapshot");
}

namespace {

coheir::task<keys> keys_of_child(spawn_policy policy) {
    context::set("key", "parent");
    const auto handle = coheir::spawn(read_key(), options{}.policy(std::move(policy)));
    co_return handle.context().keys();
}

}  // namespace

TEST_CASE("a policy of one's own makes the child's context from a view of the parent's",
          "[spawn][policies]") {
    test::test_loop loop;
    CHECK(loop.run(keys_of_child(copy_and_mark)) == keys{"key", "mark", "parents keys"});
    loop.scheduler.set_policy(copy_and_mark);
    const auto handle = loop.scheduler.spawn(read_key());
    CHECK(handle.context().keys() == keys{"mark", "parents keys"});
    CHECK(handle.context().get<int>("parents keys") == 0);
}

TEST_CASE("a policy of one's own is called once for each spawn, with no context current",
          "[spawn][policies]") {
    int calls = 0;
    int contexts_seen = 0;
    test::test_loop loop([&](const context::view& parent) {
        ++calls;
        try {
            static_cast<void>(context::contains("key"));
            ++contexts_seen;
        } catch (const coheir::no_current_context&) {
        }
        return parent.chained();
    });
    CHECK(loop.run(parent_of(std::nullopt)) == "parent,child,parent");
    CHECK(calls == 2);  // the root, and its child
    CHECK(contexts_seen == 0);
}

namespace {

/// Spawns in a way that must fail, and tells how the parent's context looks then and later.
coheir::task<std::string> after_failed_spawn(std::function<void()> spawn_it, std::string& error) {
    context::set("key", "parent");
    error.clear();
    try {
        spawn_it();
    } catch (const std::runtime_error& e) {
        error = e.what();
    }
    std::string shown = context::get("key", "none");
    co_await coheir::yield();
    if (context::contains("added")) shown += " with an addition";
    co_return shown + "," + context::get("key", "none");
}

context::child throw_at_once(const context::view&) { throw std::runtime_error("no context for you"); }
context::child change_the_shared_and_throw(const context::view& parent) {
    context::child made = parent.shared();
    made.set("key", "changed");
    made.set("added", 1);
    throw std::runtime_error("second thoughts");
}
context::child change_the_shared(const context::view& parent) {
    context::child made = parent.shared();
    made.set("key", "changed");
    made.set("added", 1);
    return made;
}

}  // namespace

TEST_CASE("a policy that throws fails the spawn, and nothing has changed", "[spawn][policies]") {
    const spawn_policy policy =
        GENERATE(spawn_policy(throw_at_once), spawn_policy(change_the_shared_and_throw));
    const test::counted_balance balance;
    test::test_loop loop;
    trace t;
    const auto spawn_it = [&] {
        coheir::spawn(give_after(0, test::counted(1)), options{}.policy(policy)).detach();
    };
    std::string error;
    CHECK(loop.run(after_failed_spawn(spawn_it, error)) == "parent,parent");
    CHECK_THAT(error, Catch::Equals("no context for you") || Catch::Equals("second thoughts"));
    CHECK(balance.is_even());
    loop.scheduler.set_policy(policy);
    CHECK_THROWS_AS(loop.scheduler.run(note(t, "ran")), std::runtime_error);
    CHECK_FALSE(loop.scheduler.run_ready());
    CHECK(t.empty());
}

TEST_CASE("a policy of one's own may change what it shares", "[spawn][policies]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<std::string> {
        context::set("key", "parent");
        coheir::spawn(read_key(), options{}.policy(change_the_shared)).detach();
        co_return context::get("key", "none");
    };
    CHECK(loop.run(body()) == "changed");
}

TEST_CASE("a policy may do what it likes with the task that is being spawned", "[spawn][policies]") {
    const int what = GENERATE(0, 1, 2);
    auto gives = [](int n) -> coheir::task<int> { co_return n; };
    coheir::task<int> work, other;
    bool throws = false;
    const auto meddle = [&](const context::view& from) {
        if (what == 0) work = gives(2);
        if (what == 1) other = std::move(work);
        if (what == 2) work = {};
        if (throws) throw std::runtime_error("no");
        return from.copied();
    };
    test::test_loop loop;
    auto all = [&]() -> coheir::task<> {
        work = gives(1);
        loop.scheduler.set_policy(spawn_policy(meddle));
        const auto [got] = co_await coheir::when_all(std::move(work));
        CHECK(got == 1);
        CHECK(static_cast<bool>(work) == (what == 0));
        throws = true;
        work = gives(3);
        bool thrown = false;
        try {
            co_await coheir::when_all(std::move(work));
        } catch (const std::runtime_error&) {
            thrown = true;
        }
        CHECK(thrown);
        loop.scheduler.set_policy(spawn_policy::copying);
        const int left = co_await std::move(work);
        CHECK(left == (what == 0 ? 2 : 3));
    };
    loop.run(all());
}

TEST_CASE("a spawn on a closed scheduler fails before its policy changes anything",
          "[spawn][policies][close]") {
    test::test_loop loop;
    const auto spawn_it = [&] {
        loop.scheduler.close();
        coheir::spawn(read_key(), options{}.policy(change_the_shared)).detach();
    };
    std::string error;
    CHECK(loop.run(after_failed_spawn(spawn_it, error)) == "parent,parent");
    CHECK_THAT(error, Catch::Contains("closed"));
}

TEST_CASE("a spawn of an empty task fails before its policy changes anything", "[spawn][policies]") {
    test::test_loop loop;
    const auto spawn_it = [] {
        coheir::spawn(coheir::task<>(), options{}.policy(change_the_shared)).detach();
    };
    std::string error;
    CHECK(loop.run(after_failed_spawn(spawn_it, error)) == "parent,parent");
    CHECK_THAT(error, Catch::Contains("empty"));
}

TEST_CASE("an empty task cannot be spawned", "[spawn]") {
    test::test_loop loop;
    CHECK_THROWS_AS(loop.scheduler.spawn(coheir::task<int>()).detach(), coheir::invalid_task);
    auto task = give_after(0, 1);
    loop.scheduler.spawn(std::move(task)).detach();
    CHECK_THROWS_AS(loop.scheduler.spawn(std::move(task)).detach(), coheir::invalid_task);
    CHECK_THROWS_WITH(loop.scheduler.spawn(coheir::task<int>()).detach(), Catch::Contains("spawn"));
}

TEST_CASE("spawn outside a task throws and names itself", "[spawn]") {
    const test::counted_balance balance;
    CHECK_THROWS_AS(coheir::spawn(give_after(0, test::counted())).detach(), coheir::no_current_task);
    CHECK_THROWS_WITH(coheir::spawn(give_after(0, test::counted()), options{}.name("x")).detach(),
                      Catch::Contains("spawn"));
    CHECK(balance.is_even());
}

TEST_CASE("spawn in a posted function, where no task runs, throws", "[spawn]") {
    test::test_loop loop;
    loop.scheduler.post([] { coheir::spawn(give_after(0, 1)).detach(); });
    loop.run_until_idle();
    CHECK(loop.unhandled.size() == 1);
}

namespace {

coheir::task<std::string> spawn_on_another(coheir::scheduler& another, spawn_policy policy) {
    context::set("key", "parent");
    const auto handle = another.spawn(read_and_set(), options{}.policy(std::move(policy)));
    another.run_until_idle();
    auto shown = handle.context().get("key", "none");
    co_return shown + "," + context::get("key", "none");
}

}  // namespace

TEST_CASE("a task for another scheduler gets a copy, whichever policy but shared",
          "[spawn][policies][nested]") {
    test::test_loop loop;
    coheir::scheduler another;
    CHECK(loop.run(spawn_on_another(another, spawn_policy::copying)) == "child,parent");
    CHECK(loop.run(spawn_on_another(another, spawn_policy::chained)) == "child,parent");
    CHECK(loop.run(spawn_on_another(another, spawn_policy::isolated)) == "child,parent");
    CHECK(loop.run(spawn_on_another(another, copy_and_mark)) == "child,parent");
    CHECK_THROWS_AS(loop.run(spawn_on_another(another, spawn_policy::shared)), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(spawn_on_another(another, change_the_shared)), coheir::wrong_scheduler);
}
