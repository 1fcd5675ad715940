// A scheduler on Asio goes on after a call into Asio has failed.
#include <coheir/adapters/asio.hpp>
#include <coheir/coheir.hpp>

#include <asio/io_context.hpp>
#include <catch2/catch.hpp>

#include <chrono>
#include <new>
#include <utility>

namespace {

using namespace std::chrono_literals;

using reliable_executor = asio::io_context::executor_type;
struct unreliable_executor : reliable_executor {
    explicit unreliable_executor(asio::io_context& of) : reliable_executor(of.get_executor()) {}
};

/// An Asio that has no memory when it is told so.
struct unreliable_asio : coheir::detail::standalone_asio {
    static constexpr const char* name = "an Asio that fails";
    static inline bool post_fails = false, timer_fails = false;

    static void fail_once(bool& due) {
        if (std::exchange(due, false)) throw std::bad_alloc();
    }
    template <class Executor, class F>
    static void post(const Executor& executor, F f) {
        fail_once(post_fails);
        standalone_asio::post(executor, std::move(f));
    }
    template <class Executor>
    struct timer : standalone_asio::timer<Executor> {
        using standalone_asio::timer<Executor>::timer;
        template <class F>
        void async_wait(F f) {
            fail_once(timer_fails);
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

/// Runs a task while a call into Asio fails: that comes out of run(); what is handed in next has it go on.
void run_with_failure(coheir::task<> work, bool& fails) {
    asio::io_context io;
    coheir::asio_scheduler loop(unreliable_executor{io}, coheir::spawn_policy::copying);
    const auto handle = loop.spawn(std::move(work));
    fails = true;
    CHECK_THROWS_AS(io.run(), std::bad_alloc);
    CHECK_FALSE(handle.done());
    loop.post([] {});
    io.restart();
    io.run_for(2s);
    CHECK(handle.done());
}

coheir::task<> take_many_turns() {
    for (int i = 0; i < 1000; ++i) co_await coheir::yield();
}
coheir::task<> nap() { co_await coheir::sleep_for(1ms); }

}  // namespace

TEST_CASE("asio: after a turn that could not be requested, the next one is", "[asio][failure]") {
    run_with_failure(take_many_turns(), unreliable_asio::post_fails);
}

TEST_CASE("asio: after a timer that could not be set, the next one is", "[asio][failure]") {
    run_with_failure(nap(), unreliable_asio::timer_fails);
}
