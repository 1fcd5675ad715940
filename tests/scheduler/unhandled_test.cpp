// Exceptions that nobody receives reach the scheduler's handler: once, and when it is clear that nobody will.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/child_process.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using test::fail_after;

using messages = std::vector<std::string>;

TEST_CASE("the exception of a detached task is reported at its end", "[unhandled]") {
    test::test_loop loop;
    loop.scheduler.spawn(fail_after(1, "no luck")).detach();
    loop.step();
    CHECK(loop.unhandled.empty());
    loop.step();
    CHECK(loop.unhandled == messages{"no luck"});
    loop.run_until_idle();
    CHECK(loop.unhandled.size() == 1);
}

TEST_CASE("while a handle lives the exception waits, and is reported when the last one goes", "[unhandled]") {
    test::test_loop loop;
    auto handle = loop.scheduler.spawn(fail_after(0, "no luck"));
    auto copy = handle;
    loop.run_until_idle();
    CHECK(loop.unhandled.empty());
    SECTION("dropped") {
        handle = {};
        CHECK(loop.unhandled.empty());
        copy = {};
    }
    SECTION("detached") {
        handle.detach();
        CHECK(loop.unhandled.empty());
        copy.detach();
    }
    SECTION("overwritten by another") {
        handle = loop.scheduler.spawn(fail_after(100, "another"));
        copy = handle;
    }
    CHECK(loop.unhandled == messages{"no luck"});
}

TEST_CASE("an exception whose handle outlives the scheduler is reported when the scheduler goes",
          "[unhandled]") {
    messages reported;
    coheir::join_handle<void> handle;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        handle = loop.spawn(fail_after(0, "no luck"));
        loop.run_until_idle();
        CHECK(reported.empty());
    }
    CHECK(reported == messages{"no luck"});
    test::test_loop another;
    auto join = [](coheir::join_handle<void> h) -> coheir::task<> { co_await h; };
    CHECK_THROWS_WITH(another.run(join(handle)), "no luck");
    handle = {};
    CHECK(reported.size() == 1);
    CHECK(another.unhandled.empty());
}

namespace {

coheir::task<> receive(coheir::join_handle<void> handle) {
    try {
        co_await handle;
    } catch (const std::runtime_error&) {
    }
}
coheir::task<> pass_on(coheir::join_handle<void> handle) { co_await handle; }
coheir::task<> park_then_receive(test::parking& in, coheir::join_handle<void> handle) {
    co_await in.park();
    co_await receive(std::move(handle));
}

}  // namespace

TEST_CASE("an exception that somebody received is not reported", "[unhandled]") {
    test::test_loop loop;
    {
        const auto handle = loop.scheduler.spawn(fail_after(0, "no luck"));
        loop.run(receive(handle));
    }
    CHECK(loop.unhandled.empty());
}

TEST_CASE("an exception that is passed on is reported for the task that passed it on", "[unhandled]") {
    test::test_loop loop;
    std::uint64_t reported = 0;
    loop.scheduler.on_unhandled([&](const coheir::unhandled& u) { reported = u.task(); });
    std::uint64_t passing;
    {
        const auto handle = loop.scheduler.spawn(fail_after(1, "no luck"));
        const auto passes = loop.scheduler.spawn(pass_on(handle));
        passing = passes.id();
    }
    loop.run_until_idle();
    CHECK(reported == passing);
}

TEST_CASE("an exception that a destroyed waiter would have received is reported", "[unhandled]") {
    messages reported;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        {
            const auto handle = loop.spawn(fail_after(1, "no luck"));
            loop.spawn(receive(handle)).detach();
        }
        CHECK(loop.run_ready());
        CHECK(loop.run_ready());  // the task has failed, its waiter is about to go on
        CHECK(reported.empty());
    }
    CHECK(reported == messages{"no luck"});
}

TEST_CASE("an exception that waits with a handle inside a task is reported when that task is destroyed",
          "[unhandled]") {
    messages reported;
    test::parking parking;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        loop.spawn(park_then_receive(parking, loop.spawn(fail_after(0, "no luck")))).detach();
        loop.run_until_idle();
        CHECK(reported.empty());
    }
    CHECK(reported == messages{"no luck"});
}

TEST_CASE("tasks that are destroyed before their end have nothing to report", "[unhandled]") {
    messages reported;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
        loop.spawn(fail_after(0, "never started")).detach();
        loop.spawn(fail_after(5, "never ended")).detach();
        loop.run_ready(2);
    }
    CHECK(reported == messages{"never started"});
}

