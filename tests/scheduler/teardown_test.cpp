// The end of a scheduler: everything that is left is destroyed, once, in a safe order.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/child_process.hpp"
#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/tasks_of_all_kinds.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;
using test::counted;
using test::trace;

TEST_CASE("ten thousand tasks at all places where a task can wait are destroyed exactly once", "[teardown]") {
    const spawn_policy policy =
        GENERATE(spawn_policy::shared, spawn_policy::copying, spawn_policy::chained, spawn_policy::isolated);
    const auto rounds = GENERATE(0, 1, 2, 5);
    const test::counted_balance balance;
    test::parking parking;
    std::vector<coheir::resolver<counted>> resolvers;
    {
        test::test_loop loop(policy);
        for (int i = 0; i < 1250; ++i)  // eight tasks each
            loop.scheduler.spawn(test::spawn_all_kinds(parking, resolvers, counted(i))).detach();
        for (int round = 0; round < rounds; ++round) loop.scheduler.run_ready();
        CHECK(balance.live() >= 1250);
    }
    CHECK(parking.size() == 0);
    CHECK(balance.is_even());
    for (const auto& resolve : resolvers) REQUIRE_FALSE(resolve(counted(0)));  // too late, and ignored
    resolvers.clear();
    CHECK(balance.is_even());
}

