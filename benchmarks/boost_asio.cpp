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
    tally.items(state.iterations() * turns * live);
    stop = true;
    loop.run();
}

asio::awaitable<void> sleeper() {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
    co_await timer.async_wait(asio::use_awaitable);
}
void sleeping(benchmark::State& state) {
    for (auto _ : state) {
        asio::io_context loop(1);
        const bench::memory_of memory(state, sleepers, 0);
        for (int i = 0; i < sleepers; ++i) asio::co_spawn(loop, sleeper(), asio::detached);
        loop.poll();
        memory.measured();
    }
}

const bool curves[] = {
    bench::rows("live/yield", counts, "asio", live_yield),
    bench::rows("live/cancel", counts, "asio", timer_asio),
};
BENCHMARK(sleeping)->Name("memory/sleeping/asio")->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
