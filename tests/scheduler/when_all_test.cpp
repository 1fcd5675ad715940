// Waiting for several tasks at once.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <deque>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using test::fail_after;
using test::give_after;
using test::note_steps;
using test::trace;

namespace {

coheir::task<std::unique_ptr<int>> give_unique(int value) {
    co_await coheir::yield();
    co_return std::make_unique<int>(value);
}

coheir::task<int&> give_reference(int& to) {
    co_await coheir::yield();
    co_return to;
}

coheir::task<> nothing() { co_return; }

struct no_default {
    explicit no_default(int v) : value(v) {}
    int value;
};
coheir::task<no_default> without_default(int value) {
    co_await coheir::yield();
    co_return no_default(value);
}

}  // namespace

namespace {

using string_handle = coheir::join_handle<std::string>;

coheir::task<> types_of_results(string_handle handle, coheir::join_handle<int&> reference, int& to) {
    const auto& constant = handle;
    auto first = co_await coheir::when_all(nothing(), give_after(1, std::string("value")), handle, constant);
    static_assert(
        std::is_same_v<decltype(first), std::tuple<std::monostate, std::string, std::string, std::string>>);
    auto second = co_await coheir::when_all(give_reference(to), reference, std::move(handle));
    static_assert(std::is_same_v<decltype(second), std::tuple<int&, int&, std::string>>);
    auto third = co_await coheir::when_all(give_after(0, 1), std::move(reference));
    static_assert(std::is_same_v<decltype(third), std::tuple<int, int&>>);
}

}  // namespace

TEST_CASE("when_all gives a tuple of the results, monostate for void", "[when_all]") {
    test::test_loop loop;
    int variable = 0;
    const auto handle = loop.scheduler.spawn(give_after(1, std::string("value")));
    loop.run(types_of_results(handle, loop.scheduler.spawn(give_reference(variable)), variable));
}

TEST_CASE("when_all gives the results in the order of its arguments, of any types", "[when_all]") {
    test::test_loop loop;
    int variable = 0;
    auto work = [](int& to) -> coheir::task<std::string> {
        auto first = coheir::spawn(give_after(3, std::string("moved ")));
        const auto second = coheir::spawn(give_after(1, std::string("copied ")));
        auto all = coheir::when_all(give_after(2, 1), test::give_after(0, 'x'), give_unique(2),
                                    give_reference(to), std::move(first), second, without_default(3));
        auto [number, letter, unique, reference, moved, copied, made] = co_await all;
        reference = 4;
        const std::string& still_there = co_await second;
        co_return std::to_string(number) + letter + std::to_string(*unique) + moved + copied + still_there +
            std::to_string(made.value);
    };
    CHECK(loop.run(work(variable)) == "1x2moved copied copied 3");
    CHECK(variable == 4);
}

namespace {

coheir::task<std::size_t> gather_nothing() {
    const std::tuple<> none = co_await coheir::when_all();
    const std::vector<int> empty = co_await coheir::when_all(std::vector<coheir::task<int>>());
    std::vector<coheir::join_handle<void>> no_handles;
    const std::vector<std::monostate> voids = co_await coheir::when_all(no_handles);
    co_return std::tuple_size_v<decltype(none)> + empty.size() + voids.size();
}

coheir::task<std::vector<int>> gather_tasks(int count) {
    std::vector<coheir::task<int>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(give_after(count - i, i));
    co_return co_await coheir::when_all(std::move(tasks));
}

coheir::task<std::vector<std::unique_ptr<int>>> gather_unique(int count) {
    std::deque<coheir::task<std::unique_ptr<int>>> tasks;
    for (int i = 0; i < count; ++i) tasks.push_back(give_unique(i));
    co_return co_await coheir::when_all(std::move(tasks));
}

coheir::task<int> gather_handles_twice() {
    std::array handles{coheir::spawn(give_after(2, 1)), coheir::spawn(give_after(1, 2))};
    int sum = 0;
    const std::vector<int> copies = co_await coheir::when_all(handles);
    for (const int each : copies) sum += each;
    const auto& constant = handles;
    const std::vector<int> again = co_await coheir::when_all(constant);
    for (const int each : again) sum += each;
    const std::vector<int> moved = co_await coheir::when_all(std::move(handles));
    for (const int each : moved) sum += each;
    co_return sum;
}

}  // namespace

