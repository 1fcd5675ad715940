// What a sleeping task takes: the bytes of the heap, its allocator's included, without those of the frame
// that the same body has as the least task there can be.
#include <malloc.h>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <exception>

#include "support.hpp"

namespace {

using namespace std::chrono_literals;
namespace context = coheir::context;

constexpr int sleepers = 200'000;

std::size_t heap_in_use() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

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
least_task least_sleeper() { co_await least_sleep(1h); }

std::size_t least_frame() {
    const auto task = least_sleeper();
    benchmark::DoNotOptimize(task.handle.address());
    task.handle.destroy();
    return least_task::promise_type::size_of_frame;
}

coheir::task<> sleeper() { co_await coheir::sleep_for(1h); }
coheir::task<> reading_sleeper() {
    for (int i = 0; i < 3; ++i) benchmark::DoNotOptimize(context::get(bench::answer));
    co_await coheir::sleep_for(1h);
}
coheir::task<> spawn_sleepers(coheir::task<> (*body)()) {
    context::set(bench::answer, 1);
    for (int i = 0; i < sleepers; ++i) coheir::spawn(body()).detach();
    co_await coheir::sleep_for(1ms);
}
coheir::task<> two_levels_below(coheir::task<> (*body)()) {
    context::set(bench::answer, 1);
    auto middle = [](coheir::task<> (*b)()) -> coheir::task<> { co_await coheir::spawn(spawn_sleepers(b)); };
    co_await coheir::spawn(middle(body));
}

void sleeping(benchmark::State& state, const coheir::spawn_policy& policy, coheir::task<> (*body)(),
              coheir::task<> (*root)(coheir::task<> (*)())) {
    for (auto _ : state) {
        malloc_trim(0);
        const std::size_t before = heap_in_use();
        coheir::scheduler loop{policy};
        loop.run(root(body));
        state.counters["bytes"] =
            static_cast<double>(heap_in_use() - before) / sleepers - static_cast<double>(least_frame());
    }
    state.SetItemsProcessed(state.iterations() * sleepers);
}
BENCHMARK_CAPTURE(sleeping, copying, coheir::spawn_policy::copying, sleeper, spawn_sleepers)
    ->Name("memory/sleeping/copying/coheir")
    ->Iterations(1);
BENCHMARK_CAPTURE(sleeping, chained, coheir::spawn_policy::chained, reading_sleeper, two_levels_below)
    ->Name("memory/sleeping/chained_cached/coheir")
    ->Iterations(1);

}  // namespace
