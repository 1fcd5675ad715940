// What a task is: results of every kind, exceptions, laziness, and whose life ends when.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"

namespace context = coheir::context;
using test::counted;
using test::counted_balance;
using test::test_loop;

namespace {

using lines = std::vector<std::string>;

template <class T>
T run(coheir::task<T> work) {
    test_loop loop;
    return loop.run(std::move(work));
}

coheir::task<int> answer() { co_return 42; }
coheir::task<> nothing() { co_return; }
coheir::task<> throws() {
    throw std::runtime_error("thrown by a task");
    co_return;
}

struct not_default_made {
    explicit not_default_made(int v) : value(v) {}
    not_default_made(const not_default_made&) = default;
    not_default_made& operator=(const not_default_made&) = delete;
    int value;
};

struct move_only {
    explicit move_only(int v) : value(std::make_unique<int>(v)) {}
    std::unique_ptr<int> value;
};

// Notes in its lines when it is destroyed.
class says_goodbye {
public:
    says_goodbye(lines& to, std::string who) : to_(&to), who_(std::move(who)) {}
    says_goodbye(says_goodbye&& other) noexcept
        : to_(std::exchange(other.to_, nullptr)), who_(std::move(other.who_)) {}
    ~says_goodbye() {
        if (to_) to_->push_back(who_);
    }

private:
    lines* to_;
    std::string who_;
};

}  // namespace

// ---- results

TEST_CASE("an awaited task gives its value", "[task]") {
    struct f {
        static coheir::task<int> twice() {
            const int once = co_await answer();
            const int again = co_await answer();
            co_return once + again;
        }
    };
    CHECK(run(f::twice()) == 84);
}

TEST_CASE("a task without a result is awaited for its effects", "[task]") {
    struct f {
        static coheir::task<> set(int& to) {
            to = 1;
            co_return;
        }
        static coheir::task<> body(int& to) { co_await set(to); }
    };
    int value = 0;
    run(f::body(value));
    CHECK(value == 1);
}

TEST_CASE("a result is moved from the task to the awaiter and never copied", "[task]") {
    struct f {
        static coheir::task<move_only> make() { co_return move_only(7); }
        static coheir::task<std::unique_ptr<int>> pass() {
            move_only made = co_await make();
            co_return std::move(made.value);
        }
    };
    const auto value = run(f::pass());
    CHECK(*value == 7);
}

TEST_CASE("a result needs no default constructor and no assignment", "[task]") {
    struct f {
        static coheir::task<not_default_made> make() { co_return not_default_made(3); }
        static coheir::task<not_default_made> pass() {
            const not_default_made made = co_await make();
            co_return made;
        }
    };
    CHECK(run(f::pass()).value == 3);
}

TEST_CASE("a result is made from whatever converts to it", "[task]") {
    struct f {
        static coheir::task<std::string> literal() { co_return "text"; }
        static coheir::task<std::vector<int>> braces() { co_return {1, 2, 3}; }
        static coheir::task<std::shared_ptr<const int>> pointer() { co_return std::make_unique<int>(5); }
        static coheir::task<bool> pass() {
            const std::string text = co_await literal();
            const std::vector<int> numbers = co_await braces();
            const std::shared_ptr<const int> number = co_await pointer();
            co_return text == "text" && numbers == std::vector<int>{1, 2, 3} && *number == 5;
        }
    };
    CHECK(run(f::pass()));
}

TEST_CASE("a reference result is the object itself", "[task]") {
    struct f {
        static coheir::task<int&> same(int& object) { co_return object; }
        static coheir::task<const std::string&> look(const std::string& object) { co_return object; }
        static coheir::task<> body(int& number, const std::string& text, bool& right) {
            decltype(auto) n = co_await same(number);
            decltype(auto) t = co_await look(text);
            static_assert(std::is_same_v<decltype(n), int&>);
            static_assert(std::is_same_v<decltype(t), const std::string&>);
            right = &n == &number && &t == &text;
            n = 2;
        }
        static coheir::task<int&> pass(int& object) { co_return co_await same(object); }
    };
    int number = 1;
    const std::string text = "text";
    bool right = false;
    run(f::body(number, text, right));
    CHECK(right);
    CHECK(number == 2);
    CHECK(&run(f::pass(number)) == &number);
}

TEST_CASE("a reference to a base or to const can refer to a derived or mutable object", "[task]") {
    struct base {};
    struct derived : base {};
    struct f {
        static coheir::task<base&> as_base(derived& d) { co_return d; }
        static coheir::task<const int&> as_const(int& i) { co_return i; }
        static coheir::task<bool> body() {
            derived d;
            int i = 0;
            base& b = co_await as_base(d);
            const int& c = co_await as_const(i);
            co_return &b == &d&&& c == &i;
        }
    };
    CHECK(run(f::body()));
}

