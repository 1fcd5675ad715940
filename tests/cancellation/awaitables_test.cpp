// Every awaitable of the library: ready, suspended, throwing, cancelled before, cancelled during, destroyed
// while it waits; each under the three policies.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;

namespace {

enum class behaviour { ready, suspended, throwing };

/// What is waited for, if it is a task: it inherits, is counted, and does as it is told.
coheir::task<int> work(behaviour how) {
    const test::counted here;
    if (context::get("who", "nobody") != "the parent") throw std::logic_error("nothing was inherited");
    context::set("mine", test::counted());
    if (how != behaviour::ready) co_await coheir::sleep_for(4ms);
    if (how == behaviour::throwing) throw std::runtime_error("thrown");
    co_return 1;
}

/// Called right before the wait that is tested, once.
std::function<void()> about_to_wait;
void now_waits() {
    if (about_to_wait) std::exchange(about_to_wait, nullptr)();
}

/// The same as a task that was spawned before; ready: that has ended.
coheir::task<coheir::join_handle<int>> spawned(behaviour how) {
    auto handle = coheir::spawn(work(how));
    co_await coheir::yield();
    now_waits();
    co_return handle;
}

struct awaits_yield {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = false, suspends_long = false;
    static coheir::task<> wait(behaviour) { co_await coheir::yield(); }
};
struct awaits_sleep {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = false, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        co_await coheir::sleep_for(how == behaviour::ready ? 0ms : 4ms);
    }
};
struct awaits_handle {
    static constexpr bool spawns_before = true;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        const auto handle = co_await spawned(how);
        co_await handle;
    }
};
struct awaits_rvalue_handle {
    static constexpr bool spawns_before = true;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        auto handle = co_await spawned(how);
        co_await std::move(handle);
    }
};
struct awaits_when_all {
    static constexpr bool spawns_before = true;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        auto handle = co_await spawned(how);
        if (how == behaviour::ready)
            co_await coheir::when_all(std::move(handle));
        else
            co_await coheir::when_all(work(how), std::move(handle));
    }
};
struct awaits_when_all_settled {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        const auto [first, second] = co_await coheir::when_all_settled(work(how), work(how));
        static_cast<void>(first.value());
        static_cast<void>(second.value());
    }
};
struct awaits_when_any {
    static constexpr bool spawns_before = true;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        auto handle = co_await spawned(how);
        co_await coheir::when_any(std::move(handle), work(behaviour::suspended));
    }
};
struct awaits_when_any_of_a_range {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        std::vector<coheir::task<int>> works;
        for (int i = 0; i < 3; ++i) works.push_back(work(how));
        co_await coheir::when_any(std::move(works));
    }
};
struct awaits_callback {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        std::optional<coheir::resolver<int>> later;
        std::optional<coheir::join_handle<>> resolving;
        const auto start = [&](auto resolve) {
            if (how == behaviour::ready) {
                resolve(1);
            } else {
                later = resolve;
                resolving = coheir::spawn(resolve_later(resolve, how));
            }
        };
        co_await coheir::callback<int>(start);
    }
    static coheir::task<> resolve_later(coheir::resolver<int> resolve, behaviour how) {
        const test::counted here;
        co_await coheir::sleep_for(4ms);
        if (how == behaviour::throwing)
            resolve.fail(std::make_exception_ptr(std::runtime_error("thrown")));
        else
            resolve(1);
    }
};
struct awaits_with_timeout {
    static constexpr bool spawns_before = true;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        auto handle = co_await spawned(how);
        co_await coheir::with_timeout(std::move(handle), how == behaviour::ready ? 0ms : 1h);
        co_await coheir::with_timeout(work(behaviour::ready), 1h);
    }
};
struct awaits_with_timeout_of_an_awaitable {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        co_await coheir::with_timeout(coheir::when_all(work(how), work(how)), 1h);
    }
};
struct awaits_timeout_scope {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        co_await coheir::timeout_scope(1h, [&]() -> coheir::task<> {  // the waits are in the block
            co_await coheir::yield();
            co_await work(how);
        });
    }
};
struct awaits_shield {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) { co_await coheir::shield(work(how)); }
};
struct awaits_task_group {
    static constexpr bool spawns_before = false;
    static constexpr bool throws = true, suspends_long = true;
    static coheir::task<> wait(behaviour how) {
        co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
            const test::counted here;
            group.spawn(work(how));
            group.spawn(work(behaviour::ready));
            co_return;
        });
    }
};

#define EVERY_AWAITABLE                                                                                \
    awaits_yield, awaits_sleep, awaits_handle, awaits_rvalue_handle, awaits_when_all,                  \
        awaits_when_all_settled, awaits_when_any, awaits_when_any_of_a_range, awaits_callback,         \
        awaits_with_timeout, awaits_with_timeout_of_an_awaitable, awaits_timeout_scope, awaits_shield, \
        awaits_task_group

