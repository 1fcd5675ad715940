// Awaiting, spawning, yielding, posting and sleeping, in the shapes that all libraries are measured in.
#include <thread>
#include <vector>

#include "shapes.hpp"
#include "support.hpp"

namespace {

using coheir::task;

[[gnu::noinline]] task<int> child(int i) { co_return i; }
task<int> parent(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum ^= co_await child(i);
    co_return sum;
}
void await_child(benchmark::State& state) {
    coheir::scheduler loop;
    loop.run(parent(1));
    const bench::allocation_count mallocs(state);
    for (auto _ : state) benchmark::DoNotOptimize(loop.run(parent(children)));
    mallocs.finish(static_cast<double>(state.iterations()) * children);
    state.SetItemsProcessed(state.iterations() * children);
}
BENCHMARK(await_child)->Name("await/child/coheir")->Unit(benchmark::kMillisecond);

task<int> fib(int n) {
    if (n < 2) co_return n;
    const int a = co_await fib(n - 1);
    const int b = co_await fib(n - 2);
    co_return a + b;
}
void await_fib(benchmark::State& state) {
    coheir::scheduler loop;
    for (auto _ : state) benchmark::DoNotOptimize(loop.run(fib(fib_n)));
    state.SetItemsProcessed(state.iterations() * fib_calls);
}
BENCHMARK(await_fib)->Name("await/fib/coheir")->Unit(benchmark::kMillisecond);

task<> nothing() { co_return; }
task<> spawn_and_join(std::vector<coheir::join_handle<void>>& handles) {
    for (int i = 0; i < tasks; ++i) handles.push_back(coheir::spawn(nothing()));
    for (auto& handle : handles) co_await handle;
    handles.clear();
}
task<> spawn_rounds(benchmark::State& state) {
    bench::fill(8);
    std::vector<coheir::join_handle<void>> handles;
    handles.reserve(tasks);
    co_await spawn_and_join(handles);
    const bench::allocation_count mallocs(state);
    for (auto _ : state) co_await spawn_and_join(handles);
    mallocs.finish(static_cast<double>(state.iterations()) * tasks);
}
void spawn(benchmark::State& state, const coheir::spawn_policy& policy) {
    coheir::scheduler loop{policy};
    loop.run(spawn_rounds(state));
    state.SetItemsProcessed(state.iterations() * tasks);
}
BENCHMARK_CAPTURE(spawn, shared, coheir::spawn_policy::shared)
    ->Name("spawn/shared/coheir")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(spawn, copying, coheir::spawn_policy::copying)
    ->Name("spawn/copying/coheir")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(spawn, chained, coheir::spawn_policy::chained)
    ->Name("spawn/chained/coheir")
    ->Unit(benchmark::kMicrosecond);

task<> give_way(int times) {
    for (int n = 0; n < times; ++n) co_await coheir::yield();
}
void yield(benchmark::State& state) {
    coheir::scheduler loop;
    for (auto _ : state) {
        for (int i = 0; i < yielders; ++i) loop.spawn(give_way(yields)).detach();
        loop.run_until_idle();
    }
    state.SetItemsProcessed(state.iterations() * yielders * yields);
}
BENCHMARK(yield)->Name("yield/coheir")->Unit(benchmark::kMillisecond);

void post(benchmark::State& state) {
    for (auto _ : state) {
        coheir::scheduler loop;
        int count = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < posters; ++t)
            threads.emplace_back([&count, remote = loop.remote(), &loop] {
                for (int i = 0; i < posts; ++i)
                    remote.post([&] {
                        if (++count == posters * posts) loop.close();
                    });
            });
        auto all = [](coheir::scheduler& on) -> task<> {
            while (!on.closed()) co_await coheir::yield();
        };
        loop.run(all(loop));
        for (auto& thread : threads) thread.join();
    }
    state.SetItemsProcessed(state.iterations() * posters * posts);
}
BENCHMARK(post)->Name("post/4/coheir")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
