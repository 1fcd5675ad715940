// Spawning by copying: one item is one child spawned and joined, which does what the name tells.
#include "support.hpp"

namespace {

using bench::answer;
namespace context = coheir::context;

coheir::task<> nothing() { co_return; }
coheir::task<> sets_existing() {
    context::set(answer, 1);
    co_return;
}
coheir::task<> sets_new() {
    context::set("a new key", 1);
    co_return;
}

template <class Child>
coheir::task<> spawn_children(benchmark::State& state, int keys, Child child) {
    bench::fill(keys);
    co_await coheir::spawn(child());  // once, to warm up
    const bench::allocation_count mallocs(state);
    for (auto _ : state) co_await coheir::spawn(child());
    mallocs.finish(static_cast<double>(state.iterations()));
}

void copying(benchmark::State& state, int keys, coheir::task<> (*child)()) {
    coheir::scheduler loop{coheir::spawn_policy::copying};
    loop.run(spawn_children(state, keys, child));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(copying, spawn_1, 1, nothing)->Name("copying/spawn/1/coheir");
BENCHMARK_CAPTURE(copying, spawn_8, 8, nothing)->Name("copying/spawn/8/coheir");
BENCHMARK_CAPTURE(copying, spawn_64, 64, nothing)->Name("copying/spawn/64/coheir");
BENCHMARK_CAPTURE(copying, spawn_1000, 1000, nothing)->Name("copying/spawn/1000/coheir");
BENCHMARK_CAPTURE(copying, first_set_8, 8, sets_existing)->Name("copying/first_set/8/coheir");
BENCHMARK_CAPTURE(copying, first_set_64, 64, sets_existing)->Name("copying/first_set/64/coheir");
BENCHMARK_CAPTURE(copying, first_set_1000, 1000, sets_existing)->Name("copying/first_set/1000/coheir");
BENCHMARK_CAPTURE(copying, new_key_8, 8, sets_new)->Name("copying/new_key/8/coheir");
BENCHMARK_CAPTURE(copying, new_key_64, 64, sets_new)->Name("copying/new_key/64/coheir");
BENCHMARK_CAPTURE(copying, new_key_1000, 1000, sets_new)->Name("copying/new_key/1000/coheir");

}  // namespace
