#pragma once
// What must end in time, or else the program does.

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace test {

/// Ends the program, with a message, if it lives longer than `limit`.
class watchdog {
public:
    watchdog(const char* what, std::chrono::milliseconds limit)
        : thread_([this, what, limit] {
              std::unique_lock lock(mutex_);
              if (over_.wait_for(lock, limit, [this] { return is_over_; })) return;
              std::fprintf(stderr, "%s has not ended within %lld ms\n", what,
                           static_cast<long long>(limit.count()));
              std::abort();
          }) {}
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() {
        {
            const std::lock_guard lock(mutex_);
            is_over_ = true;
        }
        over_.notify_one();
        thread_.join();
    }

private:
    std::mutex mutex_;
    std::condition_variable over_;
    bool is_over_ = false;
    std::thread thread_;  // last: it uses the others
};

}  // namespace test
