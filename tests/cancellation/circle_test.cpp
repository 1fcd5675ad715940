// Tasks that wait for each other in a circle, through what stops its rest.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <stdexcept>
#include <string>

#include "support/test_loop.hpp"

namespace {

using coheir::task;

task<> watch(coheir::join_handle<>& watched) { co_await watched; }
task<> failing() {
    co_await coheir::yield();
    throw std::runtime_error("failed");
}

}  // namespace

TEST_CASE("a task that waits for one that waits for it goes on once when the rest is stopped",
          "[cancellation]") {
    test::test_loop loop;
    coheir::join_handle<> circle;
    int ends = 0;
    std::string what;
    auto body = [&]() -> task<> {
        try {
            co_await coheir::when_all(failing(), watch(circle));
        } catch (const std::runtime_error& e) {
            what = e.what();
        } catch (const coheir::task_cancelled&) {
            what = "cancelled";
        }
        ++ends;
    };
    auto root = [&]() -> task<> {
        circle = coheir::spawn(body());
        co_await coheir::sleep_for(std::chrono::seconds(1));  // nothing else stands in the queue meanwhile
        CHECK(circle.done());
    };
    loop.run(root());
    loop.run_until_idle();
    CHECK(ends == 1);
    CHECK(loop.scheduler.tasks().empty());  // nobody fell out of the queue
    CHECK_FALSE(what.empty());
}
