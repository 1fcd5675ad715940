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

template <int Keys>
void copying(benchmark::State& state, coheir::task<> (*child)()) {
    coheir::scheduler loop{coheir::spawn_policy::copying};
    loop.run(spawn_children(state, Keys, child));
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(copying<1>, spawn, nothing)->Name("copying/spawn/1/coheir");
BENCHMARK_CAPTURE(copying<8>, spawn, nothing)->Name("copying/spawn/8/coheir");
BENCHMARK_CAPTURE(copying<64>, spawn, nothing)->Name("copying/spawn/64/coheir");
BENCHMARK_CAPTURE(copying<1000>, spawn, nothing)->Name("copying/spawn/1000/coheir");
BENCHMARK_CAPTURE(copying<8>, first_set, sets_existing)->Name("copying/first_set/8/coheir");
BENCHMARK_CAPTURE(copying<64>, first_set, sets_existing)->Name("copying/first_set/64/coheir");
BENCHMARK_CAPTURE(copying<1000>, first_set, sets_existing)->Name("copying/first_set/1000/coheir");
BENCHMARK_CAPTURE(copying<8>, new_key, sets_new)->Name("copying/new_key/8/coheir");
BENCHMARK_CAPTURE(copying<64>, new_key, sets_new)->Name("copying/new_key/64/coheir");
BENCHMARK_CAPTURE(copying<1000>, new_key, sets_new)->Name("copying/new_key/1000/coheir");

}  // namespace
