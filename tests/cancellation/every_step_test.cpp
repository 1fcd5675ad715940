// A program that waits in every way that there is, stopped at each of its suspension points.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/foreign_awaitables.hpp"
#include "support/parking.hpp"
#include "support/stop_requests.hpp"
#include "support/stopped_after_each_step.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;

namespace {

/// Counts how often it was cleaned up.
class finalizer {
public:
    explicit finalizer(int& count) : count_(&count) {}
    finalizer(const finalizer&) = delete;
    finalizer& operator=(const finalizer&) = delete;
    ~finalizer() { ++*count_; }

private:
    int* count_;
    test::counted alive_;
};

coheir::task<int> give(int value, coheir::duration after) {
    const test::counted here;
    context::set("given", test::counted(value));
    co_await coheir::sleep_for(after);
    co_return value;
}

/// Cleans up with awaits when it is cancelled, and then ends as it should.
coheir::task<> clean_up(int& cleaned) {
    std::exception_ptr stopped;
    try {
        co_await coheir::sleep_for(1h);
    } catch (const coheir::task_cancelled&) {
        stopped = std::current_exception();
    }
    ++cleaned;
    co_await coheir::yield();
    std::rethrow_exception(stopped);
}

/// Waits that others end: callbacks, foreign operations, tasks of schedulers seen from elsewhere.
coheir::task<int> waits_for_others() {
    const auto resolve_later = [](coheir::resolver<int> resolve) -> coheir::task<> {
        co_await coheir::yield();
        resolve(1);
    };
    auto start = [&](auto resolve) { coheir::spawn(resolve_later(resolve)).detach(); };
    int sum = co_await coheir::callback<int>(start);

    test::parking parking;
    const auto release_later = [&parking]() -> coheir::task<> {
        while (parking.size() == 0) co_await coheir::yield();
        parking.release_first();
    };
    const auto releasing = coheir::spawn(release_later());
    const auto park = [&parking]() -> coheir::task<> {
        co_await parking.park();
        co_await coheir::yield();
    };
    try {
        co_await park();
    } catch (const coheir::task_cancelled&) {
        releasing.request_stop();  // it refers to what goes now
        throw;
    }

    // On the same scheduler, which is as good as another: they go through its inbox.
    const auto here = coheir::detail::scheduler_access::of(*coheir::detail::current_task()).remote();
    const coheir::options copying(spawn_policy::copying);
    auto handle = here.spawn(give(2, 1ms), copying);
    sum += co_await handle;
    sum += co_await std::move(handle);
    sum += co_await coheir::with_timeout(here.spawn(give(3, 1ms), copying), 10ms);
    co_return sum + co_await coheir::run_on(here, [] { return give(4, 1ms); });
}

coheir::task<> program(int& finalized, int& cleaned) {
    const finalizer at_end(finalized);
    context::set("value", test::counted(1));
    co_await coheir::yield();
    co_await coheir::sleep_for(1ms);
    auto joined = coheir::spawn(give(1, 1ms));
    co_await joined;
    co_await std::move(joined);
    co_await coheir::when_all(give(2, 1ms), give(3, 2ms));
    co_await coheir::when_all_settled(give(2, 1ms), give(3, 2ms));
    co_await coheir::when_any(give(4, 1ms), clean_up(cleaned));
    co_await coheir::with_timeout(give(5, 1ms), 10ms);
    co_await coheir::with_timeout(coheir::sleep_for(1ms), 10ms);
    co_await coheir::timeout_scope(10ms, [&]() -> coheir::task<> {
        co_await coheir::sleep_for(1ms);
        co_await coheir::yield();
    });
    co_await coheir::with_task_group([&](coheir::task_group& group) -> coheir::task<> {
        for (int i = 0; i < 3; ++i) group.spawn(give(i, std::chrono::milliseconds(i)));
        co_await coheir::sleep_for(1ms);
    });
    co_await coheir::shield(give(6, 1ms));
    const coheir::time_point soon =
        coheir::detail::scheduler_access::of(*coheir::detail::current_task()).now() + 1ms;
    co_await coheir::sleep_until(soon);
    co_await coheir::with_deadline(soon + 10ms, give(5, 1ms));
    std::vector<coheir::task<int>> several;
    for (int i = 0; i < 3; ++i) several.push_back(give(i, std::chrono::milliseconds(i)));
    co_await coheir::when_all(std::move(several));
    if (co_await waits_for_others() != 12) throw std::logic_error("wrong results of others");
    const int called = co_await coheir::callback<int>([](auto resolve) { resolve(7); });
    co_await coheir::yield();  // throws what came after the result
    const int foreign = co_await test::resumes_inline();
    if (called + foreign != 8) throw std::logic_error("wrong results");
}

enum class ended { by_value, by_task_cancelled, otherwise };

template <class T>
ended end_of(test::test_loop& loop, const coheir::join_handle<T>& handle) {
    struct look {
        static coheir::task<ended> at(const coheir::join_handle<T>& of) {
            try {
                co_await of;
                co_return ended::by_value;
            } catch (const coheir::task_cancelled&) {
                co_return ended::by_task_cancelled;
            } catch (...) {
                co_return ended::otherwise;
            }
        }
    };
    return loop.run(look::at(handle));
}

}  // namespace

