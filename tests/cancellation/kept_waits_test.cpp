// What waits for several tasks, or for one with a limit, when it is kept longer than the task that called it.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace {

using namespace std::chrono_literals;
using Catch::Contains;
using coheir::task;
using test::trace;

task<> ends(int turns, bool fails = false) {
    for (int i = 0; i < turns; ++i) co_await coheir::yield();
    if (fails) throw std::runtime_error("failed");
}
task<> sleeps(trace& t) {
    const test::counted here;
    try {
        co_await coheir::sleep_for(1h);
    } catch (const coheir::task_cancelled&) {
        t.push_back("stopped");
        throw;
    }
}

template <class Make>
using made_by = std::unique_ptr<std::remove_pointer_t<std::invoke_result_t<Make>>>;

/// Calls make() in a task, which ends.
template <class Make>
made_by<Make> call_in_a_task(test::test_loop& loop, Make make) {
    made_by<Make> kept;
    const auto calls = [&]() -> task<> {
        kept.reset(make());
        co_return;
    };
    loop.run(calls());
    return kept;
}

}  // namespace

TEMPLATE_TEST_CASE_SIG("where one decides after the caller's end, the rest is stopped all the same",
                       "[when_any][when_all]", ((int How), How), 0, 1, 2, 3) {
    test::test_loop loop;
    trace t;
    const auto kept = call_in_a_task(loop, [&] {
        if constexpr (How == 0) {
            return new coheir::when_any(ends(2), sleeps(t));
        } else if constexpr (How == 1) {
            return new coheir::when_all(ends(2, true), sleeps(t));
        } else {
            std::vector<task<>> tasks;
            tasks.push_back(ends(2, How == 3));
            tasks.push_back(sleeps(t));
            if constexpr (How == 2)
                return new coheir::when_any(std::move(tasks));
            else
                return new coheir::when_all(std::move(tasks));
        }
    });
    for (int i = 0; i < 5; ++i) loop.scheduler.run_ready();
    CHECK(t == trace{"stopped"});
    CHECK_FALSE(loop.scheduler.next_deadline());
}

TEMPLATE_TEST_CASE_SIG("to await what another task has called is an error that names both, at any time",
                       "[when_any][when_all][timeout]", ((int How), How), 0, 1, 2, 3, 4) {
    test::test_loop loop;
    const int turns = GENERATE(0, 100);  // ended by then, or not
    const bool caller_lives = GENERATE(false, true);
    std::uint64_t caller = 0;
    const auto make = [&] {
        caller = coheir::this_task::id();
        if constexpr (How == 0) {
            return new coheir::when_any(ends(turns), ends(turns));
        } else if constexpr (How == 1) {
            return new coheir::when_all(ends(turns), ends(turns));
        } else if constexpr (How == 2) {
            return new coheir::when_all_settled(ends(turns), ends(turns));
        } else if constexpr (How == 3) {
            std::vector<task<>> tasks;
            tasks.push_back(ends(turns));
            return new coheir::when_all(std::move(tasks));
        } else {
            return new auto(coheir::with_timeout(ends(turns), 1h));
        }
    };
    made_by<decltype(make)> kept;
    std::string said;
    const auto awaits = [&]() -> task<> {
        try {
            co_await *kept;
        } catch (const coheir::usage_error& error) {
            said = error.what();
        }
    };
    const auto calls = [&]() -> task<> {
        kept.reset(make());
        for (int i = 0; i < 10; ++i) co_await coheir::yield();
        if (caller_lives) co_await coheir::spawn(awaits());
    };
    loop.run(calls());
    if (!caller_lives) loop.run(awaits());
    CHECK_THAT(said, Contains("awaits what task #" + std::to_string(caller) + " called"));
    CHECK_THAT(said, Contains("task #" + std::to_string(caller + 1 + (How < 3 ? 2 : 1)) + " "));
    kept.reset();
    loop.run_until_idle();
}

TEST_CASE("a wait outside the frame that awaits it may go after the scheduler",
          "[when_any][when_all][timeout]") {
    const test::counted_balance balance;
    {
        trace t;
        const auto limit = [&] { return new auto(coheir::with_timeout(sleeps(t), 1h)); };
        const auto both = [&] { return new coheir::when_all(sleeps(t), sleeps(t)); };
        made_by<decltype(limit)> limited;
        made_by<decltype(both)> gathered;
        const auto awaits = [](auto& kept, auto make) -> task<> {
            kept.reset(make());
            co_await *kept;
        };
        std::optional<coheir::scheduler> loop{std::in_place};
        loop->spawn(awaits(limited, limit)).detach();
        loop->spawn(awaits(gathered, both)).detach();
        loop->run_ready();
        loop.reset();
        CHECK(t.empty());
    }
    CHECK(balance.is_even());
}

