#pragma once
// The timers of a scheduler: a heap of deadlines, of which any can be cancelled.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "../config.hpp"
#include "chrono.hpp"
#include "task_state.hpp"

namespace coheir::detail {

/// Lives in an awaiter, and knows its place in the heap. When it is due, its task goes on.
struct timer_node {
    static constexpr std::uint32_t nowhere = ~std::uint32_t{0};

    bool is_pending() const noexcept { return place != nowhere; }

    task_state* task = nullptr;  // null: it is a firing_timer
    std::uint32_t place = nowhere;
    std::uint32_t made = 0;  // in which order
};

/// When it is due, `fire` is called, outside any task.
struct firing_timer : timer_node {
    explicit firing_timer(void (*f)(firing_timer&) noexcept) noexcept : fire(f) {}
    void (*const fire)(firing_timer&) noexcept;
};

/// A heap with four children a node: half the levels of a binary one, whose comparisons are in one or two
/// cache lines. Equal deadlines come in the order they were made.
class timer_heap {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Tests begin where the numbers of timers nearly end.
    explicit timer_heap(std::uint32_t made = 0) noexcept : made_(made) {}
    timer_heap(const timer_heap&) = delete;
    timer_heap& operator=(const timer_heap&) = delete;

    bool empty() const noexcept { return entries_.empty(); }
    time_point next_deadline() const noexcept { return entries_.front().deadline; }

    time_point deadline_of(const timer_node& node) const noexcept { return entries_[node.place].deadline; }

    /// Room for one more: the next add() does not fail for want of it. Throws std::bad_alloc.
    void make_room() {
        // By an eighth: moving two words eight times is little beside the rest, and so is what lies idle.
        if (entries_.size() == entries_.capacity()) entries_.reserve(16 + entries_.size() / 8 * 9);
    }

    /// Throws std::bad_alloc; then nothing has changed.
    void add(timer_node& node, time_point deadline) {
        if (entries_.size() >= timer_node::nowhere) throw std::bad_alloc();
        shrink();
        if (made_ == ~std::uint32_t{0}) renumber();
        make_room();
        entries_.push_back({deadline, &node});
        node.made = made_++;
        sift_up(entries_.size() - 1, entries_.back());
    }

    void remove(timer_node& node) noexcept {
        const std::size_t place = node.place;
        node.place = timer_node::nowhere;
        const entry last = entries_.back();
        entries_.pop_back();
        if (last.node == &node) return;
        if (place > 0 && last.before(entries_[(place - 1) / arity]))
            sift_up(place, last);
        else
            sift_down(place, last);
    }

    timer_node& pop() noexcept {
        timer_node& node = *entries_.front().node;
        remove(node);
        return node;
    }

private:
    static constexpr std::size_t arity = 4;

    struct entry {
        time_point deadline;
        timer_node* node;
        bool before(const entry& other) const noexcept {
            return deadline != other.deadline ? deadline < other.deadline : node->made < other.node->made;
        }
    };

    void put(std::size_t place, const entry& e) noexcept {
        entries_[place] = e;
        e.node->place = static_cast<std::uint32_t>(place);
    }
    void sift_up(std::size_t place, const entry e) noexcept {
        while (place > 0 && e.before(entries_[(place - 1) / arity])) {
            put(place, entries_[(place - 1) / arity]);
            place = (place - 1) / arity;
        }
        put(place, e);
    }
    void sift_down(std::size_t place, const entry e) noexcept {
        for (;;) {
            const std::size_t first = place * arity + 1;
            if (first >= entries_.size()) break;
            const std::size_t end = first + arity < entries_.size() ? first + arity : entries_.size();
            std::size_t least = first;
            for (std::size_t child = first + 1; child < end; ++child)
                if (entries_[child].before(entries_[least])) least = child;
            if (!entries_[least].before(e)) break;
            put(place, entries_[least]);
            place = least;
        }
        put(place, e);
    }
    // The numbers have run out: those that are pending get the first, in the same order. Throws bad_alloc.
    COHEIR_COLD void renumber() {
        std::vector<entry> sorted;  // a heap, too
        sorted.reserve(entries_.capacity());
        while (!entries_.empty()) {
            sorted.push_back(entries_.front());
            remove(*sorted.back().node);
        }
        made_ = 0;
        for (const entry& e : sorted) {
            e.node->place = made_;
            e.node->made = made_++;
        }
        entries_.swap(sorted);
    }
    // After a burst, memory goes back.
    void shrink() noexcept {
        if (entries_.capacity() < 1024 || entries_.size() > entries_.capacity() / 8) return;
        try {
            std::vector<entry> smaller;
            smaller.reserve(entries_.capacity() / 4);
            smaller.assign(entries_.begin(), entries_.end());
            entries_.swap(smaller);
        } catch (const std::bad_alloc&) {  // then it stays as large as it is
        }
    }

    std::vector<entry> entries_;
    std::uint32_t made_;
};

}  // namespace coheir::detail
