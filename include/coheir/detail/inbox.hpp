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

    /// New work: refused after close(). `first` tells that the inbox was empty: wake the owner.
    pushed push(ready_node& node) noexcept { return push(node, closed_bit, false); }
    /// A task of the owner's that goes on: never refused.
    pushed push_always(ready_node& node) noexcept { return push(node, 0, false); }
    /// The same, but `first` tells that the node would be, and has not been pushed.
    pushed push_onto_others(ready_node& node) noexcept { return push(node, closed_bit, true); }
    pushed push_always_onto_others(ready_node& node) noexcept { return push(node, 0, true); }

    /// Everything, in the order of arrival.
    void take_into(ready_queue& queue) noexcept {
        if (empty()) return;
        // Only the closed bit stays. Acquire: what the pushers wrote into their nodes is seen.
        const std::uintptr_t taken = head_.fetch_and(closed_bit, std::memory_order_acquire) & ~closed_bit;
        ready_node* oldest = nullptr;
        for (auto* node = reinterpret_cast<ready_node*>(taken); node;) {
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

    bool empty() const noexcept { return (head_.load(std::memory_order_relaxed) & ~closed_bit) == 0; }
    void close() noexcept { head_.fetch_or(closed_bit, std::memory_order_relaxed); }
    bool closed() const noexcept { return (head_.load(std::memory_order_relaxed) & closed_bit) != 0; }

private:
    static constexpr std::uintptr_t closed_bit = 1;

    COHEIR_INLINE pushed push(ready_node& node, std::uintptr_t refuse, bool only_onto_others) noexcept {
        std::uintptr_t head = head_.load(std::memory_order_relaxed);
        do {
            if (head & refuse) return pushed::refused;
            if (only_onto_others && (head & ~closed_bit) == 0) return pushed::first;
            node.next = reinterpret_cast<ready_node*>(head & ~closed_bit);
            // Release: the owner sees the node, and what the pusher did before.
        } while (!head_.compare_exchange_weak(head,
                                              reinterpret_cast<std::uintptr_t>(&node) | (head & closed_bit),
                                              std::memory_order_release, std::memory_order_relaxed));
        return (head & ~closed_bit) == 0 ? pushed::first : pushed::onto_others;
    }

    synchronization::atomic<std::uintptr_t> head_{0};
};

}  // namespace coheir::detail
