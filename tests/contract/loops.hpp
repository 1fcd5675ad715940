#pragma once
// The engines that keep the contract: a class for each, which makes a scheduler on it and runs tasks there.

#include <coheir/coheir.hpp>

#ifdef COHEIR_TEST_LIBUV
#include <coheir/adapters/libuv.hpp>
#endif

#include <cstdio>
#include <cstdlib>
#include <optional>
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
    /// Runs on until nothing is ready and no timer is pending.
    void run_until_idle() { scheduler_.run_until_idle(); }
    /// Starts a task from outside any other.
    template <class T>
    [[nodiscard]] auto spawn(coheir::task<T> work,
                             std::source_location at = std::source_location::current()) {
        return scheduler_.spawn(std::move(work), at);
    }
    /// From here on nothing can be started.
    void close() noexcept { scheduler_.close(); }
    template <class F>
    void on_unhandled(F&& handler) {
        scheduler_.on_unhandled(std::forward<F>(handler));
    }

    static constexpr const char* name = "the built-in loop";

private:
    coheir::manual_clock clock_;
    coheir::scheduler scheduler_;
};

#ifdef COHEIR_TEST_LIBUV
/// A libuv loop, which must have nothing left when it is closed.
class libuv_loop {
public:
    explicit libuv_loop(coheir::spawn_policy policy) {
        if (uv_loop_init(&loop_) != 0) std::abort();
        scheduler_.emplace(&loop_, std::move(policy), clock_);
    }
    libuv_loop(const libuv_loop&) = delete;
    libuv_loop& operator=(const libuv_loop&) = delete;
    ~libuv_loop() {
        scheduler_.reset();
        uv_run(&loop_, UV_RUN_DEFAULT);
        if (uv_loop_close(&loop_) == 0) return;
        std::fputs("a libuv loop has handles or requests left\n", stderr);
        std::abort();
    }

    template <class T>
    T run(coheir::task<T> root) {
        return scheduler_->run(std::move(root));
    }
    void run_until_idle() { uv_run(&loop_, UV_RUN_DEFAULT); }
    template <class T>
    [[nodiscard]] auto spawn(coheir::task<T> work,
                             std::source_location at = std::source_location::current()) {
        return scheduler_->spawn(std::move(work), at);
    }
    void close() noexcept { scheduler_->close(); }
    template <class F>
    void on_unhandled(F&& handler) {
        scheduler_->on_unhandled(std::forward<F>(handler));
    }

    static constexpr const char* name = "libuv";

private:
    uv_loop_t loop_;
    coheir::manual_clock clock_;
    std::optional<coheir::uv_scheduler> scheduler_;
};
#define CONTRACT_LIBUV , contract::libuv_loop
#else
#define CONTRACT_LIBUV
#endif

}  // namespace contract

/// For TEMPLATE_TEST_CASE: every engine that this build has.
#define CONTRACT_LOOPS contract::builtin_loop CONTRACT_LIBUV
