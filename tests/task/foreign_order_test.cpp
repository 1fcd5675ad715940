// When a task that awaits something foreign goes on, and in which place of the queue.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <coroutine>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/foreign_awaitables.hpp"
#include "support/foreign_lazy.hpp"
#include "support/test_loop.hpp"

using namespace test;

namespace {

using handle = std::coroutine_handle<>;

template <class T>
T run(coheir::task<T> work) {
    test_loop loop;
    return loop.run(std::move(work));
}

using lines = std::vector<std::string>;

coheir::task<> note(lines& to, std::string what) {
    to.push_back(std::move(what));
    co_return;
}

// What happens when a task awaits this while others are ready.
template <class Awaitable>
lines order_around(Awaitable it) {
    struct f {
        static coheir::task<> body(lines& to, Awaitable awaited) {
            to.push_back("awaits");
            coheir::spawn(note(to, "spawned before")).detach();
            co_await std::move(awaited);
            to.push_back("goes on");
        }
    };
    lines events;
    test_loop loop;
    loop.scheduler.spawn(f::body(events, std::move(it))).detach();
    loop.scheduler.spawn(note(events, "was ready")).detach();
    loop.run_until_idle();
    return events;
}

}  // namespace

TEST_CASE("what is ready, or decides not to suspend, lets the task go on at once", "[foreign]") {
    const lines at_once{"awaits", "goes on", "was ready", "spawned before"};
    CHECK(order_around(ready()) == at_once);
    CHECK(order_around(std::suspend_never()) == at_once);
    CHECK(order_around(returns_false()) == at_once);
    CHECK(order_around(returns_own_handle()) == at_once);
}

TEST_CASE("a completion inside await_suspend sends the task to the back of the queue", "[foreign]") {
    const lines at_the_back{"awaits", "was ready", "spawned before", "goes on"};
    CHECK(order_around(resumes_inline()) == at_the_back);
    CHECK(order_around(resumes_inline_and_returns_true()) == at_the_back);
    CHECK(order_around(resumes_inline_and_returns_noop()) == at_the_back);
}

TEST_CASE("a task spawned after an inline completion runs after the completed one", "[foreign]") {
    struct completes_then_spawns : resumes_inline {
        lines* to;
        void await_suspend(handle h) const {
            h.resume();
            coheir::spawn(note(*to, "spawned after")).detach();
        }
    };
    struct f {
        static coheir::task<> body(lines& to) {
            completes_then_spawns it;
            it.to = &to;
            co_await it;
            to.push_back("goes on");
        }
    };
    lines events;
    test_loop loop;
    loop.run(f::body(events));
    loop.run_until_idle();
    CHECK(events == lines{"goes on", "spawned after"});
}

namespace {

foreign_lazy foreign_body(lines& to, bool in_the_task) {
    to.push_back(coheir::this_task::exists() == in_the_task ? "foreign body" : "foreign body, wrong place");
    co_return 5;
}

foreign_lazy foreign_body_that_waits(lines& to, handle& waiting) {
    to.push_back("foreign body");
    const int two = co_await later(waiting);
    to.push_back(coheir::this_task::exists() ? "completed inside the task" : "completed outside");
    co_return two + 3;
}

foreign_lazy foreign_body_that_throws() {
    throw std::runtime_error("thrown by a foreign coroutine");
    co_return 0;
}

foreign_lazy nested_foreign_body(lines& to, int depth) {
    if (depth == 0) co_return co_await foreign_body(to, true);
    co_return co_await nested_foreign_body(to, depth - 1);
}

}  // namespace

TEST_CASE("a foreign coroutine runs in the task at once, before any other ready task", "[foreign]") {
    struct f {
        static coheir::task<> body(lines& to) {
            to.push_back("awaits");
            const int value = co_await foreign_body(to, true);
            to.push_back("goes on with " + std::to_string(value));
        }
    };
    lines events;
    test_loop loop;
    loop.scheduler.spawn(f::body(events)).detach();
    loop.scheduler.spawn(note(events, "was ready")).detach();
    loop.run_until_idle();
    CHECK(events == lines{"awaits", "foreign body", "was ready", "goes on with 5"});
}

TEST_CASE("a foreign coroutine may await others of its library, wait, and throw", "[foreign]") {
    lines events;
    CHECK(run(await_one(nested_foreign_body(events, 10))) == 5);
    CHECK(events == lines{"foreign body"});
    CHECK_THROWS_WITH(run(await_one(foreign_body_that_throws())), "thrown by a foreign coroutine");

    events.clear();
    handle waiting;
    test_loop loop;
    auto joined = loop.scheduler.spawn(await_one(foreign_body_that_waits(events, waiting)));
    while (loop.step()) {
    }
    CHECK(!joined.done());
    waiting.resume();  // by plain code, outside the loop
    while (loop.step()) {
    }
    CHECK(joined.done());
    CHECK(loop.run(await_one(std::move(joined))) == 5);
    CHECK(events == lines{"foreign body", "completed outside"});
}