TEST_CASE("a task that is asked to stop at any suspension point ends, cleans up once, and leaks nothing",
          "[cancellation]") {
    using test::asked;
    const auto how = GENERATE(asked::once, asked::twice, asked::twice_with_a_step_between,
                              asked::from_another_thread, asked::while_others_ask);
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        int finalized = 0;
        int cleaned = 0;
        int runs = 0;
        int cancelled = 0;
        const auto after = [&](test::test_loop& loop, const coheir::join_handle<>& handle) {
            ++runs;
            const ended how_it_ended = end_of(loop, handle);
            CHECK(how_it_ended != ended::otherwise);
            cancelled += how_it_ended == ended::by_task_cancelled;
            CHECK(loop.unhandled == std::vector<std::string>());
        };
        const std::size_t steps = test::asked_to_stop_after_each_step(
            how, policy, [&] { return program(finalized, cleaned); }, after);
        CHECK(runs == static_cast<int>(steps) + 1);
        // Asked before its start, the body never runs; asked at its end, it is too late, also where the
        // request is still on its way, or the last wait is foreign.
        const bool is_posted = how == asked::from_another_thread;  // and comes after the start
        CHECK(finalized == (is_posted ? runs : runs - 1));
        CHECK(cancelled == (is_posted ? runs - 3 : runs - 2));
        CHECK(cancelled < runs);
        CHECK(cleaned > 0);
    }
}

TEST_CASE("a time limit that is over at any time ends what it limits, and leaks nothing", "[cancellation]") {
    const auto as_task = [](auto& finalized, auto& cleaned, coheir::duration limit) -> coheir::task<bool> {
        try {
            co_await coheir::with_timeout(program(finalized, cleaned), limit);
        } catch (const coheir::timeout_error&) {
            co_return false;
        }
        co_return true;
    };
    const auto as_block = [](auto& finalized, auto& cleaned, coheir::duration limit) -> coheir::task<bool> {
        try {
            co_await coheir::timeout_scope(limit, program(finalized, cleaned));
        } catch (const coheir::timeout_error&) {
            co_return false;
        }
        co_return true;
    };
    const bool is_block = GENERATE(false, true);
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        bool in_time = false;
        int runs = 0;
        for (coheir::duration limit = 0ms; !in_time; limit += 500us) {
            INFO("limited to " << limit.count() << " ns");
            const test::counted_balance balance;
            int finalized = 0;
            int cleaned = 0;
            {
                test::test_loop loop(policy);
                in_time = loop.run(is_block ? as_block(finalized, cleaned, limit)
                                            : as_task(finalized, cleaned, limit));
                loop.run_until_idle();  // what was shielded
                CHECK(loop.unhandled.empty());
            }
            CHECK(finalized == (limit == 0ms && !is_block ? 0 : 1));
            REQUIRE(balance.is_even());
            ++runs;
        }
        CHECK(runs > 20);
    }
}

TEST_CASE("a program that waits in every way is destroyed at any step", "[cancellation]") {
    int finalized = 0;
    int cleaned = 0;
    test::stopped_after_each_step(
        [&](test::test_loop& loop) { return loop.scheduler.spawn(program(finalized, cleaned)); });
}

namespace {

coheir::task<> catch_each(int& caught, int waits) {
    for (int i = 0; i < waits; ++i) {
        try {
            co_await coheir::yield();
        } catch (const coheir::task_cancelled&) {
            ++caught;
        }
    }
}

}  // namespace

TEST_CASE("each request throws at exactly one wait", "[cancellation]") {
    test::test_loop loop;
    int caught = 0;
    const auto handle = loop.scheduler.spawn(catch_each(caught, 10));
    loop.step();
    CHECK(handle.request_stop());
    loop.step();
    CHECK(caught == 1);
    loop.step();
    CHECK(caught == 1);
    handle.request_stop();
    loop.step();
    CHECK(caught == 2);
    loop.run_until_idle();
    CHECK(caught == 2);
    CHECK(handle.done());
    CHECK_FALSE(handle.request_stop());
}

TEST_CASE("the body of a task that is asked to stop before its first step never runs", "[cancellation]") {
    for (const bool destroy_first : {false, true}) {
        const test::counted_balance balance;
        int caught = 0;
        {
            test::test_loop loop;
            auto with_parameter = [](test::counted, int& ran) -> coheir::task<> {
                ++ran;
                co_return;
            };
            const auto handle = loop.scheduler.spawn(with_parameter(test::counted(), caught));
            handle.request_stop();
            if (destroy_first) continue;
            loop.run_until_idle();
            CHECK(end_of(loop, handle) == ended::by_task_cancelled);
        }
        CHECK(caught == 0);
        CHECK(balance.is_even());
    }
}
