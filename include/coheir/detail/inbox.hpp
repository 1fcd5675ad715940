#pragma once
// What other threads hand to a scheduler: a lock-free stack that its owner takes whole.

#include <atomic>
#include <cstdint>

#include "../config.hpp"
#include "ready_queue.hpp"
#include "synchronization.hpp"

namespace coheir::detail {

/// Many threads push, one takes everything in the order of arrival (Treiber's stack, 1986, emptied in
/// one operation, so that nothing is ever popped singly and no address can come back meanwhile).
class inbox {
public:
    enum class pushed { refused, onto_others, first };
    /// From when on a node is refused: new work after close(), a task that goes on when the owner has gone.
    enum class until { closed, gone };

    /// `first` tells that the inbox was empty: wake the owner.
    pushed push(ready_node& node, until end) noexcept { return push(node, end, false); }
    /// The same, but `first` tells that the node would be, and has not been pushed.
    pushed push_onto_others(ready_node& node, until end) noexcept { return push(node, end, true); }

    /// Everything, in the order of arrival.
    void take_into(ready_queue& queue) noexcept {
        if (empty()) return;
        // The bits stay. Acquire: what the pushers wrote into their nodes is seen.
        append(head_.fetch_and(bits, std::memory_order_acquire), queue);
    }
    /// Everything, for the last time: whatever is pushed from now on is refused.
    void take_last_into(ready_queue& queue) noexcept {
        append(head_.exchange(bits, std::memory_order_acquire), queue);
    }

    bool empty() const noexcept { return (head_.load(std::memory_order_relaxed) & ~bits) == 0; }
    /// Who sees it closed sees what was done before.
    void close() noexcept { head_.fetch_or(closed_bit, std::memory_order_release); }
    bool closed() const noexcept { return (head_.load(std::memory_order_acquire) & closed_bit) != 0; }

private:
    static constexpr std::uintptr_t closed_bit = 1, gone_bit = 2, bits = closed_bit | gone_bit;
    static_assert((alignof(ready_node) & bits) == 0 && alignof(ready_node) > bits);

    static void append(std::uintptr_t taken, ready_queue& queue) noexcept {
        ready_node* oldest = nullptr;
        for (auto* node = reinterpret_cast<ready_node*>(taken & ~bits); node;) {
            ready_node* const next = node->next;
            node->next = oldest;
            oldest = node;
            node = next;
        }
        while (oldest) {
            ready_node* const node = oldest;
            oldest = node->next;
            queue.push(*node);
        }
    }

    COHEIR_INLINE pushed push(ready_node& node, until end, bool only_onto_others) noexcept {
        const std::uintptr_t refusing = end == until::closed ? closed_bit : gone_bit;
        std::uintptr_t head = head_.load(std::memory_order_relaxed);
        do {
            if (head & refusing) return pushed::refused;
            if (only_onto_others && (head & ~bits) == 0) return pushed::first;
            node.next = reinterpret_cast<ready_node*>(head & ~bits);
            // Release: the owner sees the node, and what the pusher did before.
        } while (!head_.compare_exchange_weak(head, reinterpret_cast<std::uintptr_t>(&node) | (head & bits),
                                              std::memory_order_release, std::memory_order_relaxed));
        return (head & ~bits) == 0 ? pushed::first : pushed::onto_others;
    }

    synchronization::atomic<std::uintptr_t> head_{0};
};

}  // namespace coheir::detail
