// Spawning by copying: one item is one child spawned and joined, which does what the name tells.
#include "support.hpp"

namespace {

namespace context = coheir::context;

constexpr std::initializer_list<int> sizes{1, 2, 4, 8, 16, 24, 64, 250, 1000, 3000, 10'000};

coheir::task<> nothing() { co_return; }
coheir::task<> sets_existing() {
    context::set(bench::answer, 1);
    co_return;
}
coheir::task<> sets_new() {
    context::set("a new key", 1);
    co_return;
}

coheir::task<> spawn_children(benchmark::State& state, int keys, coheir::task<> (*child)()) {
    bench::fill(keys);
    co_await coheir::spawn(child());  // once, to warm up
    const bench::tally tally(state);
    for (auto _ : state) co_await coheir::spawn(child());
    tally.items(state.iterations());
}

template <coheir::task<> (*Child)()>
void copying(benchmark::State& state, int keys) {
    bench::afresh([&] {
        coheir::scheduler loop{coheir::spawn_policy::copying};
        loop.run(spawn_children(state, keys, Child));
    });
}

const bool all_rows[] = {
    bench::rows("copying/spawn", sizes, "coheir", copying<nothing>),
    bench::rows("copying/first_set", sizes, "coheir", copying<sets_existing>),
    bench::rows("copying/new_key", sizes, "coheir", copying<sets_new>),
};

}  // namespace
