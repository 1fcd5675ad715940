// What one task costs among many others that live.
#include <chrono>
#include <vector>

#include "shapes.hpp"
#include "support.hpp"

namespace {

using namespace shapes;

using namespace std::chrono_literals;
using coheir::task;

constexpr std::initializer_list<int> counts{1, 10, 100, 1000, 10'000, 100'000, 1'000'000};

// ---- yield: all tasks give way in turn. One item is one turn.

task<> give_way(const bool& stop) {
    while (!stop) co_await coheir::yield();
}
task<> rounds(int count) {
    for (int i = 0; i < count; ++i) co_await coheir::yield();
}
void yield(benchmark::State& state, int live) {
    const int turns = 10'000 / live + 1;
    bench::afresh([&] {
        coheir::scheduler loop;
        bool stop = false;
        for (int i = 1; i < live; ++i) loop.spawn(give_way(stop)).detach();
        loop.run(rounds(1));
        const bench::tally tally(state);
        for (auto _ : state) loop.run(rounds(turns));
        tally.items(state.iterations() * (turns + 1) * live);  // the last turn of the first task is its end
        stop = true;
        loop.run_until_idle();
    });
}

// ---- spawn and join one, and sleep once, while the others sleep; the clock is moved by hand

/// One of so many, whose deadlines are in no order.
task<> sleeper(int i, int of) { co_await coheir::sleep_for(1h + std::chrono::microseconds(i * 7919LL % of)); }
task<> nothing() { co_return; }
task<> spawn_one(benchmark::State& state) {
    co_await coheir::spawn(nothing());
    const bench::tally tally(state);
    for (auto _ : state) co_await coheir::spawn(nothing());
    tally.items(state.iterations());
}
task<> sleep_once(benchmark::State& state) {
    co_await coheir::sleep_for(1us);
    const bench::tally tally(state);
    for (auto _ : state) co_await coheir::sleep_for(1us);
    tally.items(state.iterations());
}
template <task<> (*Measured)(benchmark::State&)>
void among_sleepers(benchmark::State& state, int live) {
    bench::afresh([&] {
        coheir::manual_clock clock;
        coheir::scheduler loop(coheir::spawn_policy::copying, clock);
        for (int i = 1; i < live; ++i) loop.spawn(sleeper(i, live)).detach();
        loop.run(Measured(state));
    });
}

template <task<> (*Measured)(benchmark::State&)>
void among_pending(benchmark::State& state, int others) {
    bench::afresh([&] {
        coheir::scheduler loop;
        for (int i = 0; i < others; ++i) loop.spawn(sleeper(i, others)).detach();
        loop.run(Measured(state));
    });
}

// ---- cancel: with others pending, a task that sleeps is asked to stop, is told so, and sleeps again.

task<> sleeps_again(const bool& stop) {
    int i = 0;
    while (!stop) {
        try {
            co_await coheir::sleep_for(30min + std::chrono::microseconds(i++ % timers));
        } catch (const coheir::task_cancelled&) {
        }
    }
}
task<> cancel(benchmark::State& state) {
    bool stop = false;
    const auto sleeping = coheir::spawn(sleeps_again(stop));
    co_await coheir::yield();
    const bench::tally tally(state);
    for (auto _ : state) {
        for (int i = 0; i < timers; ++i) {
            sleeping.request_stop();
            co_await coheir::yield();
        }
    }
    tally.items(state.iterations() * timers);
    stop = true;
    sleeping.request_stop();
    co_await sleeping;
}

const bool all_rows[] = {
    bench::rows("live/yield", counts, "coheir", yield),
    bench::rows("live/spawn", counts, "coheir", among_sleepers<spawn_one>),
    bench::rows("live/sleep", counts, "coheir", among_sleepers<sleep_once>),
    bench::rows("live/cancel", counts, "coheir", among_pending<cancel>),
};
void cancel_among_many(benchmark::State& state) { among_pending<cancel>(state, pending); }
BENCHMARK(cancel_among_many)->Name("timer/cancel/coheir")->Unit(benchmark::kMillisecond);

}  // namespace
