// Boost.Fiber: what a fiber-local pointer costs to read.
#include <benchmark/benchmark.h>
#include <boost/fiber/fss.hpp>

namespace {

void get_fiber(benchmark::State& state) {
    boost::fibers::fiber_specific_ptr<int> answer;
    answer.reset(new int(42));
    for (auto _ : state) benchmark::DoNotOptimize(*answer);
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(get_fiber)->Name("get/typed/1/boost_fiber");

}  // namespace
