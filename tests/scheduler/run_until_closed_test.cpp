// A scheduler that works for others until it is closed.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "support/counted.hpp"
#include "support/throwing_coroutine.hpp"
#include "support/trace.hpp"
#include "support/watchdog.hpp"

using namespace std::chrono_literals;
using coheir::task;
using test::trace;

namespace {

task<> note(trace& t, std::string what, coheir::duration after = {}) {
    if (after > coheir::duration::zero()) co_await coheir::sleep_for(after);
    t.push_back(std::move(what));
}
test::throwing fails_in_a_foreign_coroutine() {
    throw std::out_of_range("foreign");
    co_return;
}

}  // namespace

TEST_CASE("run_until_closed of a closed scheduler runs what was accepted, to its end", "[close]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    loop.spawn(note(t, "slept", 1h)).detach();
    loop.post([&] {
        t.push_back("posted");
        CHECK_THROWS_AS(loop.spawn(note(t, "late")), coheir::scheduler_closed);
    });
    loop.close();
    loop.run_until_closed();
    CHECK(t == trace{"posted", "slept"});
    loop.run_until_closed();
    CHECK(t.size() == 2);
}

TEST_CASE("run_until_closed returns when one of its own tasks closes it, after the others", "[close]") {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    trace t;
    auto closes = [&]() -> task<> {
        t.push_back("closed");
        loop.close();
        co_return;
    };
    loop.spawn(note(t, "slept", 1h)).detach();
    loop.spawn(closes()).detach();
    loop.run_until_closed();
    CHECK(t == trace{"closed", "slept"});
}

TEST_CASE("run_until_closed waits for others: for their close, and then for the ends of its tasks",
          "[close][threads]") {
    const test::watchdog watch("run_until_closed", 10s);
    const bool has_timer = GENERATE(false, true);
    coheir::scheduler loop;
    std::optional<coheir::resolver<void>> resolve;
    trace t;
    auto waits = [&]() -> task<> {
        co_await coheir::callback<>([&](auto r) { resolve.emplace(r); });
        t.push_back("called back");
    };
    if (has_timer) loop.spawn(note(t, "slept", 50ms)).detach();
    loop.spawn(waits()).detach();
    loop.run_ready();
    std::thread other([&, to = loop.remote()] {
        std::this_thread::sleep_for(20ms);  // by then it waits
        to.post([&] { t.push_back("posted"); });
        std::this_thread::sleep_for(20ms);
        to.close();
        std::this_thread::sleep_for(20ms);
        (*resolve)();
    });
    loop.run_until_closed();
    other.join();
    CHECK(t.size() == (has_timer ? 3 : 2));
    CHECK(std::count(t.begin(), t.end(), "posted") == 1);
    CHECK(std::count(t.begin(), t.end(), "called back") == 1);
}

TEST_CASE("a jthread that works for others ends with its block, whatever leaves that", "[close][threads]") {
    const test::watchdog watch("run_until_closed", 10s);
    for (int i = 0; i < 100; ++i) {
        const test::counted_balance balance;
        int ran = 0;
        try {
            coheir::scheduler worker;
            const std::jthread thread([&](std::stop_token stop) {
                const std::stop_callback closing(stop, [&] { worker.close(); });
                worker.run_until_closed();
            });
            worker.post([&, c = test::counted()] { ++ran; });
            if (i % 2 == 0) throw std::runtime_error("out");
        } catch (const std::runtime_error&) {
        }
        CHECK(ran == 1);
        CHECK(balance.is_even());
    }
}

TEST_CASE(
    "the one who closes a scheduler need not keep it: it may go as soon as that is seen, as is what was "
    "before",
    "[close][threads]") {
    const bool is_busy = GENERATE(false, true);  // else it sleeps when the close comes
    const auto turns = [](const coheir::scheduler& of) -> task<> {
        while (!of.closed()) co_await coheir::yield();
    };
    for (int i = 0; i < 100; ++i) {
        auto loop = std::make_unique<coheir::scheduler>();
        if (is_busy) loop->spawn(turns(*loop)).detach();
        int written = 0;
        std::thread other([&of = *loop, &written] {
            written = 1;
            of.close();
        });
        loop->run_until_closed();
        CHECK(written == 1);
        loop.reset();
        other.join();
    }
}

TEST_CASE("what leaves a foreign coroutine comes out of run_until_closed", "[close][foreign]") {
    coheir::scheduler loop;
    test::throwing body = fails_in_a_foreign_coroutine();
    const auto awaits = [](test::throwing& on) -> task<> { co_await on; };
    loop.spawn(awaits(body)).detach();
    loop.close();
    CHECK_THROWS_AS(loop.run_until_closed(), std::out_of_range);
}

TEST_CASE("run_until_closed inside one of its tasks throws", "[close]") {
    coheir::scheduler loop;
    auto nested = [&]() -> task<> {
        CHECK_THROWS_AS(loop.run_until_closed(), coheir::scheduler_busy);
        loop.close();
        co_return;
    };
    loop.run(nested());
}
