// What a handle of a spawned task tells, and how its result is waited for.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/parking.hpp"
#include "support/test_loop.hpp"
#include "support/trace.hpp"

namespace context = coheir::context;
using test::fail_after;
using test::give_after;
using test::trace;

namespace {

template <class T>
coheir::task<> types_of_awaits(coheir::join_handle<T> handle) {
    decltype(auto) looked = co_await handle;
    static_assert(std::is_same_v<decltype(looked), const T&>);
    decltype(auto) looked_again = co_await std::as_const(handle);
    static_assert(std::is_same_v<decltype(looked_again), const T&>);
    decltype(auto) moved = co_await std::move(handle);
    static_assert(std::is_same_v<decltype(moved), T>);
}

static_assert(std::is_copy_constructible_v<coheir::join_handle<std::unique_ptr<int>>>);

coheir::task<> same_object_each_time(bool& same) {
    const auto handle = coheir::spawn(give_after(1, std::string("value")));
    const std::string& first = co_await handle;
    const std::string& second = co_await handle;
    same = &first == &second && first == "value";
}

coheir::task<std::string> moved_out() {
    auto handle = coheir::spawn(give_after(1, std::string("a value that is too long for a small string")));
    const auto kept = handle;
    std::string value = co_await std::move(handle);
    if (handle.valid()) throw std::logic_error("the handle still refers to the task");
    try {
        co_await kept;
    } catch (const coheir::result_taken& e) {
        if (std::string(e.what()).find(std::to_string(kept.id())) == std::string::npos)
            throw std::logic_error("the error does not name the task");
        co_return value;
    }
    throw std::logic_error("the result was there twice");
}

coheir::task<> take_twice(std::vector<std::string>& errors, coheir::join_handle<int> handle) {
    for (int i = 0; i < 2; ++i) {
        auto copy = handle;
        try {
            co_await std::move(copy);
        } catch (const coheir::result_taken&) {
            errors.push_back("taken");
        }
    }
}

coheir::task<std::unique_ptr<int>> make_unique_int() {
    co_await coheir::yield();
    co_return std::make_unique<int>(42);
}

coheir::task<int> look_and_move_unique() {
    auto handle = coheir::spawn(make_unique_int());
    const std::unique_ptr<int>& seen = co_await handle;
    const int looked = *seen;
    const std::unique_ptr<int> moved = co_await std::move(handle);
    co_return looked + *moved;
}

coheir::task<int&> give_reference(int& to) {
    co_await coheir::yield();
    co_return to;
}

coheir::task<bool> reference_both_ways(int& to) {
    auto handle = coheir::spawn(give_reference(to));
    int& looked = co_await handle;
    const auto other = handle;
    int& moved = co_await std::move(handle);
    int& again = co_await other;  // a reference is not used up
    co_return &looked == &to&&& moved == &to&&& again == &to;
}

coheir::task<int> void_as_often_as_one_likes() {
    auto handle = coheir::spawn(test::fail_after(0, "not this"));
    handle.detach();
    trace t;
    handle = coheir::spawn(test::note(t, "ran"));
    const auto other = handle;
    co_await other;
    co_await std::move(handle);
    co_await other;
    co_return static_cast<int>(t.size());
}

coheir::task<int> failures_seen(bool moving, int times) {
    int seen = 0;
    const auto handle = coheir::spawn(fail_after(1, "no luck"));
    for (int i = 0; i < times; ++i) {
        auto copy = handle;
        try {
            if (moving)
                co_await std::move(copy);
            else
                co_await copy;
        } catch (const std::runtime_error& e) {
            seen += e.what() == std::string("no luck");
        }
    }
    co_return seen;
}

}  // namespace

TEST_CASE("an await of a handle gives const T&, one of an rvalue T", "[join]") {
    test::test_loop loop;
    int variable = 0;
    loop.run(types_of_awaits(loop.scheduler.spawn(give_after(1, std::string("value")))));
    loop.run(types_of_awaits(loop.scheduler.spawn(make_unique_int())));
    loop.run(types_of_awaits(loop.scheduler.spawn(give_reference(variable))));
}

TEST_CASE("awaiting a handle gives a reference to the one result, each time", "[join]") {
    test::test_loop loop;
    bool same = false;
    loop.run(same_object_each_time(same));
    CHECK(same);
}

TEST_CASE("awaiting an rvalue handle moves the result out, and later awaits throw result_taken", "[join]") {
    test::test_loop loop;
    CHECK(loop.run(moved_out()) == "a value that is too long for a small string");
}

