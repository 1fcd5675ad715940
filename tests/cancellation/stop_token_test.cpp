// Stop tokens and stop sources: what a task tells others, and what other threads tell a task.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;

namespace {

coheir::task<> sleeps(std::stop_token* token = nullptr) {
    const test::counted here;
    if (token) *token = coheir::this_task::stop_token();
    co_await coheir::sleep_for(1h);
}

coheir::task<> nothing() { co_return; }

}  // namespace

TEST_CASE("a token is told of the request at once, and stays stopped", "[stop_token]") {
    test::test_loop loop;
    std::stop_token token;
    const auto handle = loop.scheduler.spawn(sleeps(&token));
    loop.step();
    CHECK(token.stop_possible());
    CHECK_FALSE(token.stop_requested());
    handle.request_stop();
    CHECK(token.stop_requested());
    loop.run_until_idle();
    CHECK(token.stop_requested());
    CHECK_FALSE(handle.stop_source().stop_possible());  // it has ended
}

TEST_CASE("tokens are told at once by groups, and by waits that are decided when they begin",
          "[stop_token]") {
    test::test_loop loop;
    std::stop_token of_child, of_loser;
    bool child_was_told = false, loser_was_told = false;
    const auto block = [&](coheir::task_group& group) -> coheir::task<> {
        group.spawn(sleeps(&of_child));
        co_await coheir::yield();
        group.request_stop();
        child_was_told = of_child.stop_requested();
    };
    const auto body = [&]() -> coheir::task<> {
        co_await coheir::with_task_group(block);
        const auto ended = coheir::spawn(nothing());
        auto loses = coheir::spawn(sleeps(&of_loser));
        co_await ended;
        auto first = coheir::when_any(ended, std::move(loses));
        loser_was_told = of_loser.stop_requested();
        static_cast<void>(co_await first);
    };
    loop.run(body());
    CHECK(child_was_told);
    CHECK(loser_was_told);
}

TEST_CASE("the token of a limit that begins after a request is told of the next one", "[stop_token]") {
    test::test_loop loop;
    std::vector<std::stop_token> tokens;
    const auto waits = [&]() -> coheir::task<> {
        for (int i = 0; i < 3; ++i) try {
                co_await coheir::timeout_scope(1h, sleeps(&tokens.emplace_back()));
            } catch (const coheir::task_cancelled&) {
            }
    };
    const auto handle = loop.scheduler.spawn(waits());
    for (std::size_t i = 1; i <= 3; ++i) {
        while (loop.scheduler.run_ready()) {
        }
        REQUIRE(tokens.size() == i);
        CHECK_FALSE(tokens.back().stop_requested());
        handle.request_stop();
        CHECK(tokens.back().stop_requested());
    }
    loop.run_until_idle();
    CHECK(handle.done());
}

TEST_CASE("a token that is first asked for after the request is stopped", "[stop_token]") {
    test::test_loop loop;
    bool stopped = false;
    auto body = [](bool& into) -> coheir::task<> {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            into = coheir::this_task::stop_token().stop_requested() && coheir::this_task::stop_requested();
        }
    };
    const auto handle = loop.scheduler.spawn(body(stopped));
    loop.step();
    handle.request_stop();
    loop.run_until_idle();
    CHECK(stopped);
}

TEST_CASE("the callbacks of tokens run outside any task, and may ask others to stop", "[stop_token]") {
    test::test_loop loop;
    std::string found;
    std::stop_token token;
    const auto first = loop.scheduler.spawn(sleeps(&token));
    const auto second = loop.scheduler.spawn(sleeps());
    loop.step();
    loop.step();
    const std::stop_callback callback(token, [&] {
        found = test::whereabouts();
        second.request_stop();
    });
    auto asks = [](const auto& whom) -> coheir::task<> {
        context::set("who", "the one who asks");
        whom.request_stop();
        co_return;
    };
    loop.run(asks(first));
    CHECK(found == test::nowhere);
    loop.run_until_idle();
    CHECK(second.done());
    CHECK(loop.clock.now() == coheir::time_point());
}

TEST_CASE("the tokens of those that a request is handed on to are told, too", "[stop_token]") {
    test::test_loop loop;
    std::stop_token inner;
    auto outer = [](std::stop_token& token) -> coheir::task<> {
        co_await coheir::when_all(sleeps(&token), sleeps());
    };
    const auto handle = loop.scheduler.spawn(outer(inner));
    for (int i = 0; i < 3; ++i) loop.step();
    CHECK_FALSE(inner.stop_requested());
    handle.request_stop();
    CHECK(inner.stop_requested());
    loop.run_until_idle();
    CHECK(handle.done());
}

