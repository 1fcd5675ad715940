#pragma once
// Nodes with numbers, to be pushed into an inbox and told apart when they are taken out.

#include <coheir/detail/inbox.hpp>

#include <cstddef>
#include <vector>

namespace test {

struct numbered : coheir::detail::ready_node {
    explicit numbered(int n, std::size_t by = 0) : ready_node(kind::function), number(n), pusher(by) {}
    int number;
    std::size_t pusher;
};

using numbers = std::vector<int>;

inline numbers taken_from(coheir::detail::inbox& from) {
    coheir::detail::ready_queue queue;
    from.take_into(queue);
    numbers taken;
    while (coheir::detail::ready_node* const node = queue.pop())
        taken.push_back(static_cast<numbered&>(*node).number);
    return taken;
}

}  // namespace test