TEST_CASE("ten thousand queued tasks that never started are destroyed", "[teardown]") {
    const test::counted_balance balance;
    test::parking parking;
    {
        coheir::scheduler loop;
        for (int i = 0; i < 10'000; ++i) loop.spawn(test::park_holding(parking, counted(i))).detach();
        CHECK(balance.live() == 10'000);
    }
    CHECK(balance.is_even());
    CHECK(parking.cancelled() == 0);
}

TEST_CASE("ten thousand sleeping tasks are destroyed", "[teardown]") {
    const test::counted_balance balance;
    {
        test::test_loop loop;
        for (int i = 0; i < 10'000; ++i)
            loop.scheduler.spawn(test::sleep_holding((i * 7919 % 10'007 + 1) * 1ms, counted(i))).detach();
        loop.scheduler.run_ready();
        loop.clock.advance(5s);
        loop.scheduler.run_ready(1000);
        CHECK(balance.live() > 0);
    }
    CHECK(balance.is_even());
}

TEST_CASE("ten thousand tasks in a row of joins are destroyed", "[teardown]") {
    const test::counted_balance balance;
    test::parking parking;
    {
        test::test_loop loop;
        auto last = loop.scheduler.spawn(test::park_holding(parking, counted(0)));
        for (int i = 1; i < 10'000; ++i) last = loop.scheduler.spawn(test::join_holding(last, counted(i)));
        loop.scheduler.run_ready();
    }
    CHECK(balance.is_even());
    CHECK(parking.cancelled() == 1);
}

TEST_CASE("ten thousand tasks parked on a foreign awaitable cancel it", "[teardown]") {
    const test::counted_balance balance;
    test::parking parking;
    {
        coheir::scheduler loop;
        for (int i = 0; i < 10'000; ++i) loop.spawn(test::park_holding(parking, counted(i))).detach();
        loop.run_ready();
        REQUIRE(parking.size() == 10'000);
        for (int i = 0; i < 1000; ++i) parking.release_first();
    }
    CHECK(parking.cancelled() == 9'000);
    CHECK(balance.is_even());
}

TEST_CASE("ten thousand posted functions are destroyed without running", "[teardown]") {
    const test::counted_balance balance;
    int ran = 0;
    {
        coheir::scheduler loop;
        for (int i = 0; i < 10'000; ++i) loop.post([&ran, held = counted(i)] { ran += held.value >= 0; });
        loop.run_ready(100);
    }
    CHECK(ran == 100);
    CHECK(balance.is_even());
}

namespace {

/// Writes its name down when it is destroyed, and what context is current then.
class at_end {
public:
    at_end(trace& t, std::string name) : trace_(&t), name_(std::move(name)) {}
    at_end(at_end&& other) noexcept
        : trace_(std::exchange(other.trace_, nullptr)), name_(std::move(other.name_)) {}
    at_end& operator=(at_end&&) = delete;
    ~at_end() {
        if (!trace_) return;
        std::string seen = "no context";
        try {
            seen = context::get("key", "none");
        } catch (const coheir::no_current_context&) {
        }
        trace_->push_back(name_ + ": " + seen);
    }

private:
    trace* trace_;
    std::string name_;
};

coheir::task<> nested(test::parking& in, at_end, trace& t, int depth) {
    const at_end local(t, "frame " + std::to_string(depth));
    if (depth == 0)
        co_await in.park();
    else
        co_await nested(in, at_end(t, "parameter " + std::to_string(depth - 1)), t, depth - 1);
}

coheir::task<> nested_with_key(test::parking& in, trace& t, std::string key) {
    context::set("key", key);
    co_await nested(in, at_end(t, "parameter 2"), t, 2);
}

coheir::task<> hold(test::parking& in, trace& t, std::string name) {
    context::set("key", name);
    const at_end local(t, name);
    co_await in.park();
}

}  // namespace

TEST_CASE("a chain of awaits is destroyed from its leaf up, in its task's context", "[teardown]") {
    trace t;
    test::parking parking;
    {
        coheir::scheduler loop;
        loop.spawn(nested_with_key(parking, t, "the task's")).detach();
        loop.run_ready();
        REQUIRE(t.empty());
    }
    CHECK(t == trace{"frame 0: the task's", "parameter 0: the task's", "frame 1: the task's",
                     "parameter 1: the task's", "frame 2: the task's", "parameter 2: the task's"});
}

TEST_CASE("tasks are destroyed newest first, each in its own context", "[teardown]") {
    trace t;
    test::parking parking;
    {
        coheir::scheduler loop;
        for (const char* name : {"first", "second", "third"}) loop.spawn(hold(parking, t, name)).detach();
        loop.run_ready();
    }
    CHECK(t == trace{"third: third", "second: second", "first: first"});
}

TEST_CASE("no context is current while posted functions and contexts' values are destroyed", "[teardown]") {
    trace t;
    {
        coheir::scheduler loop;
        loop.post([held = at_end(t, "function")] { static_cast<void>(held); });
    }
    CHECK(t == trace{"function: no context"});
    t.clear();
    test::parking parking;
    {
        auto body = [](test::parking& in, trace& to) -> coheir::task<> {
            context::set("key", "the task's");
            context::set("held", at_end(to, "value"));
            co_await in.park();
        };
        coheir::scheduler loop;
        loop.spawn(body(parking, t)).detach();
        loop.run_ready();
    }
    CHECK(t == trace{"value: no context"});
}

TEST_CASE("no context is current while the result and the context's values of a task that ends are destroyed",
          "[teardown]") {
    test::test_loop loop;
    trace t;
    auto body = [](trace& to) -> coheir::task<at_end> {
        context::set("key", "the task's");
        context::set("held", at_end(to, "value"));
        co_return at_end(to, "result");
    };
    loop.scheduler.spawn(body(t)).detach();
    loop.run_until_idle();
    std::sort(t.begin(), t.end());
    CHECK(t == trace{"result: no context", "value: no context"});
}

namespace {

/// Runs a function when it is destroyed.
class on_destruction {
public:
    explicit on_destruction(std::function<void()> f) : f_(std::move(f)) {}
    on_destruction(on_destruction&& other) noexcept : f_(std::exchange(other.f_, nullptr)) {}
    on_destruction& operator=(on_destruction&&) = delete;
    ~on_destruction() {
        if (f_) f_();
    }

private:
    std::function<void()> f_;
};

coheir::task<> park_with(test::parking& in, on_destruction) { co_await in.park(); }

template <class F>
std::string error_of(F&& f) {
    try {
        f();
    } catch (const coheir::scheduler_closed&) {
        return "closed";
    } catch (const std::exception& e) {
        return e.what();
    }
    return "no error";
}

}  // namespace

TEST_CASE("a destructor that spawns or posts during the teardown is told that the scheduler is closed",
          "[teardown]") {
    const test::counted_balance balance;
    trace t;
    test::parking parking;
    std::optional<coheir::remote> remote;
    {
        coheir::scheduler loop;
        remote = loop.remote();
        const auto attempt_all = [&] {
            t.push_back(error_of([&] { coheir::spawn(test::sleep_holding(1s, counted(1))).detach(); }));
            t.push_back(error_of([&] { loop.spawn(test::sleep_holding(1s, counted(1))).detach(); }));
            t.push_back(error_of([&] { loop.post([held = counted(1)] { static_cast<void>(held); }); }));
            t.push_back(error_of([&] { remote->post([held = counted(1)] { static_cast<void>(held); }); }));
            t.push_back(
                error_of([&] { static_cast<void>(coheir::when_all(test::sleep_holding(1s, counted(1)))); }));
        };
        loop.spawn(park_with(parking, on_destruction(attempt_all))).detach();
        loop.run_ready();
    }
    CHECK(t == trace{"closed", "closed", "closed", "closed", "closed"});
    CHECK(balance.is_even());
}

TEST_CASE("destructors of frames may wake tasks that are destroyed later, and those that were before",
          "[teardown]") {
    const bool older = GENERATE(true, false);
    const test::counted_balance balance;
    test::parking parking, waking;
    std::vector<coheir::resolver<counted>> resolvers;
    {
        coheir::scheduler loop;
        if (older) {
            loop.spawn(test::park_holding(waking, counted(1))).detach();
            loop.spawn(test::callback_holding(resolvers, counted(2))).detach();
        }
        loop.spawn(park_with(parking, on_destruction([&] {
                                 waking.release_all();
                                 for (const auto& resolve : resolvers) resolve(counted(3));
                             })))
            .detach();
        if (!older) {
            loop.spawn(test::park_holding(waking, counted(1))).detach();
            loop.spawn(test::callback_holding(resolvers, counted(2))).detach();
        }
        loop.run_ready();
    }
    CHECK(waking.cancelled() == (older ? 0 : 1));
    resolvers.clear();
    CHECK(balance.is_even());
}

TEST_CASE("who was to be told of work is not told any more while a scheduler is destroyed", "[teardown]") {
    std::optional<coheir::scheduler> loop(std::in_place);
    std::optional<coheir::resolver<void>> resolver;
    int rings = 0;
    loop->on_wakeup([&] { ++rings; });
    const auto waits = [&]() -> coheir::task<> {
        const auto keep = [&](auto resolve) { resolver.emplace(resolve); };
        co_await coheir::callback<>(keep);
    };
    loop->spawn(waits()).detach();
    test::parking lot;
    loop->spawn(park_with(lot, on_destruction([&] {
                              std::thread([&] { (*resolver)(); }).join();  // whose task is destroyed later
                          })))
        .detach();
    while (loop->run_ready()) {
    }
    REQUIRE(resolver);
    rings = 0;
    loop.reset();
    CHECK(rings == 0);
}

TEST_CASE("destructors of frames may ask their own task to stop", "[teardown][stop]") {
    std::optional<coheir::scheduler> loop(std::in_place);
    std::vector<coheir::join_handle<>> handles;
    std::size_t asked = 0;
    test::parking lot;
    const auto spawn = [&](auto wait) {
        const auto body = [](auto wait_for, on_destruction) -> coheir::task<> { co_await wait_for(); };
        const auto stops = [&, mine = handles.size()] { asked += handles[mine].request_stop(); };
        handles.push_back(loop->spawn(body(wait, on_destruction(stops))));
    };
    spawn([] { return coheir::sleep_for(1h); });
    spawn([&] { return lot.park(); });
    spawn([] { return coheir::yield(); });
    loop->run_ready(3);
    loop.reset();
    CHECK(asked == handles.size());
    for (const auto& handle : handles) CHECK(handle.done());
}

TEST_CASE("destructors of frames may drop handles, of living tasks and of ended ones", "[teardown]") {
    const test::counted_balance balance;
    std::vector<std::string> reported;
    std::vector<coheir::join_handle<counted>> handles;
    coheir::join_handle<void> failed;
    test::parking parking;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        handles.push_back(loop.spawn(test::park_holding(parking, counted(1))));  // older than the dropper
        handles.push_back(loop.spawn(test::sleep_holding(0s, counted(2))));      // ended by then
        failed = loop.spawn(test::fail_after(0, "no luck"));
        loop.spawn(park_with(parking, on_destruction([&] {
                                 handles.clear();
                                 failed = {};
                             })))
            .detach();
        handles.push_back(loop.spawn(test::park_holding(parking, counted(3))));  // newer: destroyed by then
        loop.run_ready();
        loop.run_ready();
    }
    CHECK(reported == std::vector<std::string>{"no luck"});
    CHECK(balance.is_even());
}

TEST_CASE("posted functions and contexts' values may hold the last handles of tasks", "[teardown]") {
    const test::counted_balance balance;
    std::vector<std::string> reported;
    test::parking parking;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        auto body = [](test::parking& in, coheir::join_handle<void> failed) -> coheir::task<> {
            context::set("failed", std::move(failed));
            context::set("parked", coheir::spawn(test::park_holding(in, counted(1))));
            co_await in.park();
        };
        loop.spawn(body(parking, loop.spawn(test::fail_after(0, "in a context")))).detach();
        loop.run_ready();
        auto failed = loop.spawn(test::fail_after(0, "in a function"));
        loop.run_ready();
        loop.post([held = std::move(failed)] { static_cast<void>(held); });
        CHECK(reported.empty());
    }
    std::sort(reported.begin(), reported.end());
    CHECK(reported == std::vector<std::string>{"in a context", "in a function"});
    CHECK(balance.is_even());
}

TEST_CASE("handles outlive the scheduler", "[teardown]") {
    const test::counted_balance balance;
    {
        std::vector<coheir::join_handle<counted>> handles;
        test::parking parking;
        {
            test::test_loop loop;
            for (int i = 0; i < 100; ++i) {
                handles.push_back(loop.scheduler.spawn(test::park_holding(parking, counted(i))));
                handles.push_back(loop.scheduler.spawn(test::sleep_holding(0s, counted(i))));
            }
            loop.run_until_idle();
        }
        CHECK(parking.cancelled() == 100);
        CHECK(balance.live() > 0);
        for (const auto& handle : handles) {
            REQUIRE(handle.valid());
            REQUIRE(handle.done());
            REQUIRE(handle.context().keys() == std::vector<std::string>{"value"});
        }
        const auto copies = handles;
        handles.clear();
    }
    CHECK(balance.is_even());
}

namespace {

coheir::task<> sleep_long() {
    const counted here;
    co_await coheir::sleep_for(1h);
}

}  // namespace

TEST_CASE("those who wait for one task, each in its own way, are destroyed in turn", "[teardown]") {
    using handle = coheir::join_handle<>;
    std::vector<coheir::task<> (*)(const handle&, counted)> ways{
        [](const handle& h, counted) -> coheir::task<> { co_await h; },
        [](const handle& h, counted) -> coheir::task<> { co_await coheir::when_all(h, sleep_long()); },
        [](const handle& h, counted) -> coheir::task<> { co_await coheir::when_any(h, sleep_long()); },
        [](const handle& h, counted) -> coheir::task<> { co_await coheir::when_all_settled(h); },
        [](const handle& h, counted) -> coheir::task<> { co_await coheir::with_timeout(h, 1h); },
        [](const handle& h, counted) -> coheir::task<> { co_await coheir::shield(h); },
        [](const handle& h, counted) -> coheir::task<> {
            const auto add = [&](coheir::task_group& group) -> coheir::task<> {
                group.add(h);
                co_return;
            };
            co_await coheir::with_task_group(add);
        },
    };
    for (std::size_t turn = 0; turn < ways.size(); ++turn) {
        const test::counted_balance balance;
        test::parking lot;
        const auto parked = [](test::parking& in) -> coheir::task<> { co_await in.park(); };
        std::optional<coheir::scheduler> loop(std::in_place);
        std::string lost;
        loop->on_unhandled([&](const coheir::unhandled& u) { lost += u.what(); });
        const handle joined = loop->spawn(parked(lot));
        for (int twice = 0; twice < 2; ++twice)
            for (const auto way : ways) loop->spawn(way(joined, counted())).detach();
        while (loop->run_ready()) {
        }
        constexpr std::size_t all_who_sleep = 4;
        CHECK(loop->tasks().size() == 1 + 2 * ways.size() + all_who_sleep);
        loop.reset();
        CHECK(lost == "");
        CHECK(balance.is_even());
        std::rotate(ways.begin(), ways.begin() + 1, ways.end());
    }
}

TEST_CASE("a remote that another is assigned to is for the other's scheduler", "[teardown][remote]") {
    test::test_loop first, second;
    trace t;
    auto to = first.scheduler.remote();
    to = second.scheduler.remote();
    to.post([&] { t.push_back("posted"); });
    first.run_until_idle();
    CHECK(t.empty());
    second.run_until_idle();
    CHECK(t == trace{"posted"});
}

TEST_CASE("remotes outlive the scheduler", "[teardown][remote]") {
    const test::counted_balance balance;
    std::optional<coheir::remote> remote;
    {
        coheir::scheduler loop;
        remote = loop.remote();
        CHECK_FALSE(remote->closed());
    }
    CHECK(remote->closed());
    const coheir::remote copy = *remote;
    CHECK_THROWS_AS(remote->post([held = counted(1)] { static_cast<void>(held); }), coheir::scheduler_closed);
    remote.reset();
    CHECK_THROWS_AS(copy.post([] {}), coheir::scheduler_closed);
    copy.close();
    CHECK(balance.is_even());
}

TEST_CASE("a scheduler is destroyed inside a task of another", "[teardown][nested]") {
    const test::counted_balance balance;
    test::parking parking;
    test::test_loop loop;
    auto body = [](test::parking& in) -> coheir::task<std::string> {
        context::set("key", "outer");
        {
            coheir::scheduler inner;
            inner.spawn(test::park_holding(in, counted(1))).detach();
            inner.spawn(test::sleep_holding(1h, counted(2))).detach();
            inner.run_ready();
        }
        co_return context::get("key", "none");
    };
    CHECK(loop.run(body(parking)) == "outer");
    CHECK(parking.cancelled() == 1);
    CHECK(balance.is_even());
}

TEST_CASE("many timers go with their tasks, in any order", "[teardown][timers]") {
    const test::counted_balance balance;
    test::parking parking;
    std::optional<test::test_loop> loop(std::in_place);
    for (int i = 0; i < 1000; ++i)
        loop->scheduler.spawn(test::sleep_holding((i * 7919 % 1009) * 1ms, counted(i))).detach();
    for (int i = 0; i < 1500; ++i) loop->step();
    CHECK(loop->scheduler.next_deadline());
    loop.reset();
    CHECK(balance.is_even());
}

TEST_CASE("a spawned task is destroyed when its scheduler is destroyed without ever running", "[teardown]") {
    const test::counted_balance balance;
    coheir::join_handle<counted> handle;
    {
        coheir::scheduler loop;
        handle = loop.spawn(test::sleep_holding(0s, counted(1)), coheir::options{}.name("never run"));
    }
    CHECK(handle.done());
    CHECK(handle.name() == "never run");
    handle = {};
    CHECK(balance.is_even());
}

namespace {

coheir::task<> destroy(std::unique_ptr<coheir::scheduler>& loop) {
    loop.reset();
    co_return;
}

coheir::task<> destroy_outer_inside_inner(std::unique_ptr<coheir::scheduler>& outer) {
    coheir::scheduler inner;
    inner.run(destroy(outer));
    co_return;
}

}  // namespace

TEST_CASE("destroying a scheduler inside its own task ends the program with a message",
          "[teardown][child_process]") {
    const auto expect_message = [](const test::child_outcome& outcome) {
        CHECK(outcome.aborted);
        CHECK_THAT(outcome.errors,
                   Catch::Contains("coheir: fatal: ") && Catch::Contains("scheduler is destroyed"));
    };
    SECTION("in a task") {
        expect_message(test::in_child_process([] {
            auto loop = std::make_unique<coheir::scheduler>();
            loop->run(destroy(loop));
        }));
    }
    SECTION("in a posted function") {
        expect_message(test::in_child_process([] {
            auto loop = std::make_unique<coheir::scheduler>();
            loop->post([&] { loop.reset(); });
            loop->run_until_idle();
        }));
    }
    SECTION("in a task of a scheduler that runs inside it") {
        expect_message(test::in_child_process([] {
            auto loop = std::make_unique<coheir::scheduler>();
            loop->run(destroy_outer_inside_inner(loop));
        }));
    }
    SECTION("on another thread, while it waits in run()") {
        const auto outcome = test::in_child_process([] {
            auto loop = std::make_unique<coheir::scheduler>();
            std::atomic<bool> runs{false};
            std::thread other([&runs, &on = *loop] {
                on.post([&runs] { runs = true; });
                on.run(sleep_long());
            });
            while (!runs) std::this_thread::yield();
            loop.reset();
            other.join();
        });
        expect_message(outcome);
        CHECK_THAT(outcome.errors, Catch::Contains("while another thread runs it"));
    }
    SECTION("in its unhandled handler") {
        expect_message(test::in_child_process([] {
            auto loop = std::make_unique<coheir::scheduler>();
            loop->on_unhandled([&](const coheir::unhandled&) { loop.reset(); });
            loop->spawn(test::fail_after(0, "no luck")).detach();
            loop->run_until_idle();
        }));
    }
}
