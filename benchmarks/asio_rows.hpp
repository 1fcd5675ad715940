#pragma once
// The loops of an Asio flavour, the same for both: the including file names the flavour.

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "measure.hpp"
#include "shapes.hpp"

namespace {

using namespace shapes;

asio::awaitable<int> asio_child(int i) { co_return i; }
asio::awaitable<void> asio_parent(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum ^= co_await asio_child(i);
    benchmark::DoNotOptimize(sum);
}
void await_asio(benchmark::State& state) {
    asio::io_context loop(1);
    const bench::tally tally(state);
    for (auto _ : state) {
        asio::co_spawn(loop, asio_parent(children), asio::detached);
        loop.run();
        loop.restart();
    }
    tally.items(state.iterations() * children);
}
BENCHMARK(bench::on_fresh_thread<await_asio>)->Name("await/child/" ASIO_NAME)->Unit(benchmark::kMillisecond);

// spawn: a task spawns 1,000 tasks that end at once, and goes on when all have ended
void spawn_asio(benchmark::State& state) {
    asio::io_context loop(1);
    const bench::tally tally(state);
    for (auto _ : state) {
        asio::co_spawn(
            loop,
            [](asio::io_context& on) -> asio::awaitable<void> {
                for (int i = 0; i < tasks; ++i)
                    asio::co_spawn(
                        on, []() -> asio::awaitable<void> { co_return; }, asio::detached);
                co_await asio::post(asio::use_awaitable);
            }(loop),
            asio::detached);
        loop.run();
        loop.restart();
    }
    tally.items(state.iterations() * tasks);
}
BENCHMARK(bench::on_fresh_thread<spawn_asio>)->Name("spawn/" ASIO_NAME)->Unit(benchmark::kMicrosecond);

// yield: 10 tasks give way to each other 10,000 times each
void yield_asio(benchmark::State& state) {
    asio::io_context loop(1);
    const bench::tally tally(state);
    for (auto _ : state) {
        for (int i = 0; i < yielders; ++i)
            asio::co_spawn(
                loop,
                []() -> asio::awaitable<void> {
                    for (int n = 0; n < yields; ++n) co_await asio::post(asio::use_awaitable);
                },
                asio::detached);
        loop.run();
        loop.restart();
    }
    tally.items(state.iterations() * yielders * yields);
}
BENCHMARK(bench::on_fresh_thread<yield_asio>)->Name("yield/" ASIO_NAME)->Unit(benchmark::kMillisecond);

// post: four threads post 50,000 functions each to a running loop, until the last has run
void post_asio(benchmark::State& state) {
    std::atomic<std::size_t> made = 0;
    const bench::tally tally(state);
    for (auto _ : state) {
        asio::io_context loop(1);
        auto work = asio::make_work_guard(loop);
        int count = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < posters; ++t)
            threads.emplace_back([&] {
                for (int i = 0; i < posts; ++i)
                    asio::post(loop, [&] {
                        if (++count == posters * posts) work.reset();
                    });
                made += bench::allocations();
            });
        loop.run();
        for (auto& thread : threads) thread.join();
    }
    tally.items(state.iterations() * posters * posts, made);
}
BENCHMARK(bench::on_fresh_thread<post_asio>)
    ->Name("post/4/" ASIO_NAME)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// timer: with 100,000 others pending, one is armed and cancelled, and its waiter has been told
void timer_asio(benchmark::State& state, int others) {
    bench::afresh([&] {
        asio::io_context loop(1);
        std::vector<asio::steady_timer> sleeping;
        sleeping.reserve(static_cast<std::size_t>(others));
        for (int i = 0; i < others; ++i) {
            sleeping.emplace_back(loop,
                                  std::chrono::hours(1) + std::chrono::microseconds(i * 7919LL % others));
            sleeping.back().async_wait([](auto) {});
        }
        const bench::tally tally(state);
        for (auto _ : state) {
            for (int i = 0; i < timers; ++i) {
                asio::steady_timer timer(loop, std::chrono::minutes(30) + std::chrono::microseconds(i));
                timer.async_wait([](auto) {});
                timer.cancel();
            }
            loop.poll();
            loop.restart();
        }
        tally.items(state.iterations() * timers);
    });
}
BENCHMARK_CAPTURE(timer_asio, pending, pending)
    ->Name("timer/cancel/" ASIO_NAME)
    ->Unit(benchmark::kMillisecond);

}  // namespace
