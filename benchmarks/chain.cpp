// Look-ups through chained levels: the key is in the root, the levels between are empty of it. One item is
// one look-up, with the change that the name tells before it.
#include "support.hpp"

namespace {

using bench::answer;
namespace context = coheir::context;
namespace detail = coheir::context::detail;

/// Calls f(root) in a task `depth` levels above the one that holds the keys.
template <class F>
coheir::task<> descend(int depth, detail::level* root, F& f) {
    if (depth == 0) {
        f(*root);
        co_return;
    }
    co_await coheir::spawn(descend(depth - 1, root, f));
}

template <class F>
coheir::task<> from_root(int depth, F& f) {
    bench::fill(8);
    detail::level* const root = detail::current()->context.get();
    co_await coheir::spawn(descend(depth - 1, root, f));
}

template <class F>
void in_chain(int depth, F f) {
    coheir::scheduler loop{coheir::spawn_policy::chained};
    loop.run(from_root(depth, f));
}

template <int Depth>
void unchanged(benchmark::State& state) {
    in_chain(Depth, [&](detail::level&) {
        for (auto _ : state) benchmark::DoNotOptimize(context::get(answer));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(unchanged<1>)->Name("get/chain/1/coheir");
BENCHMARK(unchanged<4>)->Name("get/chain/4/coheir");
BENCHMARK(unchanged<16>)->Name("get/chain/16/coheir");
BENCHMARK(unchanged<64>)->Name("get/chain/64/coheir");
BENCHMARK(unchanged<1000>)->Name("get/chain/1000/coheir");
BENCHMARK(unchanged<10000>)->Name("get/chain/10000/coheir");

/// What a look-up costs that walks down level by level.
template <int Depth>
void walked(benchmark::State& state) {
    in_chain(Depth, [&](detail::level&) {
        for (auto _ : state)
            benchmark::DoNotOptimize(detail::walk(detail::current()->context.get(), answer.name()));
    });
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(walked<64>)->Name("get/chain/64/walk");

template <class Look>
void overwritten(benchmark::State& state, Look look) {
    in_chain(64, [&](detail::level& root) {
        int i = 0;
        for (auto _ : state) {
            detail::assign<int>(root, answer.name(), {}, ++i);
            benchmark::DoNotOptimize(look());
        }
    });
    state.SetItemsProcessed(state.iterations());
}

template <class Look>
void restructured(benchmark::State& state, Look look) {
    in_chain(64, [&](detail::level& root) {
        for (auto _ : state) {
            detail::assign<int>(root, "comes and goes", {}, 1);
            benchmark::DoNotOptimize(look());
            detail::erase(root, "comes and goes");
            benchmark::DoNotOptimize(look());
        }
    });
    state.SetItemsProcessed(state.iterations() * 2);
}

constexpr auto by_get = [] { return context::get(answer); };
constexpr auto by_walk = [] { return detail::walk(detail::current()->context.get(), answer.name()); };
BENCHMARK_CAPTURE(overwritten, get, by_get)->Name("get/chain_overwritten/64/coheir");
BENCHMARK_CAPTURE(overwritten, walk, by_walk)->Name("get/chain_overwritten/64/walk");
BENCHMARK_CAPTURE(restructured, get, by_get)->Name("get/chain_restructured/64/coheir");
BENCHMARK_CAPTURE(restructured, walk, by_walk)->Name("get/chain_restructured/64/walk");

}  // namespace
