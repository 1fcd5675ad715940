// What users pay in memory: for sleeping tasks, without the frame that the same body has as the least task
// there can be, and for keys.
#include <chrono>
#include <coroutine>
#include <cstdlib>
#include <exception>
#include <memory>
#include <vector>

#include "shapes.hpp"
#include "support.hpp"

namespace {

using namespace shapes;

using namespace std::chrono_literals;
using coheir::spawn_policy;
using coheir::task;
namespace context = coheir::context;

// The least task, which only tells the size of its frame.
struct least_task {
    struct promise_type {
        std::coroutine_handle<> continuation;
        int value = 0;
        static inline std::size_t size_of_frame = 0;
        static void* operator new(std::size_t size) {
            size_of_frame = size;
            return std::malloc(size);
        }
        static void operator delete(void* memory) { std::free(memory); }
        least_task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};
struct least_sleep {
    explicit least_sleep(std::chrono::nanoseconds t) noexcept : time(t) {}
    std::chrono::nanoseconds time;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    void await_resume() const noexcept {}
};
[[gnu::noinline]] least_task least_sleeper() { co_await least_sleep(1h); }
[[gnu::noinline]] least_task least_reading_sleeper() {
    for (int i = 0; i < 3; ++i) benchmark::DoNotOptimize(context::get(bench::answer));
    co_await least_sleep(1h);
}

std::size_t least_frame(least_task (*body)()) {
    const auto sleeping = body();
    benchmark::DoNotOptimize(sleeping.handle.address());
    sleeping.handle.destroy();
    return least_task::promise_type::size_of_frame;
}

// ---- sleeping tasks. One key is inherited.

task<> sleeper() { co_await coheir::sleep_for(1h); }
task<> reading_sleeper() {
    for (int i = 0; i < 3; ++i) benchmark::DoNotOptimize(context::get(bench::answer));
    co_await coheir::sleep_for(1h);
}
task<> spawn_sleepers(benchmark::State& state, int count, task<> (*body)()) {
    co_await coheir::yield();
    const bench::memory_of memory(state, count,
                                  least_frame(body == sleeper ? least_sleeper : least_reading_sleeper));
    for (int i = 0; i < count; ++i) coheir::spawn(body()).detach();
    co_await coheir::yield();
    memory.measured();
}
task<> two_levels_below(benchmark::State& state, int count, task<> (*body)()) {
    co_await coheir::spawn(spawn_sleepers(state, count, body));
}
task<> above(benchmark::State& state, int count, task<> (*body)()) {
    context::set(bench::answer, 1);
    co_await coheir::spawn(two_levels_below(state, count, body));
}

void sleeping(benchmark::State& state, const spawn_policy& policy, int count, task<> (*body)()) {
    for (auto _ : state)
        bench::afresh([&] {
            coheir::scheduler loop{policy};
            loop.run(above(state, count, body));
        });
}
template <class... Args>
void sleeping_row(const char* name, Args... args) {
    benchmark::RegisterBenchmark(name, sleeping, args...)->Iterations(1)->Unit(benchmark::kMillisecond);
}

// ---- keys

/// A sleeping task whose context has so many keys, with values as those of the naive map.
void context_of(benchmark::State& state, int keys) {
    constexpr int contexts = 10;
    for (auto _ : state)
        bench::afresh([&] {
            coheir::scheduler loop{spawn_policy::isolated};
            const bench::memory_of memory(state, contexts);
            auto one = [](int count) -> task<> {
                for (int i = 0; i < count; ++i)
                    context::set("some_key_" + std::to_string(i), std::string(24, 'x'));
                co_await coheir::sleep_for(1h);
            };
            for (int i = 0; i < contexts; ++i) loop.spawn(one(keys)).detach();
            loop.run_ready();
            memory.measured();
        });
}

/// A copying child that has changed one of so many keys, and sleeps.
task<> changed_children(benchmark::State& state, int keys) {
    constexpr int copies = 1000;
    bench::fill(keys);
    auto child = []() -> task<> {
        context::set(bench::answer, 1);
        co_await coheir::sleep_for(1h);
    };
    co_await coheir::yield();
    const bench::memory_of memory(state, copies);
    for (int i = 0; i < copies; ++i) coheir::spawn(child()).detach();
    co_await coheir::yield();
    memory.measured();
}
void changed_child(benchmark::State& state, int keys) {
    for (auto _ : state)
        bench::afresh([&] {
            coheir::scheduler loop{spawn_policy::copying};
            loop.run(changed_children(state, keys));
        });
}

void keys_row(const std::string& topic, int keys, void (*f)(benchmark::State&, int)) {
    benchmark::RegisterBenchmark((topic + "/" + std::to_string(keys) + "/coheir").c_str(), f, keys)
        ->Iterations(1);
}

const bool all_rows = [] {
    sleeping_row("memory/sleeping/shared/coheir", spawn_policy::shared, sleepers, sleeper);
    sleeping_row("memory/sleeping/copying/coheir", spawn_policy::copying, sleepers, sleeper);
    sleeping_row("memory/sleeping/chained/coheir", spawn_policy::chained, sleepers, sleeper);
    sleeping_row("memory/sleeping/chained_cached/coheir", spawn_policy::chained, sleepers, reading_sleeper);
    sleeping_row("memory/sleeping/isolated/coheir", spawn_policy::isolated, sleepers, sleeper);
    for (const int live : {1000, 10'000, 100'000, 1'000'000})
        sleeping_row(("memory/live/" + std::to_string(live) + "/coheir").c_str(), spawn_policy::copying, live,
                     sleeper);
    for (const int keys : {1, 8, 64, 1000, 10'000}) {
        keys_row("memory/context", keys, context_of);
        keys_row("memory/changed_child", keys, changed_child);
    }
    return true;
}();

}  // namespace