TEST_CASE("a result is moved out once", "[join]") {
    test::test_loop loop;
    std::vector<std::string> errors;
    const auto handle = loop.scheduler.spawn(give_after(1, 42));
    loop.run(take_twice(errors, handle));
    CHECK(errors == std::vector<std::string>{"taken"});
}

TEST_CASE("a result that was moved out leaves an empty one, until the last handle goes", "[join]") {
    const test::counted_balance balance;
    test::test_loop loop;
    auto handle = loop.scheduler.spawn(give_after(1, test::counted(42)));
    loop.run_until_idle();
    CHECK(balance.live() == 1);
    auto take = [](coheir::join_handle<test::counted> from) -> coheir::task<int> {
        const test::counted value = co_await std::move(from);
        co_return value.value;
    };
    CHECK(loop.run(take(handle)) == 42);
    CHECK(balance.live() == 1);
    CHECK(handle.done());
    handle.detach();
    CHECK(balance.is_even());
}

TEST_CASE("results that only move, references and void are joined like others", "[join]") {
    test::test_loop loop;
    CHECK(loop.run(look_and_move_unique()) == 84);
    int variable = 0;
    CHECK(loop.run(reference_both_ways(variable)));
    CHECK(loop.run(void_as_often_as_one_likes()) == 1);
}

TEST_CASE("a failed task throws its exception at every await", "[join]") {
    test::test_loop loop;
    CHECK(loop.run(failures_seen(false, 3)) == 3);
    CHECK(loop.run(failures_seen(true, 3)) == 3);
    CHECK(loop.unhandled.empty());
}

namespace {
coheir::task<> wait_for_failure(coheir::join_handle<void> handle, int& seen) {
    try {
        co_await handle;
    } catch (const std::runtime_error&) {
        ++seen;
    }
}
}  // namespace

TEST_CASE("all who wait for a task that fails get its exception", "[join]") {
    test::test_loop loop;
    int seen = 0;
    const auto handle = loop.scheduler.spawn(fail_after(3, "no luck"));
    for (int i = 0; i < 5; ++i) loop.scheduler.spawn(wait_for_failure(handle, seen)).detach();
    loop.run_until_idle();
    CHECK(seen == 5);
    CHECK(loop.unhandled.empty());
}

TEST_CASE("a detached task runs on", "[join]") {
    test::test_loop loop;
    trace t;
    auto handle = loop.scheduler.spawn(test::note(t, "ran"));
    handle.detach();
    CHECK_FALSE(handle.valid());
    loop.run_until_idle();
    CHECK(t == trace{"ran"});
}

TEST_CASE("a task whose last handle is dropped runs on, and its result goes with it", "[join]") {
    const test::counted_balance balance;
    test::test_loop loop;
    {
        const auto handle = loop.scheduler.spawn(give_after(2, test::counted(1)));
        const auto copy = handle;
        loop.step();
        CHECK_FALSE(handle.done());
    }
    CHECK(balance.live() > 0);
    loop.run_until_idle();
    CHECK(balance.is_even());
}

TEST_CASE("the result lives as long as a handle does", "[join]") {
    const test::counted_balance balance;
    test::test_loop loop;
    auto handle = loop.scheduler.spawn(give_after(0, test::counted(1)));
    auto copy = handle;
    loop.run_until_idle();
    CHECK(balance.live() == 1);
    handle = {};
    CHECK(balance.live() == 1);
    copy = {};
    CHECK(balance.is_even());
}

TEST_CASE("an empty handle says so", "[join]") {
    test::test_loop loop;
    coheir::join_handle<int> empty;
    CHECK_FALSE(empty.valid());
    CHECK_THROWS_AS(empty.done(), coheir::invalid_handle);
    CHECK_THROWS_AS(empty.context(), coheir::invalid_handle);
    CHECK_THROWS_AS(empty.id(), coheir::invalid_handle);
    CHECK_THROWS_AS(empty.name(), coheir::invalid_handle);
    CHECK_THROWS_AS(empty.spawned_at(), coheir::invalid_handle);
    CHECK_NOTHROW(empty.detach());
    auto await_lvalue = [](coheir::join_handle<int> h) -> coheir::task<int> { co_return co_await h; };
    auto await_rvalue = [](coheir::join_handle<int> h) -> coheir::task<int> {
        co_return co_await std::move(h);
    };
    CHECK_THROWS_AS(loop.run(await_lvalue(empty)), coheir::invalid_handle);
    CHECK_THROWS_AS(loop.run(await_rvalue(empty)), coheir::invalid_handle);
}

