#pragma once
// Sorting: <algorithm> takes long to compile.

#include <cstddef>
#include <utility>
#include <vector>

namespace coheir::detail {

/// Heapsort (Williams, 1964). Neither `less` nor swapping may throw.
template <class T, class Less>
void sort(std::vector<T>& all, Less less) noexcept {
    const auto sift_down = [&](std::size_t at, std::size_t size) {
        for (std::size_t child; (child = 2 * at + 1) < size; at = child) {
            if (child + 1 < size && less(all[child], all[child + 1])) ++child;
            if (!less(all[at], all[child])) return;
            std::swap(all[at], all[child]);
        }
    };
    for (std::size_t i = all.size() / 2; i-- > 0;) sift_down(i, all.size());
    for (std::size_t left = all.size(); left-- > 1;) {
        std::swap(all[0], all[left]);
        sift_down(0, left);
    }
}

}  // namespace coheir::detail