TEST_CASE("a const result is given as a value", "[task]") {
    struct f {
        static coheir::task<const std::string> text() { co_return "const"; }
        static coheir::task<bool> body() {
            const std::string got = co_await text();
            co_return got == "const";
        }
    };
    CHECK(run(f::body()));
}

// ---- exceptions

TEST_CASE("an exception of a task is thrown by its await", "[task]") {
    struct f {
        static coheir::task<std::string> body() {
            std::string caught;
            try {
                co_await throws();
            } catch (const std::runtime_error& e) {
                caught = e.what();
            }
            co_return caught;
        }
    };
    CHECK(run(f::body()) == "thrown by a task");
    CHECK_THROWS_WITH(run(throws()), "thrown by a task");
}

TEST_CASE("an exception of any type goes through any number of awaits", "[task]") {
    struct f {
        static coheir::task<int> deep(int depth) {
            if (depth == 0) throw 17;
            co_return co_await deep(depth - 1);
        }
        static coheir::task<int&> references(int depth) {
            static int object = 0;
            if (depth > 0) co_await deep(depth);
            co_return object;
        }
    };
    CHECK_THROWS_AS(run(f::deep(100)), int);
    CHECK_THROWS_AS(run(f::references(100)), int);
}

TEST_CASE("after a caught exception a task goes on awaiting", "[task]") {
    struct f {
        static coheir::task<int> body() {
            int caught = 0;
            for (int i = 0; i < 10; ++i) try {
                    co_await throws();
                } catch (const std::runtime_error&) {
                    ++caught;
                }
            const int value = co_await answer();
            co_return caught + value;
        }
    };
    CHECK(run(f::body()) == 52);
}

TEST_CASE("a result whose constructor throws makes the await throw", "[task]") {
    struct f {
        struct unmakable {
            explicit unmakable(int) { throw std::runtime_error("not made"); }
        };
        static coheir::task<unmakable> make() { co_return unmakable(1); }
        static coheir::task<unmakable> convert() { co_return 1; }
    };
    CHECK_THROWS_WITH(run(f::make()), "not made");
}