TEST_CASE("the handler is told which task it was, its name and where it was spawned", "[unhandled]") {
    test::test_loop loop;
    std::uint64_t task = 0;
    std::string name, what, message, file;
    unsigned line = 0;
    std::exception_ptr error;
    loop.scheduler.on_unhandled([&](const coheir::unhandled& u) {
        task = u.task();
        name = u.name();
        what = u.what();
        message = u.message();
        line = u.spawned_at().line();
        file = u.spawned_at().file_name();
        error = u.error();
    });
    std::uint64_t id;
    const unsigned here = std::source_location::current().line() + 2;
    {
        const auto handle = loop.scheduler.spawn(fail_after(0, "no luck"), coheir::options{}.name("poller"));
        id = handle.id();
    }
    loop.run_until_idle();
    CHECK(task == id);
    CHECK(name == "poller");
    CHECK(what == "no luck");
    CHECK(line == here);
    CHECK_THAT(file, Catch::EndsWith("unhandled_test.cpp"));
    CHECK_THROWS_AS(std::rethrow_exception(error), std::runtime_error);
    CHECK_THAT(message, Catch::Contains("no luck") && Catch::Contains("'poller'") &&
                            Catch::Contains("#" + std::to_string(id)) &&
                            Catch::Contains("unhandled_test.cpp:" + std::to_string(here)));
}

TEST_CASE("an exception of a posted function is reported, and what comes after it runs", "[unhandled]") {
    test::test_loop loop;
    bool ran = false;
    std::uint64_t task = 1;
    loop.scheduler.on_unhandled([&](const coheir::unhandled& u) {
        task = u.task();
        loop.unhandled.push_back(u.message());
    });
    loop.scheduler.post([] { throw std::runtime_error("no luck"); });
    loop.scheduler.post([&] { ran = true; });
    loop.run_until_idle();
    CHECK(ran);
    CHECK(task == 0);
    REQUIRE(loop.unhandled.size() == 1);
    CHECK_THAT(loop.unhandled.front(), Catch::Contains("posted function") && Catch::Contains("no luck"));
}

namespace {
coheir::task<> throw_a_number() {
    throw 42;
    co_return;
}
coheir::task<> throw_text(std::string text) {
    throw std::runtime_error(text);
    co_return;
}
}  // namespace

TEST_CASE("an exception that is no std::exception is reported as unknown", "[unhandled]") {
    test::test_loop loop;
    loop.scheduler.spawn(throw_a_number()).detach();
    loop.run_until_idle();
    CHECK(loop.unhandled == messages{"unknown exception"});
}

TEST_CASE("control characters in a report are escaped", "[unhandled]") {
    test::test_loop loop;
    std::string message;
    loop.scheduler.on_unhandled([&](const coheir::unhandled& u) { message = u.message(); });
    loop.scheduler.spawn(throw_text("two\nlines\x1b[31m"), coheir::options{}.name("a\nname")).detach();
    loop.run_until_idle();
    CHECK(message.find('\n') == std::string::npos);
    CHECK(message.find('\x1b') == std::string::npos);
    CHECK_THAT(message, Catch::Contains("two\\x0alines") && Catch::Contains("a\\x0aname"));
}

namespace {
std::string context_seen;
coheir::task<> fail_with_context() {
    context::set("key", "the task's");
    throw std::runtime_error("no luck");
    co_return;
}
coheir::task<> drop_failed(coheir::join_handle<void>& handle, std::string& still) {
    context::set("key", "the dropper's");
    handle = {};
    still = context::get("key", "nothing");
    co_return;
}
}  // namespace

TEST_CASE(
    "no context is current in the handler, at the end of a task and when a handle is dropped in another",
    "[unhandled]") {
    messages seen;
    test::test_loop loop;
    loop.scheduler.on_unhandled([&](const coheir::unhandled&) {
        try {
            seen.push_back(context::get("key", "nothing"));
        } catch (const coheir::no_current_context&) {
            seen.push_back("no context");
        }
    });
    loop.scheduler.spawn(fail_with_context()).detach();
    loop.run_until_idle();
    CHECK(seen == messages{"no context"});
    auto handle = loop.scheduler.spawn(fail_with_context());
    loop.run_until_idle();
    std::string still;
    loop.run(drop_failed(handle, still));
    CHECK(seen == messages{"no context", "no context"});
    CHECK(still == "the dropper's");
}

TEST_CASE("the handler may spawn and post", "[unhandled]") {
    test::test_loop loop;
    test::trace t;
    loop.scheduler.on_unhandled([&](const coheir::unhandled&) {
        loop.scheduler.spawn(test::note(t, "spawned")).detach();
        loop.scheduler.post([&] { t.push_back("posted"); });
    });
    loop.scheduler.spawn(fail_after(0, "no luck")).detach();
    loop.run_until_idle();
    CHECK(t.size() == 2);
}

