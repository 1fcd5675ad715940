// What a naive port would do: an unordered_map of any, with transparent look-up, copied for each child.
#include <algorithm>
#include <any>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "measure.hpp"

namespace {

struct hash : std::hash<std::string_view> {
    using is_transparent = void;
};
using naive_map = std::unordered_map<std::string, std::any, hash, std::equal_to<>>;
naive_map naive(int keys) {
    naive_map map;
    for (int i = 0; i < keys; ++i) map.emplace("some_key_" + std::to_string(i), std::string(24, 'x'));
    map.insert_or_assign("answer", 42);
    return map;
}

constexpr std::initializer_list<int> sizes{1, 8, 64, 1000, 10'000};

void get_unordered_map(benchmark::State& state) {
    auto map = naive(7);
    const bench::tally tally(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(&map);
        benchmark::DoNotOptimize(*std::any_cast<int>(&map.find(std::string_view("answer"))->second));
    }
    tally.items(state.iterations());
}
BENCHMARK(bench::on_fresh_thread<get_unordered_map>)->Name("get/literal/8/unordered_map");

void set_unordered_map(benchmark::State& state) {
    auto map = naive(7);
    int i = 0;
    const bench::tally tally(state);
    for (auto _ : state) {
        benchmark::DoNotOptimize(&map);
        map.find(std::string_view("answer"))->second = ++i;
    }
    tally.items(state.iterations());
}
BENCHMARK(bench::on_fresh_thread<set_unordered_map>)->Name("set/typed/8/unordered_map");

void copy_unordered_map(benchmark::State& state, int keys) {
    bench::afresh([&] {
        const auto map = naive(keys - 1);
        const bench::tally tally(state);
        for (auto _ : state) {
            auto copy = std::make_unique<naive_map>(map);
            benchmark::DoNotOptimize(copy.get());
        }
        tally.items(state.iterations());
    });
}
const bool copy_rows = bench::rows("copying/spawn", sizes, "unordered_map", copy_unordered_map);

// All keys in turn, in an order that no cache foresees.
void find_spread(benchmark::State& state, int keys) {
    bench::afresh([&] {
        std::vector<std::string> names;
        naive_map map;
        for (int i = 0; i < keys; ++i) map.emplace(names.emplace_back("some_key_" + std::to_string(i)), 1);
        std::shuffle(names.begin(), names.end(), std::mt19937(1));
        std::size_t next = 0;
        const bench::tally tally(state);
        for (auto _ : state) {
            benchmark::DoNotOptimize(&map);
            benchmark::DoNotOptimize(*std::any_cast<int>(&map.find(std::string_view(names[next]))->second));
            if (++next == names.size()) next = 0;
        }
        tally.items(state.iterations());
    });
}
const bool spread_rows = bench::rows("find/spread", sizes, "unordered_map", find_spread);

// What a copy takes in memory.
void memory_of_copy(benchmark::State& state, int keys) {
    constexpr int copies = 10;
    const auto map = naive(keys - 1);
    for (auto _ : state)
        bench::afresh([&] {
            const bench::memory_of memory(state, copies);
            const std::vector<naive_map> all(copies, map);
            memory.measured();
        });
}
const bool memory_rows = [] {
    for (const int keys : sizes)
        benchmark::RegisterBenchmark(("memory/copy/" + std::to_string(keys) + "/unordered_map").c_str(),
                                     memory_of_copy, keys)
            ->Iterations(1);
    return true;
}();

}  // namespace
