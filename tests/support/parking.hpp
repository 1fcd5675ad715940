#pragma once
// A foreign awaitable: coroutines park here until they are let go, or cancel when they are destroyed.

#include <coroutine>
#include <cstddef>
#include <iterator>
#include <list>
#include <utility>

namespace test {

class parking {
    class place {
    public:
        explicit place(parking& in) noexcept : in_(in) {}
        place(const place&) = delete;
        place& operator=(const place&) = delete;
        ~place() { in_.cancel(*this); }

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> who) {
            who_ = who;
            in_.parked_.push_back(this);
            at_ = std::prev(in_.parked_.end());
        }
        void await_resume() const noexcept {}

    private:
        friend class parking;
        parking& in_;
        std::coroutine_handle<> who_;
        std::list<place*>::iterator at_;
    };

public:
    parking() = default;
    parking(const parking&) = delete;
    parking& operator=(const parking&) = delete;

    /// `co_await here.park()`: until release_first or release_all.
    [[nodiscard]] place park() noexcept { return place(*this); }

    [[nodiscard]] std::size_t size() const noexcept { return parked_.size(); }
    [[nodiscard]] std::size_t cancelled() const noexcept { return cancelled_; }

    void release_first() {
        place& first = *parked_.front();
        parked_.pop_front();
        std::exchange(first.who_, {}).resume();
    }
    void release_all() {
        while (size() > 0) release_first();
    }

private:
    void cancel(place& p) {
        if (!p.who_) return;
        parked_.erase(p.at_);
        ++cancelled_;
    }

    std::list<place*> parked_;
    std::size_t cancelled_ = 0;
};

}  // namespace test
