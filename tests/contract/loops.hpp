#pragma once
// The engines that keep the contract: a class for each, which makes a scheduler on it and runs tasks there.

#include <coheir/coheir.hpp>

#ifdef COHEIR_TEST_LIBUV
#include <coheir/adapters/libuv.hpp>
#endif
#if defined(COHEIR_TEST_ASIO) && __has_include(<coheir/adapters/asio.hpp>)
#include <coheir/adapters/asio.hpp>

#include <asio/io_context.hpp>
#define CONTRACT_ASIO , contract::standalone_asio_loop
#else
#define CONTRACT_ASIO
#endif
#if defined(COHEIR_TEST_BOOST_ASIO) && __has_include(<coheir/adapters/boost_asio.hpp>)
#include <coheir/adapters/boost_asio.hpp>

#include <boost/asio/io_context.hpp>
#define CONTRACT_BOOST_ASIO , contract::boost_asio_loop
#else
#define CONTRACT_BOOST_ASIO
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

#if __has_include(<coheir/adapters/asio.hpp>) && (defined(COHEIR_TEST_ASIO) || defined(COHEIR_TEST_BOOST_ASIO))
struct on_asio {
    static constexpr const char* name = "Asio";
};
struct on_boost_asio {
    static constexpr const char* name = "Boost.Asio";
};

/// An io_context of either flavour, run by this thread.
template <class Context, class Flavour>
class asio_loop {
public:
    explicit asio_loop(coheir::spawn_policy policy)
        : scheduler_(host_.get_executor(), std::move(policy), clock_) {}

    template <class T>
    T run(coheir::task<T> root) {
        const coheir::join_handle<T> ending = scheduler_.spawn(std::move(root));
        host_.restart();
        while (!ending.done())
            if (host_.run_one() == 0) {
                std::fputs("the io_context has nothing left to run, and the task has not ended\n", stderr);
                std::abort();
            }
        return coheir::detail::take_result(*coheir::detail::join_handle_access::state(ending, "run"));
    }
    void run_until_idle() {
        host_.restart();
        host_.run();
    }
    template <class T>
    [[nodiscard]] auto spawn(coheir::task<T> work,
                             std::source_location at = std::source_location::current()) {
        return scheduler_.spawn(std::move(work), at);
    }
    void close() noexcept { scheduler_.close(); }
    template <class F>
    void on_unhandled(F&& handler) {
        scheduler_.on_unhandled(std::forward<F>(handler));
    }

    static constexpr const char* name = Flavour::name;

private:
    Context host_{1};
    coheir::manual_clock clock_;
    coheir::asio_scheduler<typename Context::executor_type> scheduler_;
};
// Names without a comma, for macros.
#ifdef COHEIR_TEST_ASIO
using standalone_asio_loop = asio_loop<::asio::io_context, on_asio>;
#endif
#ifdef COHEIR_TEST_BOOST_ASIO
using boost_asio_loop = asio_loop<boost::asio::io_context, on_boost_asio>;
#endif
#endif

}  // namespace contract

/// For TEMPLATE_TEST_CASE: every engine that this build has.
#define CONTRACT_LOOPS contract::builtin_loop CONTRACT_LIBUV CONTRACT_ASIO CONTRACT_BOOST_ASIO