TEST_CASE("when_all over nothing gives nothing, at once", "[when_all]") {
    test::test_loop loop;
    CHECK(loop.run(gather_nothing()) == 0);
}

TEST_CASE("when_all over a range gives a vector in the order of the range", "[when_all]") {
    test::test_loop loop;
    const std::vector<int> results = loop.run(gather_tasks(100));
    REQUIRE(results.size() == 100);
    for (int i = 0; i < 100; ++i) CHECK(results[static_cast<std::size_t>(i)] == i);
    const auto unique = loop.run(gather_unique(10));
    REQUIRE(unique.size() == 10);
    CHECK(*unique[9] == 9);
}

TEST_CASE("when_all over a range of handles copies the results of an lvalue range", "[when_all]") {
    test::test_loop loop;
    CHECK(loop.run(gather_handles_twice()) == 9);
}

namespace {

coheir::task<int&> first_of(std::vector<int>& values) { co_return values.front(); }

coheir::task<bool> gather_reference(std::vector<int>& values) {
    const auto handle = coheir::spawn(first_of(values));
    auto [from_task, from_handle] = co_await coheir::when_all(first_of(values), handle);
    co_return &from_task == &values.front() && &from_handle == &values.front();
}

coheir::task<std::string> moved_from_rvalue_handle() {
    auto handle = coheir::spawn(give_after(1, std::string("value")));
    const auto kept = handle;
    const auto [value] = co_await coheir::when_all(std::move(handle));
    try {
        co_await kept;
    } catch (const coheir::result_taken&) {
        co_return value + " taken";
    }
    co_return value;
}

coheir::task<int> one_handle_twice() {
    const auto handle = coheir::spawn(give_after(1, 21));
    const auto [first, second] = co_await coheir::when_all(handle, handle);
    co_return first + second;
}

}  // namespace

TEST_CASE("when_all passes references on", "[when_all]") {
    test::test_loop loop;
    std::vector<int> values{1};
    CHECK(loop.run(gather_reference(values)));
}

TEST_CASE("when_all moves the result out of an rvalue handle", "[when_all]") {
    test::test_loop loop;
    CHECK(loop.run(moved_from_rvalue_handle()) == "value taken");
}

TEST_CASE("when_all takes the same handle twice", "[when_all]") {
    test::test_loop loop;
    CHECK(loop.run(one_handle_twice()) == 42);
}

namespace {

coheir::task<std::string> gather_failures(trace& t) {
    try {
        co_await coheir::when_all(note_steps(t, "a", 4), fail_after(3, "late"), fail_after(1, "early"),
                                  fail_after(2, "middle"));
    } catch (const std::runtime_error& e) {
        co_return e.what();
    }
    co_return "no error";
}

coheir::task<std::string> gather_failures_of_a_range(trace& t) {
    std::vector<coheir::task<>> tasks;
    tasks.push_back(note_steps(t, "a", 4));
    tasks.push_back(fail_after(3, "late"));
    tasks.push_back(fail_after(1, "early"));
    tasks.push_back(fail_after(2, "middle"));
    try {
        co_await coheir::when_all(std::move(tasks));
    } catch (const std::runtime_error& e) {
        co_return e.what();
    }
    co_return "no error";
}

coheir::task<std::string> gather_failed_handles(coheir::join_handle<void> kept) {
    try {
        co_await coheir::when_all(fail_after(1, "early"), kept);
    } catch (const std::runtime_error& e) {
        co_return e.what();
    }
    co_return "no error";
}

}  // namespace

