#pragma once
// How a scheduler runs on an executor, the same for both flavours of Asio: the including file names one.

#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/always_ready.hpp"
#include "support/foreign_lazy.hpp"
#include "support/throwing_coroutine.hpp"
#include "support/trace.hpp"

namespace {

using namespace std::chrono_literals;
namespace context = coheir::context;
using coheir::asio_scheduler;
using coheir::spawn_policy;
using test::note;
using test::note_after;
using test::note_steps;
using test::trace;

coheir::task<> yield_until(const bool& flag) {
    while (!flag) co_await coheir::yield();
}

/// Parks its task until another thread, or the test, lets it go.
struct parked {
    std::optional<coheir::resolver<void>> resolve;
    coheir::task<> wait() {
        auto keep = [this](const coheir::resolver<void>& r) { resolve.emplace(r); };
        co_await coheir::callback(std::move(keep));
    }
};

}  // namespace

TEST_CASE(FLAVOUR "tasks run in io_context::run(), which returns when all have ended", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor(), spawn_policy::copying);
    trace t;
    const auto handle = loop.spawn(note_steps(t, "a", 2));  // a handle to what has ended is no work
    loop.spawn(note_steps(t, "b", 2)).detach();
    CHECK(t.empty());
    io.run();
    CHECK(t == trace{"a1", "b1", "a2", "b2"});
    CHECK(handle.done());
}

TEST_CASE(FLAVOUR "run() waits for a task that another thread lets go on", "[asio][threads]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    parked place;
    auto handle = loop.spawn(place.wait());
    io.poll();
    CHECK_FALSE(io.stopped());
    std::thread other([&] { place.resolve->operator()(); });
    io.run();
    other.join();
    CHECK(handle.done());
}

TEST_CASE(FLAVOUR "timers are the scheduler's own, in the order of their deadlines", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    for (const auto time : {30ms, 10ms, 20ms})
        loop.spawn(note_after(t, std::to_string(time.count()), time)).detach();
    const auto start = std::chrono::steady_clock::now();
    io.run();
    CHECK(t == trace{"10", "20", "30"});
    CHECK(std::chrono::steady_clock::now() - start >= 30ms);
}

TEST_CASE(FLAVOUR "an earlier deadline that comes later is kept, and a task that ends early leaves no timer",
          "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    {
        asio_scheduler dropped(io.get_executor());
        dropped.spawn(note_after(t, "never", 1h)).detach();
        io.poll();
    }
    loop.spawn(note_after(t, "20", 20ms)).detach();
    io.poll();
    loop.spawn(note_after(t, "1", 1ms)).detach();
    io.restart();
    io.run();
    CHECK(t == trace{"1", "20"});
}

TEST_CASE(FLAVOUR "on a manual clock time jumps to the next deadline when nothing is ready", "[asio]") {
    asio::io_context io;
    coheir::manual_clock clock;
    asio_scheduler loop(io.get_executor(), spawn_policy::copying, clock);
    trace t;
    for (const auto time : {3h, 1h, 2h})
        loop.spawn(note_after(t, std::to_string(time.count()), time)).detach();
    loop.spawn(note_steps(t, "a", 2)).detach();
    io.run();
    CHECK(t == trace{"a1", "a2", "1", "2", "3"});
    CHECK(clock.now() == coheir::time_point(3h));
}

