#pragma once
// What our own rows share: contexts of a given size, a task to measure in, allocations counted.

#include <coheir/coheir.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <utility>

namespace bench {

namespace context = coheir::context;

inline constexpr context::key<int> answer{"answer"};

/// Calls of operator new so far, of all threads.
std::size_t allocations() noexcept;

/// Fills the current context with `keys` keys, one of which is the answer.
inline void fill(int keys) {
    for (int i = 0; i < keys - 1; ++i) context::set("some_key_" + std::to_string(i), std::string(24, 'x'));
    context::set(answer, 42);
}

template <class F>
coheir::task<> call(F& f) {
    f();
    co_return;
}

/// Calls f() in a task whose context has `keys` keys.
template <class F>
void in_task(int keys, F f) {
    coheir::scheduler loop;
    auto body = [&] {
        fill(keys);
        f();
    };
    loop.run(call(body));
}

/// Reports the calls of operator new that one item takes, from construction to finish().
class allocation_count {
public:
    explicit allocation_count(benchmark::State& state) : state_(state), before_(allocations()) {}
    void finish(double items) const {
        state_.counters["mallocs"] = static_cast<double>(allocations() - before_) / items;
    }

private:
    benchmark::State& state_;
    const std::size_t before_;
};

}  // namespace bench