TEST_CASE("when one of when_all fails, the rest is cancelled, and its end awaited", "[when_all]") {
    const auto body = GENERATE(&gather_failures, &gather_failures_of_a_range);
    test::test_loop loop;
    trace t;
    CHECK(loop.run(body(t)) == "early");
    CHECK(t == trace{"a1", "a2"});
    CHECK(loop.unhandled.empty());  // those that were cancelled have not failed
}

TEST_CASE("when one of when_all fails, an lvalue handle is let go", "[when_all]") {
    test::test_loop loop;
    auto kept = loop.scheduler.spawn(fail_after(5, "late"));
    CHECK(loop.run(gather_failed_handles(kept)) == "early");
    CHECK_FALSE(kept.done());
    loop.run_until_idle();
    CHECK(kept.done());
    CHECK(loop.unhandled.empty());
    kept = {};
    CHECK(loop.unhandled == std::vector<std::string>{"late"});
}

namespace {

coheir::task<std::string> gather_result_taken(coheir::join_handle<int> taken) {
    try {
        co_await coheir::when_all(taken, give_after(1, 1));
    } catch (const coheir::result_taken&) {
        co_return "taken";
    }
    co_return "no error";
}
coheir::task<int> take(coheir::join_handle<int> from) { co_return co_await std::move(from); }

template <class Handle>
coheir::task<> gather_one(Handle handle) {
    co_await coheir::when_all(handle);
}
template <class Handle>
coheir::task<> gather_one_of_range(Handle handle) {
    const std::vector<Handle> handles{handle};
    co_await coheir::when_all(handles);
}

coheir::task<> gather_itself(coheir::join_handle<void>& self, std::string& error, trace& t) {
    try {
        co_await coheir::when_all(note_steps(t, "a", 1), self);
    } catch (const coheir::usage_error& e) {
        error = e.what();
    }
}

coheir::task<> gather_empty_task(trace& t) {
    coheir::task<> empty;
    co_await coheir::when_all(note_steps(t, "a", 1), std::move(empty), note_steps(t, "b", 1));
}

coheir::task<> gather_range_with_empty_task(trace& t) {
    std::vector<coheir::task<>> tasks(2);
    tasks[0] = note_steps(t, "a", 1);
    co_await coheir::when_all(std::move(tasks));
}

coheir::task<> gather_closed(coheir::scheduler& loop, trace& t) {
    loop.close();
    co_await coheir::when_all(note_steps(t, "a", 1));
}

}  // namespace

TEST_CASE("when_all over a result that is gone throws result_taken", "[when_all]") {
    test::test_loop loop;
    const auto handle = loop.scheduler.spawn(give_after(1, 42));
    loop.run(take(handle));
    CHECK(loop.run(gather_result_taken(handle)) == "taken");
}

TEST_CASE("when_all refuses what a join would refuse", "[when_all]") {
    test::test_loop loop;
    test::test_loop others;
    const auto foreign = others.scheduler.spawn(give_after(1, 42));
    CHECK_THROWS_AS(loop.run(gather_one(foreign)), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(gather_one_of_range(foreign)), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(gather_one(coheir::join_handle<int>())), coheir::invalid_handle);
    CHECK_THROWS_AS(loop.run(gather_one_of_range(coheir::join_handle<int>())), coheir::invalid_handle);
    coheir::join_handle<void> self;
    std::string error;
    trace t;
    self = loop.scheduler.spawn(gather_itself(self, error, t));
    loop.run_until_idle();
    CHECK(t.empty());
    CHECK_THAT(error, Catch::Contains("itself"));
    CHECK(self.done());
}

TEST_CASE("when_all over an empty task throws, and none of the others runs", "[when_all]") {
    const bool in_range = GENERATE(false, true);
    test::test_loop loop;
    trace t;
    CHECK_THROWS_AS(loop.run(in_range ? gather_range_with_empty_task(t) : gather_empty_task(t)),
                    coheir::invalid_task);
    loop.run_until_idle();
    CHECK(t.empty());
    CHECK(loop.scheduler.tasks().empty());
}