namespace {

/// Waits of all kinds, each kept by a pointer, and given to f in the task.
template <class F>
void for_each_kind(F f) {
    std::optional<coheir::resolver<void>> resolve;
    const auto start = [&](coheir::resolver<void> r) { resolve.emplace(r); };
    trace t;
    f([&] { return new auto(coheir::callback<>(start)); });
    f([&] { return new auto(coheir::with_timeout(sleeps(t), 2h)); });
    f([&] { return new coheir::when_all(sleeps(t), sleeps(t)); });
    f([&] { return new coheir::when_any(sleeps(t), sleeps(t)); });
}

}  // namespace

TEST_CASE("where a wait goes before the task that is in it, the await throws abandoned_await",
          "[when_any][when_all][timeout][callback]") {
    const test::counted_balance balance;
    const int then = GENERATE(0, 1, 2, 3, 4);
    for_each_kind([&](auto make) {
        made_by<decltype(make)> kept;
        test::test_loop loop;
        bool was_abandoned = false;
        const auto awaits = [&]() -> task<> {
            const test::counted here;
            kept.reset(make());
            try {
                co_await *kept;
            } catch (const coheir::abandoned_await&) {
                was_abandoned = true;
            }
        };
        const auto waiting = loop.scheduler.spawn(awaits());
        loop.scheduler.run_ready(), loop.scheduler.run_ready();
        if (then == 4) waiting.request_stop();  // which wakes it, or not
        kept.reset();
        if (then == 0) CHECK_THAT(loop.scheduler.dump(), Contains("is ready"));
        if (then == 1) CHECK(waiting.request_stop());
        if (then == 2) return;  // the scheduler goes
        loop.run_until_idle();
        CHECK(waiting.done());
        CHECK(was_abandoned);
        CHECK(loop.clock.now() == coheir::time_point());  // the others have been stopped
    });
    CHECK(balance.is_even());
}

TEST_CASE("so it does where the task has been woken, and is to go on",
          "[when_any][when_all][timeout][callback]") {
    std::optional<coheir::resolver<void>> resolve;
    const auto start = [&](coheir::resolver<void> r) { resolve.emplace(r); };
    const auto check = [&](auto make) {
        test::test_loop loop;
        made_by<decltype(make)> kept;
        bool was_abandoned = false;
        const auto drops = [&]() -> task<> {
            if (resolve) (*resolve)();
            kept.reset();
            co_return;
        };
        const auto awaits = [&]() -> task<> {
            kept.reset(make());
            coheir::spawn(drops()).detach();  // runs behind what is waited for, before this goes on
            try {
                co_await *kept;
            } catch (const coheir::abandoned_await&) {
                was_abandoned = true;
            }
        };
        loop.run(awaits());
        CHECK(was_abandoned);
        loop.run_until_idle();
    };
    check([&] { return new auto(coheir::with_timeout(ends(0), 1h)); });
    check([&] { return new coheir::when_all(ends(0), ends(0)); });
    check([&] { return new coheir::when_any(ends(0), ends(2)); });
    check([&] { return new auto(coheir::callback<>(start)); });
}

namespace {

/// What is made of nothing by f(), while a resolver has claimed the callback.
struct made_by_calling {
    explicit made_by_calling(const std::function<void()>& f) { f(); }
};

/// Counts the waits that were abandoned.
template <class Wait>
task<> await_abandoned(std::unique_ptr<Wait>& in, int& times) {
    try {
        co_await *in;
    } catch (const coheir::abandoned_await&) {
        ++times;
    }
}

}  // namespace

TEST_CASE("a callback that is destroyed while its result is made wakes its task", "[callback][threads]") {
    const bool elsewhere = GENERATE(false, true);
    coheir::scheduler loop;
    std::optional<coheir::resolver<made_by_calling>> resolve;
    const auto start = [&](auto r) { resolve.emplace(r); };
    using wait = decltype(coheir::callback<made_by_calling>(start));
    std::unique_ptr<wait> kept(new wait(start));
    int abandoned = 0;
    const auto waiting = loop.spawn(await_abandoned(kept, abandoned));
    loop.run_ready();
    if (elsewhere) {
        std::atomic<bool> is_made{false}, goes_on{false};
        std::thread other([&] {
            (*resolve)(std::function<void()>([&] {
                is_made = true;
                is_made.notify_one();
                goes_on.wait(false);
            }));
        });
        is_made.wait(false);
        kept.reset();
        goes_on = true;
        goes_on.notify_one();
        other.join();
    } else {
        CHECK_FALSE((*resolve)(std::function<void()>([&] { kept.reset(); })));
    }
    loop.run_until_idle();
    CHECK(waiting.done());
    CHECK(abandoned == 1);
}

TEST_CASE("a callback may be destroyed by what starts it, and where it is refused", "[callback]") {
    coheir::scheduler loop;
    std::function<void()> begin;
    const auto start = [&](coheir::resolver<void>) { begin(); };
    using wait = decltype(coheir::callback<>(start));
    std::unique_ptr<wait> kept(new wait(start));
    int abandoned = 0;
    SECTION("which throws then") {
        begin = [&] {
            auto& wait_of_test = kept;
            wait_of_test.reset();
            throw std::runtime_error("not started");
        };
        const auto waiting = loop.spawn(await_abandoned(kept, abandoned));
        loop.run_until_idle();
        CHECK(waiting.done());
    }
    SECTION("by another task, before its own goes on") {
        coheir::join_handle<> waiting;
        const auto asks = [&]() -> task<> {
            waiting.request_stop();
            co_await await_abandoned(kept, abandoned);
        };
        const auto drops = [&]() -> task<> {
            kept.reset();
            co_return;
        };
        waiting = loop.spawn(asks());
        loop.spawn(drops()).detach();
        loop.run_until_idle();
        CHECK(waiting.done());
    }
    CHECK(abandoned == 1);
}

