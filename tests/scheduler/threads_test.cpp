// What other threads hand to a running scheduler.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <latch>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using test::counted;
using test::counted_balance;

namespace {

/// What arrived from each thread, and whether each thread's came in order.
struct arrivals {
    explicit arrivals(std::size_t threads) : next(threads, 0) {}
    std::vector<int> next;  // per thread, the number that must come next
    bool in_order = true;
    int total = 0;
    int expected = 0;
    std::optional<coheir::resolver<void>> all_here;

    void arrive(std::size_t thread, int number) {
        in_order = in_order && next[thread] == number;
        next[thread] = number + 1;
        ++total;
        if (total == expected && all_here) (*all_here)();
    }
};

coheir::task<> wait_for_all(arrivals& from) {
    if (from.total == from.expected) co_return;
    auto start = [&](auto resolve) { from.all_here = resolve; };
    co_await coheir::callback<>(start);
}

coheir::task<> wait_for_all_yielding(arrivals& from) {
    while (from.total < from.expected) co_await coheir::yield();
}

}  // namespace

TEST_CASE("four threads post 250,000 functions each, and all arrive, in order per thread",
          "[threads][remote]") {
    const bool idle = GENERATE(true, false);
    constexpr std::size_t threads = 4;
    constexpr int posts = 250'000;
    arrivals log(threads);
    log.expected = threads * posts;
    coheir::scheduler loop;
    std::vector<std::thread> posters;
    for (std::size_t thread = 0; thread < threads; ++thread)
        posters.emplace_back([&log, thread, remote = loop.remote()] {
            for (int i = 0; i < posts; ++i) remote.post([&log, thread, i] { log.arrive(thread, i); });
        });
    loop.run(idle ? wait_for_all(log) : wait_for_all_yielding(log));
    for (auto& poster : posters) poster.join();
    CHECK(log.total == log.expected);
    CHECK(log.in_order);
    CHECK_FALSE(loop.run_ready());
}

TEST_CASE("an idle loop is woken by each single post", "[threads][remote]") {
    constexpr int rounds = 2000;
    std::atomic<int> answered{0};
    coheir::scheduler loop;
    std::thread asker([&answered, remote = loop.remote()] {
        for (int i = 1; i <= rounds; ++i) {
            remote.post([&answered] {
                answered.fetch_add(1);
                answered.notify_one();
            });
            for (int seen = answered.load(); seen < i; seen = answered.load()) answered.wait(seen);
        }
        remote.post([&answered] { answered.fetch_add(1); });
    });
    auto until_answered = [](std::atomic<int>& count) -> coheir::task<> {
        while (count.load() <= rounds) co_await coheir::sleep_for(50ms);  // the loop waits in between
    };
    loop.run(until_answered(answered));
    asker.join();
    CHECK(answered.load() == rounds + 1);
}

TEST_CASE("a post wakes a loop that waits for a deadline far away", "[threads][remote][timers]") {
    coheir::scheduler loop;
    test::trace t;
    loop.spawn(test::note_after(t, "in a year", 24h * 365)).detach();
    arrivals log(1);
    log.expected = 1;
    std::thread poster([&log, remote = loop.remote()] { remote.post([&log] { log.arrive(0, 0); }); });
    loop.run(wait_for_all(log));
    poster.join();
    CHECK(log.total == 1);
    CHECK(t.empty());
}

TEST_CASE("a scheduler runs on one thread after the other", "[threads]") {
    const counted_balance balance;
    {
        coheir::manual_clock clock;
        coheir::scheduler loop(coheir::spawn_policy::chained, clock);
        auto body = [](int steps) -> coheir::task<counted> {
            context::set("step", counted(0));
            for (int i = 0; i < steps; ++i) {
                context::update<counted>("step", [](counted& c) { ++c.value; });
                if (i % 3 == 0)
                    co_await coheir::sleep_for(1s);
                else
                    co_await coheir::yield();
            }
            co_return context::get("step", counted(-1));
        };
        const auto handle = loop.spawn(body(40));
        const auto thread_of_nobody = std::thread::id();
        std::thread::id last = thread_of_nobody;
        while (!handle.done()) {
            std::thread([&] {
                last = std::this_thread::get_id();
                if (!loop.run_ready() && loop.next_deadline()) clock.advance_to(*loop.next_deadline());
            }).join();
        }
        CHECK(last != std::this_thread::get_id());
        CHECK(handle.context().get("step", counted(-1)).value == 40);
    }
    CHECK(balance.is_even());
}

TEST_CASE("posts of other threads are refused after a close inside a task, and none is lost",
          "[threads][close]") {
    const counted_balance balance;
    constexpr std::size_t threads = 3;
    std::atomic<int> accepted{0};
    int ran = 0;
    {
        coheir::scheduler loop;
        std::vector<std::thread> posters;
        for (std::size_t thread = 0; thread < threads; ++thread)
            posters.emplace_back([&accepted, &ran, remote = loop.remote()] {
                try {
                    for (;;) {
                        remote.post([&ran, held = counted(1)] { ran += held.value; });
                        accepted.fetch_add(1);
                    }
                } catch (const coheir::scheduler_closed&) {
                }
            });
        auto close_after = [](coheir::scheduler& on, const int& count) -> coheir::task<> {
            while (count < 1000) co_await coheir::yield();
            on.close();
        };
        loop.run(close_after(loop, ran));
        for (auto& poster : posters) poster.join();
        loop.run_until_idle();
        CHECK(ran == accepted.load());
    }
    CHECK(balance.is_even());
}