TEST_CASE("where when_all or its kin throws, its tasks and handles are as before", "[when_all]") {
    test::test_loop loop;
    trace t;
    int refused_at = 0, calls = 0;
    loop.scheduler.set_policy([&](const context::view& parent) {
        if (++calls == refused_at) throw std::runtime_error("refused");
        return parent.copied();
    });
    const auto waits = [&](int how) -> coheir::task<> {
        auto a = note_steps(t, "a", 1), b = note_steps(t, "b", 1);
        auto handle = coheir::spawn(note_steps(t, "handle", 1));
        calls = 0;
        refused_at = 2;
        std::string error;
        try {
            switch (how) {
                case 0: co_await coheir::when_all(std::move(a), std::move(handle), std::move(b)); break;
                case 1: co_await coheir::when_any(std::move(handle), std::move(a), std::move(b)); break;
                case 2:
                    co_await coheir::when_all_settled(std::move(a), std::move(b), std::move(handle));
                    break;
                default:
                    co_await coheir::when_all(std::move(handle), std::move(a), std::move(handle),
                                              std::move(b));
            }
        } catch (const std::exception& e) {
            error = e.what();
        }
        CHECK(error == (how < 3 ? "refused" : "coheir: when_all: the handle refers to no task"));
        refused_at = 0;
        co_await coheir::yield();
        co_await coheir::yield();
        CHECK(t == trace{"handle1"});
        REQUIRE(handle.valid());
        co_await std::move(a);
        co_await std::move(b);
        co_await std::move(handle);
    };
    const int how = GENERATE(0, 1, 2, 3);
    loop.run(waits(how));
    CHECK(t == trace{"handle1", "a1", "b1"});
    CHECK(loop.unhandled.empty());
}

TEST_CASE("when_all on a closed scheduler throws", "[when_all][close]") {
    test::test_loop loop;
    trace t;
    CHECK_THROWS_AS(loop.run(gather_closed(loop.scheduler, t)), coheir::scheduler_closed);
    CHECK(t.empty());
}

TEST_CASE("when_all outside a task throws", "[when_all]") {
    const test::counted_balance balance;
    CHECK_THROWS_AS(coheir::when_all(give_after(0, test::counted(1))), coheir::no_current_task);
    CHECK_THROWS_AS(coheir::when_all(std::vector<coheir::task<>>()), coheir::no_current_task);
    CHECK(balance.is_even());
}

namespace {

coheir::task<> park_with(test::parking& in, test::counted) { co_await in.park(); }

coheir::task<> gather_parked(test::parking& in) {
    const auto handle = coheir::spawn(park_with(in, test::counted(3)));
    co_await coheir::when_all(park_with(in, test::counted(1)), park_with(in, test::counted(2)), handle);
}

coheir::task<> gather_dropped(trace& t, bool late, bool range) {
    if (range) {
        std::vector<coheir::task<>> tasks;
        tasks.push_back(note_steps(t, "a", 2));
        tasks.push_back(fail_after(1, "no luck"));
        const auto dropped = coheir::when_all(std::move(tasks));
        if (late) co_await coheir::yield();
    } else {
        const auto dropped = coheir::when_all(note_steps(t, "a", 2), fail_after(1, "no luck"));
        if (late) co_await coheir::yield();
    }
    t.push_back("dropped");
}

}  // namespace

TEST_CASE("when_all is destroyed while it waits, before and after some have ended", "[when_all]") {
    const auto ended = GENERATE(0u, 1u, 2u, 3u);
    const test::counted_balance balance;
    test::parking parking;
    {
        test::test_loop loop;
        loop.scheduler.spawn(gather_parked(parking)).detach();
        loop.run_until_idle();
        REQUIRE(parking.size() == 3);
        for (unsigned i = 0; i < ended; ++i) parking.release_first();
        loop.scheduler.run_ready();
    }
    CHECK(balance.is_even());
}

