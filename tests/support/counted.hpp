#pragma once
// A value that knows whether every one of its kind was destroyed, and exactly once.

#include <cstddef>
#include <mutex>
#include <unordered_set>

namespace test {

/// Put it where something must be destroyed exactly once: in a frame, in a context, in a result. Any thread.
class counted {
public:
    explicit counted(int v = 0) : value(v) { born(); }
    counted(const counted& other) : value(other.value) { born(); }
    counted(counted&& other) : value(other.value) { born(); }
    counted& operator=(const counted&) = default;
    counted& operator=(counted&&) = default;
    ~counted() { died(); }

    int value;

    /// How many there are now.
    static std::size_t live() {
        const std::lock_guard lock(all().mutex);
        return all().addresses.size();
    }
    /// How many destructions, ever, were of one that was not there: destroyed before, or never made.
    static std::size_t destroyed_wrongly() {
        const std::lock_guard lock(all().mutex);
        return all().wrong;
    }

private:
    struct registry {
        std::mutex mutex;
        std::unordered_set<const void*> addresses;
        std::size_t wrong = 0;
    };
    static registry& all() {
        static registry r;
        return r;
    }
    void born() {
        const std::lock_guard lock(all().mutex);
        all().addresses.insert(this);
    }
    void died() {
        const std::lock_guard lock(all().mutex);
        all().wrong += 1 - all().addresses.erase(this);
    }
};

/// Notes what lives at its construction: later, everything that was made since must be gone again.
class counted_balance {
public:
    /// Every counted value made since was destroyed, exactly once.
    [[nodiscard]] bool is_even() const {
        return counted::live() == live_ && counted::destroyed_wrongly() == wrong_;
    }
    /// How many made since are still there.
    [[nodiscard]] std::size_t live() const { return counted::live() - live_; }

private:
    std::size_t live_ = counted::live();
    std::size_t wrong_ = counted::destroyed_wrongly();
};

}  // namespace test
