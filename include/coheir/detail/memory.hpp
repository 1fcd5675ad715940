#pragma once
// Recycled memory for frames, task states, levels and values: a free list per thread and size.

#include <cstddef>
#include <cstdint>
#include <new>

#include "../config.hpp"

namespace coheir::detail {

#if COHEIR_RECYCLE_MEMORY

/// The free blocks of one thread. Blocks come from operator new, one by one, so that a block may be
/// freed on another thread than it was made on, and goes back to operator new when the list is full.
class block_cache {
public:
    static constexpr std::size_t largest = 2048;
    static constexpr std::size_t most_bytes = std::size_t{1} << 20;  // kept by one thread

    void* take(std::size_t size) {
        const std::size_t index = class_of(size);
        if (index < classes) {
            if (block* const first = free_[index]) {
                free_[index] = first->next;
                room_ += bytes_of(index);
                return first;
            }
        }
        return ::operator new(bytes_of(index));
    }

    void give(void* memory, std::size_t size) noexcept {
        const std::size_t index = class_of(size);
        const std::size_t bytes = bytes_of(index);
        if (index < classes && (bytes <= room_ || make_room(bytes))) {
            room_ -= bytes;
            free_[index] = ::new (memory) block{free_[index]};
            return;
        }
        ::operator delete(memory);
    }

private:
    struct block {
        block* next;
    };
    // Frees what is kept when the thread ends. Made on first use: a thread_local that is touched by
    // every allocation must need neither initialisation nor a destructor.
    struct reaper {
        block_cache* cache;
        ~reaper() { cache->retire(); }
    };

    // Sizes of 8, 24, 40, …: common allocators put a word in front of a block, and align it to two.
    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size + 7) / 16; }
    static constexpr std::size_t bytes_of(std::size_t index) noexcept { return index * 16 + 8; }
    static constexpr std::size_t classes = largest / 16;

    COHEIR_COLD bool make_room(std::size_t bytes) noexcept {
        if (state_ == state::untouched) {
            static thread_local reaper at_thread_end{this};
            static_cast<void>(at_thread_end);
            state_ = state::active;
            room_ = most_bytes;
        }
        return bytes <= room_;
    }

    void retire() noexcept {
        state_ = state::retired;
        room_ = 0;
        for (block*& list : free_)
            while (list) {
                block* const first = list;
                list = first->next;
                ::operator delete(first);
            }
    }

    enum class state : unsigned char { untouched, active, retired };
    std::size_t room_ = 0;  // how many bytes more may be kept
    state state_ = state::untouched;
    block* free_[classes] = {};
};

COHEIR_EXPORT inline constinit thread_local block_cache blocks;

COHEIR_THREAD_LOCAL_ACCESS inline void* allocate(std::size_t size) { return blocks.take(size); }
COHEIR_THREAD_LOCAL_ACCESS inline void deallocate(void* memory, std::size_t size) noexcept {
    blocks.give(memory, size);
}

#else

inline void* allocate(std::size_t size) { return ::operator new(size); }
inline void deallocate(void* memory, std::size_t) noexcept { ::operator delete(memory); }

#endif

/// Gives a class and those derived from it recycled memory, unless they are over-aligned.
struct recycled {
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
        ::operator delete(memory, alignment);
    }
    static void* operator new(std::size_t size) { return allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { deallocate(memory, size); }
};

}  // namespace coheir::detail
