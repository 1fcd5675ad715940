#pragma once
// Runs a program again and again, asked to stop one step later each time: once, twice, from other threads.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include "counted.hpp"
#include "test_loop.hpp"
#include "watchdog.hpp"

namespace test {

enum class asked { once, twice, twice_with_a_step_between, from_another_thread, while_others_ask };

inline const char* name_of(asked how) {
    switch (how) {
        case asked::once: return "once";
        case asked::twice: return "twice";
        case asked::twice_with_a_step_between: return "twice, with a step between";
        case asked::from_another_thread: return "from another thread";
        case asked::while_others_ask: return "from its own thread and two others at once";
    }
    return "";
}

/// Asks the task of a handle to stop.
template <class T>
void ask_to_stop(test_loop& loop, const coheir::join_handle<T>& handle, asked how) {
    if (how == asked::from_another_thread) {
        std::thread([source = handle.stop_source()]() mutable { source.request_stop(); }).join();
        return;
    }
    if (how == asked::while_others_ask) {
        std::barrier all_are_there(3);
        const auto asks = [&, source = handle.stop_source()]() mutable {
            all_are_there.arrive_and_wait();
            source.request_stop();
        };
        std::array others{std::thread(asks), std::thread(asks)};
        all_are_there.arrive_and_wait();
        handle.request_stop();
        for (std::thread& other : others) other.join();
        return;
    }
    handle.request_stop();
    if (how == asked::once) return;
    if (how == asked::twice_with_a_step_between) loop.step();
    handle.request_stop();
}

/// `program()` gives a task. Ends the test program unless that task always ends within a second; fails unless
/// every counted value is destroyed exactly once. `after(loop, handle)` looks at the end. It was asked to
/// stop before its first step, after each, and after its end; returns the number of steps.
template <class Program, class After>
std::size_t asked_to_stop_after_each_step(asked how, const coheir::spawn_policy& policy, Program&& program,
                                          After&& after) {
    for (std::size_t stop = 0;; ++stop) {
        INFO("asked to stop " << name_of(how) << " after step " << stop);
        const counted_balance balance;
        bool finished = false;
        {
            test_loop loop(policy);
            auto handle = loop.scheduler.spawn(program());
            for (std::size_t step = 0; step < stop; ++step) loop.step();
            finished = handle.done();
            {
                const watchdog in_time("a task that was asked to stop", std::chrono::seconds(1));
                ask_to_stop(loop, handle, how);
                loop.run_until_idle();
            }
            REQUIRE(handle.done());
            after(loop, handle);
        }
        REQUIRE(balance.live() == 0);
        REQUIRE(balance.is_even());
        if (finished) return stop;
    }
}

}  // namespace test
