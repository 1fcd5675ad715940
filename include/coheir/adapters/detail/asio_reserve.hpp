#pragma once
// Memory that is kept for a handler which must get onto its executor even where there is no other memory.

#include <array>
#include <atomic>
#include <cstddef>
#include <new>

namespace coheir::detail {

/// Two blocks: a strand asks for one for the handler and for one to have itself run. What does not fit comes
/// from operator new. Any thread.
class asio_reserve {
public:
    static constexpr std::size_t alignment = alignof(std::max_align_t);

    void* allocate(std::size_t size) {
        if (size <= sizeof(block::bytes))
            for (block& b : blocks_)
                if (!b.taken.exchange(true, std::memory_order_acquire)) return b.bytes;
        return ::operator new(size);
    }
    void deallocate(void* memory) noexcept {
        for (block& b : blocks_)
            if (memory == b.bytes) return b.taken.store(false, std::memory_order_release);
        ::operator delete(memory);
    }

private:
    struct block {
        alignas(alignment) std::byte bytes[112];
        std::atomic<bool> taken{false};
    };
    std::array<block, 2> blocks_;
};

}  // namespace coheir::detail
