// Awaiting an operation allocates nothing of ours, nor does the scheduler that goes on after it.

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

namespace {

std::size_t allocations = 0;  // Asio's own are not among them: it has its memory from std::aligned_alloc

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

#endif
