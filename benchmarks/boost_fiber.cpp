// Boost.Fiber: what a fiber-local pointer costs to read.
#include <boost/fiber/fss.hpp>

#include "measure.hpp"

namespace {

void get_fiber(benchmark::State& state) {
    boost::fibers::fiber_specific_ptr<int> answer;
    answer.reset(new int(42));
    const bench::tally tally(state);
    for (auto _ : state) benchmark::DoNotOptimize(*answer);
    tally.items(state.iterations());
}
BENCHMARK(bench::on_fresh_thread<get_fiber>)->Name("get/typed/1/boost_fiber");

}  // namespace