TEST_CASE("a limit that is destroyed leaves alone a task that is cleaning up", "[timeout]") {
    test::test_loop loop;
    trace t;
    const auto work = [&]() -> task<> {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            t.push_back("stopped");
        }
        co_await coheir::sleep_for(50ms);
        t.push_back("cleaned up");
    };
    using wait = decltype(coheir::with_timeout(work(), 5ms));
    std::optional<std::unique_ptr<wait>> kept;
    int abandoned = 0;
    const auto awaits = [&]() -> task<> {
        kept.emplace(new wait(coheir::with_timeout(work(), 5ms)));
        try {
            co_await **kept;
        } catch (const coheir::abandoned_await&) {
            ++abandoned;
        }
    };
    const auto drops = [&]() -> task<> {
        co_await coheir::sleep_for(20ms);
        kept.reset();
    };
    loop.scheduler.spawn(awaits()).detach();
    loop.scheduler.spawn(drops()).detach();
    loop.run_until_idle();
    CHECK(t == trace{"stopped", "cleaned up"});
    CHECK(abandoned == 1);
}

TEST_CASE("a limit may be destroyed by those who are told that it is over", "[timeout]") {
    test::test_loop loop;
    std::function<void()> drop;
    const auto work = [&]() -> task<> {
        const std::stop_callback told(coheir::this_task::stop_token(), [&] { drop(); });
        co_await coheir::sleep_for(1h);
    };
    const auto handle = loop.scheduler.spawn(work());
    using wait = decltype(coheir::with_timeout(handle, 0ms));
    std::unique_ptr<wait> kept;
    drop = [&] { kept.reset(); };
    int abandoned = 0;
    const auto awaits = [&]() -> task<> {
        co_await coheir::yield();
        kept.reset(new wait(coheir::with_timeout(handle, 0ms)));
        try {
            co_await *kept;
        } catch (const coheir::abandoned_await&) {
            ++abandoned;
        }
    };
    loop.run(awaits());
    CHECK(abandoned == 1);
}

TEST_CASE("a task may be in a wait that a newer one's frame holds",
          "[when_any][when_all][timeout][callback]") {
    const test::counted_balance balance;
    for_each_kind([&](auto make) {
        made_by<decltype(make)>* shared = nullptr;
        coheir::scheduler loop;
        const auto awaits = [&]() -> task<> {
            const test::counted here;
            co_await coheir::yield();
            shared->reset(make());
            co_await **shared;
        };
        const auto holds = [&]() -> task<> {
            made_by<decltype(make)> held;
            shared = &held;
            co_await coheir::sleep_for(1h);
        };
        loop.spawn(awaits()).detach();
        loop.spawn(holds()).detach();
        for (int i = 0; i < 3; ++i) loop.run_ready();
    });
    CHECK(balance.is_even());
}

TEST_CASE("a callback that comes when the scheduler of a wait that is kept has gone is ignored",
          "[callback]") {
    const bool was_resolved = GENERATE(false, true);
    std::optional<coheir::resolver<void>> resolve;
    const auto start = [&](coheir::resolver<void> r) { resolve.emplace(r); };
    std::optional<coheir::scheduler> loop{std::in_place};
    using wait = decltype(coheir::callback<>(start));
    std::unique_ptr<wait> kept;
    const auto awaits = [&]() -> task<> {
        kept.reset(new wait(start));
        co_await *kept;
    };
    loop->spawn(awaits()).detach();
    loop->run_ready();
    if (was_resolved) CHECK((*resolve)());
    loop.reset();
    CHECK_FALSE((*resolve)());
}

TEST_CASE("where with_timeout throws, the handle that it was given is as before", "[timeout]") {
    test::test_loop loop;
    coheir::scheduler other;
    trace t;
    coheir::join_handle<> self;
    auto elsewhere = other.spawn(ends(1));
    CHECK_THROWS_AS(coheir::with_timeout(std::move(elsewhere), 1s), coheir::no_current_task);
    CHECK(elsewhere.valid());
    const auto calls = [&]() -> task<> {
        CHECK_THROWS_AS(coheir::with_timeout(std::move(elsewhere), 1s), coheir::wrong_scheduler);
        CHECK(elsewhere.valid());
        CHECK_THROWS_AS(coheir::with_timeout(std::move(self), 1s), coheir::usage_error);
        CHECK(self.valid());
        co_return;
    };
    self = loop.scheduler.spawn(calls());
    loop.run_until_idle();
    CHECK(self.done());
}