TEST_CASE("a moved-from handle is empty, a copied one is not", "[join]") {
    test::test_loop loop;
    auto first = loop.scheduler.spawn(give_after(1, 1));
    const auto id = first.id();
    const auto copy = first;
    CHECK(first.valid());
    const auto moved = std::move(first);
    CHECK_FALSE(first.valid());
    CHECK(copy.id() == id);
    CHECK(moved.id() == id);
}

TEST_CASE("a handle tells whether its task has ended", "[join]") {
    test::test_loop loop;
    const auto handle = loop.scheduler.spawn(give_after(1, 1));
    const auto failing = loop.scheduler.spawn(fail_after(1, "no luck"));
    for (int i = 0; i < 3; ++i) {
        CHECK_FALSE(handle.done());
        loop.step();
    }
    CHECK(handle.done());
    CHECK_FALSE(failing.done());
    loop.step();
    CHECK(failing.done());
}

namespace {

coheir::task<> tell_about_itself(std::uint64_t& id, std::string& name, unsigned& line) {
    id = coheir::this_task::id();
    name = coheir::this_task::name();
    line = coheir::this_task::spawned_at().line();
    co_return;
}

coheir::task<coheir::join_handle<void>> spawn_inside(unsigned& line) {
    line = std::source_location::current().line() + 1;
    co_return coheir::spawn(fail_after(0, "no luck"));
}

}  // namespace

TEST_CASE("handle and task agree on number, name and the place of the spawn", "[join]") {
    test::test_loop loop;
    std::uint64_t id = 0;
    std::string name;
    unsigned line = 0;
    auto work = tell_about_itself(id, name, line);
    const auto how = coheir::options{}.name("poller");
    const unsigned here = std::source_location::current().line() + 1;
    const auto handle = loop.scheduler.spawn(std::move(work), how);
    CHECK(handle.name() == "poller");
    CHECK(handle.spawned_at().line() == here);
    CHECK_THAT(handle.spawned_at().file_name(), Catch::EndsWith("join_handle_test.cpp"));
    loop.run_until_idle();
    CHECK(id == handle.id());
    CHECK(name == "poller");
    CHECK(line == here);
    CHECK(handle.name() == "poller");  // also after the end
    CHECK(handle.spawned_at().line() == here);
}

TEST_CASE("a task that is spawned inside another records the place of that spawn", "[join]") {
    test::test_loop loop;
    unsigned line = 0;
    const auto handle = loop.run(spawn_inside(line));
    CHECK(handle.spawned_at().line() == line);
    CHECK(handle.name().empty());
    loop.run_until_idle();
}

TEST_CASE("the root of run knows the place of the run", "[join]") {
    coheir::scheduler loop;
    std::uint64_t id = 0;
    std::string name = "none yet";
    unsigned line = 0;
    const unsigned here = std::source_location::current().line() + 1;
    loop.run(tell_about_itself(id, name, line));
    CHECK(line == here);
    CHECK(id != 0);
    CHECK(name.empty());
}

TEST_CASE("no two tasks have the same number, on any scheduler", "[join]") {
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < 3; ++i) {
        coheir::scheduler loop;
        for (int task = 0; task < 2000; ++task) ids.push_back(loop.spawn(give_after(0, 1)).id());
    }
    std::sort(ids.begin(), ids.end());
    CHECK(std::adjacent_find(ids.begin(), ids.end()) == ids.end());
    CHECK(ids.front() > 0);
}

namespace {

coheir::task<> change_its_context() {
    context::set("before", 1);
    co_await coheir::yield();
    context::set("after", 2);
}

}  // namespace

TEST_CASE("a handle shows the task's context as it is at the call, and after the end as it was last",
          "[join]") {
    test::test_loop loop;
    const auto handle = loop.scheduler.spawn(change_its_context());
    const auto at_spawn = handle.context();
    loop.step();
    const auto halfway = handle.context();
    loop.step();
    REQUIRE(handle.done());
    const auto at_end = handle.context();
    CHECK(at_spawn.empty());
    CHECK(halfway.keys() == std::vector<std::string>{"before"});
    CHECK(at_end.keys() == std::vector<std::string>{"after", "before"});
    CHECK(at_end.get<int>("after") == 2);
}

TEST_CASE("a snapshot of a task's context outlives the task, its handles and the scheduler", "[join]") {
    const test::counted_balance balance;
    {
        context::snapshot snapshot;
        {
            test::test_loop loop;
            auto set = []() -> coheir::task<> {
                context::set("counted", test::counted(42));
                co_return;
            };
            const auto handle = loop.scheduler.spawn(set());
            loop.run_until_idle();
            snapshot = handle.context();
        }
        REQUIRE(snapshot.find<test::counted>("counted"));
        CHECK(snapshot.find<test::counted>("counted")->value == 42);
    }
    CHECK(balance.is_even());
}

