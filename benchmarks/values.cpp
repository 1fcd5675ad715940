// Reading and writing one context. One item is one call.
#include "support.hpp"

namespace {

using bench::answer;
namespace context = coheir::context;

template <int Keys>
void get_typed(benchmark::State& state) {
    bench::in_task(Keys, [&] {
        for (auto _ : state) benchmark::DoNotOptimize(context::get(answer));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_typed<1>)->Name("get/typed/1/coheir");
BENCHMARK(get_typed<8>)->Name("get/typed/8/coheir");
BENCHMARK(get_typed<64>)->Name("get/typed/64/coheir");
BENCHMARK(get_typed<1000>)->Name("get/typed/1000/coheir");
BENCHMARK(get_typed<10000>)->Name("get/typed/10000/coheir");

template <int Keys>
void find_typed(benchmark::State& state) {
    bench::in_task(Keys, [&] {
        for (auto _ : state) benchmark::DoNotOptimize(*context::find(answer));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(find_typed<1>)->Name("find/typed/1/coheir");
BENCHMARK(find_typed<8>)->Name("find/typed/8/coheir");
BENCHMARK(find_typed<64>)->Name("find/typed/64/coheir");
BENCHMARK(find_typed<1000>)->Name("find/typed/1000/coheir");

void get_literal(benchmark::State& state) {
    bench::in_task(8, [&] {
        for (auto _ : state) benchmark::DoNotOptimize(context::get<int>("answer"));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_literal)->Name("get/literal/8/coheir");

void get_text(benchmark::State& state) {
    bench::in_task(8, [&] {
        std::string name = "answer";
        for (auto _ : state) {
            benchmark::DoNotOptimize(name);
            benchmark::DoNotOptimize(context::get<int>(name));
        }
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_text)->Name("get/text/8/coheir");

void get_missing(benchmark::State& state) {
    bench::in_task(8, [&] {
        for (auto _ : state) benchmark::DoNotOptimize(context::get<int>("missing"));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_missing)->Name("get/missing/8/coheir");

void set_typed(benchmark::State& state) {
    bench::in_task(8, [&] {
        int i = 0;
        for (auto _ : state) context::set(answer, ++i);
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(set_typed)->Name("set/typed/8/coheir");

}  // namespace
