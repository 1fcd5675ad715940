// The machine's floors: the least that each operation can cost here. One item is one read, one malloc and
// free, one resume and suspend, one awaited child, one call of the tree.
#include <benchmark/benchmark.h>

#include <coroutine>
#include <cstdlib>
#include <exception>
#include <utility>

#include "shapes.hpp"

namespace {

using namespace shapes;

// ---- floor/thread_local: what any ambient context must pay, read safely

constinit thread_local int* slot = nullptr;
[[gnu::noinline]] int* current() noexcept { return slot; }

void floor_thread_local(benchmark::State& state) {
    int value = 7;
    slot = &value;
    for (auto _ : state) benchmark::DoNotOptimize(*current());
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_thread_local)->Name("floor/thread_local");

void floor_malloc(benchmark::State& state) {
    for (auto _ : state) {
        void* block = std::malloc(96);
        benchmark::DoNotOptimize(block);
        std::free(block);
    }
    state.SetItemsProcessed(state.iterations());
}
BENCHMARK(floor_malloc)->Name("floor/malloc");

// ---- floor/resume: a coroutine that suspends at once, resumed again and again

struct ticker {
    struct promise_type {
        ticker get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
        std::suspend_always initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
    std::coroutine_handle<promise_type> handle;
};
ticker tick() {
    for (;;) co_await std::suspend_always{};
}

void floor_resume(benchmark::State& state) {
    auto ticking = tick();
    std::coroutine_handle<> handle = ticking.handle;
    benchmark::DoNotOptimize(handle);
    for (auto _ : state) handle.resume();
    state.SetItemsProcessed(state.iterations());
    ticking.handle.destroy();
}
BENCHMARK(floor_resume)->Name("floor/resume");

// ---- floor/await: the least that a lazy task can be: recycled frame, symmetric transfer, int result

void* blocks[32];
void* take(std::size_t size) {
    const std::size_t index = (size + 63) / 64;
    if (index < 32 && blocks[index]) {
        void* block = blocks[index];
        blocks[index] = *static_cast<void**>(block);
        return block;
    }
    return std::malloc(index * 64);
}
void give(void* block, std::size_t size) {
    const std::size_t index = (size + 63) / 64;
    if (index >= 32) return std::free(block);
    *static_cast<void**>(block) = blocks[index];
    blocks[index] = block;
}

struct least_task {
    struct promise_type {
        std::coroutine_handle<> continuation = std::noop_coroutine();
        int value = 0;
        static void* operator new(std::size_t size) { return take(size); }
        static void operator delete(void* block, std::size_t size) { give(block, size); }
        least_task get_return_object() {
            return least_task{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        std::suspend_always initial_suspend() noexcept { return {}; }
        struct final_awaiter {
            bool await_ready() noexcept { return false; }
            std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> ended) noexcept {
                return ended.promise().continuation;
            }
            void await_resume() noexcept {}
        };
        final_awaiter final_suspend() noexcept { return {}; }
        void return_value(int result) { value = result; }
        void unhandled_exception() { std::terminate(); }
    };
    explicit least_task(std::coroutine_handle<promise_type> h) : handle(h) {}
    least_task(least_task&& other) noexcept : handle(std::exchange(other.handle, {})) {}
    ~least_task() {
        if (handle) handle.destroy();
    }
    bool await_ready() noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
        handle.promise().continuation = awaiting;
        return handle;
    }
    int await_resume() { return handle.promise().value; }
    std::coroutine_handle<promise_type> handle;
};

// The same bodies are to be used for every library's rows await/child and await/fib.
[[gnu::noinline]] least_task least_child(int i) { co_return i; }
least_task least_parent(int count) {
    int sum = 0;
    for (int i = 0; i < count; ++i) sum ^= co_await least_child(i);
    co_return sum;
}
least_task least_fib(int n) {
    if (n < 2) co_return n;
    const int a = co_await least_fib(n - 1);
    const int b = co_await least_fib(n - 2);
    co_return a + b;
}
void floor_await(benchmark::State& state) {
    for (auto _ : state) {
        auto task = least_parent(children);
        task.handle.resume();
        benchmark::DoNotOptimize(task.handle.promise().value);
    }
    state.SetItemsProcessed(state.iterations() * children);
}
BENCHMARK(floor_await)->Name("floor/await")->Unit(benchmark::kMillisecond);

void floor_await_fib(benchmark::State& state) {
    for (auto _ : state) {
        auto task = least_fib(fib_n);
        task.handle.resume();
        benchmark::DoNotOptimize(task.handle.promise().value);
    }
    state.SetItemsProcessed(state.iterations() * fib_calls);
}
BENCHMARK(floor_await_fib)->Name("floor/await_fib")->Unit(benchmark::kMillisecond);

}  // namespace
