// Tasks spawned onto another scheduler, and what comes back. Both run on this thread, in turns.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/policies.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using test::counted;
using test::counted_balance;
using test::test_loop;

namespace {

coheir::task<std::string> read(const char* key) {
    co_await coheir::yield();
    co_return context::get(key, "none");
}

/// Runs both until neither has anything to do.
void run_both(test_loop& a, test_loop& b) {
    while (a.step() || b.step()) {
    }
}

/// Runs `root` on `here` while `there` runs, too.
void run_with(test_loop& here, test_loop& there, coheir::task<> root) {
    const auto handle = here.scheduler.spawn(std::move(root));
    run_both(here, there);
    REQUIRE(handle.done());
    REQUIRE(here.unhandled.empty());
}

template <class T>
coheir::task<std::string> outcome_of(coheir::remote_handle<T> handle) {
    try {
        static_cast<void>(co_await std::move(handle));
    } catch (const std::exception& e) {
        co_return e.what();
    }
    co_return "no error";
}
coheir::task<> note_outcome(std::string& into, coheir::remote_handle<> handle) {
    try {
        co_await handle;
        into = "no error";
    } catch (const std::exception& e) {
        into = e.what();
    }
}

coheir::task<> nothing() { co_return; }
coheir::task<> wait_for_ever() {
    static std::vector<coheir::resolver<void>> never_called;
    auto start = [](auto resolve) { never_called.push_back(resolve); };
    co_await coheir::callback<>(start);
}
coheir::task<> hold(counted, coheir::task<> work) { co_await std::move(work); }

}  // namespace

TEST_CASE("a task spawned onto another scheduler runs there and gives its result here", "[remote]") {
    test_loop here, there;
    auto where = []() -> coheir::task<std::uint64_t> { co_return coheir::this_task::id(); };
    auto root = [&]() -> coheir::task<> {
        auto handle = there.scheduler.remote().spawn(where());
        CHECK_FALSE(handle.done());
        const std::uint64_t& first = co_await handle;
        CHECK(handle.done());
        CHECK(first == handle.id());
        const std::uint64_t& again = co_await handle;
        CHECK(&first == &again);
        const std::uint64_t id = handle.id();
        const std::uint64_t moved = co_await std::move(handle);
        CHECK(moved == id);
        CHECK_FALSE(handle.valid());  // NOLINT: it says so
    };
    run_with(here, there, root());
}

TEST_CASE("results of every kind come back: void, references, what can only be moved", "[remote]") {
    test_loop here, there;
    static int number = 0;
    auto reference = []() -> coheir::task<int&> { co_return number; };
    auto movable = []() -> coheir::task<std::unique_ptr<int>> { co_return std::make_unique<int>(7); };
    auto root = [&]() -> coheir::task<> {
        const auto remote = there.scheduler.remote();
        co_await remote.spawn(nothing());
        int& got = co_await remote.spawn(reference());
        CHECK(&got == &number);
        const auto seven = co_await remote.spawn(movable());
        CHECK(*seven == 7);
    };
    run_with(here, there, root());
}

TEST_CASE("the context that a task on another scheduler failed in comes back with its handle",
          "[remote][unhandled]") {
    test_loop here, there;
    auto failing = []() -> coheir::task<> {
        context::set("request", context::get("request", "none") + "/far");
        co_await test::fail_after(1, "broken");
    };
    auto root = [&]() -> coheir::task<> {
        context::set("request", "4711");
        const auto handle = there.scheduler.remote().spawn(failing());
        CHECK(handle.context_at_failure().empty());
        bool failed = false;
        try {
            co_await handle;
        } catch (const std::runtime_error&) {
            failed = true;
        }
        CHECK(failed);
        CHECK(handle.context_at_failure().get("request", "none") == "4711/far");
    };
    run_with(here, there, root());
}

TEST_CASE("a task that fails on another scheduler throws at the await, and is not reported", "[remote]") {
    test_loop here, there;
    auto root = [&]() -> coheir::task<> {
        auto handle = there.scheduler.remote().spawn(test::fail_after(2, "broken"));
        for (int i = 0; i < 2; ++i) {
            std::string what;
            try {
                co_await handle;
            } catch (const std::runtime_error& e) {
                what = e.what();
            }
            CHECK(what == "broken");
        }
    };
    run_with(here, there, root());
    CHECK(there.unhandled == test::trace{});
}