TEST_CASE("inside a time limit, the token is the limit's, around it, the task's is not stopped",
          "[stop_token]") {
    test::test_loop loop;
    auto body = [](std::vector<bool>& stopped) -> coheir::task<> {
        const std::stop_token of_task = coheir::this_task::stop_token();
        std::stop_token of_block;
        try {
            co_await coheir::timeout_scope(1ms, [&]() -> coheir::task<> {
                of_block = coheir::this_task::stop_token();
                co_await coheir::sleep_for(1h);
            });
        } catch (const coheir::timeout_error&) {
        }
        stopped = {of_task.stop_requested(), of_block.stop_requested(), coheir::this_task::stop_requested()};
    };
    std::vector<bool> stopped;
    loop.run(body(stopped));
    CHECK(stopped == std::vector<bool>{false, true, false});
}

TEST_CASE("a foreign operation is stopped by the token, and the next wait throws", "[stop_token]") {
    test::test_loop loop;
    test::parking parking;
    auto body = [](test::parking& here, std::string& log) -> coheir::task<> {
        const std::stop_callback let_go(coheir::this_task::stop_token(), [&] { here.release_first(); });
        co_await here.park();
        log += "parked;";
        co_await coheir::yield();
        log += "never";
    };
    std::string log;
    const auto handle = loop.scheduler.spawn(body(parking, log));
    loop.step();
    handle.request_stop();
    loop.run_until_idle();
    CHECK(handle.done());
    CHECK(log == "parked;");
}

TEST_CASE(
    "a request from another thread ends a foreign operation on the scheduler's, and the next wait throws",
    "[stop_token][threads]") {
    coheir::scheduler loop;
    test::parking parking;
    bool on_own_thread = false;
    int waits = 0;
    const auto body = [&, own = std::this_thread::get_id()]() -> coheir::task<> {
        const auto let_go = [&] {
            on_own_thread = std::this_thread::get_id() == own;
            parking.release_first();
            std::this_thread::sleep_for(5ms);  // so that the task would go on before others are told
        };
        const std::stop_callback told(coheir::this_task::stop_token(), let_go);
        co_await parking.park();
        for (; waits < 100; ++waits) co_await coheir::yield();
    };
    const auto asks = [&]() -> coheir::task<> {
        const auto handle = coheir::spawn(body());
        co_await coheir::yield();
        const std::jthread other([source = handle.stop_source()]() mutable { source.request_stop(); });
        try {
            co_await handle;
        } catch (const coheir::task_cancelled&) {
        }
    };
    loop.run(asks());
    CHECK(on_own_thread);
    CHECK(waits == 0);
}

TEST_CASE("a request that comes when the task has ended, or is gone with its scheduler, tells nobody",
          "[stop_token]") {
    const bool ends = GENERATE(false, true);
    std::optional<test::test_loop> loop(std::in_place);
    std::stop_token token;
    const auto handle = loop->scheduler.spawn(sleeps(&token));
    loop->step();
    std::stop_source source = handle.stop_source();
    if (ends)
        loop->run_until_idle();
    else
        loop.reset();
    CHECK(source.request_stop());
    if (loop) loop->run_until_idle();
    CHECK_FALSE(token.stop_requested());
}

TEST_CASE("a source that is asked for again is the same, and asks nobody by itself", "[stop_token]") {
    const test::counted_balance balance;
    test::test_loop loop;
    int caught = 0;
    const auto body = [](int& times) -> coheir::task<> {
        const test::counted here;
        for (int i = 0; i < 3; ++i) {
            try {
                co_await coheir::sleep_for(1ms);
            } catch (const coheir::task_cancelled&) {
                ++times;
            }
        }
    };
    const auto once = loop.scheduler.spawn(body(caught));
    loop.step();
    once.request_stop();
    CHECK(once.stop_source().stop_requested());
    CHECK(once.stop_source() == once.stop_source());
    loop.run_until_idle();
    CHECK(once.done());
    CHECK(caught == 1);

    auto ends_first = loop.scheduler.spawn(sleeps());
    loop.step();
    static_cast<void>(ends_first.stop_source());
    ends_first.stop_source().request_stop();  // on its way
    ends_first.request_stop();
    ends_first.detach();  // the task goes when it has ended, before the request comes
    loop.run_until_idle();
    CHECK(balance.live() == 0);
}

TEST_CASE("a source is good on any thread, at any time, and after its scheduler", "[stop_token]") {
    const test::counted_balance balance;
    std::stop_source kept{std::nostopstate};
    {
        test::test_loop loop;
        const auto handle = loop.scheduler.spawn(sleeps());
        const auto other = loop.scheduler.spawn(sleeps());
        loop.step();
        loop.step();
        std::thread([source = handle.stop_source()]() mutable {
            CHECK(source.request_stop());
            CHECK_FALSE(source.request_stop());
        }).join();
        CHECK_FALSE(handle.done());
        loop.run_until_idle();
        CHECK(handle.done());
        kept = other.stop_source();
        CHECK(loop.clock.now() == coheir::time_point() + 1h);
    }
    kept.request_stop();  // nobody is there
    {
        std::optional<test::test_loop> loop(std::in_place);
        const auto handle = loop->scheduler.spawn(sleeps());
        auto unstarted = loop->scheduler.spawn(sleeps());
        kept = handle.stop_source();
        kept.request_stop();  // on its way when the scheduler goes
        loop.reset();
        CHECK(handle.done());
        CHECK_FALSE(handle.request_stop());
    }
    CHECK(balance.is_even());
}