namespace {

struct self_reference {
    coheir::join_handle<void> handle;
};

coheir::task<std::string> join_itself(self_reference& self) {
    try {
        co_await self.handle;
    } catch (const coheir::usage_error& e) {
        co_return e.what();
    }
    co_return "no error";
}
coheir::task<> join_itself_in(self_reference& self, std::string& error) {
    error = co_await join_itself(self);
}

template <class T>
coheir::task<T> join_lvalue(coheir::join_handle<T> handle) {
    co_return co_await handle;
}
template <class T>
coheir::task<T> join_rvalue(coheir::join_handle<T> handle) {
    co_return co_await std::move(handle);
}

}  // namespace

TEST_CASE("a task cannot wait for itself", "[join]") {
    test::test_loop loop;
    self_reference self;
    std::string error;
    self.handle = loop.scheduler.spawn(join_itself_in(self, error));
    loop.run_until_idle();
    CHECK(self.handle.done());
    CHECK_THAT(error, Catch::Contains("itself") && Catch::Contains(std::to_string(self.handle.id())));
}

TEST_CASE("a task of one scheduler cannot wait for a task of another", "[join]") {
    test::test_loop loop;
    test::test_loop others;
    const auto pending = others.scheduler.spawn(give_after(1, 42));
    CHECK_THROWS_AS(loop.run(join_lvalue(pending)), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(join_rvalue(pending)), coheir::wrong_scheduler);
    others.run_until_idle();
    CHECK_THROWS_AS(loop.run(join_lvalue(pending)), coheir::wrong_scheduler);
    CHECK_THROWS_AS(loop.run(join_rvalue(pending)), coheir::wrong_scheduler);
    CHECK(others.run(join_rvalue(pending)) == 42);
}

TEST_CASE("waiting for a task that was destroyed with its scheduler throws scheduler_closed", "[join]") {
    std::optional<test::test_loop> gone(std::in_place);
    const auto unfinished = gone->scheduler.spawn(give_after(1, 42));
    const auto finished = gone->scheduler.spawn(give_after(0, 43));
    const auto unstarted = gone->scheduler.spawn(give_after(0, 44), coheir::options{}.name("unstarted"));
    gone->step();
    gone->step();
    gone.reset();
    test::test_loop loop;
    CHECK_THROWS_AS(loop.run(join_lvalue(unfinished)), coheir::scheduler_closed);
    CHECK_THROWS_AS(loop.run(join_rvalue(unfinished)), coheir::scheduler_closed);
    CHECK_THROWS_AS(loop.run(join_lvalue(unstarted)), coheir::scheduler_closed);
    CHECK(unfinished.done());
    CHECK(unstarted.done());
    CHECK(unstarted.name() == "unstarted");
    CHECK(unstarted.context().empty());
    CHECK(loop.run(join_lvalue(finished)) == 43);
    CHECK(loop.run(join_rvalue(finished)) == 43);
    CHECK_THROWS_AS(loop.run(join_lvalue(finished)), coheir::result_taken);
}

namespace {

coheir::task<> chain(trace& t, int length) {
    if (length > 0) {
        const auto next = coheir::spawn(chain(t, length - 1));
        co_await next;
    }
    t.push_back(std::to_string(length));
}

coheir::task<> wait_together(test::parking& in, coheir::join_handle<void>& other, trace& t,
                             std::string name) {
    if (in.size() == 0) co_await in.park();
    if (other.valid()) co_await other;
    t.push_back(std::move(name));
}

}  // namespace

TEST_CASE("tasks can wait for each other in long rows", "[join]") {
    test::test_loop loop;
    trace t;
    loop.run(chain(t, 1000));
    CHECK(t.size() == 1001);
    CHECK(t.front() == "0");
    CHECK(t.back() == "1000");
}

TEST_CASE("one who waits and is destroyed is told nothing any more", "[join]") {
    trace t;
    test::parking parking;
    coheir::join_handle<void> none;
    {
        test::test_loop loop;
        auto joined = loop.scheduler.spawn(wait_together(parking, none, t, "joined"));
        loop.step();
        loop.scheduler.spawn(wait_together(parking, joined, t, "waiter")).detach();
        loop.step();
        parking.release_all();
    }
    CHECK(t.empty());
}