template <class Awaitable>
coheir::task<std::string> root(behaviour how) {
    const test::counted here;
    context::set("who", "the parent");
    context::set("counted", test::counted());
    std::string end = "went on";
    try {
        co_await Awaitable::wait(how);
    } catch (const coheir::task_cancelled&) {
        end = "cancelled";
    } catch (const std::exception& e) {
        end = e.what();
    }
    co_await coheir::yield();  // and a request throws once only
    if (context::get("who", "nobody") != "the parent") throw std::logic_error("the context is gone");
    co_return end;
}

/// The request comes while the task runs, so that the next wait of ours throws.
template <class Awaitable>
coheir::task<std::string> stopped_before(behaviour how,
                                         const std::optional<coheir::join_handle<std::string>>& own) {
    const test::counted here;
    context::set("who", "the parent");
    about_to_wait = [&] { own->request_stop(); };
    if (!Awaitable::spawns_before) now_waits();
    try {
        co_await Awaitable::wait(how);
    } catch (const coheir::task_cancelled&) {
        context::set("end", "cancelled");
    }
    co_await coheir::yield();
    co_return context::get("end", "went on");
}

std::string result_of(test::test_loop& loop, const coheir::join_handle<std::string>& handle) {
    struct look {
        static coheir::task<std::string> at(const coheir::join_handle<std::string>& of) {
            co_return co_await of;
        }
    };
    return loop.run(look::at(handle));
}

std::vector<spawn_policy> policies() {
    return {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained};
}

}  // namespace

TEMPLATE_TEST_CASE("every awaitable, ready, suspended and throwing", "[awaitables]", EVERY_AWAITABLE) {
    for (const auto& policy : policies()) {
        const test::counted_balance balance;
        {
            test::test_loop loop(policy);
            CHECK(loop.run(root<TestType>(behaviour::ready)) == "went on");
            const coheir::time_point before = loop.clock.now();
            CHECK(loop.run(root<TestType>(behaviour::suspended)) == "went on");
            CHECK((loop.clock.now() > before) == TestType::suspends_long);
            if (TestType::throws) CHECK(loop.run(root<TestType>(behaviour::throwing)) == "thrown");
            loop.run_until_idle();
            CHECK(loop.unhandled == std::vector<std::string>());
        }
        CHECK(balance.is_even());
    }
}

TEMPLATE_TEST_CASE("every awaitable, cancelled before it is awaited", "[awaitables]", EVERY_AWAITABLE) {
    const auto how = GENERATE(behaviour::ready, behaviour::suspended, behaviour::throwing);
    for (const auto& policy : policies()) {
        const test::counted_balance balance;
        {
            test::test_loop loop(policy);
            std::optional<coheir::join_handle<std::string>> own;
            own = loop.scheduler.spawn(stopped_before<TestType>(how, own));
            CHECK(result_of(loop, *own) == "cancelled");
            CHECK(loop.clock.now() == coheir::time_point());  // nothing was waited for
            loop.run_until_idle();
            for (const std::string& error : loop.unhandled) CHECK(error == "thrown");
        }
        CHECK(balance.is_even());
    }
}

TEMPLATE_TEST_CASE("every awaitable, cancelled while it waits", "[awaitables]", EVERY_AWAITABLE) {
    if (!TestType::suspends_long) return;
    const auto how = GENERATE(behaviour::suspended, behaviour::throwing);
    for (const auto& policy : policies()) {
        const test::counted_balance balance;
        {
            test::test_loop loop(policy);
            const auto handle = loop.scheduler.spawn(root<TestType>(how));
            while (loop.scheduler.run_ready()) {
            }
            const coheir::time_point asked_at = loop.clock.now();
            CHECK(handle.request_stop());
            while (loop.scheduler.run_ready()) {
            }
            REQUIRE(handle.done());
            CHECK(loop.clock.now() == asked_at);  // it did not wait any longer
            CHECK(result_of(loop, handle) == "cancelled");
            loop.run_until_idle();
            for (const std::string& error : loop.unhandled) CHECK(error == "thrown");
        }
        CHECK(balance.is_even());
    }
}

TEMPLATE_TEST_CASE("every awaitable, destroyed while it waits", "[awaitables]", EVERY_AWAITABLE) {
    const auto how = GENERATE(behaviour::ready, behaviour::suspended, behaviour::throwing);
    for (const auto& policy : policies())
        test::stopped_after_each_step(
            [&](test::test_loop& loop) { return loop.scheduler.spawn(root<TestType>(how)); }, policy);
}
