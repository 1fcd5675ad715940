// What allocates, and what does not: frames are recycled, going on allocates nothing; and where memory runs
// out, nothing is lost.

// clang's thread sanitizer brings an operator new that cannot be replaced: nothing can be counted there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHEIR_TEST_CANNOT_COUNT
#endif
#endif
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/foreign_awaitables.hpp"
#include "support/foreign_lazy.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using test::counted;
using test::counted_balance;

// ---- every operator new of this program, counted, and failing on request

namespace {

thread_local std::size_t allocations = 0;         // of this thread
thread_local std::size_t left = ~std::size_t{0};  // how many more may succeed

[[gnu::noinline]] void* allocate(std::size_t size) noexcept {
    ++allocations;
    if (left == 0) return nullptr;
    --left;
    return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void deallocate(void* memory) noexcept { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t) noexcept { deallocate(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { deallocate(memory); }

namespace {

constexpr std::size_t times = 10'000;

// Without recycled memory, as under sanitizers, there is one allocation for each object that needs one.
constexpr std::size_t recycled(std::size_t objects) { return COHEIR_RECYCLE_MEMORY ? 0 : objects; }

/// How many allocations a task makes that does something this often, once it has been done a few times.
template <class Step>
coheir::task<std::size_t> count(Step step) {
    for (int warm_up = 0; warm_up < 10; ++warm_up) co_await step();
    const std::size_t before = allocations;
    for (std::size_t i = 0; i < times; ++i) co_await step();
    co_return allocations - before;
}

template <class Step>
std::size_t allocations_of(Step step) {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    return loop.run(count(std::move(step)));
}

// Not inlined: clang would put the frame into the awaiting one.
[[gnu::noinline]] coheir::task<int> child(int value) { co_return value; }

[[gnu::noinline]] coheir::task<int> grandchild(int depth) {
    if (depth == 0) co_return co_await child(1);
    co_return co_await grandchild(depth - 1);
}

[[gnu::noinline]] coheir::task<char> child_with_a_large_frame(int place) {
    std::vector<char>::size_type sizes[1024] = {};
    co_await coheir::yield();
    co_return static_cast<char>(sizes[place]);
}

}  // namespace

TEST_CASE("awaiting a child allocates its frame and nothing else, and the frame is recycled",
          "[allocation]") {
    CHECK(allocations_of([] { return child(1); }) == recycled(times));
    CHECK(allocations_of([] { return grandchild(9); }) == recycled(11 * times));
    // This shows that the counter counts: such frames are too large to be kept.
    CHECK(allocations_of([] { return child_with_a_large_frame(0); }) == times);
}

TEST_CASE("yielding and sleeping allocate nothing", "[allocation]") {
    CHECK(allocations_of([] { return coheir::yield(); }) == 0);
    CHECK(allocations_of([] { return coheir::sleep_for(1ms); }) == 0);
    CHECK(allocations_of([] { return coheir::sleep_for(0ms); }) == 0);
}

TEST_CASE("awaiting something foreign allocates nothing of ours", "[allocation]") {
    CHECK(allocations_of([] { return test::ready(); }) == 0);
    CHECK(allocations_of([] { return test::resumes_inline(); }) == 0);
    CHECK(allocations_of([] { return test::resumes_inline_and_returns_true(); }) == 0);
    CHECK(allocations_of([] { return test::resumes_inline_and_returns_noop(); }) == 0);
    CHECK(allocations_of([] { return test::returns_false(); }) == 0);
    CHECK(allocations_of([] { return test::returns_own_handle(); }) == 0);

    struct f {
        static test::foreign_lazy foreign() { co_return 1; }
    };
    CHECK(allocations_of(&f::foreign) <= times);  // its own frame, which a compiler may elide
}

TEST_CASE("completing a foreign await allocates nothing, wherever it is completed", "[allocation][threads]") {
    struct f {
        static coheir::task<> wait(std::coroutine_handle<>& at) {
            for (;;) co_await test::later(at);
        }
    };
    std::coroutine_handle<> at;
    coheir::scheduler loop;
    loop.spawn(f::wait(at)).detach();
    loop.run_ready();

    std::size_t here = allocations;
    for (std::size_t i = 0; i < times; ++i) {
        at.resume();
        loop.run_ready();
    }
    here = allocations - here;
    CHECK(here == 0);

    std::size_t there = 0;
    for (int i = 0; i < 10; ++i) {
        std::thread([&at, &there] {
            const std::size_t before = allocations;
            at.resume();
            there += allocations - before;
        }).join();
        loop.run_ready();
    }
    CHECK(there == 0);
}

TEST_CASE("spawning and joining, and awaiting a callback, use recycled memory", "[allocation]") {
    if (COHEIR_RECYCLE_MEMORY == 0) return;
    struct f {
        static coheir::task<int> spawn_and_join() {
            auto handle = coheir::spawn(child(1));
            co_return co_await std::move(handle);
        }
        static coheir::task<int> gather() {
            const auto [a, b] = co_await coheir::when_all(child(1), child(2));
            co_return a + b;
        }
        static coheir::task<int> call_back() {
            co_return co_await coheir::callback<int>([](auto resolve) { resolve(1); });
        }
    };
    CHECK(allocations_of(&f::spawn_and_join) == 0);
    CHECK(allocations_of(&f::gather) == 0);
    CHECK(allocations_of(&f::call_back) == 0);
}

// ---- no memory

namespace {

coheir::task<counted> some_work(int n) {
    const counted local(n);
    context::set("counted", counted(n));
    co_await coheir::sleep_for(std::chrono::milliseconds(n));
    const int one = co_await child(1);
    co_return counted(n + one);
}

coheir::task<int> all_kinds_of_work() {
    context::set("text", std::string(100, 'x'));
    context::set("counted", counted(0));
    auto named = coheir::spawn(some_work(3), coheir::options{}.name("a name that needs memory of its own"));
    coheir::spawn(some_work(4), coheir::options{}.policy(coheir::spawn_policy::chained)).detach();
    const auto [a, b] = co_await coheir::when_all(some_work(1), some_work(2));
    std::vector<coheir::task<counted>> range;
    for (int i = 0; i < 3; ++i) range.push_back(some_work(i));
    const auto more = co_await coheir::when_all(std::move(range));
    int called_back = co_await coheir::callback<int>([](auto resolve) { resolve(1); });
    try {
        co_await coheir::callback<int>([](auto) {});
    } catch (const coheir::abandoned_await&) {
        ++called_back;
    }
    const counted c = co_await std::move(named);
    context::update<counted>("counted", [](counted& in_place) { ++in_place.value; });
    co_return a.value + b.value + c.value + static_cast<int>(more.size()) + called_back;
}

struct attempt {
    int result = 0;
    bool out_of_memory = false;
    bool threw = false;
};

// On a thread of its own, whose recycled memory is empty.
attempt work_with(std::size_t how_many_allocations) {
    attempt a;
    std::thread([&a, how_many_allocations] {
        left = how_many_allocations;
        try {
            coheir::manual_clock clock;
            coheir::scheduler loop(coheir::spawn_policy::copying, clock);
            loop.on_unhandled([](const coheir::unhandled&) {});
            a.result = loop.run(all_kinds_of_work());
            loop.run_until_idle();
        } catch (const std::bad_alloc&) {
            a.threw = true;
        }
        a.out_of_memory = left == 0;
        left = ~std::size_t{0};
    }).join();
    return a;
}

}  // namespace

TEST_CASE("wherever memory runs out, std::bad_alloc is thrown and everything is destroyed", "[allocation]") {
    const counted_balance balance;
    std::size_t allowed = 0;
    std::size_t threw = 0;
    for (;; ++allowed) {
        const attempt a = work_with(allowed);
        INFO("with " << allowed << " allocations");
        REQUIRE(balance.live() == 0);
        REQUIRE(balance.is_even());
        if (!a.threw) REQUIRE(a.result == 14);
        threw += a.threw ? 1 : 0;
        if (!a.out_of_memory) break;
    }
    CHECK(threw > 20);
}

#endif
