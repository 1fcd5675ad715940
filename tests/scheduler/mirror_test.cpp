// State outside contexts that follows a key from task to task.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using coheir::options;
using coheir::spawn_policy;
using namespace std::chrono_literals;

namespace {

inline constexpr context::key<std::string> locale{"locale"};
inline constexpr context::key<int> level{"level"};

thread_local std::string legacy_locale = "C";

/// As a user would write it.
void mirror_locale(coheir::scheduler& in) {
    in.mirror(
        locale, [](const std::string& value) { legacy_locale = value; }, [] { legacy_locale = "C"; });
}

coheir::task<> check_at_each_step(const char* mine, int steps) {
    for (int i = 0; i < steps; ++i) {
        CHECK(legacy_locale == mine);
        co_await coheir::yield();
    }
    CHECK(legacy_locale == mine);
}
coheir::task<> with_locale(const char* mine, coheir::task<> work) {
    context::set(locale, mine);
    co_await coheir::yield();
    co_await std::move(work);
}
context::snapshot snapshot_with(const char* mine) {
    coheir::scheduler own;
    auto body = [](const char* value) -> coheir::task<context::snapshot> {
        context::set(locale, value);
        co_return coheir::spawn(check_at_each_step("C", 0)).context();
    };
    return own.run(body(mine));
}

}  // namespace

