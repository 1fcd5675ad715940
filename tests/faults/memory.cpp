// Every operator new and operator delete of this program: see memory.hpp.
#include "faults/memory.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

#include "faults/failure.hpp"

namespace {

std::atomic<std::size_t> live{0};
thread_local test::failure* asked = nullptr;

}  // namespace

namespace test {

std::size_t live_blocks() noexcept { return live; }
short_of_memory::short_of_memory(failure& by) noexcept { asked = &by; }
short_of_memory::~short_of_memory() { asked = nullptr; }
bool memory_is_short() noexcept { return asked && asked->strikes(); }

}  // namespace test

#ifndef COHEIR_TEST_CANNOT_COUNT

namespace {

constexpr std::size_t plain = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

[[gnu::noinline]] void* get(std::size_t size, std::size_t alignment) noexcept {
    if (test::memory_is_short()) return nullptr;
    void* const memory = std::aligned_alloc(alignment, (size / alignment + 1) * alignment);
    if (memory) ++live;
    return memory;
}
[[gnu::noinline]] void* get_or_throw(std::size_t size, std::size_t alignment) {
    if (void* const memory = get(size, alignment)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void give(void* memory) noexcept {
    if (memory) --live;
    std::free(memory);
}

}  // namespace

using std::align_val_t, std::nothrow_t, std::size_t;

void* operator new(size_t n) { return get_or_throw(n, plain); }
void* operator new[](size_t n) { return get_or_throw(n, plain); }
void* operator new(size_t n, align_val_t a) { return get_or_throw(n, static_cast<size_t>(a)); }
void* operator new[](size_t n, align_val_t a) { return get_or_throw(n, static_cast<size_t>(a)); }
void* operator new(size_t n, const nothrow_t&) noexcept { return get(n, plain); }
void* operator new[](size_t n, const nothrow_t&) noexcept { return get(n, plain); }
void* operator new(size_t n, align_val_t a, const nothrow_t&) noexcept {
    return get(n, static_cast<size_t>(a));
}
void* operator new[](size_t n, align_val_t a, const nothrow_t&) noexcept {
    return get(n, static_cast<size_t>(a));
}
void operator delete(void* memory) noexcept { give(memory); }
void operator delete[](void* memory) noexcept { give(memory); }
void operator delete(void* memory, size_t) noexcept { give(memory); }
void operator delete[](void* memory, size_t) noexcept { give(memory); }
void operator delete(void* memory, align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, align_val_t) noexcept { give(memory); }
void operator delete(void* memory, size_t, align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, size_t, align_val_t) noexcept { give(memory); }
void operator delete(void* memory, const nothrow_t&) noexcept { give(memory); }
void operator delete[](void* memory, const nothrow_t&) noexcept { give(memory); }
void operator delete(void* memory, align_val_t, const nothrow_t&) noexcept { give(memory); }
void operator delete[](void* memory, align_val_t, const nothrow_t&) noexcept { give(memory); }

#endif
