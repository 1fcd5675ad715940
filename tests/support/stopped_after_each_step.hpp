#pragma once
// Runs a program again and again, stopped and destroyed one step later each time.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <optional>
#include <type_traits>

#include "counted.hpp"
#include "test_loop.hpp"

namespace test {

/// `program(loop)` gets a fresh test_loop and spawns its tasks; what it returns (handles, for one) is
/// destroyed after the scheduler. Fails unless every counted value of it, in frames, contexts and results,
/// was destroyed exactly once, wherever the program was stopped. Returns the number of its steps.
template <class Program>
std::size_t stopped_after_each_step(Program&& program,
                                    const coheir::spawn_policy& policy = coheir::spawn_policy::copying) {
    for (std::size_t stop = 0;; ++stop) {
        INFO("stopped after step " << stop);
        const counted_balance balance;
        bool finished = false;
        const auto run_and_destroy = [&](std::optional<test_loop>& loop) {
            for (std::size_t step = 0; step < stop && !finished; ++step) finished = !loop->step();
            loop.reset();
        };
        {
            std::optional<test_loop> loop(policy);
            if constexpr (std::is_void_v<decltype(program(*loop))>) {
                program(*loop);
                run_and_destroy(loop);
            } else {
                [[maybe_unused]] const auto outlives_the_scheduler = program(*loop);
                run_and_destroy(loop);
            }
        }
        REQUIRE(balance.live() == 0);
        REQUIRE(balance.is_even());
        if (finished) return stop - 1;
    }
}

}  // namespace test