TEST_CASE("legacy state follows the tasks, and is as before between them", "[mirror]") {
    test::test_loop loop;
    mirror_locale(loop.scheduler);
    const auto first = loop.scheduler.spawn(with_locale("de", check_at_each_step("de", 3)));
    const auto second = loop.scheduler.spawn(with_locale("fr", check_at_each_step("fr", 3)));
    const auto third = loop.scheduler.spawn(check_at_each_step("C", 3));
    loop.scheduler.post([] { CHECK(legacy_locale == "C"); });
    while (loop.step()) CHECK(legacy_locale == "C");
    CHECK(first.done());
    CHECK(second.done());
    CHECK(third.done());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("children that inherit the key have the state from their first step", "[mirror][policy]") {
    const spawn_policy all[] = {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained};
    test::test_loop loop(all[GENERATE(0, 1, 2)]);
    mirror_locale(loop.scheduler);
    auto parent = []() -> coheir::task<> {
        context::set(locale, "de");
        co_await coheir::spawn(check_at_each_step("de", 2));
        co_await coheir::spawn(check_at_each_step("C", 2), spawn_policy::isolated);
        CHECK(legacy_locale == "de");
    };
    loop.run(parent());
    CHECK(legacy_locale == "C");
}

TEST_CASE("what a task sets while it runs counts from its next resume, and an entered mirror is left",
          "[mirror]") {
    test::test_loop loop;
    mirror_locale(loop.scheduler);
    auto body = []() -> coheir::task<> {
        context::set(locale, "de");
        CHECK(legacy_locale == "C");
        co_await coheir::yield();
        CHECK(legacy_locale == "de");
        context::set(locale, "fr");
        CHECK(legacy_locale == "de");
        co_await coheir::yield();
        CHECK(legacy_locale == "fr");
        context::erase(locale);
        CHECK(legacy_locale == "fr");
        co_await coheir::yield();
        CHECK(legacy_locale == "C");
        context::set("locale", 7);  // of another type
        co_await coheir::yield();
        CHECK(legacy_locale == "C");
    };
    loop.scheduler.spawn(body()).detach();
    while (loop.step()) CHECK(legacy_locale == "C");
    CHECK(loop.unhandled.empty());
}

TEST_CASE("several mirrors are entered in order, and left the other way round", "[mirror]") {
    test::test_loop loop;
    test::trace t;
    loop.scheduler.mirror(
        locale, [&](const std::string& v) { t.push_back("+locale " + v); }, [&] { t.push_back("-locale"); });
    loop.scheduler.mirror(
        level, [&](const int& v) { t.push_back("+level " + std::to_string(v)); },
        [&] { t.push_back("-level"); });
    auto body = [&]() -> coheir::task<> {
        context::set(level, 3);
        co_await coheir::yield();
        t.push_back("level only");
        context::set(locale, "de");
        co_await coheir::yield();
        t.push_back("both");
    };
    loop.run(body());
    CHECK(t == test::trace{"+level 3", "level only", "-level", "+locale de", "+level 3", "both", "-level",
                           "-locale"});
}

TEST_CASE("the frame of a task goes while its mirrors are entered, at its end and with the scheduler",
          "[mirror]") {
    test::trace t;
    struct probe {
        explicit probe(test::trace& into) : t(&into) {}
        probe(probe&& other) noexcept : t(std::exchange(other.t, nullptr)) {}
        ~probe() {
            if (t) t->push_back(legacy_locale);
        }
        test::trace* t;
    };
    auto body = [](probe, coheir::duration d) -> coheir::task<> { co_await coheir::sleep_for(d); };
    {
        test::test_loop loop;
        mirror_locale(loop.scheduler);
        const auto in = [](const char* value) {
            return options{}.policy(spawn_policy::copying).context(snapshot_with(value));
        };
        loop.scheduler.spawn(body(probe(t), 1s), in("ends")).detach();
        loop.scheduler.spawn(body(probe(t), 3s), in("is left")).detach();
        loop.scheduler.spawn(body(probe(t), 3s), in("never ran")).detach();
        while (loop.scheduler.tasks().size() == 3) loop.step();
        CHECK(t == test::trace{"ends"});
    }
    CHECK(t == test::trace{"ends", "never ran", "is left"});
    CHECK(legacy_locale == "C");
}

TEST_CASE("no context of the task is current in a mirror", "[mirror]") {
    test::test_loop loop;
    bool current = false;
    int calls = 0;
    const auto look = [&] {
        ++calls;
        current = current || coheir::this_task::exists() || context::find<std::string>("locale");
    };
    loop.scheduler.mirror(
        locale, [&](const std::string&) { look(); }, look);
    loop.scheduler.spawn(with_locale("de", check_at_each_step("C", 3))).detach();
    loop.scheduler.spawn(with_locale("fr", check_at_each_step("C", 3))).detach();
    loop.run_until_idle();
    CHECK(calls == 16);
    CHECK_FALSE(current);
}

TEST_CASE("what a mirror throws is reported with the task, which runs on, what was not entered is not left",
          "[mirror][unhandled]") {
    test::trace t;
    std::uint64_t reported_for = 0;
    coheir::scheduler loop;
    loop.on_unhandled([&](const coheir::unhandled& u) {
        t.push_back(u.what());
        reported_for = u.task();
    });
    loop.mirror(
        locale, [](const std::string&) { throw std::runtime_error("enter"); }, [&] { t.push_back("left"); });
    loop.mirror(
        locale, [&](const std::string&) { t.push_back("entered"); },
        [] { throw std::runtime_error("leave"); });
    const auto handle = loop.spawn(with_locale("de", test::note(t, "ran")));
    loop.run_until_idle();
    CHECK(t == test::trace{"enter", "entered", "ran", "leave"});
    CHECK(reported_for == handle.id());
    CHECK(handle.done());
}

TEST_CASE("a task that fails leaves its mirrors as any other", "[mirror]") {
    test::test_loop loop;
    mirror_locale(loop.scheduler);
    loop.scheduler.spawn(with_locale("de", test::fail_after(1, "broken"))).detach();
    while (loop.step()) CHECK(legacy_locale == "C");
    CHECK(loop.unhandled == test::trace{"broken"});
}

TEST_CASE("a cancelled task leaves its mirrors as any other", "[mirror]") {
    test::test_loop loop;
    mirror_locale(loop.scheduler);
    auto sleep = []() -> coheir::task<> { co_await coheir::sleep_for(std::chrono::seconds(1)); };
    const auto cancelled = loop.scheduler.spawn(with_locale("fr", sleep()));
    while (loop.scheduler.run_ready()) {
    }
    cancelled.request_stop();
    while (loop.step()) CHECK(legacy_locale == "C");
    CHECK(cancelled.done());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("mirrors are added while the scheduler does not run", "[mirror]") {
    test::test_loop loop;
    auto body = [&]() -> coheir::task<> {
        CHECK_THROWS_AS(mirror_locale(loop.scheduler), coheir::scheduler_busy);
        co_return;
    };
    loop.run(body());
    loop.scheduler.spawn(with_locale("de", check_at_each_step("de", 2))).detach();
    loop.step();
    mirror_locale(loop.scheduler);  // between two steps of a round
    loop.run_until_idle();
    CHECK(loop.unhandled.empty());
}