TEST_CASE("threads that ask while the task ends, and while its scheduler goes, are no trouble",
          "[stop_token]") {
    for (int i = 0; i < 300; ++i) {
        std::jthread asks;
        {
            coheir::scheduler loop;
            auto body = []() -> coheir::task<> {
                for (int turn = 0; turn < 20; ++turn) co_await coheir::yield();
            };
            const auto handle = loop.spawn(body());
            std::atomic<bool> go{false};
            asks = std::jthread([source = handle.stop_source(), &go]() mutable {
                while (!go.load()) {
                }
                source.request_stop();
            });
            go = true;
            if (i % 2 == 0) loop.run_until_idle();
            if (i % 2 == 0) CHECK(handle.done());
            if (i % 3 == 0)
                asks.join();
            else
                go.wait(false);
            if (asks.joinable()) asks.join();
        }
    }
}

TEST_CASE("a task asks itself to stop: its next wait throws", "[stop_token]") {
    test::test_loop loop;
    std::optional<coheir::join_handle<>> own;
    std::string log;
    auto body = [](auto& self, std::string& notes) -> coheir::task<> {
        self->request_stop();
        notes += "asked;";
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            notes += "stopped;";
        }
        co_await coheir::sleep_for(1ms);
        notes += "slept";
    };
    own = loop.scheduler.spawn(body(own, log));
    loop.run_until_idle();
    CHECK(log == "asked;stopped;slept");
    CHECK(loop.clock.now() == coheir::time_point(1ms));
}

TEST_CASE("a task that ends as it was asked to is no failure, one that was not asked is", "[cancellation]") {
    test::test_loop loop;
    auto asked = loop.scheduler.spawn(sleeps());
    auto joins = [](auto of) -> coheir::task<> { co_await of; };
    loop.scheduler.spawn(joins(asked)).detach();
    loop.step();
    loop.step();
    asked.request_stop();
    asked = {};
    loop.run_until_idle();
    CHECK(loop.unhandled == std::vector<std::string>{"coheir: the task was cancelled"});
}

TEST_CASE("a request that comes before a resolver counts, one that comes after takes nothing away",
          "[cancellation]") {
    test::test_loop loop;
    std::optional<coheir::resolver<int>> resolve;
    auto body = [](auto& into) -> coheir::task<> {
        auto start = [&](auto r) { into = r; };
        co_await coheir::callback<int>(start);
    };
    const auto stopped_first = loop.scheduler.spawn(body(resolve));
    loop.step();
    stopped_first.request_stop();
    CHECK_FALSE((*resolve)(1));
    loop.run_until_idle();
    CHECK(stopped_first.done());

    const auto resolved_first = loop.scheduler.spawn(body(resolve));
    loop.step();
    CHECK(resolve->fail(std::make_exception_ptr(std::runtime_error("the error of the operation"))));
    resolved_first.request_stop();
    const auto joins = [&]() -> coheir::task<> { co_await resolved_first; };
    CHECK_THROWS_WITH(loop.run(joins()), "the error of the operation");
    CHECK(loop.unhandled.empty());
}

namespace {

/// Another scheduler on a thread of its own, until this goes.
class elsewhere {
public:
    elsewhere() {
        std::promise<coheir::remote> started;
        auto is_there = started.get_future();
        thread_ = std::jthread([this, started = std::move(started)]() mutable {
            coheir::scheduler loop;
            started.set_value(loop.remote());
            auto until_the_end = [](auto& end) -> coheir::task<> {
                auto start = [&](auto resolve) { end.set_value(resolve); };
                co_await coheir::callback<>(start);
            };
            loop.run(until_the_end(end_));
        });
        remote_.emplace(is_there.get());
    }
    ~elsewhere() { end_.get_future().get()(); }
    const coheir::remote& remote() const { return *remote_; }

private:
    std::promise<coheir::resolver<void>> end_;
    std::optional<coheir::remote> remote_;
    std::jthread thread_;
};

}  // namespace

TEST_CASE("a task that waits for one of another scheduler has that asked to stop, and awaits its end",
          "[cancellation]") {
    const elsewhere there;
    coheir::scheduler loop;
    std::optional<coheir::join_handle<>> near_handle;
    bool stopped = false;

    auto far = [](coheir::remote back, auto& waits, bool& flag) -> coheir::task<> {
        back.post([&waits] { waits->request_stop(); });
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            flag = true;
            throw;
        }
    };
    auto near = [](coheir::remote to, auto work) -> coheir::task<> {
        auto handle = to.spawn(std::move(work));
        co_await std::move(handle);
    };
    auto root = [&](auto& waits) -> coheir::task<bool> {
        waits = coheir::spawn(near(there.remote(), far(loop.remote(), waits, stopped)));
        try {
            co_await *waits;
        } catch (const coheir::task_cancelled&) {
            co_return stopped;
        }
        co_return false;
    };
    CHECK(loop.run(root(near_handle)));
}
