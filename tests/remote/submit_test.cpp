// Tasks from threads that have no scheduler, and futures of their results.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include "support/counted.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using test::counted;
using test::counted_balance;
using test::test_loop;

namespace {

template <class Future>
bool is_ready(const Future& f) {
    return f.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

coheir::task<int&> reference_to(int& number) { co_return number; }
coheir::task<std::unique_ptr<int>> make(int number) { co_return std::make_unique<int>(number); }
coheir::task<> hold(counted, coheir::task<> work) { co_await std::move(work); }

}  // namespace

TEST_CASE("submit gives a future of the result, of any kind", "[remote][submit]") {
    test_loop loop;
    int number = 3;
    std::future<int> value = loop.scheduler.submit(test::give_after(2, 7));
    std::future<int&> reference = loop.scheduler.remote().submit(reference_to(number));
    std::future<std::unique_ptr<int>> movable = loop.scheduler.submit(make(5));
    test::trace t;
    std::future<void> nothing = loop.scheduler.submit(test::note(t, "ran"), coheir::options{}.name("noter"));
    CHECK_FALSE(is_ready(value));
    loop.run_until_idle();
    CHECK(value.get() == 7);
    CHECK(&reference.get() == &number);
    CHECK(*movable.get() == 5);
    nothing.get();
    CHECK(t == test::trace{"ran"});
}

TEST_CASE("the exception of a submitted task goes to the future, and is not reported", "[remote][submit]") {
    test_loop loop;
    auto kept = loop.scheduler.submit(test::fail_after(1, "broken"));
    static_cast<void>(loop.scheduler.submit(test::fail_after(1, "dropped")));
    loop.run_until_idle();
    CHECK_THROWS_WITH(kept.get(), "broken");
    CHECK(loop.unhandled.empty());
}

TEST_CASE("a submitted task derives from the snapshot it is given, or starts empty", "[remote][submit]") {
    test_loop loop(coheir::spawn_policy::shared);
    auto read = []() -> coheir::task<std::string> { co_return context::get("key", "none"); };
    auto make_snapshot = []() -> coheir::task<context::snapshot> {
        context::set("key", "value");
        co_return coheir::spawn(test::give_after(0, 0)).context();
    };
    auto snapshot = loop.scheduler.submit(make_snapshot());
    auto empty = loop.scheduler.submit(read());
    loop.run_until_idle();
    CHECK(empty.get() == "none");
    auto given = loop.scheduler.submit(
        read(), coheir::options{}.policy(coheir::spawn_policy::copying).context(snapshot.get()));
    loop.run_until_idle();
    CHECK(given.get() == "value");
}

TEST_CASE("submit throws when the scheduler is closed or gone, and a future never hangs",
          "[remote][submit][closed]") {
    const counted_balance balance;
    std::optional<test_loop> loop(std::in_place);
    const auto remote = loop->scheduler.remote();
    auto other = loop->scheduler.submit(hold(counted(), test::fail_after(1, "unseen")));
    auto half = [] { return test::fail_after(1'000'000, ""); };
    auto started = loop->scheduler.submit(hold(counted(), half()));
    SECTION("not started") {}
    SECTION("started") { loop->step(), loop->step(), loop->step(), loop->step(); }
    loop->scheduler.close();
    CHECK_THROWS_AS(loop->scheduler.submit(hold(counted(), half())), coheir::scheduler_closed);
    loop.reset();
    CHECK_THROWS_AS(remote.submit(hold(counted(), half())), coheir::scheduler_closed);
    CHECK_THROWS_AS(started.get(), coheir::scheduler_closed);
    CHECK(is_ready(other));
    CHECK(balance.is_even());
}

namespace {

/// A parameter whose end looks whether the task's future is ready.
class at_its_end {
public:
    at_its_end(const std::future<void>& of, bool& was_ready) : future_(&of), was_ready_(&was_ready) {}
    at_its_end(at_its_end&& other) noexcept
        : future_(std::exchange(other.future_, nullptr)), was_ready_(other.was_ready_) {}
    at_its_end& operator=(at_its_end&&) = delete;
    ~at_its_end() {
        if (future_) *was_ready_ = is_ready(*future_);
    }

private:
    const std::future<void>* future_;
    bool* was_ready_;
};

}  // namespace

TEST_CASE("a task that never arrives is gone when its future is ready", "[remote][submit]") {
    std::optional<coheir::scheduler> loop(std::in_place);
    std::future<void> future;
    bool was_ready = true;
    const auto never_runs = [](at_its_end) -> coheir::task<> { co_return; };
    future = loop->remote().submit(never_runs(at_its_end(future, was_ready)));
    loop.reset();
    CHECK_FALSE(was_ready);
    REQUIRE(is_ready(future));
    CHECK_THROWS_AS(future.get(), coheir::scheduler_closed);
}
