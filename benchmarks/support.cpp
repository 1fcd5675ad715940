// Counts allocations and bytes, and runs the rows.
#include <benchmark/benchmark.h>
#include <dlfcn.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <new>
#include <thread>

#include "measure.hpp"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#endif

namespace {
// Of each thread, so that counting takes one instruction, for us and for our peers.
constinit thread_local std::size_t count = 0;

void* counted(void* memory) {
    if (!memory) throw std::bad_alloc();
    ++count;
    return memory;
}

std::size_t resident() {
    std::size_t all = 0, pages = 0;
    std::ifstream("/proc/self/statm") >> all >> pages;
    return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}
std::size_t heap_in_use() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
}  // namespace

std::size_t bench::allocations() noexcept { return count; }

void bench::count_instructions([[maybe_unused]] std::uint64_t items) noexcept {
#ifdef CALLGRIND_TOGGLE_COLLECT
    CALLGRIND_TOGGLE_COLLECT;
    if (items != 0 && RUNNING_ON_VALGRIND)
        VALGRIND_PRINTF("%llu items\n", static_cast<unsigned long long>(items));
#endif
}

void* operator new(std::size_t size) { return counted(std::malloc(size ? size : 1)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return counted(memalign(static_cast<std::size_t>(alignment), size));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

// The C++ runtime takes the memory of exceptions from malloc.
extern "C" void* __cxa_allocate_exception(std::size_t size) noexcept {
    ++count;
    static const auto real =
        reinterpret_cast<void* (*)(std::size_t)>(dlsym(RTLD_NEXT, "__cxa_allocate_exception"));
    return real(size);
}

// Asio takes the memory of its frames and handlers from here.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    ++count;
    return memalign(alignment, size);
}

bench::memory_of::memory_of(benchmark::State& state, int things, std::size_t floor)
    : state_(state), things_(things), floor_(static_cast<double>(floor)) {
    malloc_trim(0);
    resident_ = resident();
    heap_ = heap_in_use();
}
void bench::memory_of::measured() const {
    const double all = static_cast<double>(resident() - resident_) / things_;
    state_.counters["resident"] = all;
    state_.counters["bytes"] = all - floor_;
    state_.counters["heap"] = static_cast<double>(heap_in_use() - heap_) / things_;
}

int main(int argc, char** argv) {
    // From the first thread on, the C library locks and counts otherwise: let no row be before that.
    std::thread([] {}).join();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
}
