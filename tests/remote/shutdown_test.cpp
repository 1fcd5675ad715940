// The end of a scheduler that is full of tasks, while other threads hand it more work of every kind.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/tasks_of_all_kinds.hpp"

using namespace std::chrono_literals;
using test::counted;

namespace {

coheir::task<counted> yield_twice(counted held) {
    co_await coheir::yield();
    co_await coheir::yield();
    co_return held;
}

/// Sleeps for ever, is asked to stop, and sleeps on: perhaps once, perhaps for ever.
coheir::task<> sleep_on(std::atomic<int>& stopped, counted, bool once) {
    for (bool again = true; again; again = !once) {
        try {
            co_await coheir::sleep_for(coheir::duration::max());
        } catch (const coheir::task_cancelled&) {
            stopped.fetch_add(1);
        }
    }
}
coheir::task<> close(coheir::scheduler& loop) {
    loop.close();
    co_return;
}

/// Threads that post, submit, spawn and ask tasks to stop, until they are told that the scheduler is closed.
class intruders {
public:
    intruders(coheir::remote to, std::vector<std::stop_source> sources,
              std::vector<coheir::remote_handle<>> handles) {
        threads_.emplace_back([this, to] {
            hand_in([&] {
                to.post([this, held = counted(1)] { ran.fetch_add(held.value); });
                accepted.fetch_add(1);
            });
        });
        threads_.emplace_back(
            [this, to] { hand_in([&] { futures.push_back(to.submit(yield_twice(counted(2)))); }); });
        threads_.emplace_back([this, to] { hand_in([&] { to.spawn(yield_twice(counted(3))).detach(); }); });
        // Stops roots once each, and what was spawned from elsewhere again and again.
        threads_.emplace_back(
            [this, to, sources = std::move(sources), handles = std::move(handles)]() mutable {
                while (!to.closed()) {
                    for (std::stop_source& source : sources) {
                        source.request_stop();
                        std::this_thread::yield();
                        if (to.closed()) break;
                    }
                    for (const auto& handle : handles) handle.request_stop();
                    rounds_of_stop.fetch_add(1);
                }
                for (const auto& handle : handles) handle.request_stop();  // which may have ended
            });
    }
    void join() {
        for (std::thread& thread : threads_) thread.join();
    }

    std::atomic<int> refused{0}, accepted{0}, ran{0}, rounds_of_stop{0};
    std::vector<std::future<counted>> futures;  // of one thread, until it has ended

private:
    template <class F>
    void hand_in(F f) {
        try {
            for (;;) {
                f();
                std::this_thread::yield();
            }
        } catch (const coheir::scheduler_closed&) {
            refused.fetch_add(1);
        }
    }
    std::vector<std::thread> threads_;
};

enum class end { closed_inside, closed_elsewhere, destroyed };

}  // namespace

TEST_CASE("ten thousand tasks in every state, and threads that hand in more and ask to stop, meet the end",
          "[remote][threads][teardown]") {
    const auto how = GENERATE(end::closed_inside, end::closed_elsewhere, end::destroyed);
    const test::counted_balance balance;
    {
        test::parking parking;
        std::vector<coheir::resolver<counted>> resolvers;
        std::optional<coheir::scheduler> loop(std::in_place, coheir::spawn_policy::copying);
        loop->on_unhandled([](const coheir::unhandled&) {});
        std::vector<std::stop_source> sources;
        for (int i = 0; i < 1250; ++i) {  // eight tasks each
            const auto handle = loop->spawn(test::spawn_all_kinds(parking, resolvers, counted(i)));
            if (i % 2 == 0) sources.push_back(handle.stop_source());
        }
        for (int round = 0; round < 2; ++round) loop->run_ready();
        REQUIRE(balance.live() >= 10'000);

        std::vector<coheir::remote_handle<>> handles;
        std::atomic<int> stopped{0};
        for (int i = 0; i < 100; ++i)
            handles.push_back(loop->remote().spawn(sleep_on(stopped, counted(i), i % 2 == 0)));
        loop->run_ready();

        intruders all(loop->remote(), std::move(sources), std::move(handles));
        while (all.ran.load() < 50 || all.rounds_of_stop.load() < 3 || stopped.load() < 150)
            loop->run_ready();
        switch (how) {
            case end::closed_inside: loop->spawn(close(*loop)).detach(); break;
            case end::closed_elsewhere: std::thread([to = loop->remote()] { to.close(); }).join(); break;
            case end::destroyed: loop.reset(); break;
        }
        for (int round = 0; loop && round < 5; ++round) loop->run_ready();
        all.join();
        for (int round = 0; loop && round < 2; ++round) loop->run_ready();
        loop.reset();

        CHECK(all.refused.load() == 3);
        if (how == end::destroyed)
            CHECK(all.ran.load() <= all.accepted.load());
        else
            CHECK(all.ran.load() == all.accepted.load());
        int given = 0, told = 0;
        for (auto& future : all.futures) {
            REQUIRE(future.wait_for(1s) == std::future_status::ready);
            try {
                future.get();
                ++given;
            } catch (const coheir::scheduler_closed&) {
                ++told;
            }
        }
        CHECK(given + told == static_cast<int>(all.futures.size()));
        CHECK(parking.size() == 0);
        for (const auto& resolve : resolvers) REQUIRE_FALSE(resolve(counted(0)));
    }
    CHECK(balance.is_even());
}
