#pragma once
// Runs threads in every order in which the steps of their synchronisation can interleave. Included before the
// library, in each source of this program: `explored` takes the place of what that synchronises by.
#define COHEIR_SYNCHRONIZATION test::explored

#include <sched.h>

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <memory>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

namespace test {

/// Takes threads through one interleaving after the other: depth first, each time from the start. Only one
/// thread moves at a time, from one step to the next. It sees all as sequentially consistent.
class schedules {
public:
    static constexpr std::size_t any = ~std::size_t{0};

    /// Calls make() for each interleaving: it sets up fresh state and returns the bodies of the threads.
    /// Calls check() after each. Returns how many there were. At most so many times in each a thread is
    /// interrupted that could go on (Musuvathi and Qadeer, 2007).
    template <class Make, class Check>
    static std::size_t explore(Make&& make, Check&& check, std::size_t preemptions = any) {
        const on_one_core here;
        std::vector<choice> path;
        for (std::size_t count = 1;; ++count) {
            run(make(), path, preemptions);
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
    /// Before a thread looks at what others change: one that looks again and again waits for a change.
    static void look(const void* at, const std::size_t& changes) {
        if (current_thread) current_thread->look(at, changes);
    }

private:
    /// Threads hand over to each other ten times as fast on one core.
    class on_one_core {
    public:
        on_one_core() {
            cpu_set_t one;
            CPU_ZERO(&one);
            CPU_SET(sched_getcpu(), &one);
            sched_getaffinity(0, sizeof before_, &before_);
            sched_setaffinity(0, sizeof one, &one);
        }
        on_one_core(const on_one_core&) = delete;
        on_one_core& operator=(const on_one_core&) = delete;
        ~on_one_core() { sched_setaffinity(0, sizeof before_, &before_); }

    private:
        cpu_set_t before_;
    };

    struct choice {
        std::size_t taken;
        std::size_t of;
    };

    // A thread and whose turn it is: the thread's own, or that of the explorer.
    class explored_thread {
    public:
        explicit explored_thread(std::function<void()> body)
            : thread_([this, work = std::move(body)]() mutable {
                  current_thread = this;
                  wait_for(true);
                  std::exchange(work, nullptr)();
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
            looks_ = 0;
            yield();
        }
        void pause_until(std::function<bool()> possible) {
            possible_ = std::move(possible);
            pause();
            possible_ = nullptr;
        }
        void look(const void* at, const std::size_t& changes) {
            constexpr int spins = 8;
            looks_ = at == looked_at_ && changes == seen_changes_ ? looks_ + 1 : 0;
            looked_at_ = at, seen_changes_ = changes;
            if (looks_ < spins) return yield();
            pause_until([&changes, seen = changes] { return changes != seen; });
        }

    private:
        void yield() {
            hand_over(false);
            wait_for(true);
        }
        void hand_over(bool to_thread) { (to_thread ? threads_turn_ : explorers_turn_).release(); }
        void wait_for(bool threads_turn) { (threads_turn ? threads_turn_ : explorers_turn_).acquire(); }

        std::binary_semaphore threads_turn_{0}, explorers_turn_{0};
        bool finished_ = false;
        std::function<bool()> possible_;  // what it waits for
        const void* looked_at_ = nullptr;
        std::size_t seen_changes_ = 0;
        int looks_ = 0;
        std::thread thread_;  // last: it uses the others
    };

    static void run(const std::vector<std::function<void()>>& bodies, std::vector<choice>& path,
                    std::size_t preemptions) {
        std::vector<std::unique_ptr<explored_thread>> threads;
        for (const auto& body : bodies) threads.push_back(std::make_unique<explored_thread>(body));
        for (const auto& thread : threads) thread->run_to_next_step();  // nothing shared before the first
        explored_thread* last = nullptr;
        for (std::size_t depth = 0;; ++depth) {
            std::vector<explored_thread*> ready;
            bool all_finished = true, last_goes_on = false;
            for (const auto& thread : threads) {
                if (thread->finished()) continue;
                all_finished = false;
                if (thread->blocked()) continue;
                ready.push_back(thread.get());
                if (thread.get() != last) continue;
                last_goes_on = true;
                std::swap(ready.front(), ready.back());
            }
            if (all_finished) return;
            if (ready.empty()) {  // the threads hang, so nothing can be unwound
                std::fputs("schedules: a deadlock\n", stderr);
                std::abort();
            }
            if (last_goes_on && preemptions == 0) ready.resize(1);
            if (depth == path.size()) path.push_back({0, ready.size()});
            explored_thread* const next = ready[path[depth].taken];
            if (last_goes_on && next != last && preemptions != any) --preemptions;
            last = next;
            next->run_to_next_step();
        }
    }

    static inline thread_local explored_thread* current_thread = nullptr;
};

/// In place of what the library synchronises by: each operation is a step of an explored schedule.
struct explored {
    template <class T>
    class atomic {
    public:
        constexpr explicit(false) atomic(T value = {}) noexcept : value_(value) {}
        atomic(const atomic&) = delete;
        atomic& operator=(const atomic&) = delete;

        T load(std::memory_order = std::memory_order_seq_cst) const noexcept {
            schedules::look(this, changes_);
            return value_;
        }
        void store(T value, std::memory_order = std::memory_order_seq_cst) noexcept { change(value); }
        T exchange(T with, std::memory_order = std::memory_order_seq_cst) noexcept { return change(with); }
        T fetch_add(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
            schedules::step();
            return set(static_cast<T>(value_ + n));
        }
        T fetch_sub(T n, std::memory_order = std::memory_order_seq_cst) noexcept {
            schedules::step();
            return set(static_cast<T>(value_ - n));
        }
        T fetch_and(T with, std::memory_order = std::memory_order_seq_cst) noexcept {
            schedules::step();
            return set(value_ & with);
        }
        T fetch_or(T with, std::memory_order = std::memory_order_seq_cst) noexcept {
            schedules::step();
            return set(value_ | with);
        }
        bool compare_exchange_strong(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                                     std::memory_order = std::memory_order_seq_cst) noexcept {
            schedules::step();
            if (value_ != expected) {
                expected = value_;
                return false;
            }
            set(desired);
            return true;
        }
        bool compare_exchange_weak(T& expected, T desired, std::memory_order = std::memory_order_seq_cst,
                                   std::memory_order = std::memory_order_seq_cst) noexcept {
            return compare_exchange_strong(expected, desired);
        }
        void wait(T old, std::memory_order = std::memory_order_seq_cst) const noexcept {
            schedules::step_when([&] { return value_ != old; });
        }
        void notify_all() noexcept {}

    private:
        T change(T to) noexcept {
            schedules::step();
            return set(to);
        }
        T set(T to) noexcept {
            ++changes_;
            return std::exchange(value_, to);
        }

        T value_;
        std::size_t changes_ = 0;
    };

    class mutex {
    public:
        void lock() {
            schedules::step_when([this] { return !locked_; });
            locked_ = true;
        }
        void unlock() noexcept {
            schedules::step();
            locked_ = false;
        }

    private:
        bool locked_ = false;
    };

    /// Wakes nobody by itself, and is never late.
    class condition_variable {
    public:
        template <class Lock, class Until>
        void wait(Lock& lock, Until until) {
            while (!until()) {
                lock.unlock();
                const std::size_t before = notified_;  // only from here on: what comes sooner is lost
                schedules::step_when([&] { return notified_ != before; });
                lock.lock();
            }
        }
        template <class Lock, class Time, class Until>
        void wait_until(Lock& lock, const Time&, Until until) {
            wait(lock, until);
        }
        void notify_one() noexcept { ++notified_; }

    private:
        std::size_t notified_ = 0;
    };
};

}  // namespace test
