// Look-ups through chained levels: the keys are in the root, and the levels above it are empty. One item is
// one look-up, with the change before it that the name tells.
#include "support.hpp"

namespace {

using bench::answer;
namespace context = coheir::context;
namespace detail = coheir::context::detail;

constexpr std::initializer_list<int> depths{1, 4, 16, 64, 250, 1000, 3000, 10'000};

/// Calls f(root) in a task `depth` levels above the one that holds the keys.
template <class F>
coheir::task<> descend(int depth, detail::level* root, F& f) {
    if (depth > 0) {
        co_await coheir::spawn(descend(depth - 1, root, f));
        co_return;
    }
    auto at_top = [&] { f(*root); };
    bench::call(at_top);
}

template <class F>
coheir::task<> from_root(int depth, F& f) {
    bench::fill(8);
    detail::level* const root = detail::current()->context.get();
    co_await coheir::spawn(descend(depth - 1, root, f));
}

template <class F>
void in_chain(int depth, F f) {
    bench::afresh([&] {
        coheir::scheduler loop{coheir::spawn_policy::chained};
        loop.run(from_root(depth, f));
    });
}

// The ways to look, the last for what the change before it costs alone.
struct by_get {
    void operator()() const { benchmark::DoNotOptimize(context::get(answer).value()); }
};
struct by_walk {
    void operator()() const {
        benchmark::DoNotOptimize(detail::walk(detail::current()->context.get(), answer.name()));
    }
};
struct by_none {
    void operator()() const { benchmark::ClobberMemory(); }
};

template <class Look>
void unchanged(benchmark::State& state, int depth) {
    in_chain(depth, [&](detail::level&) {
        const bench::tally tally(state);
        for (auto _ : state) Look()();
        tally.items(state.iterations());
    });
}

// The root overwrites the value before each look-up.
template <class Look>
void overwritten(benchmark::State& state, int depth) {
    in_chain(depth, [&](detail::level& root) {
        int i = 0;
        const bench::tally tally(state);
        for (auto _ : state) {
            detail::assign<int>(root, answer.name(), {}, ++i);
            Look()();
        }
        tally.items(state.iterations());
    });
}

// The root gains or loses another key before each look-up.
template <class Look>
void restructured(benchmark::State& state, int depth) {
    in_chain(depth, [&](detail::level& root) {
        const bench::tally tally(state);
        for (auto _ : state) {
            detail::assign<int>(root, "comes and goes", {}, 1);
            Look()();
            detail::erase(root, "comes and goes");
            Look()();
        }
        tally.items(state.iterations() * 2);
    });
}

const bool all_rows[] = {
    bench::rows("get/chain", depths, "coheir", unchanged<by_get>),
    bench::rows("get/chain", {1, 4, 16, 64, 250, 1000}, "walk", unchanged<by_walk>),
    bench::rows("get/chain_overwritten", {64}, "coheir", overwritten<by_get>),
    bench::rows("get/chain_overwritten", {64}, "walk", overwritten<by_walk>),
    bench::rows("get/chain_overwritten", {64}, "change_alone", overwritten<by_none>),
    bench::rows("get/chain_restructured", {64}, "coheir", restructured<by_get>),
    bench::rows("get/chain_restructured", {64}, "walk", restructured<by_walk>),
    bench::rows("get/chain_restructured", {64}, "change_alone", restructured<by_none>),
};

}  // namespace