TEST_CASE(FLAVOUR "other handlers have their turn while a task is always ready", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    bool stop = false;
    for (int i = 0; i < 1'000; ++i) loop.spawn(yield_until(stop)).detach();
    asio::post(io, [&] { asio::post(io, [&] { stop = true; }); });
    io.run();
    CHECK(stop);
}

TEST_CASE(FLAVOUR "tasks, timers, posts and reads that are always ready each have their turns", "[asio]") {
    asio::io_context io;
    asio::local::stream_protocol::socket reading(io), writing(io);
    asio::local::connect_pair(reading, writing);
    asio_scheduler loop(io.get_executor());
    int reads = 0;
    const auto read = [](auto& from, int& turns) -> coheir::task<> {
        char byte = 0;
        for (;; ++turns) co_await from.async_read_some(asio::buffer(&byte, 1), coheir::use_task);
    };
    const auto write = [](auto& to) -> coheir::task<> {
        const char byte = 0;
        for (;;) co_await to.async_write_some(asio::buffer(&byte, 1), coheir::use_task);
    };
    test::always_ready others(loop);
    loop.spawn(read(reading, reads)).detach();
    loop.spawn(write(writing)).detach();
    int without_a_turn = 0;
    for (int round = 0; round < 1'000; ++round) {
        for (int handlers = 0; handlers < 20; ++handlers) io.run_one();
        const bool all = others.all_had_a_turn();
        without_a_turn += !all || std::exchange(reads, 0) == 0;
    }
    CHECK(without_a_turn == 0);
}

TEST_CASE(FLAVOUR "one handler serves all that is handed in before it runs", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    int count = 0;
    for (int i = 0; i < 50; ++i) loop.post([&] { ++count; });
    CHECK(io.poll() == 1);
    CHECK(count == 50);
    io.restart();
    for (int i = 0; i < 200; ++i) loop.post([&] { ++count; });
    CHECK(io.poll() == 2);  // in batches
    CHECK(count == 250);
}

TEST_CASE(FLAVOUR "other threads post while the context runs, and nothing is lost", "[asio][threads]") {
    constexpr int threads = 3, posts = 5'000;
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    asio_scheduler loop(io.get_executor());
    int count = 0;
    std::vector<std::thread> posters;
    for (int i = 0; i < threads; ++i)
        posters.emplace_back([&] {
            for (int n = 0; n < posts; ++n)
                loop.post([&] {
                    if (++count == threads * posts) work.reset();
                });
        });
    io.run();
    for (auto& thread : posters) thread.join();
    CHECK(count == threads * posts);
}

TEST_CASE(FLAVOUR "a scheduler that is destroyed leaves handlers that do nothing", "[asio]") {
    asio::io_context io;
    trace t;
    {
        asio_scheduler loop(io.get_executor());
        loop.spawn(note(t, "task")).detach();
        io.poll_one();
        loop.spawn(note(t, "never")).detach();
        loop.spawn(note_after(t, "timer", 1ns)).detach();
    }
    io.restart();
    io.run();
    CHECK(t == trace{"task"});
}

TEST_CASE(FLAVOUR "a scheduler with an armed timer goes before its context, or after its last handler",
          "[asio]") {
    const bool run_on = GENERATE(true, false);
    asio::io_context io;
    trace t;
    {
        asio_scheduler loop(io.get_executor());
        loop.spawn(note_after(t, "never", 1h)).detach();
        io.poll();
    }
    if (run_on) io.run();  // the cancelled timer
    CHECK(t.empty());
}

TEST_CASE(FLAVOUR "a scheduler has the members of every scheduler", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    static constexpr coheir::context::key<std::string> user{"user"};
    std::string mirrored;
    loop.mirror(
        user, [&](const std::string& name) { mirrored = name; }, [] {});
    const auto body = [](asio_scheduler<asio::io_context::executor_type>& on) -> coheir::task<int> {
        coheir::context::set(user, "ada");
        co_await coheir::yield();
        co_return static_cast<int>(on.tasks().size());
    };
    auto result = loop.submit(body(loop));
    io.run();
    CHECK(result.get() == 1);
    CHECK(mirrored == "ada");
    CHECK(loop.tasks().empty());
    CHECK(loop.dump() == coheir::scheduler().dump());
}

TEST_CASE(FLAVOUR "what a foreign coroutine throws comes out of run(), and the rest goes on", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto fails = []() -> test::throwing {
        throw std::runtime_error("foreign");
        co_return;
    };
    test::throwing body = fails();
    auto waits = [](test::throwing& on) -> coheir::task<> { co_await on; };
    loop.spawn(waits(body)).detach();
    loop.spawn(note_steps(t, "a", 2)).detach();
    CHECK_THROWS_WITH(io.run(), "foreign");
    io.poll();
    CHECK(t == trace{"a1", "a2"});
}

TEST_CASE(FLAVOUR "handlers of Asio see no context, tasks see their own", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    std::vector<std::string> seen;
    auto look = [&seen] {
        try {
            seen.push_back(context::get("id", "none"));
        } catch (const coheir::no_current_context&) {
            seen.push_back("no context");
        }
    };
    auto with_id = [&](std::string id) -> coheir::task<> {
        context::set("id", id);
        asio::post(io, look);
        co_await coheir::yield();
        look();
    };
    loop.spawn(with_id("a")).detach();
    loop.spawn(with_id("b")).detach();
    io.run();
    std::sort(seen.begin(), seen.end());
    CHECK(seen == std::vector<std::string>{"a", "b", "no context", "no context"});
}

TEST_CASE(FLAVOUR "a scheduler spawns from its executor while the context runs", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    asio::post(io, [&] { loop.spawn(note(t, "a")).detach(); });
    loop.post([&] { loop.spawn(note(t, "b")).detach(); });
    io.run();
    std::sort(t.begin(), t.end());
    CHECK(t == trace{"a", "b"});
}

TEST_CASE(FLAVOUR "a closed scheduler refuses, and runs what is there to its end", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    loop.spawn(note_steps(t, "a", 2)).detach();
    loop.close();
    CHECK(loop.closed());
    CHECK_THROWS_AS(loop.spawn(note(t, "late")), coheir::scheduler_closed);
    CHECK_THROWS_AS(loop.post([] {}), coheir::scheduler_closed);
    io.run();
    CHECK(t == trace{"a1", "a2"});
}

TEST_CASE(FLAVOUR "an exception that nobody received goes to the scheduler's handler", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    std::string reported;
    loop.on_unhandled([&](const coheir::unhandled& u) { reported = u.what(); });
    loop.spawn(test::fail_after(1, "oh")).detach();
    io.run();
    CHECK(reported == "oh");
}

namespace {

struct counters {
    std::atomic<int> inside{0};
    std::atomic<int> violations{0};
    std::atomic<int> ended{0};
};

coheir::task<> alone(counters& c, int id, int steps) {
    context::set("id", id);
    for (int i = 0; i < steps; ++i) {
        if (c.inside.fetch_add(1) != 0) ++c.violations;
        if (context::get("id", -1) != id) ++c.violations;
        c.inside.fetch_sub(1);
        if (i % 3 == 0)
            co_await coheir::sleep_for(10us);
        else
            co_await coheir::yield();
    }
    ++c.ended;
}

}  // namespace

TEST_CASE(FLAVOUR "schedulers on the strands of a pool run at once, each one task at a time",
          "[asio][threads]") {
    constexpr int schedulers = 6, tasks = 10;
    asio::thread_pool pool(3);
    using strand = asio::strand<asio::thread_pool::executor_type>;
    std::vector<std::unique_ptr<asio_scheduler<strand>>> loops;
    std::vector<std::unique_ptr<counters>> counts;
    for (int i = 0; i < schedulers; ++i) {
        counts.push_back(std::make_unique<counters>());
        loops.push_back(std::make_unique<asio_scheduler<strand>>(asio::make_strand(pool.get_executor()),
                                                                 spawn_policy::chained));
        loops.back()->post([&loop = *loops.back(), &c = *counts.back()] {
            for (int n = 0; n < tasks; ++n) loop.spawn(alone(c, n, 60)).detach();
        });
    }
    pool.join();  // waits for the tasks
    for (const auto& c : counts) {
        CHECK(c->ended == tasks);
        CHECK(c->violations == 0);
    }
}

TEST_CASE(FLAVOUR "a scheduler runs on a type-erased executor", "[asio]") {
    asio::io_context io;
    asio_scheduler loop(asio::any_io_executor(asio::make_strand(io)));
    trace t;
    loop.spawn(note_after(t, "a", 1ms)).detach();
    io.run();
    CHECK(t == trace{"a"});
    CHECK(loop.get_executor() == loop.get_executor());
}