TEST_CASE("the child's context is the spawner's as it was at the call", "[remote][policy]") {
    test_loop here, there;
    const auto policy = GENERATE(as<int>{}, 0, 1, 2);
    auto root = [&]() -> coheir::task<> {
        context::set("key", "at the call");
        const spawn_policy by = policy == 1 ? spawn_policy::chained : spawn_policy::copying;
        auto handle = policy == 0 ? there.scheduler.remote().spawn(read("key"))
                                  : there.scheduler.remote().spawn(read("key"), by);
        context::set("key", "later");
        const std::string seen = co_await std::move(handle);
        CHECK(seen == "at the call");
        CHECK(context::get("key", "none") == "later");
    };
    run_with(here, there, root());
}

TEST_CASE("chained gives an empty level over a private copy, isolated an empty context", "[remote][policy]") {
    test_loop here, there;
    auto clear_own = []() -> coheir::task<std::string> {
        context::set("key", "own");
        context::clear();
        co_return context::get("key", "none");
    };
    auto root = [&]() -> coheir::task<> {
        context::set("key", "parent");
        const auto remote = there.scheduler.remote();
        const std::string uncovered = co_await remote.spawn(clear_own(), spawn_policy::chained);
        CHECK(uncovered == "parent");
        const std::string cleared = co_await remote.spawn(clear_own(), spawn_policy::copying);
        CHECK(cleared == "none");
        const std::string isolated = co_await remote.spawn(read("key"), spawn_policy::isolated);
        CHECK(isolated == "none");
        CHECK(context::get("key", "none") == "parent");
    };
    run_with(here, there, root());
}

TEST_CASE("shared is refused: at the call, or by the handle where it is the other scheduler's policy",
          "[remote][policy]") {
    test_loop here, there(spawn_policy::shared);
    auto root = [&]() -> coheir::task<> {
        const auto remote = there.scheduler.remote();
        CHECK_THROWS_AS(remote.spawn(nothing(), spawn_policy::shared), coheir::wrong_scheduler);
        auto handle = remote.spawn(nothing());
        bool refused = false;
        try {
            co_await handle;
        } catch (const coheir::wrong_scheduler&) {
            refused = true;
        }
        CHECK(refused);
    };
    run_with(here, there, root());
    CHECK(there.unhandled == test::trace{});
}

TEST_CASE("what does not go along to another scheduler is not looked at, kept alive, or frozen",
          "[remote][policy]") {
    test_loop here, there;
    const counted_balance balance;
    auto body = [&]() -> coheir::task<> {
        using owned = std::unique_ptr<int>;
        const auto can_update = [] { return context::update<owned>("only", [](owned& o) { ++*o; }); };
        const coheir::remote remote = there.scheduler.remote();
        context::set("only", std::make_unique<int>(1));
        context::set("counted", counted(1));
        CHECK_THROWS_AS(there.scheduler.spawn(nothing(), spawn_policy::shared), coheir::wrong_scheduler);
        CHECK_THROWS_AS(remote.spawn(nothing(), spawn_policy::shared), coheir::wrong_scheduler);
        there.scheduler.spawn(nothing(), spawn_policy::isolated).detach();
        remote.spawn(nothing(), spawn_policy::isolated).detach();
        coheir::scheduler closed;
        closed.close();
        CHECK_THROWS_AS(closed.spawn(nothing()), coheir::scheduler_closed);
        CHECK_THROWS_AS(closed.remote().spawn(nothing()), coheir::scheduler_closed);
        CHECK(can_update());

        context::update<owned>("only", [&](owned&) {
            there.scheduler.spawn(nothing(), spawn_policy::isolated).detach();
            remote.spawn(nothing(), spawn_policy::isolated).detach();
            CHECK_THROWS_AS(there.scheduler.spawn(nothing()), coheir::context_busy);
            CHECK_THROWS_AS(remote.spawn(nothing()), coheir::context_busy);
        });
        context::erase("counted");
        CHECK(counted::live() == 0);  // none of those that are on their way has it

        there.scheduler.spawn(nothing()).detach();
        CHECK_THROWS_AS(can_update(), coheir::not_copyable);
        co_return;
    };
    run_with(here, there, body());
    CHECK(there.unhandled.empty());
}

