#pragma once
// A scheduler on virtual time on which a deadlock fails the test instead of hanging.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
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
        kept<T> result;
        const auto handle = scheduler.spawn(keep(std::move(root), result));
        while (!handle.done()) {
            if (!step()) FAIL("deadlock: the root waits, nothing is ready and no timer is pending");
            count_step();
        }
        if (result.error) std::rethrow_exception(result.error);
        if constexpr (std::is_reference_v<T>)
            return *result.value;
        else if constexpr (!std::is_void_v<T>)
            return std::move(*result.value);
    }

private:
    template <class T>
    struct kept {
        using stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;
        std::exception_ptr error;
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::optional<stored>>
            value{};
    };
    template <class T>
    static coheir::task<> keep(coheir::task<T> work, kept<T>& into) {
        try {
            if constexpr (std::is_void_v<T>) {
                co_await std::move(work);
            } else if constexpr (std::is_reference_v<T>) {
                auto& value = co_await std::move(work);
                into.value = &value;
            } else {
                into.value.emplace(co_await std::move(work));
            }
        } catch (...) {
            into.error = std::current_exception();
        }
    }
    void count_step() {
        if (++steps_ > 100'000'000) FAIL("livelock: this takes too many steps");
    }

    bool work_left_ = false;
    std::size_t steps_ = 0;
};

}  // namespace test
