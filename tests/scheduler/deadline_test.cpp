// Deadlines: a property of each task, inherited by those that it spawns.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using coheir::options;
using coheir::spawn_policy;
using namespace std::chrono_literals;

namespace {

using deadline = std::optional<coheir::time_point>;

coheir::task<deadline> own_deadline() { co_return coheir::this_task::deadline(); }
coheir::time_point at(coheir::duration d) { return coheir::time_point() + d; }

/// A task with the deadline of one second.
template <class T>
T run_limited(test::test_loop& loop, coheir::task<T> work) {
    auto limited = [](coheir::task<T> inner) -> coheir::task<T> {
        auto handle = coheir::spawn(std::move(inner), options{}.deadline(at(1s)));
        co_return co_await std::move(handle);
    };
    return loop.run(limited(std::move(work)));
}

}  // namespace

TEST_CASE("a task has no deadline unless it is given one", "[deadline]") {
    test::test_loop loop;
    CHECK_FALSE(loop.run(own_deadline()));
    CHECK(run_limited(loop, own_deadline()) == at(1s));
    CHECK_THROWS_AS(coheir::this_task::deadline(), coheir::no_current_task);
    CHECK_THROWS_AS(coheir::this_task::remaining(), coheir::no_current_task);
}

TEST_CASE("what is left of the time goes down to zero, by the scheduler's clock", "[deadline]") {
    test::test_loop loop;
    auto body = []() -> coheir::task<> {
        CHECK(coheir::this_task::remaining() == 1s);
        co_await coheir::sleep_for(400ms);
        CHECK(coheir::this_task::remaining() == 600ms);
        co_await coheir::sleep_for(700ms);
        CHECK(coheir::this_task::remaining() == 0s);
        CHECK(coheir::this_task::deadline() == at(1s));
    };
    run_limited(loop, body());
    auto unlimited = []() -> coheir::task<> {
        CHECK_FALSE(coheir::this_task::remaining());
        co_return;
    };
    loop.run(unlimited());
}

TEST_CASE("children have the deadline of their parent, under every policy but isolated",
          "[deadline][policy]") {
    auto own = [](const context::view&) { return context::child(); };
    const spawn_policy all[] = {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained, own};
    const spawn_policy& by = all[GENERATE(0, 1, 2, 3)];
    test::test_loop loop(by);
    auto parent = [](coheir::scheduler& on, spawn_policy policy) -> coheir::task<> {
        const deadline by_default = co_await coheir::spawn(own_deadline());
        CHECK(by_default == at(1s));
        const deadline by_policy = co_await coheir::spawn(own_deadline(), options(policy));
        CHECK(by_policy == at(1s));
        const deadline by_scheduler = co_await on.spawn(own_deadline());
        CHECK(by_scheduler == at(1s));
        const deadline isolated = co_await coheir::spawn(own_deadline(), spawn_policy::isolated);
        CHECK_FALSE(isolated);
        const auto [gathered] = co_await coheir::when_all(own_deadline());
        CHECK(gathered == at(1s));
        auto nested = []() -> coheir::task<deadline> { co_return co_await coheir::spawn(own_deadline()); };
        const deadline grandchild = co_await coheir::spawn(nested());
        CHECK(grandchild == at(1s));
        const deadline awaited = co_await own_deadline();
        CHECK(awaited == at(1s));
    };
    run_limited(loop, parent(loop.scheduler, by));
}

TEST_CASE("a child's own deadline counts where it is earlier, and shortens nobody else's", "[deadline]") {
    test::test_loop loop;
    auto parent = []() -> coheir::task<> {
        const deadline earlier = co_await coheir::spawn(own_deadline(), options{}.deadline(at(500ms)));
        CHECK(earlier == at(500ms));
        const deadline later = co_await coheir::spawn(own_deadline(), options{}.deadline(at(2s)));
        CHECK(later == at(1s));
        const deadline detached =
            co_await coheir::spawn(own_deadline(), options{}.policy(spawn_policy::isolated).deadline(at(2s)));
        CHECK(detached == at(2s));
        CHECK(coheir::this_task::deadline() == at(1s));
    };
    run_limited(loop, parent());
}