TEST_CASE("spawned where no context is current, a task starts empty under every policy", "[remote][policy]") {
    const auto& policy = GENERATE(spawn_policy::shared, spawn_policy::copying, spawn_policy::chained);
    test_loop here, there(policy);
    auto handle = there.scheduler.remote().spawn(read("key"));
    auto root = [&]() -> coheir::task<> {
        const std::string seen = co_await std::move(handle);
        CHECK(seen == "none");
    };
    run_with(here, there, root());
}

TEST_CASE("a policy of one's own is called when the task arrives, with the snapshot of the call",
          "[remote][policy]") {
    test_loop here, there;
    int calls = 0;
    auto own = [&](const context::view& parent) {
        ++calls;
        CHECK_FALSE(coheir::this_task::exists());
        context::child made;
        made.set("key", parent.get("key", "none") + "!");
        return made;
    };
    auto root = [&]() -> coheir::task<> {
        context::set("key", "value");
        auto handle = there.scheduler.remote().spawn(read("key"), spawn_policy(own));
        context::set("key", "later");
        CHECK(calls == 0);
        const std::string seen = co_await std::move(handle);
        CHECK(seen == "value!");
    };
    run_with(here, there, root());
    CHECK(calls == 1);
}

TEST_CASE("a policy that throws ends the task, whose body never runs, nobody else is told",
          "[remote][policy]") {
    test_loop here, there;
    const counted_balance balance;
    auto failing = [](const context::view&) -> context::child { throw std::runtime_error("no context"); };
    test::trace t;
    auto root = [&]() -> coheir::task<> {
        auto handle = there.scheduler.remote().spawn(hold(counted(), test::note(t, "ran")),
                                                     coheir::options{}.policy(failing).name("late"));
        const std::string what = co_await outcome_of(std::move(handle));
        CHECK(what == "no context");
    };
    run_with(here, there, root());
    CHECK(t.empty());
    CHECK(there.unhandled == test::trace{});
    there.scheduler.remote().spawn(nothing(), spawn_policy(failing)).detach();
    run_both(here, there);
    CHECK(there.unhandled == test::trace{"no context"});
    CHECK(balance.is_even());
}

TEST_CASE("a task on another scheduler has the number, the name and the place that its handle tells",
          "[remote]") {
    test_loop here, there;
    struct facts {
        std::uint64_t id;
        std::string name;
        unsigned line;
    };
    auto tell = []() -> coheir::task<facts> {
        co_return facts{coheir::this_task::id(), std::string(coheir::this_task::name()),
                        static_cast<unsigned>(coheir::this_task::spawned_at().line())};
    };
    auto root = [&]() -> coheir::task<> {
        const auto line = static_cast<unsigned>(__LINE__) + 1;
        auto handle = there.scheduler.remote().spawn(tell(), coheir::options{}.name("far"));
        CHECK(handle.name() == "far");
        CHECK(handle.spawned_at().line() == line);
        const facts& told = co_await handle;
        CHECK(told.id == handle.id());
        CHECK(told.name == "far");
        CHECK(told.line == line);
    };
    run_with(here, there, root());
}

TEST_CASE("a spawn onto a closed or destroyed scheduler throws, and drops the task", "[remote][closed]") {
    const counted_balance balance;
    std::optional<test_loop> there(std::in_place);
    const coheir::remote remote = there->scheduler.remote();
    remote.close();
    CHECK_THROWS_AS(remote.spawn(hold(counted(), nothing())), coheir::scheduler_closed);
    there.reset();
    CHECK_THROWS_AS(remote.spawn(hold(counted(), nothing())), coheir::scheduler_closed);
    coheir::task<> empty;
    CHECK_THROWS_AS(remote.spawn(std::move(empty)), coheir::invalid_task);
    CHECK(balance.is_even());
}

TEST_CASE("a task that was accepted runs, though its scheduler is closed before it arrives",
          "[remote][closed]") {
    test_loop here, there;
    test::trace t;
    auto handle = there.scheduler.remote().spawn(test::note(t, "ran"));
    there.scheduler.close();
    std::string outcome;
    run_with(here, there, note_outcome(outcome, std::move(handle)));
    CHECK(t == test::trace{"ran"});
    CHECK(outcome == "no error");
}

