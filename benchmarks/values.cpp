// Reading and writing one context. One item is one call.
#include <algorithm>
#include <random>
#include <vector>

#include "support.hpp"

namespace {

using bench::answer;
namespace context = coheir::context;

constexpr std::initializer_list<int> sizes{1, 2, 4, 8, 16, 24, 64, 250, 1000, 3000, 10'000};

/// Calls one() again and again in a context of so many keys.
template <class F>
void repeat(benchmark::State& state, int keys, F one) {
    bench::in_task(keys, [&] {
        const bench::tally tally(state);
        for (auto _ : state) one();
        tally.items(state.iterations());
    });
}

void get_typed(benchmark::State& state, int keys) {
    repeat(state, keys, [] { benchmark::DoNotOptimize(context::get(answer).value()); });
}
const bool get_typed_rows = bench::rows("get/typed", sizes, "coheir", get_typed);

void find_typed(benchmark::State& state, int keys) {
    repeat(state, keys, [] { benchmark::DoNotOptimize(*context::find(answer)); });
}
const bool find_typed_rows = bench::rows("find/typed", {1, 8, 64, 1000}, "coheir", find_typed);

coheir::task<> in_coroutine(benchmark::State& state) {
    bench::fill(8);
    const bench::tally tally(state);
    for (auto _ : state) benchmark::DoNotOptimize(context::get(answer).value());
    tally.items(state.iterations());
    co_return;
}
void get_in_coroutine(benchmark::State& state) {
    bench::afresh([&] {
        coheir::scheduler loop;
        loop.run(in_coroutine(state));
    });
}
BENCHMARK(get_in_coroutine)->Name("get/in_coroutine/8/coheir");

void get_or_default(benchmark::State& state) {
    repeat(state, 8, [] { benchmark::DoNotOptimize(context::get(answer, 0)); });
}
BENCHMARK(get_or_default)->Name("get/default/8/coheir");

void get_literal(benchmark::State& state) {
    repeat(state, 8, [] { benchmark::DoNotOptimize(context::get<int>("answer").value()); });
}
BENCHMARK(get_literal)->Name("get/literal/8/coheir");

void set_typed(benchmark::State& state, int keys) {
    repeat(state, keys, [i = 0]() mutable {
        context::set(answer, ++i);
        benchmark::ClobberMemory();
    });
}
const bool set_typed_rows = bench::rows("set/typed", sizes, "coheir", set_typed);

// All keys in turn, in an order that no cache foresees, as programs with that many read them.
void find_spread(benchmark::State& state, int keys) {
    std::vector<std::string> names;
    for (int i = 0; i < keys; ++i) names.push_back("some_key_" + std::to_string(i));
    std::vector<context::key_name> typed;  // what a context::key holds: the name lives on, its hash is known
    for (const auto& name : names) typed.emplace_back(name, context::key_name(name).hash(), true);
    std::shuffle(typed.begin(), typed.end(), std::mt19937(1));
    bench::in_task(1, [&] {
        for (const auto& key : typed) context::set(key, 1);
        std::size_t next = 0;
        const bench::tally tally(state);
        for (auto _ : state) {
            benchmark::DoNotOptimize(*context::find<int>(typed[next]));
            if (++next == typed.size()) next = 0;
        }
        tally.items(state.iterations());
    });
}
const bool find_spread_rows = bench::rows("find/spread", sizes, "coheir", find_spread);

}  // namespace
