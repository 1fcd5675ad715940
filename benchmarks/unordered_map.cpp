// What a naive port would do: an unordered_map of any, with transparent look-up, copied for each child.
#include <benchmark/benchmark.h>

#include <any>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

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

void get_unordered_map(benchmark::State& state) {
    auto map = naive(7);
    for (auto _ : state) {
        benchmark::DoNotOptimize(&map);
        benchmark::DoNotOptimize(*std::any_cast<int>(&map.find(std::string_view("answer"))->second));
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_unordered_map)->Name("get/literal/8/unordered_map");

void set_unordered_map(benchmark::State& state) {
    auto map = naive(7);
    int i = 0;
    for (auto _ : state) {
        benchmark::DoNotOptimize(&map);
        map.find(std::string_view("answer"))->second = ++i;
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(set_unordered_map)->Name("set/typed/8/unordered_map");

void copy_unordered_map(benchmark::State& state) {
    const auto map = naive(999);
    for (auto _ : state) {
        auto copy = std::make_unique<naive_map>(map);
        benchmark::DoNotOptimize(copy.get());
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(copy_unordered_map)->Name("copying/spawn/1000/unordered_map");

}  // namespace