TEST_CASE("who waits for a task whose scheduler is destroyed is told, whether it had started or not",
          "[remote][closed]") {
    const counted_balance balance;
    const int steps = GENERATE(0, 1, 2, 3);
    test_loop here;
    std::optional<test_loop> there(std::in_place);
    auto handle =
        there->scheduler.remote().spawn(hold(counted(), wait_for_ever()), coheir::options{}.name("far"));
    const std::string name = "coheir: task #" + std::to_string(handle.id()) + " 'far' ";
    std::string outcome;
    const bool waits = GENERATE(true, false);
    if (waits) {
        here.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
        here.run_until_idle();
    }
    for (int i = 0; i < steps; ++i) there->step();
    there.reset();
    CHECK(balance.is_even());
    if (!waits) here.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
    here.run_until_idle();
    CHECK(outcome == name + (steps == 0 ? "was never started: it ended with its scheduler"
                                        : "was destroyed before its end, with its scheduler"));
}

TEST_CASE("an exception that no await receives is reported there, once: at the end, or when the handle goes",
          "[remote][unhandled]") {
    test_loop here, there;
    SECTION("no handle is left at the end") {
        there.scheduler.remote().spawn(test::fail_after(1, "broken")).detach();
        run_both(here, there);
    }
    SECTION("the handle goes after the end") {
        std::optional handle(there.scheduler.remote().spawn(test::fail_after(1, "broken")));
        run_both(here, there);
        CHECK(there.unhandled == test::trace{});
        handle.reset();
        CHECK(there.unhandled == test::trace{});  // not from this thread
        run_both(here, there);
    }
    SECTION("the handle goes after the end, when the scheduler is closed") {
        std::optional handle(there.scheduler.remote().spawn(test::fail_after(1, "broken")));
        run_both(here, there);
        there.scheduler.close();
        handle.reset();
        run_both(here, there);
    }
    CHECK(there.unhandled == test::trace{"broken"});
    CHECK(here.unhandled.empty());
}

TEST_CASE("a scheduler that goes reports what nobody received, and later handles still get it",
          "[remote][unhandled]") {
    std::vector<std::string> reported;
    test_loop here;
    std::optional<coheir::scheduler> there(std::in_place);
    there->on_unhandled([&](const coheir::unhandled& u) {
        reported.push_back(u.what());
        CHECK(u.name() == "far");
    });
    auto handle = there->remote().spawn(test::fail_after(0, "broken"), coheir::options{}.name("far"));
    std::optional dropped(
        there->remote().spawn(test::fail_after(0, "dropped"), coheir::options{}.name("far")));
    there->run_until_idle();
    dropped.reset();  // not taken in any more
    there.reset();
    CHECK(reported.size() == 2);
    std::string outcome;
    here.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
    here.run_until_idle();
    CHECK(outcome == "broken");
    CHECK(reported.size() == 2);
}

TEST_CASE("an exception that is on its way to a waiter is not reported when the scheduler goes",
          "[remote][unhandled]") {
    std::vector<std::string> reported;
    test_loop here;
    std::optional<coheir::scheduler> there(std::in_place);
    there->on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
    std::string outcome;
    auto handle = there->remote().spawn(test::fail_after(0, "broken"));
    SECTION("it gets there") {
        here.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
        here.run_until_idle();
        there->run_until_idle();
        there.reset();
        here.run_until_idle();
        CHECK(outcome == "broken");
        CHECK(reported.empty());
    }
    SECTION("unless the waiter goes away before it does") {
        {
            test_loop other;
            other.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
            other.run_until_idle();
            there->run_until_idle();
        }
        there->run_until_idle();
        CHECK(reported == test::trace{"broken"});
    }
}

TEST_CASE("a waiting task that is destroyed detaches the other, which runs on", "[remote]") {
    const counted_balance balance;
    test_loop there;
    test::trace t;
    auto late = [](test::trace& to) -> coheir::task<> {
        co_await coheir::sleep_for(std::chrono::seconds(1));
        to.push_back("ran on");
    };
    std::string outcome = "untouched";
    {
        test_loop here;
        auto handle = there.scheduler.remote().spawn(hold(counted(), late(t)));
        here.scheduler.spawn(note_outcome(outcome, std::move(handle))).detach();
        here.run_until_idle();
    }
    there.run_until_idle();
    CHECK(t == test::trace{"ran on"});
    CHECK(outcome == "untouched");
    CHECK(balance.is_even());
}

