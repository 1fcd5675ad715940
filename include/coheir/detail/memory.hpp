#pragma once
// Recycled memory for frames, task states, levels and values: a free list per thread and size.

#include <cstddef>
#include <cstdint>
#include <new>

#include "../config.hpp"

namespace coheir::detail {

#if COHEIR_RECYCLE_MEMORY

/// The free blocks of one thread. Blocks come from operator new, one by one, so that a block may be
/// freed on another thread than it was made on. Of each size a thread keeps no more than `most_bytes`: the
/// rest of a burst goes back to operator new.
class block_cache {
public:
    static constexpr std::size_t largest = 1024;
    static constexpr std::size_t most_bytes = std::size_t{1} << 18;  // of each size

    COHEIR_INLINE void* take(std::size_t size) {
        const std::size_t index = class_of(size);
        if (index < classes) [[likely]]
            if (block* const first = free_[index]) [[likely]] {
                free_[index] = first->next;
                return first;
            }
        return ::operator new(bytes_of(index));
    }

    COHEIR_INLINE void give(void* memory, std::size_t size) noexcept {
        const std::size_t index = class_of(size);
        if (index < classes) [[likely]] {
            block* const first = free_[index];
            // The number of blocks stands in the blocks: a counter here would be one more thing to wait for.
            const std::size_t count = first ? first->count : 0;
            if (count < most_bytes / bytes_of(index)) [[likely]] {
                if (!first && state_ != state::active) [[unlikely]]
                    return give_first(memory, index);
                free_[index] = ::new (memory) block{first, count + 1};
                return;
            }
        }
        ::operator delete(memory);
    }

private:
    struct block {
        block* next;
        std::size_t count;  // of this block and those behind it
    };
    // Frees what is kept when the thread ends. Made on first use: a thread_local that is touched by
    // every allocation must need neither initialisation nor a destructor.
    struct reaper {
        block_cache* cache;
        ~reaper() { cache->retire(); }
    };

    // Sizes of 24, 40, 56, …: common allocators put a word in front of a block, and align it to two.
    static constexpr std::size_t class_of(std::size_t size) noexcept {
        return size <= 24 ? 0 : (size - 9) / 16;
    }
    static constexpr std::size_t bytes_of(std::size_t index) noexcept { return index * 16 + 24; }
    static constexpr std::size_t classes = (largest - 9) / 16 + 1;

    // A call of its own, and the last thing that the caller does: so that saves no registers for it.
    COHEIR_COLD void give_first(void* memory, std::size_t index) noexcept {
        if (state_ == state::retired) return ::operator delete(memory);
        if (state_ == state::untouched) {
            static thread_local reaper at_thread_end{this};
            static_cast<void>(at_thread_end);
            state_ = state::active;
        }
        free_[index] = ::new (memory) block{nullptr, 1};
    }

    void retire() noexcept {
        state_ = state::retired;
        for (block*& list : free_)
            while (list) {
                block* const first = list;
                list = first->next;
                ::operator delete(first);
            }
    }

    enum class state : unsigned char { untouched, active, retired };
    state state_ = state::untouched;
    block* free_[classes] = {};
};

COHEIR_EXPORT inline constinit thread_local block_cache blocks;

#if COHEIR_CACHES_THREAD_LOCALS
COHEIR_NOINLINE inline void* allocate(std::size_t size) { return blocks.take(size); }
COHEIR_NOINLINE inline void deallocate(void* memory, std::size_t size) noexcept { blocks.give(memory, size); }
#else
COHEIR_INLINE void* allocate(std::size_t size) { return blocks.take(size); }
COHEIR_INLINE void deallocate(void* memory, std::size_t size) noexcept { blocks.give(memory, size); }
#endif

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
    COHEIR_INLINE static void* operator new(std::size_t size) { return allocate(size); }
    COHEIR_INLINE static void operator delete(void* memory, std::size_t size) noexcept {
        deallocate(memory, size);
    }
};

}  // namespace coheir::detail