TEST_CASE("with_deadline gives the result in time, and cancels and throws when the time has passed",
          "[deadline]") {
    test::test_loop loop;
    test::trace t;
    auto work = [&](coheir::duration d) -> coheir::task<int> {
        CHECK(coheir::this_task::deadline() == at(1s));
        try {
            co_await coheir::sleep_for(d);
        } catch (const coheir::task_cancelled&) {
            t.push_back("cancelled");
            throw;
        }
        co_return 7;
    };
    auto body = [&]() -> coheir::task<> {
        const int seven = co_await coheir::with_deadline(at(1s), work(500ms));
        CHECK(seven == 7);
        std::string what;
        try {
            static_cast<void>(co_await coheir::with_deadline(at(1s), work(600ms)));
        } catch (const coheir::timeout_error& e) {
            what = e.what();
        }
        CHECK(what.find("coheir::with_deadline: task #") == 0);
        CHECK(what.find("took longer than 500ms") != std::string::npos);
        CHECK(loop.clock.now() == at(1s));
        CHECK(t == test::trace{"cancelled"});
        CHECK_FALSE(coheir::this_task::deadline());
        bool ran = false, timed_out = false;
        auto late = [&]() -> coheir::task<> {
            ran = true;
            co_return;
        };
        try {
            co_await coheir::with_deadline(at(900ms), late());
        } catch (const coheir::timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK_FALSE(ran);
        co_await coheir::with_deadline(coheir::time_point::max(), late());
        CHECK(ran);
        // What has no limit is not over when nobody has anything to do, and the clock could go on.
        std::optional<coheir::resolver<void>> resolver;
        auto keep = [&](const coheir::resolver<void>& r) { resolver = r; };
        auto wait = [&]() -> coheir::task<> { co_await coheir::callback<>(keep); };
        auto resolve = [&]() -> coheir::task<> {
            co_await coheir::sleep_for(1h);
            CHECK_FALSE(loop.scheduler.next_deadline());
            (*resolver)();
        };
        const auto later = coheir::spawn(resolve());
        co_await coheir::with_timeout(wait(), coheir::duration::max());
        co_await later;
    };
    loop.run(body());
    CHECK(loop.unhandled.empty());
    CHECK_THROWS_AS(coheir::with_deadline(at(1s), own_deadline()), coheir::no_current_task);
}

TEST_CASE("with_deadline can only shorten: the parent's earlier deadline counts", "[deadline]") {
    test::test_loop loop;
    auto sleeper = []() -> coheir::task<> { co_await coheir::sleep_for(10s); };
    auto body = [&]() -> coheir::task<> {
        const deadline earlier = co_await coheir::with_deadline(at(5s), own_deadline());
        CHECK(earlier == at(1s));
        const deadline shorter = co_await coheir::with_deadline(at(500ms), own_deadline());
        CHECK(shorter == at(500ms));
        bool timed_out = false;
        try {
            co_await coheir::with_deadline(at(5s), sleeper());
        } catch (const coheir::timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
        CHECK(loop.clock.now() == at(1s));
    };
    run_limited(loop, body());
}

TEST_CASE("a task that starts from a snapshot has its spawner's deadline", "[deadline]") {
    test::test_loop loop;
    auto parent = []() -> coheir::task<> {
        const auto done = coheir::spawn(own_deadline());
        co_await done;
        const deadline from_snapshot =
            co_await coheir::spawn(own_deadline(), options{}.context(done.context()));
        CHECK(from_snapshot == at(1s));
    };
    run_limited(loop, parent());
}

TEST_CASE("a deadline goes along to another scheduler, unless the task is isolated there",
          "[deadline][remote]") {
    const bool isolated_by_default = GENERATE(false, true);
    test::test_loop here, there(isolated_by_default ? spawn_policy::isolated : spawn_policy::copying);
    auto parent = [&]() -> coheir::task<> {
        const auto remote = there.scheduler.remote();
        const deadline inherited = co_await remote.spawn(own_deadline());
        CHECK(inherited == (isolated_by_default ? deadline() : deadline(at(1s))));
        const deadline own = co_await remote.spawn(own_deadline(), options{}.deadline(at(300ms)));
        CHECK(own == at(300ms));
        const deadline isolated = co_await remote.spawn(own_deadline(), spawn_policy::isolated);
        CHECK_FALSE(isolated);
        auto f = [] { return own_deadline(); };
        const deadline run = co_await coheir::run_on(remote, f);
        CHECK(run == at(1s));
    };
    const auto handle = here.scheduler.spawn(parent(), options{}.deadline(at(1s)));
    while (here.step() || there.step()) {
    }
    CHECK(handle.done());
    CHECK(here.unhandled.empty());
}

TEST_CASE("with_deadline gives its task that very deadline, however the clock goes on", "[deadline]") {
    coheir::scheduler loop;
    auto root = []() -> coheir::task<> {
        const auto until = std::chrono::steady_clock::now() + 1h;
        for (int i = 0; i < 100; ++i) {
            const deadline given = co_await coheir::with_deadline(until, own_deadline());
            if (given != until) FAIL("it has another deadline");
        }
    };
    loop.run(root());
}