TEST_CASE("one await at a time, and an empty handle says so", "[remote]") {
    test_loop here, there;
    auto handle = there.scheduler.remote().spawn(nothing());
    auto wait = [](coheir::remote_handle<>& h) -> coheir::task<> { co_await h; };
    const auto first = here.scheduler.spawn(wait(handle));
    here.scheduler.spawn(wait(handle)).detach();
    run_both(here, there);
    CHECK(first.done());
    CHECK(here.unhandled == test::trace{"coheir::remote_handle: co_await: another task awaits this handle"});
    coheir::remote_handle<> empty;
    CHECK_THROWS_AS(empty.id(), coheir::invalid_handle);
    CHECK_FALSE(empty.valid());
}

TEST_CASE("who was told of the end, and has not gone on yet, still awaits: nobody else takes the result",
          "[remote]") {
    test_loop here, there, third;
    const std::string text = "a text that is too long for the small string optimisation";
    auto give = [&]() -> coheir::task<std::string> { co_return text; };
    auto handle = there.scheduler.remote().spawn(give());
    auto look = [](const coheir::remote_handle<std::string>& h) -> coheir::task<std::string> {
        co_return co_await h;
    };
    auto take = [](coheir::remote_handle<std::string> h) -> coheir::task<std::string> {
        co_return co_await std::move(h);
    };
    auto looking = here.scheduler.spawn(look(handle));
    here.step();
    there.run_until_idle();
    CHECK(handle.done());
    third.scheduler.spawn(take(std::move(handle))).detach();
    third.run_until_idle();
    CHECK(third.unhandled == test::trace{"coheir::remote_handle: co_await: another task awaits this handle"});
    auto joined = [&]() -> coheir::task<std::string> { co_return co_await looking; };
    CHECK(here.scheduler.run(joined()) == text);
}

TEST_CASE("a result whose move throws is an error of the task", "[remote]") {
    struct fragile {
        fragile() = default;
        fragile(fragile&& other) : moves_left(other.moves_left - 1) {
            if (moves_left < 0) throw std::runtime_error("dropped on the way");
        }
        int moves_left = 0;
    };
    auto make = [](int moves) -> coheir::task<fragile> {
        fragile f;
        f.moves_left = moves;
        co_return f;
    };
    test_loop here, there;
    auto root = [&]() -> coheir::task<> {
        const std::string what = co_await outcome_of(there.scheduler.remote().spawn(make(1)));
        CHECK(what == "dropped on the way");
    };
    run_with(here, there, root());
    CHECK(there.unhandled == test::trace{});
    there.scheduler.remote().spawn(make(1)).detach();
    run_both(here, there);
    CHECK(there.unhandled == test::trace{"dropped on the way"});
}

TEST_CASE("run_on calls a function on the other scheduler, in a copy of the context, and comes back",
          "[remote][run_on]") {
    test_loop here, there(spawn_policy::shared);
    auto root = [&]() -> coheir::task<> {
        const auto remote = there.scheduler.remote();
        context::set("key", "here");
        const auto id = coheir::this_task::id();
        std::uint64_t other_id = 0;
        auto plain = [&] {
            other_id = coheir::this_task::id();
            std::string seen = context::get("key", "none");
            context::set("key", "there");
            return seen;
        };
        const std::string seen = co_await coheir::run_on(remote, plain);
        CHECK(seen == "here");
        CHECK(other_id != id);
        CHECK(coheir::this_task::id() == id);
        CHECK(context::get("key", "none") == "here");
        auto coroutine = [] { return read("key"); };
        const std::string awaited = co_await coheir::run_on(remote, coroutine);
        CHECK(awaited == "here");
        auto failing = [] { throw std::runtime_error("there"); };
        std::string what;
        try {
            co_await coheir::run_on(remote, failing);
        } catch (const std::runtime_error& e) {
            what = e.what();
        }
        CHECK(what == "there");
        remote.close();
        bool refused = false;
        try {
            co_await coheir::run_on(remote, failing);
        } catch (const coheir::scheduler_closed&) {
            refused = true;
        }
        CHECK(refused);
    };
    run_with(here, there, root());
    CHECK(there.unhandled == test::trace{});
}

TEST_CASE("run_on the task's own scheduler works, too, and destroys the function before it goes on",
          "[remote][run_on]") {
    const counted_balance balance;
    test_loop here;
    auto root = [&]() -> coheir::task<int> {
        auto f = [c = counted(5)] { return c.value; };
        auto moved = coheir::run_on(here.scheduler.remote(), std::move(f));
        const int five = co_await std::move(moved);
        CHECK(balance.live() == 1);  // what is left of f
        co_return five;
    };
    CHECK(here.run(root()) == 5);
    CHECK(balance.is_even());
}