TEST_CASE("a when_all that is dropped without being awaited has its tasks stop", "[when_all]") {
    const bool range = GENERATE(false, true);
    test::test_loop loop;
    trace t;
    SECTION("after they have begun") {
        loop.run(gather_dropped(t, true, range));
        CHECK(t == trace{"a1", "dropped"});
    }
    SECTION("before: they never run") {
        loop.run(gather_dropped(t, false, range));
        CHECK(t == trace{"dropped"});
    }
    loop.run_until_idle();
    CHECK(t.back() == "dropped");
    CHECK(loop.unhandled.empty());
    CHECK(loop.scheduler.tasks().empty());
}

namespace {

coheir::task<unsigned> line_of_spawn() { co_return coheir::this_task::spawned_at().line(); }
coheir::task<std::string> file_of_spawn() { co_return coheir::this_task::spawned_at().file_name(); }

struct spawn_place {
    unsigned line = 0, called = 0;
    std::string file;
};

coheir::task<> gather_places(spawn_place& place) {
    auto a = line_of_spawn();
    auto b = file_of_spawn();
    place.called = std::source_location::current().line() + 1;
    auto [line, file] = co_await coheir::when_all(std::move(a), std::move(b));
    place.line = line;
    place.file = file;
}

coheir::task<> gather_places_of_range(spawn_place& place) {
    std::vector<coheir::task<unsigned>> a;
    a.push_back(line_of_spawn());
    std::vector<coheir::task<std::string>> b;
    b.push_back(file_of_spawn());
    place.called = std::source_location::current().line() + 1;
    const auto lines = co_await coheir::when_all(std::move(a));
    place.line = lines.front();
    const auto files = co_await coheir::when_all(std::move(b));
    place.file = files.front();
}

}  // namespace

TEST_CASE("a child of when_all was spawned where when_all was called", "[when_all]") {
    const auto body = GENERATE(&gather_places, &gather_places_of_range);
    test::test_loop loop;
    spawn_place place;
    loop.run(body(place));
    CHECK(place.line == place.called);
    CHECK_THAT(place.file, Catch::EndsWith("when_all_test.cpp"));
}

namespace {

coheir::task<std::string> read_then_set(std::string value) {
    auto read = context::get("key", "nothing");
    context::set("key", std::move(value));
    co_return read;
}

coheir::task<std::string> gather_readers() {
    context::set("key", "parent");
    auto [first, second] = co_await coheir::when_all(read_then_set("first"), read_then_set("second"));
    co_return first + "," + second + "," + context::get("key", "nothing");
}

}  // namespace

TEST_CASE("the tasks of when_all inherit by the scheduler's policy", "[when_all][policies]") {
    const auto gathered = [](const coheir::spawn_policy& policy) {
        test::test_loop loop(policy);
        return loop.run(gather_readers());
    };
    CHECK(gathered(coheir::spawn_policy::shared) == "parent,first,second");
    CHECK(gathered(coheir::spawn_policy::copying) == "parent,parent,parent");
    CHECK(gathered(coheir::spawn_policy::chained) == "parent,parent,parent");
    CHECK(gathered(coheir::spawn_policy::isolated) == "nothing,nothing,parent");
}

namespace {

coheir::task<int> sum_of_tree(int depth) {
    if (depth == 0) {
        co_await coheir::sleep_for(1ms);
        co_return 1;
    }
    auto [left, right] = co_await coheir::when_all(sum_of_tree(depth - 1), sum_of_tree(depth - 1));
    co_return left + right;
}

}  // namespace

TEST_CASE("a tree of when_all of ten levels gathers a thousand leaves", "[when_all]") {
    test::test_loop loop;
    CHECK(loop.run(sum_of_tree(10)) == 1024);
    CHECK(loop.clock.now() == coheir::time_point(1ms));
}
