#pragma once
// The numbers of a scheduler's tasks: taken from those of the process by the thousand, and remembered.

#include <cstddef>
#include <cstdint>

#include "../config.hpp"
#include "globals.hpp"

namespace coheir::detail {

class task_numbers {
public:
    /// A number that no other task of the process has.
    COHEIR_INLINE std::uint64_t next() noexcept {
        if (next_ == end_) [[unlikely]]
            take_more();
        return next_++;
    }

    /// The first of so many. Any thread.
    static std::uint64_t take(std::uint64_t count) noexcept {
        return in_this_process().task_numbers.fetch_add(count, std::memory_order_relaxed);
    }

    /// Whether next() has given this number. Where several schedulers take turns at taking, the oldest are
    /// forgotten.
    bool has_given(std::uint64_t number) const noexcept {
        if (number >= next_ && number < end_) return false;
        for (const range& r : ranges_)
            if (number >= r.first && number < r.end) return true;
        return false;
    }

private:
    static constexpr std::uint64_t block = 1024;
    struct range {
        std::uint64_t first = 0, end = 0;
    };

    COHEIR_COLD void take_more() noexcept {
        next_ = take(block);
        end_ = next_ + block;
        if (next_ != ranges_[newest_].end) {
            newest_ = (newest_ + 1) % kept;
            ranges_[newest_].first = next_;
        }
        ranges_[newest_].end = end_;
    }

    static constexpr std::size_t kept = 8;
    std::uint64_t next_ = 0;
    std::uint64_t end_ = 0;
    std::size_t newest_ = 0;
    range ranges_[kept];
};

}  // namespace coheir::detail
