// Boost.Asio on one thread.
#include <benchmark/benchmark.h>
#include <boost/asio.hpp>

namespace asio = boost::asio;
#define ASIO_NAME "asio"
#include "asio_rows.hpp"

// The curves, for this flavour alone.
namespace {

constexpr std::initializer_list<int> counts{1, 10, 100, 1000, 10'000, 100'000, 1'000'000};

asio::awaitable<void> give_way(const bool& stop) {
    while (!stop) co_await asio::post(asio::use_awaitable);
}
asio::awaitable<void> rounds(asio::io_context& loop, int count) {
    for (int i = 0; i < count; ++i) co_await asio::post(asio::use_awaitable);
    loop.stop();
}
void live_yield(benchmark::State& state, int live) {
    bench::afresh([&] {
        const int turns = 10'000 / live + 1;
        asio::io_context loop(1);
        bool stop = false;
        for (int i = 1; i < live; ++i) asio::co_spawn(loop, give_way(stop), asio::detached);
        const auto run = [&](int count) {
            asio::co_spawn(loop, rounds(loop, count), asio::detached);
            loop.run();
            loop.restart();
        };
        run(1);
        const bench::tally tally(state);
        for (auto _ : state) run(turns);
        tally.items(state.iterations() * (turns + 1) * live);
        stop = true;
        loop.run();
    });
}

// The same as timer/cancel, but a coroutine sleeps, gets the error as an exception, and sleeps again.
asio::awaitable<void> sleeps_again(asio::steady_timer& timer, const bool& stop, int& slept) {
    while (!stop) {
        timer.expires_after(std::chrono::minutes(30) + std::chrono::microseconds(slept++ % timers));
        try {
            co_await timer.async_wait(asio::use_awaitable);
        } catch (const boost::system::system_error&) {
        }
    }
}
asio::awaitable<void> cancels(benchmark::State& state, asio::steady_timer& timer, bool& stop) {
    co_await asio::post(asio::use_awaitable);
    const bench::tally tally(state);
    for (auto _ : state) {
        for (int i = 0; i < timers; ++i) {
            timer.cancel();
            co_await asio::post(asio::use_awaitable);  // it is told before this, and has gone to sleep again
        }
    }
    tally.items(state.iterations() * timers);
    stop = true;
    timer.cancel();
    co_await asio::post(asio::use_awaitable);
}
void cancel_await(benchmark::State& state) {
    asio::io_context loop(1);
    std::vector<asio::steady_timer> others;
    others.reserve(pending);
    for (int i = 0; i < pending; ++i) {
        others.emplace_back(loop, std::chrono::hours(1) + std::chrono::microseconds(i * 7919LL % pending));
        others.back().async_wait([](auto) {});
    }
    asio::steady_timer timer(loop);
    bool stop = false;
    int slept = 0;
    asio::co_spawn(loop, sleeps_again(timer, stop, slept), asio::detached);
    asio::co_spawn(loop, cancels(state, timer, stop), [&](std::exception_ptr) { loop.stop(); });
    loop.run();
    if (slept != state.iterations() * timers + 1) state.SkipWithError("it was not told of each");
}
BENCHMARK(bench::on_fresh_thread<cancel_await>)
    ->Name("timer/cancel_await/asio")
    ->Unit(benchmark::kMillisecond);

asio::awaitable<void> sleeper() {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
    co_await timer.async_wait(asio::use_awaitable);
}
void sleeping(benchmark::State& state) {
    for (auto _ : state)
        bench::afresh([&] {
            asio::io_context loop(1);
            const bench::memory_of memory(state, sleepers);
            for (int i = 0; i < sleepers; ++i) asio::co_spawn(loop, sleeper(), asio::detached);
            loop.poll();
            memory.measured();
        });
}

const bool curves[] = {
    bench::rows("live/yield", counts, "asio", live_yield),
    bench::rows("live/cancel", counts, "asio", timer_asio),
};
BENCHMARK(sleeping)->Name("memory/sleeping/asio")->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
