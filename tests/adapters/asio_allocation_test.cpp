// Awaiting an operation allocates nothing, nor does the scheduler that goes on after it or is woken.

// clang's thread sanitizer brings an operator new that cannot be replaced: nothing can be counted there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHEIR_TEST_CANNOT_COUNT
#endif
#endif
#include <coheir/config.hpp>
#if !defined(COHEIR_TEST_CANNOT_COUNT) && COHEIR_RECYCLE_MEMORY

#include <coheir/adapters/asio.hpp>
#include <coheir/coheir.hpp>

#include <asio.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <thread>
#include <utility>

namespace {

thread_local std::size_t allocations = 0;

[[gnu::noinline]] void* allocate(std::size_t size) {
    ++allocations;
    if (void* const memory = std::malloc(size == 0 ? 1 : size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void deallocate(void* memory) noexcept { std::free(memory); }

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t) noexcept { deallocate(memory); }
// Asio may have its memory from here.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
    ++allocations;
    void* memory = nullptr;
    return posix_memalign(&memory, alignment, size) == 0 ? memory : nullptr;
}

namespace {

using asio::ip::tcp;
using coheir::use_task;

coheir::task<> send(tcp::socket& to, std::size_t times) {
    std::array<char, 100> bytes{};
    for (std::size_t i = 0; i < times; ++i) co_await asio::async_write(to, asio::buffer(bytes), use_task);
}

coheir::task<> receive(tcp::socket& from, std::size_t times) {
    std::array<char, 100> bytes{};
    for (std::size_t i = 0; i < times; ++i) co_await asio::async_read(from, asio::buffer(bytes), use_task);
}

coheir::task<> measure(asio::io_context& io, std::size_t& counted) {
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket ours(io), theirs(io);
    ours.connect(acceptor.local_endpoint());
    acceptor.accept(theirs);
    asio::steady_timer timer(io);
    for (const bool warm : {false, true}) {
        const std::size_t before = allocations;
        for (int i = 0; i < 100; ++i) {
            timer.expires_after(std::chrono::microseconds(1));
            co_await timer.async_wait(use_task);
            co_await asio::post(io, use_task);
        }
        co_await send(ours, 100);
        co_await receive(theirs, 100);
        if (warm) counted = allocations - before;
    }
}

}  // namespace

TEST_CASE("asio: awaiting operations allocates nothing", "[asio][allocation]") {
    asio::io_context io;
    coheir::asio_scheduler loop(io.get_executor());
    std::size_t counted = ~std::size_t{0};
    loop.spawn(measure(io, counted)).detach();
    io.run();
    CHECK(counted == 0);
}

namespace {

/// How often memory is asked for when a thread that runs nothing of Asio's resumes a task on this executor.
template <class Executor>
std::size_t memory_of_a_wakeup(asio::io_context& io, const Executor& executor) {
    coheir::asio_scheduler loop(executor);
    std::optional<coheir::resolver<void>> wake;
    const auto handle = loop.spawn([](auto& to) -> coheir::task<> {
        co_await coheir::callback<void>([&to](coheir::resolver<void> resolve) { to = std::move(resolve); });
    }(wake));
    io.restart();
    io.poll();
    REQUIRE(wake);
    std::size_t asked = 0;
    std::thread([&] {
        const std::size_t before = allocations;
        (*wake)();
        asked = allocations - before;
    }).join();
    io.run();
    CHECK(handle.done());
    return asked;
}

}  // namespace

TEST_CASE("asio: a wake-up takes no memory, where the executor takes an allocator", "[asio][allocation]") {
    asio::io_context io;
    for (int again = 0; again < 2; ++again) {
        CHECK(memory_of_a_wakeup(io, io.get_executor()) == 0);
        CHECK(memory_of_a_wakeup(io, asio::make_strand(io)) == 0);
        CHECK(memory_of_a_wakeup(io, asio::any_io_executor(io.get_executor())) > 0);  // it takes none
    }
}

#endif