TEST_CASE("the handler may drop the last handle of the task while the scheduler goes", "[unhandled]") {
    std::string name;
    coheir::join_handle<void> handle;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) {
            handle = {};
            name = u.name();
        });
        handle = loop.spawn(fail_after(0, "no luck"),
                            coheir::options{}.name("a name that is too long for a small string"));
        loop.run_until_idle();
    }
    CHECK(name == "a name that is too long for a small string");
}

TEST_CASE("the handler may drop the failed handles of other tasks", "[unhandled]") {
    messages reported;
    std::vector<coheir::join_handle<void>> handles;
    {
        coheir::scheduler loop;
        loop.on_unhandled([&](const coheir::unhandled& u) {
            reported.push_back(u.what());
            if (handles.empty()) return;
            const auto dropped = std::move(handles.back());
            handles.pop_back();
        });
        for (int i = 0; i < 100; ++i) handles.push_back(loop.spawn(fail_after(0, "no luck")));
        loop.run_until_idle();
    }
    CHECK(reported.size() == 100);
}

TEST_CASE("a handler that is replaced is not called any more", "[unhandled]") {
    test::test_loop loop;
    int calls = 0;
    loop.scheduler.on_unhandled([&](const coheir::unhandled&) { ++calls; });
    loop.scheduler.spawn(fail_after(0, "no luck")).detach();
    loop.run_until_idle();
    CHECK(calls == 1);
    CHECK(loop.unhandled.empty());
}

TEST_CASE("without a handler what, the task's name and the place of its spawn are printed to stderr",
          "[unhandled][child_process]") {
    unsigned line = 0;
    const auto child = [&](bool by_scheduler) {
        return test::in_child_process([&, by_scheduler] {
            coheir::join_handle<void> kept;
            coheir::scheduler loop;
            kept = loop.spawn(fail_after(0, "no luck"), coheir::options{}.name("poller"));
            if (!by_scheduler) kept.detach();
            loop.run_until_idle();
        });
    };
    line = std::source_location::current().line() - 5;
    const std::string place = "unhandled_test.cpp:" + std::to_string(line);
    for (const bool by_scheduler : {false, true}) {
        const auto outcome = child(by_scheduler);
        CHECK(outcome.status == 0);
        CHECK_THAT(outcome.errors, Catch::StartsWith("coheir: ") && Catch::EndsWith("\n") &&
                                       Catch::Contains("no luck") && Catch::Contains("'poller'") &&
                                       Catch::Contains(place));
        CHECK(std::count(outcome.errors.begin(), outcome.errors.end(), '\n') == 1);
    }
}

TEST_CASE("without a handler the exception of a posted function is printed to stderr",
          "[unhandled][child_process]") {
    const auto outcome = test::in_child_process([] {
        coheir::scheduler loop;
        loop.post([] { throw std::runtime_error("no luck"); });
        loop.run_until_idle();
    });
    CHECK(outcome.status == 0);
    CHECK_THAT(outcome.errors, Catch::StartsWith("coheir: ") && Catch::Contains("posted function") &&
                                   Catch::Contains("no luck"));
}

TEST_CASE("an empty handler brings the default back", "[unhandled][child_process]") {
    const auto outcome = test::in_child_process([] {
        coheir::scheduler loop;
        const auto fails_with = [&](const char* what) {
            loop.spawn(fail_after(0, what)).detach();
            loop.run_until_idle();
            loop.on_unhandled([](const coheir::unhandled&) {});
        };
        loop.on_unhandled([](const coheir::unhandled&) {});
        loop.on_unhandled({});
        fails_with("no luck");
        loop.on_unhandled(std::function<void(const coheir::unhandled&)>());
        fails_with("no luck again");
        void (*none)(const coheir::unhandled&) = nullptr;
        loop.on_unhandled(none);
        fails_with("no luck at all");
    });
    CHECK(outcome.status == 0);
    for (const char* what : {"no luck\n", "no luck again", "no luck at all"})
        CHECK_THAT(outcome.errors, Catch::Contains(what));
}

namespace {

/// What is compared with it gives another of its kind, not an answer: as in libraries of expressions.
struct expression {
    template <class T>
    expression operator==(const T&) const {
        return *this;
    }
    void operator()(const coheir::unhandled&) const { ++*calls; }
    int* calls;
};

}  // namespace

TEST_CASE("a function whose comparison gives no answer is not empty", "[unhandled]") {
    coheir::scheduler loop;
    int calls = 0;
    loop.on_unhandled(expression{&calls});
    loop.spawn(fail_after(0, "no luck")).detach();
    loop.run_until_idle();
    CHECK(calls == 1);
}
