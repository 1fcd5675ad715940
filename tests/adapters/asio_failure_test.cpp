// A scheduler on Asio goes on after a call into Asio has failed.
#include <coheir/adapters/asio.hpp>
#include <coheir/coheir.hpp>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <new>
#include <stdexcept>
#include <utility>

#include "support/child_process.hpp"
#include "support/throwing_coroutine.hpp"

namespace {

using Catch::Matchers::Contains;

using namespace std::chrono_literals;

using reliable_executor = asio::io_context::executor_type;
struct unreliable_executor : reliable_executor {
    explicit unreliable_executor(asio::io_context& of) : reliable_executor(of.get_executor()) {}
};

/// An Asio that refuses handlers, or has no memory for a timer once, when it is told so.
struct unreliable_asio : coheir::detail::standalone_asio {
    static constexpr const char* name = "an Asio that fails";
    static inline bool refuses = false, timer_fails = false;

    template <class Executor, class F>
    static void post(const Executor& executor, F f) {
        if (refuses) throw std::runtime_error("no more handlers");
        standalone_asio::post(executor, std::move(f));
    }
    template <class Executor>
    struct timer : standalone_asio::timer<Executor> {
        using standalone_asio::timer<Executor>::timer;
        template <class F>
        void async_wait(F f) {
            if (std::exchange(timer_fails, false)) throw std::bad_alloc();
            standalone_asio::timer<Executor>::async_wait(std::move(f));
        }
    };
};

}  // namespace

template <>
struct coheir::detail::asio_flavour_of<unreliable_executor> {
    using type = unreliable_asio;
};

namespace {

coheir::task<> take_many_turns() {
    for (int i = 0; i < 1000; ++i) co_await coheir::yield();
}
coheir::task<> nap() { co_await coheir::sleep_for(1ms); }
test::throwing fail_with_the_timer() {
    unreliable_asio::timer_fails = true;
    throw std::out_of_range("foreign");
    co_return;
}

}  // namespace

TEST_CASE("asio: an executor that throws when it is to run the tasks ends the program with a message",
          "[asio][failure]") {
    const auto outcome = test::in_child_process([] {
        asio::io_context io;
        coheir::asio_scheduler loop(unreliable_executor{io}, coheir::spawn_policy::copying);
        loop.spawn(take_many_turns()).detach();
        unreliable_asio::refuses = true;
        io.run();
    });
    CHECK(outcome.aborted);
    CHECK_THAT(outcome.errors, Contains("coheir: fatal: the executor of an asio_scheduler threw when it was "
                                        "to run the tasks that are ready"));
    CHECK_THAT(outcome.errors, Contains("no more handlers"));
}

TEST_CASE("asio: a timer that cannot be set comes out of run(), and is set by the next", "[asio][failure]") {
    asio::io_context io;
    coheir::asio_scheduler loop(unreliable_executor{io}, coheir::spawn_policy::copying);
    const auto handle = loop.spawn(nap());
    unreliable_asio::timer_fails = true;
    CHECK_THROWS_AS(io.run(), std::bad_alloc);
    CHECK_FALSE(handle.done());
    io.run_for(2s);
    CHECK(handle.done());
}

TEST_CASE("asio: what a foreign coroutine throws comes out of run(), not what fails after it",
          "[asio][failure]") {
    asio::io_context io;
    coheir::asio_scheduler loop(unreliable_executor{io}, coheir::spawn_policy::copying);
    const auto handle = loop.spawn(nap());
    test::throwing body = fail_with_the_timer();
    loop.spawn([](test::throwing& on) -> coheir::task<> { co_await on; }(body)).detach();
    CHECK_THROWS_AS(io.run(), std::out_of_range);
    CHECK_FALSE(unreliable_asio::timer_fails);
    for (int i = 0; i < 10 && !handle.done(); ++i) io.run_one_for(2s);
    CHECK(handle.done());
}
