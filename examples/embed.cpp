// A hand-written event loop, such as that of a game or a window system, drives a scheduler by three calls.
#include <coheir/coheir.hpp>

#include <chrono>
#include <condition_variable>
#include <iostream>
#include <mutex>

class event_loop {  // the host; here it can only wait
public:
    void wake() {  // from any thread
        const std::lock_guard lock(mutex_);
        woken_ = true;
        condition_.notify_one();
    }

    void wait_until(std::chrono::steady_clock::time_point deadline) {
        std::unique_lock lock(mutex_);
        condition_.wait_until(lock, deadline, [this] { return woken_; });
        woken_ = false;
    }

private:
    std::mutex mutex_;
    std::condition_variable condition_;
    bool woken_ = false;
};

coheir::task<> count_down() {
    for (int seconds = 3; seconds > 0; --seconds) {
        std::cout << seconds << '\n';
        co_await coheir::sleep_for(std::chrono::milliseconds(10));
    }
    std::cout << "lift-off\n";
}

// [drive]
int main() {
    event_loop host;
    coheir::scheduler loop;
    loop.on_wakeup([&host] { host.wake(); });  // something was posted, perhaps from another thread

    const auto countdown = loop.spawn(count_down());
    bool work_left = true;
    while (!countdown.done()) {
        // The host's own events have their turn here.
        const auto in_an_hour = std::chrono::steady_clock::now() + std::chrono::hours(1);
        if (!work_left) host.wait_until(loop.next_deadline().value_or(in_an_hour));
        work_left = loop.run_ready();
    }
}
// [/drive]

// Output:
// 3
// 2
// 1
// lift-off