namespace {
struct counted_error : std::runtime_error {
    using std::runtime_error::runtime_error;
    counted inside;
};
coheir::task<> fail_counted() {
    co_await coheir::yield();
    throw counted_error("counted");
}
}  // namespace

TEST_CASE("nothing waits in the inbox of a scheduler that is gone", "[remote][closed]") {
    const counted_balance balance;
    {
        using coheir::detail::mailbox;
        const mailbox::ref gone(new mailbox);
        gone->close();
        auto work = hold(counted(), nothing());
        CHECK_THROWS_AS(coheir::detail::hand_over(*gone.get(), work, {}, {}, "test"),
                        coheir::scheduler_closed);
        CHECK(gone->empty());
    }
    std::optional<test_loop> there(std::in_place);
    const coheir::remote lives_on = there->scheduler.remote();
    std::optional failed(lives_on.spawn(fail_counted()));
    std::optional destroyed(lives_on.spawn(hold(counted(), wait_for_ever())));
    there->run_until_idle();
    std::optional never_started(lives_on.spawn(hold(counted(), nothing())));
    CHECK(failed->done());
    there.reset();
    CHECK(destroyed->done());
    CHECK(never_started->done());
    failed.reset(), destroyed.reset(), never_started.reset();
    CHECK(balance.is_even());  // though the handle to the scheduler lives
}

TEST_CASE("nothing waits in the inbox though a handle is dropped while the scheduler goes",
          "[remote][closed]") {
    const counted_balance balance;
    std::optional<test_loop> there(std::in_place);
    const coheir::remote lives_on = there->scheduler.remote();
    std::optional failed(lives_on.spawn(fail_counted()));
    there->run_until_idle();
    auto own = there->scheduler.spawn(fail_counted());
    there->run_until_idle();
    there->scheduler.on_unhandled([&](const coheir::unhandled&) { failed.reset(); });
    there.reset();
    CHECK_FALSE(failed.has_value());
    own = {};
    CHECK(balance.is_even());
}

TEST_CASE("who awaits a handle gets the end, and hands on a request, though the handle is dropped meanwhile",
          "[remote][cancellation]") {
    test_loop here, there;
    std::string outcome;
    auto waits = [&](std::optional<coheir::remote_handle<>>& handle) -> coheir::task<> {
        outcome = "";
        try {
            co_await *handle;
            outcome = "no error";
        } catch (const coheir::task_cancelled&) {
            outcome = "cancelled";
            throw;
        } catch (const std::exception& e) {
            outcome = e.what();
        }
    };
    SECTION("it gets an error") {
        std::optional handle(there.scheduler.remote().spawn(test::fail_after(1, "broken")));
        here.scheduler.spawn(waits(handle)).detach();
        here.run_until_idle();
        handle.reset();
        run_both(here, there);
        CHECK(outcome == "broken");
        CHECK(there.unhandled.empty());
    }
    SECTION("it is cancelled, and the error is reported there") {
        std::optional handle(there.scheduler.remote().spawn(test::fail_after(1, "broken")));
        const auto waiting = here.scheduler.spawn(waits(handle));
        here.run_until_idle();
        handle.reset();
        there.run_until_idle();  // tells the waiting task
        waiting.request_stop();
        run_both(here, there);
        CHECK(outcome == "cancelled");
        CHECK(there.unhandled == test::trace{"broken"});
    }
    SECTION("it is cancelled, and the other task with it") {
        std::optional handle(there.scheduler.remote().spawn(wait_for_ever()));
        const auto waiting = here.scheduler.spawn(waits(handle));
        run_both(here, there);
        handle.reset();
        waiting.request_stop();
        run_both(here, there);
        CHECK(outcome == "cancelled");
        CHECK(there.scheduler.tasks().empty());
        CHECK(there.unhandled.empty());
    }
    SECTION("it is destroyed, and the other task runs on") {
        std::optional handle(there.scheduler.remote().spawn(test::fail_after(1, "broken")));
        {
            test_loop short_lived;
            short_lived.scheduler.spawn(waits(handle)).detach();
            short_lived.run_until_idle();
            handle.reset();
        }
        there.run_until_idle();
        CHECK(there.unhandled == test::trace{"broken"});
    }
    CHECK(here.unhandled.empty());
}
