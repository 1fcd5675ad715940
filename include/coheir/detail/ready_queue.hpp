#pragma once
// The queue of what is ready to run: first in, first out, linked through its elements.

#include <utility>

namespace coheir::detail {

struct timer_node;

/// Something that can stand in a ready queue or an inbox: a task, or a function to run.
struct ready_node {
    enum class kind : unsigned char { task, function };
    explicit ready_node(kind k) noexcept : what(k) {}
    ready_node(const ready_node&) = delete;
    ready_node& operator=(const ready_node&) = delete;

    union {
        ready_node* next;   // set by the queue that it stands in
        timer_node* timer;  // of a task that sleeps, and so stands in none
    };
    const kind what;
};

class ready_queue {
public:
    ready_queue() = default;
    ready_queue(const ready_queue&) = delete;
    ready_queue& operator=(const ready_queue&) = delete;

    bool empty() const noexcept { return first_ == nullptr; }
    void push(ready_node& node) noexcept {
        node.next = nullptr;
        *last_ = &node;
        last_ = &node.next;
    }
    ready_node* pop() noexcept {
        ready_node* const node = first_;
        if (node && !(first_ = node->next)) last_ = &first_;
        return node;
    }
    /// Takes all of another queue in, behind what is here.
    void append(ready_queue& other) noexcept {
        if (other.empty()) return;
        *last_ = std::exchange(other.first_, nullptr);
        last_ = std::exchange(other.last_, &other.first_);
    }

private:
    ready_node* first_ = nullptr;
    ready_node** last_ = &first_;
};

}  // namespace coheir::detail