TEST_CASE(
    "where a local's destructor throws after co_return, the exception counts and the result is destroyed",
    "[task]") {
    struct bomb {
        ~bomb() noexcept(false) { throw std::runtime_error("late"); }
    };
    struct f {
        static coheir::task<counted> fails() {
            const bomb late;
            co_return counted(1);
        }
        static coheir::task<counted> fails_once() {
            try {
                const bomb late;
                co_return counted(1);
            } catch (const std::runtime_error&) {
            }
            co_return counted(2);
        }
        static coheir::task<int> pass() { co_return (co_await fails_once()).value; }
    };
    const counted_balance balance;
    CHECK_THROWS_WITH(run(f::fails()), "late");
    CHECK(balance.live() == 0);
    CHECK(run(f::pass()) == 2);
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

// ---- laziness

TEST_CASE("a task does nothing until it is awaited", "[task]") {
    struct f {
        static coheir::task<> note(lines& to, std::string what) {
            to.push_back(std::move(what));
            co_return;
        }
        static coheir::task<> body(lines& to) {
            auto first = note(to, "first");
            auto second = note(to, "second");
            to.push_back("made");
            co_await std::move(second);
            co_await std::move(first);
        }
    };
    lines events;
    run(f::body(events));
    CHECK(events == lines{"made", "second", "first"});
}

TEST_CASE("an awaited task runs at once and to its end before its awaiter goes on", "[task]") {
    struct f {
        static coheir::task<> inner(lines& to) {
            to.push_back("inner");
            co_return;
        }
        static coheir::task<> outer(lines& to) {
            to.push_back("before");
            co_await inner(to);
            to.push_back("after");
        }
        static coheir::task<> other(lines& to) {
            to.push_back("another task");
            co_return;
        }
    };
    lines events;
    test_loop loop;
    loop.scheduler.spawn(f::outer(events)).detach();
    loop.scheduler.spawn(f::other(events)).detach();
    loop.run_until_idle();
    CHECK(events == lines{"before", "inner", "after", "another task"});
}

TEST_CASE("an awaited task runs as the same task and in the same context", "[task]") {
    struct f {
        static coheir::task<std::uint64_t> child() {
            context::set("key", "set by the child");
            co_return coheir::this_task::id();
        }
        static coheir::task<bool> body() {
            context::set("key", "set by the parent");
            const std::uint64_t id = co_await child();
            co_return id == coheir::this_task::id() && context::get("key", "") == "set by the child";
        }
    };
    CHECK(run(f::body()));
}

TEST_CASE("a task that is never awaited is destroyed with its arguments and without running", "[task]") {
    struct f {
        static coheir::task<counted> use(counted by_value, bool& ran) {
            ran = true;
            co_return by_value;
        }
    };
    const counted_balance balance;
    bool ran = false;
    {
        const auto never = f::use(counted(1), ran);
        CHECK(balance.live() == 1);
    }
    CHECK(!ran);
    CHECK(balance.is_even());
}

TEST_CASE("assigning to a task destroys the one it held", "[task]") {
    struct f {
        static coheir::task<int> hold(counted c) { co_return c.value; }
    };
    const counted_balance balance;
    auto t = f::hold(counted(1));
    t = f::hold(counted(2));
    CHECK(balance.live() == 1);
    auto& same = t;
    t = std::move(same);
    CHECK(t);
    CHECK(run(std::move(t)) == 2);
    CHECK(balance.is_even());
}

TEST_CASE("a task may be kept and moved about before it is awaited", "[task]") {
    struct f {
        static coheir::task<int> number(int n) { co_return n; }
        static coheir::task<int> sum(std::vector<coheir::task<int>> tasks) {
            int total = 0;
            for (auto& t : tasks) total = total * 10 + co_await std::move(t);
            co_return total;
        }
    };
    std::vector<coheir::task<int>> tasks;
    for (int i = 1; i <= 5; ++i) tasks.push_back(f::number(i));
    CHECK(run(f::sum(std::move(tasks))) == 12345);
}

TEST_CASE("a task may be made on one thread and run on another", "[task]") {
    const counted_balance balance;
    struct f {
        static coheir::task<int> child(counted c) { co_return c.value; }
        static coheir::task<int> parent(coheir::task<int> made_elsewhere) {
            co_return co_await std::move(made_elsewhere);
        }
    };
    int result = 0;
    std::thread([&result, work = f::parent(f::child(counted(6)))]() mutable {
        coheir::scheduler loop;
        result = loop.run(std::move(work));
    }).join();
    CHECK(result == 6);
    CHECK(balance.is_even());
}

// ---- each task is awaited once

TEST_CASE("only a task with a coroutine is true", "[task]") {
    coheir::task<> empty;
    CHECK(!empty);
    auto t = nothing();
    CHECK(t);
    const auto other = std::move(t);
    CHECK(!t);
    CHECK(other);
    static_assert(!std::is_copy_constructible_v<coheir::task<>> &&
                  !std::is_copy_assignable_v<coheir::task<>>);
    static_assert(std::is_nothrow_move_constructible_v<coheir::task<>>);
    static_assert(std::is_nothrow_move_assignable_v<coheir::task<>>);
    static_assert(std::is_nothrow_default_constructible_v<coheir::task<>>);
}

TEST_CASE("awaiting a task a second time throws invalid_task", "[task]") {
    struct f {
        static coheir::task<std::string> twice() {
            auto t = answer();
            co_await std::move(t);
            std::string message;
            try {
                co_await std::move(t);
            } catch (const coheir::invalid_task& e) {
                message = e.what();
            }
            co_return message;
        }
    };
    CHECK_THAT(run(f::twice()), Catch::Contains("co_await") && Catch::Contains("the task is empty"));
}

TEST_CASE("awaiting a task that was moved from, or never held a coroutine, throws invalid_task", "[task]") {
    struct f {
        static coheir::task<int> moved_from() {
            auto t = answer();
            auto taken = std::move(t);
            const int value = co_await std::move(taken);
            static_cast<void>(value);
            co_return co_await std::move(t);
        }
        static coheir::task<int> default_made() { co_return co_await coheir::task<int>(); }
        static coheir::task<int&> default_made_reference() { co_return co_await coheir::task<int&>(); }
    };
    CHECK_THROWS_AS(run(f::moved_from()), coheir::invalid_task);
    CHECK_THROWS_AS(run(f::default_made()), coheir::invalid_task);
    CHECK_THROWS_AS(run(f::default_made_reference()), coheir::invalid_task);
}

TEST_CASE("a task that has failed is not awaited again either", "[task]") {
    struct f {
        static coheir::task<bool> body() {
            auto t = throws();
            bool failed = false;
            try {
                co_await std::move(t);
            } catch (const std::runtime_error&) {
                failed = true;
            }
            bool refused = false;
            try {
                co_await std::move(t);
            } catch (const coheir::invalid_task&) {
                refused = true;
            }
            co_return failed&& refused;
        }
    };
    CHECK(run(f::body()));
}

TEST_CASE("running or spawning an empty task throws invalid_task and changes nothing", "[task]") {
    test_loop loop;
    CHECK_THROWS_AS(loop.scheduler.run(coheir::task<int>()), coheir::invalid_task);
    CHECK_THROWS_AS(loop.scheduler.spawn(coheir::task<>()), coheir::invalid_task);
    CHECK_THROWS_AS(loop.scheduler.spawn(coheir::task<>(), coheir::options{}.name("empty")),
                    coheir::invalid_task);
    struct f {
        static coheir::task<int> body() {
            int refused = 0;
            try {
                coheir::spawn(coheir::task<>()).detach();
            } catch (const coheir::invalid_task&) {
                ++refused;
            }
            try {
                co_await coheir::when_all(coheir::task<int>(), coheir::task<>());
            } catch (const coheir::invalid_task&) {
                ++refused;
            }
            auto spawned_before = answer();
            auto handle = coheir::spawn(std::move(spawned_before));
            try {
                coheir::spawn(std::move(spawned_before)).detach();
            } catch (const coheir::invalid_task&) {
                ++refused;
            }
            const int value = co_await std::move(handle);
            co_return refused * 100 + value;
        }
    };
    CHECK(loop.run(f::body()) == 342);
    CHECK(!loop.step());
    CHECK(loop.unhandled.empty());
}

// ---- lifetimes

TEST_CASE("a parameter lives as long as the coroutine, a temporary argument as long as the await expression",
          "[task]") {
    struct f {
        static coheir::task<> child(lines& to, says_goodbye by_value, const says_goodbye& by_reference) {
            static_cast<void>(by_value), static_cast<void>(by_reference);
            const says_goodbye local(to, "local");
            co_await coheir::yield();
            to.push_back("child ends");
        }
        static coheir::task<> body(lines& to) {
            co_await child(to, says_goodbye(to, "parameter"), says_goodbye(to, "temporary"));
            to.push_back("awaiter goes on");
        }
    };
    lines events;
    run(f::body(events));
    CHECK(events == lines{"child ends", "local", "parameter", "temporary", "awaiter goes on"});
}

TEST_CASE("when an exception leaves a task, its locals are gone before the await throws", "[task]") {
    struct f {
        static coheir::task<> child(lines& to, says_goodbye by_value) {
            static_cast<void>(by_value);
            const says_goodbye local(to, "local");
            co_await coheir::yield();
            throw std::runtime_error("thrown");
        }
        static coheir::task<> body(lines& to) {
            try {
                co_await child(to, says_goodbye(to, "parameter"));
            } catch (const std::runtime_error& e) {
                to.push_back(e.what());
            }
        }
    };
    lines events;
    run(f::body(events));
    CHECK(events == lines{"local", "parameter", "thrown"});
}

TEST_CASE("every result is destroyed exactly once, whoever takes it or nobody", "[task]") {
    struct f {
        static coheir::task<counted> make(int n) {
            co_await coheir::yield();
            co_return counted(n);
        }
        static coheir::task<> body() {
            const counted kept = co_await make(1);
            co_await make(2);  // dropped at once
            auto handle = coheir::spawn(make(3));
            const counted& looked_at = co_await handle;
            const int seen = looked_at.value;
            const counted taken = co_await std::move(handle);
            auto unread = coheir::spawn(make(4));
            coheir::spawn(make(5)).detach();
            const auto [six, seven] = co_await coheir::when_all(make(6), make(7));
            if (kept.value + seen + taken.value + six.value + seven.value != 20)
                throw std::logic_error("sum");
        }
    };
    const counted_balance balance;
    {
        test_loop loop;
        loop.run(f::body());
        loop.run_until_idle();
        CHECK(loop.unhandled.empty());
    }
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

TEST_CASE("every frame is destroyed exactly once, wherever a program of nested awaits is stopped", "[task]") {
    struct f {
        static coheir::task<counted> leaf(counted by_value, int depth) {
            const counted local(depth);
            co_await coheir::yield();
            if (depth == 3) throw counted(by_value);
            co_return local;
        }
        static coheir::task<counted> node(int depth) {
            const counted before(depth);
            auto never_awaited = leaf(counted(depth), depth);
            if (depth == 0) co_return co_await leaf(counted(depth), depth);
            counted result = co_await node(depth - 1);
            try {
                const counted other = co_await leaf(result, depth);
                result.value += other.value;
            } catch (const counted&) {
                result.value += 100;
            }
            co_return result;
        }
        static coheir::task<> body(bool& right) {
            const counted result = co_await node(5);
            right = result.value == 112;
        }
    };
    bool right = false;
    const std::size_t steps = test::stopped_after_each_step(
        [&right](test_loop& loop) { return loop.scheduler.spawn(f::body(right)); });
    CHECK(right);
    CHECK(steps == 7);
}
