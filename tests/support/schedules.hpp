#pragma once
// Runs threads in every order in which their atomic operations can interleave.

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// Takes threads through one interleaving after the other: depth first, each time from the start. Only one
/// thread moves at a time, from one atomic operation to the next.
class schedules {
public:
    /// Calls make() for each interleaving: it sets up fresh state and returns the bodies of the threads.
    /// Calls check() after each. Returns how many there were.
    template <class Make, class Check>
    static std::size_t explore(Make&& make, Check&& check) {
        std::vector<choice> path;
        for (std::size_t count = 1;; ++count) {
            run(make(), path);
            check();
            while (!path.empty() && path.back().taken + 1 == path.back().of) path.pop_back();
            if (path.empty()) return count;
            ++path.back().taken;
        }
    }

    /// Before each atomic operation of a thread that is being explored; nothing elsewhere.
    static void step() {
        if (current_thread) current_thread->pause();
    }
    /// The same, but the thread does not move before `possible()`.
    template <class Possible>
    static void step_when(const Possible& possible) {
        if (current_thread) current_thread->pause_until(possible);
    }

private:
    struct choice {
        std::size_t taken;
        std::size_t of;
    };

    // A thread and whose turn it is: the thread's own, or that of the explorer.
    class explored_thread {
    public:
        explicit explored_thread(std::function<void()> body)
            : thread_([this, work = std::move(body)] {
                  current_thread = this;
                  wait_for(true);
                  work();
                  finished_ = true;
                  hand_over(false);
              }) {}
        explored_thread(const explored_thread&) = delete;
        explored_thread& operator=(const explored_thread&) = delete;
        ~explored_thread() { thread_.join(); }

        bool finished() const { return finished_; }
        bool blocked() const { return possible_ && !possible_(); }
        void run_to_next_step() {
            hand_over(true);
            wait_for(false);
        }
        void pause() {
            hand_over(false);
            wait_for(true);
        }
        void pause_until(std::function<bool()> possible) {
            possible_ = std::move(possible);
            pause();
            possible_ = nullptr;
        }

    private:
        void hand_over(bool to_thread) {
            const std::lock_guard lock(mutex_);
            threads_turn_ = to_thread;
            changed_.notify_all();
        }
        void wait_for(bool threads_turn) {
            std::unique_lock lock(mutex_);
            changed_.wait(lock, [&] { return threads_turn_ == threads_turn; });
        }

        std::mutex mutex_;
        std::condition_variable changed_;
        bool threads_turn_ = false;
        bool finished_ = false;
        std::function<bool()> possible_;  // what it waits for
        std::thread thread_;              // last: it uses the others
    };

    static void run(const std::vector<std::function<void()>>& bodies, std::vector<choice>& path) {
        std::vector<std::unique_ptr<explored_thread>> threads;
        for (const auto& body : bodies) threads.push_back(std::make_unique<explored_thread>(body));
        for (const auto& thread : threads) thread->run_to_next_step();  // nothing shared before the first
        for (std::size_t depth = 0;; ++depth) {
            std::vector<explored_thread*> ready;
            bool all_finished = true;
            for (const auto& thread : threads) {
                if (thread->finished()) continue;
                all_finished = false;
                if (!thread->blocked()) ready.push_back(thread.get());
            }
            if (all_finished) return;
            if (ready.empty()) throw std::logic_error("schedules: a deadlock");  // terminates: threads hang
            if (depth == path.size()) path.push_back({0, ready.size()});
            ready[path[depth].taken]->run_to_next_step();
        }
    }

    static inline thread_local explored_thread* current_thread = nullptr;
};

/// Atomics for code that is written against a policy: each operation is a step of an explored schedule.
struct explored_atomics {
    template <class T>
    class atomic {
    public:
        constexpr explicit(false) atomic(T value = {}) noexcept : value_(value) {}
        atomic(const atomic&) = delete;
        atomic& operator=(const atomic&) = delete;

        T load(std::memory_order) const noexcept {
            schedules::step();
            return value_;
        }
        T fetch_and(T with, std::memory_order) noexcept {
            schedules::step();
            return std::exchange(value_, value_ & with);
        }
        T fetch_or(T with, std::memory_order) noexcept {
            schedules::step();
            return std::exchange(value_, value_ | with);
        }
        T exchange(T with, std::memory_order) noexcept {
            schedules::step();
            return std::exchange(value_, with);
        }
        void store(T value, std::memory_order) noexcept {
            schedules::step();
            value_ = value;
        }
        void wait(T old, std::memory_order) const noexcept {
            schedules::step_when([&] { return value_ != old; });
        }
        void notify_all() noexcept {}
        bool compare_exchange_strong(T& expected, T desired, std::memory_order a,
                                     std::memory_order b) noexcept {
            return compare_exchange_weak(expected, desired, a, b);
        }
        bool compare_exchange_weak(T& expected, T desired, std::memory_order, std::memory_order) noexcept {
            schedules::step();
            if (value_ != expected) {
                expected = value_;
                return false;
            }
            value_ = desired;
            return true;
        }

    private:
        T value_;
    };
};

}  // namespace test
