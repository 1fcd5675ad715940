// Awaiting, spawning, yielding and posting, in the shapes that all libraries are measured in.
#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "shapes.hpp"
#include "support.hpp"

namespace {

using namespace shapes;

using coheir::task;

[[gnu::noinline]] task<int> child(int i) { co_return i; }
task<int> parent(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum ^= co_await child(i);
    co_return sum;
}
task<int> fib(int n) {
    if (n < 2) co_return n;
    const int a = co_await fib(n - 1);
    const int b = co_await fib(n - 2);
    co_return a + b;
}

/// One item is one awaited child, or one call of the tree.
void await(benchmark::State& state, task<int> (*root)(int), int argument, int items) {
    bench::afresh([&] {
        coheir::scheduler loop;
        loop.run(root(argument));  // once, to warm up
        const bench::tally tally(state);
        for (auto _ : state) benchmark::DoNotOptimize(loop.run(root(argument)));
        tally.items(state.iterations() * items);
    });
}
BENCHMARK_CAPTURE(await, child, parent, children, children)
    ->Name("await/child/coheir")
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(await, fib, fib, fib_n, fib_calls)->Name("await/fib/coheir")->Unit(benchmark::kMillisecond);

task<> nothing() { co_return; }
task<> spawn_and_join(std::vector<coheir::join_handle<void>>& handles, int count) {
    for (int i = 0; i < count; ++i) handles.push_back(coheir::spawn(nothing()));
    for (auto& handle : handles) co_await handle;
    handles.clear();
}
task<> spawn_rounds(benchmark::State& state, int count) {
    bench::fill(8);
    std::vector<coheir::join_handle<void>> handles;
    handles.reserve(static_cast<std::size_t>(count));
    co_await spawn_and_join(handles, count);  // once, to warm up
    const bench::tally tally(state);
    for (auto _ : state) co_await spawn_and_join(handles, count);
    tally.items(state.iterations() * count);
}
void spawn(benchmark::State& state, const coheir::spawn_policy& policy, int count) {
    bench::afresh([&] {
        coheir::scheduler loop{policy};
        loop.run(spawn_rounds(state, count));
    });
}
BENCHMARK_CAPTURE(spawn, shared, coheir::spawn_policy::shared, tasks)
    ->Name("spawn/shared/coheir")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(spawn, copying, coheir::spawn_policy::copying, tasks)
    ->Name("spawn/copying/coheir")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(spawn, chained, coheir::spawn_policy::chained, tasks)
    ->Name("spawn/chained/coheir")
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(spawn, shared_50, coheir::spawn_policy::shared, 50)->Name("spawn/shared_50/coheir");

task<> give_way(int times) {
    for (int n = 0; n < times; ++n) co_await coheir::yield();
}
void yield(benchmark::State& state) {
    bench::afresh([&] {
        coheir::scheduler loop;
        const auto all = [&] {
            for (int i = 0; i < yielders; ++i) loop.spawn(give_way(yields)).detach();
            loop.run_until_idle();
        };
        all();  // once, to warm up
        const bench::tally tally(state);
        for (auto _ : state) all();
        tally.items(state.iterations() * yielders * yields);
    });
}
BENCHMARK(yield)->Name("yield/coheir")->Unit(benchmark::kMillisecond);

// The loop runs until the last function has run; it sleeps while there is none.
class countdown {
public:
    task<> done() {
        auto keep = [this](auto resolve) { last_.emplace(resolve); };
        if (count_ < posters * posts) co_await coheir::callback<>(keep);
    }
    void one() {
        if (++count_ == posters * posts && last_) (*last_)();
    }

private:
    int count_ = 0;
    std::optional<coheir::resolver<void>> last_;
};
void post(benchmark::State& state) {
    bench::afresh([&] {
        std::atomic<std::size_t> made = 0;
        const bench::tally tally(state);
        for (auto _ : state) {
            coheir::scheduler loop;
            countdown count;
            std::vector<std::thread> threads;
            for (int t = 0; t < posters; ++t)
                threads.emplace_back([&] {
                    const auto remote = loop.remote();
                    for (int i = 0; i < posts; ++i) remote.post([&] { count.one(); });
                    made += bench::allocations();
                });
            loop.run(count.done());
            for (auto& thread : threads) thread.join();
        }
        tally.items(state.iterations() * posters * posts, made);
    });
}
BENCHMARK(post)->Name("post/4/coheir")->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