TEST_CASE("a completion outside the loop only hands the task to the loop", "[foreign]") {
    handle waiting;
    test_loop loop;
    const auto joined = loop.scheduler.spawn(await_one(later(waiting)));
    while (loop.step()) {
    }
    REQUIRE(waiting);
    CHECK(!waiting.done());
    waiting.resume();
    CHECK(!joined.done());
    loop.scheduler.run_ready();
    CHECK(joined.done());
}

TEST_CASE("a completion by another task, a posted function or a destructor only queues the task",
          "[foreign]") {
    struct f {
        static coheir::task<> wait(lines& to, handle& at) {
            co_await later(at);
            to.push_back("goes on");
        }
        static coheir::task<> complete(lines& to, handle& at) {
            at.resume();
            to.push_back("completer goes on");
            co_return;
        }
        class completes_at_exit {
        public:
            completes_at_exit(lines& to, handle& at) : to_(to), at_(at) {}
            completes_at_exit(const completes_at_exit&) = delete;
            completes_at_exit& operator=(const completes_at_exit&) = delete;
            ~completes_at_exit() {
                at_.resume();
                to_.push_back("completer goes on");
            }

        private:
            lines& to_;
            handle& at_;
        };
        static coheir::task<> complete_at_exit(lines& to, handle& at) {
            const completes_at_exit guard(to, at);
            co_await coheir::yield();
        }
    };
    const lines expected{"completer goes on", "goes on"};
    lines events;
    handle at;
    test_loop loop;
    loop.scheduler.spawn(f::wait(events, at)).detach();
    SECTION("task") { loop.scheduler.spawn(f::complete(events, at)).detach(); }
    SECTION("destructor") { loop.scheduler.spawn(f::complete_at_exit(events, at)).detach(); }
    SECTION("posted function") {
        loop.run_until_idle();
        loop.scheduler.post([&events, &at] {
            at.resume();
            events.push_back("completer goes on");
        });
    }
    loop.run_until_idle();
    CHECK(events == expected);
}

TEST_CASE("a completion by another scheduler's task wakes this scheduler", "[foreign]") {
    struct f {
        static coheir::task<> complete(handle& at) {
            at.resume();
            co_return;
        }
        static coheir::task<> wait_and_complete_elsewhere(int& result, coheir::scheduler& other, handle& at) {
            // The other scheduler runs inside this one's round, and is not confused by it.
            auto inner = other.spawn(await_one(later(at)));
            while (other.run_ready()) {
            }
            at.resume();
            while (other.run_ready()) {
            }
            result = inner.done() ? 1 : 0;
            co_return;
        }
    };
    handle at;
    int rings = 0;
    test_loop loop;
    loop.scheduler.on_wakeup([&rings] { ++rings; });
    const auto joined = loop.scheduler.spawn(await_one(later(at)));
    while (loop.step()) {
    }
    const int rings_before = rings;
    coheir::scheduler other;
    other.run(f::complete(at));
    CHECK(rings == rings_before + 1);
    CHECK(!joined.done());
    while (loop.step()) {
    }
    CHECK(joined.done());

    int result = 0;
    loop.run(f::wait_and_complete_elsewhere(result, other, at));
    CHECK(result == 1);
}

TEST_CASE("completions of other threads come through the inbox, in their order, behind what is queued",
          "[foreign][threads]") {
    struct f {
        static coheir::task<> wait(lines& to, handle& at, std::string who) {
            co_await later(at);
            to.push_back(who);
        }
        static coheir::task<> complete_from_a_thread(lines& to, std::array<handle, 3>& at) {
            std::thread([&at] {
                at[2].resume();
                at[0].resume();
                at[1].resume();
            }).join();
            coheir::spawn(note(to, "spawned after")).detach();
            co_await coheir::yield();
            to.push_back("yielded");
        }
    };
    lines events;
    std::array<handle, 3> at;
    test_loop loop;
    loop.scheduler.spawn(f::wait(events, at[0], "first")).detach();
    loop.scheduler.spawn(f::wait(events, at[1], "second")).detach();
    loop.scheduler.spawn(f::wait(events, at[2], "third")).detach();
    loop.scheduler.spawn(f::complete_from_a_thread(events, at)).detach();
    loop.run_until_idle();
    CHECK(events == lines{"spawned after", "yielded", "third", "first", "second"});
}

TEST_CASE("many tasks await many completions of other threads", "[foreign][threads]") {
    struct f {
        static coheir::task<> worker(int& sum) {
            const std::uint64_t id = coheir::this_task::id();
            for (int i = 0; i < 10; ++i) {
                const int three = co_await by_thread();
                if (id == coheir::this_task::id()) sum += three;
            }
        }
        static coheir::task<> all(int& sum) {
            std::vector<coheir::task<>> workers;
            for (int i = 0; i < 20; ++i) workers.push_back(worker(sum));
            co_await coheir::when_all(std::move(workers));
        }
    };
    int sum = 0;
    coheir::scheduler loop;
    loop.run(f::all(sum));
    CHECK(sum == 600);
}
