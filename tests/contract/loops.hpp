#pragma once
// The engines that keep the contract: a class for each, which makes a scheduler on it and runs tasks there.

#include <coheir/coheir.hpp>

#include <source_location>
#include <utility>

namespace contract {

/// The library's own loop, on a clock that no test waits for.
class builtin_loop {
public:
    explicit builtin_loop(coheir::spawn_policy policy) : scheduler_(std::move(policy), clock_) {}

    /// Runs the task and what else is ready until it ends; its result, or its exception.
    template <class T>
    T run(coheir::task<T> root) {
        return scheduler_.run(std::move(root));
    }
    /// Starts a task from outside any other.
    template <class T>
    [[nodiscard]] auto spawn(coheir::task<T> work,
                             std::source_location at = std::source_location::current()) {
        return scheduler_.spawn(std::move(work), at);
    }
    /// From here on nothing can be started.
    void close() noexcept { scheduler_.close(); }

private:
    coheir::manual_clock clock_;
    coheir::scheduler scheduler_;
};

}  // namespace contract

/// For TEMPLATE_TEST_CASE: every engine that this build has.
#define CONTRACT_LOOPS contract::builtin_loop
