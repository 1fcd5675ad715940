#pragma once
// How a row is measured: what one item is, how often it allocates, and rows for a range of sizes.

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <thread>

namespace bench {

/// Calls of operator new and aligned_alloc by this thread so far, and exceptions that it has thrown.
std::size_t allocations() noexcept;

/// Begins or, given how many items there were, ends a loop whose instructions callgrind counts: see
/// instructions.py. Does nothing elsewhere.
void count_instructions(std::uint64_t items) noexcept;

/// Made right before the loop of a row, and told right behind it how many items it has processed.
class tally {
public:
    explicit tally(benchmark::State& state) noexcept : state_(state), before_(allocations()) {
        count_instructions(0);
    }
    /// `elsewhere`: allocations of other threads.
    template <class Count>
    void items(Count count, std::size_t elsewhere = 0) const {
        count_instructions(static_cast<std::uint64_t>(count));
        const std::size_t made = allocations() - before_ + elsewhere;
        state_.SetItemsProcessed(static_cast<std::int64_t>(count));
        state_.counters["allocations"] = static_cast<double>(made) / static_cast<double>(count);
    }

private:
    benchmark::State& state_;
    const std::size_t before_;
};

/// Measures what so many equal things take: the memory that is resident, with and without `floor` bytes for
/// each, and that of the heap, its allocator's included.
class memory_of {
public:
    memory_of(benchmark::State& state, int things, std::size_t floor = 0);
    /// Sets the counters resident, bytes (resident, without the floor) and heap, each for one thing.
    void measured() const;

private:
    benchmark::State& state_;
    const double things_, floor_;
    std::size_t resident_, heap_;
};

/// Calls f() on a thread of its own, so that memory which other rows left for reuse makes no difference.
template <class F>
void afresh(F f) {
    std::thread(f).join();
}

template <void (*F)(benchmark::State&)>
void on_fresh_thread(benchmark::State& state) {
    afresh([&] { F(state); });
}

/// The rows topic/N/who, which call f(state, N).
template <class F>
bool rows(const std::string& topic, std::initializer_list<int> sizes, const std::string& who, F f) {
    for (const int n : sizes)
        benchmark::RegisterBenchmark((topic + "/" + std::to_string(n) + "/" + who).c_str(),
                                     [f, n](benchmark::State& state) { f(state, n); });
    return true;
}

}  // namespace bench