TEST_CASE("a close from another thread refuses later posts, and what was accepted runs", "[threads][close]") {
    int accepted = 0, ran = 0;
    coheir::scheduler loop;
    std::latch started(1);
    std::thread poster([&, remote = loop.remote()] {
        try {
            for (;; ++accepted) {
                remote.post([&ran] { ++ran; });
                if (accepted == 100) started.count_down();
            }
        } catch (const coheir::scheduler_closed&) {
        }
    });
    std::thread closer([&, remote = loop.remote()] {
        started.wait();
        remote.close();
    });
    while (!loop.closed()) loop.run_ready();
    poster.join();
    closer.join();
    loop.run_until_idle();
    CHECK(ran == accepted);
    CHECK(loop.remote().closed());
    CHECK_THROWS_AS(loop.post([] {}), coheir::scheduler_closed);
}

TEST_CASE("posts that meet the scheduler's end are refused or destroyed, never lost and never run after it",
          "[threads][teardown]") {
    for (int attempt = 0; attempt < 50; ++attempt) {
        const counted_balance balance;
        std::atomic<bool> gone{false};
        std::atomic<int> ran_late{0};
        std::vector<std::thread> posters;
        {
            coheir::scheduler loop;
            std::latch started(2);
            for (int thread = 0; thread < 2; ++thread)
                posters.emplace_back([&, remote = loop.remote()] {
                    started.count_down();
                    try {
                        for (;;)
                            remote.post([&, held = counted(1)] { ran_late += gone.load() ? held.value : 0; });
                    } catch (const coheir::scheduler_closed&) {
                    }
                });
            started.wait();
            for (int i = 0; i < 10; ++i) loop.run_ready(20);  // not whole rounds: the posters are faster
        }
        gone = true;
        for (auto& poster : posters) poster.join();
        REQUIRE(ran_late.load() == 0);
        REQUIRE(balance.is_even());
    }
}

TEST_CASE("callbacks that are called on other threads meet the scheduler's end", "[threads][teardown]") {
    for (int attempt = 0; attempt < 200; ++attempt) {
        const counted_balance balance;
        std::vector<coheir::resolver<counted>> resolvers;
        auto body = [](std::vector<coheir::resolver<counted>>& into) -> coheir::task<counted> {
            auto start = [&](auto resolve) { into.push_back(resolve); };
            co_return co_await coheir::callback<counted>(start);
        };
        std::thread resolving;
        {
            coheir::scheduler loop;
            for (int i = 0; i < 10; ++i) loop.spawn(body(resolvers)).detach();
            loop.run_ready();
            std::latch started(1);
            resolving = std::thread([&] {
                started.count_down();
                for (const auto& resolve : resolvers) resolve(counted(1));
            });
            started.wait();
            if (attempt % 2 == 0) loop.run_ready();
        }
        resolving.join();
        resolvers.clear();
        REQUIRE(balance.is_even());
    }
}

TEST_CASE("a wake-up is not running any more after it was taken away", "[threads][wakeup]") {
    for (int attempt = 0; attempt < 100; ++attempt) {
        coheir::scheduler loop;
        std::thread poster([remote = loop.remote()] {
            for (int i = 0; i < 20; ++i) remote.post([] {});
        });
        {
            std::vector<int> destroyed_soon(1);
            loop.on_wakeup([&] { ++destroyed_soon[0]; });
            loop.run_ready();
            loop.on_wakeup({});
        }
        poster.join();
        loop.run_until_idle();
    }
}

TEST_CASE("schedulers on several threads pass work to each other", "[threads][remote]") {
    constexpr int hops = 2000;
    struct station {
        coheir::scheduler loop;
        std::optional<coheir::resolver<void>> finished;
    };
    station a, b;
    const auto remote_a = a.loop.remote();
    const auto remote_b = b.loop.remote();
    struct ball {
        const coheir::remote& here;
        const coheir::remote& there;
        station& home;
        station& other;
        int hops;
        void operator()() const {
            if (hops > 0) return there.post(ball{there, here, other, home, hops - 1});
            there.post([to = &other] { (*to->finished)(); });
            (*home.finished)();
        }
    };
    auto until_finished = [](station& at) -> coheir::task<> {
        auto start = [&](auto resolve) { at.finished = resolve; };
        co_await coheir::callback<>(start);
    };
    std::thread second([&] { b.loop.run(until_finished(b)); });
    a.loop.post(ball{remote_a, remote_b, a, b, hops});
    a.loop.run(until_finished(a));
    second.join();
    CHECK(a.finished);
    CHECK(b.finished);
}

TEST_CASE("tasks of schedulers on several threads have their own numbers and contexts", "[threads]") {
    constexpr std::size_t threads = 4;
    std::vector<std::vector<std::uint64_t>> ids(threads);
    std::vector<std::thread> runners;
    std::atomic<int> mixed_up{0};
    for (std::size_t thread = 0; thread < threads; ++thread)
        runners.emplace_back([&, thread] {
            auto body = [](std::size_t own, std::vector<std::uint64_t>& into,
                           std::atomic<int>& wrong) -> coheir::task<> {
                context::set("thread", own);
                into.push_back(coheir::this_task::id());
                for (int i = 0; i < 10; ++i) {
                    co_await coheir::yield();
                    wrong += context::get<std::size_t>("thread").value() != own;
                }
            };
            coheir::scheduler loop;
            for (int i = 0; i < 500; ++i) loop.spawn(body(thread, ids[thread], mixed_up)).detach();
            loop.run_until_idle();
        });
    for (auto& runner : runners) runner.join();
    CHECK(mixed_up.load() == 0);
    std::vector<std::uint64_t> all;
    for (const auto& each : ids) all.insert(all.end(), each.begin(), each.end());
    std::sort(all.begin(), all.end());
    CHECK(all.size() == threads * 500);
    CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
}
