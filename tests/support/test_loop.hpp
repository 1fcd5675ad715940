#pragma once
// A scheduler on virtual time on which a deadlock fails the test instead of hanging.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace test {

/// Drives a scheduler as a foreign event loop would, one task at a time, and moves the clock to the next
/// deadline only when nothing is ready. Collects what nobody handled.
class test_loop {
public:
    explicit test_loop(coheir::spawn_policy policy = coheir::spawn_policy::copying)
        : scheduler(std::move(policy), clock) {
        scheduler.on_unhandled([this](const coheir::unhandled& u) { unhandled.push_back(u.what()); });
    }

    coheir::manual_clock clock;
    std::vector<std::string> unhandled;  // what(), in the order of the reports
    coheir::scheduler scheduler;         // destroyed first: it may still report

    /// Runs one task or function, after moving the clock where that is what it takes. False if nothing is
    /// ready and no timer is pending: then nothing has been run.
    bool step() {
        if (!work_left_) work_left_ = scheduler.run_ready(0);
        if (!work_left_) {
            const auto deadline = scheduler.next_deadline();
            if (!deadline) return false;
            clock.advance_to(*deadline);
        }
        work_left_ = scheduler.run_ready(1);
        return true;
    }

    /// Runs until nothing is ready and no timer is pending.
    void run_until_idle() {
        while (step()) count_step();
    }

    /// Like scheduler::run, but fails where nothing can ever end the task.
    template <class T>
    T run(coheir::task<T> root) {
        coheir::detail::result<T> result;
        const auto handle = scheduler.spawn(keep(std::move(root), result));
        while (!handle.done()) {
            if (!step()) FAIL("deadlock: the root waits, nothing is ready and no timer is pending");
            count_step();
        }
        return result.take();
    }

private:
    template <class T>
    static coheir::task<> keep(coheir::task<T> work, coheir::detail::result<T>& into) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(work);
                into.emplace();
            } else if constexpr (std::is_reference_v<T>) {
                auto& value = co_await std::move(work);
                into.emplace(value);
            } else {
                into.emplace(co_await std::move(work));
            }
        } catch (...) {
            into.fail(std::current_exception());
        }
    }
    void count_step() {
        if (++steps_ > 100'000'000) FAIL("livelock: this takes too many steps");
    }

    bool work_left_ = false;
    std::size_t steps_ = 0;
};

}  // namespace test
