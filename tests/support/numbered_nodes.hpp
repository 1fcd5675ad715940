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

inline numbers numbers_in(coheir::detail::ready_queue& queue) {
    numbers found;
    while (coheir::detail::ready_node* const node = queue.pop())
        found.push_back(static_cast<numbered&>(*node).number);
    return found;
}
inline numbers taken_from(coheir::detail::inbox& from) {
    coheir::detail::ready_queue queue;
    from.take_into(queue);
    return numbers_in(queue);
}

}  // namespace test
