// What a foreign awaitable may throw, drop and cancel, and which of its mistakes end the program.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <coroutine>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "support/child_process.hpp"
#include "support/counted.hpp"
#include "support/foreign_awaitables.hpp"
#include "support/foreign_lazy.hpp"
#include "support/parking.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"

using namespace test;

namespace {

using handle = std::coroutine_handle<>;

template <class T>
T run(coheir::task<T> work) {
    test_loop loop;
    return loop.run(std::move(work));
}

template <class Awaitable>
coheir::task<std::string> caught(Awaitable it) {
    std::string what = "nothing";
    try {
        co_await std::move(it);
    } catch (const std::runtime_error& e) {
        what = e.what();
    }
    const int one = co_await resumes_inline();  // the task goes on as before
    co_return what + std::to_string(one);
}

}  // namespace

// ---- errors

TEST_CASE("what an awaitable throws, wherever it throws it, is thrown by the await", "[foreign]") {
    struct in_ready : resumes_inline {
        bool await_ready() const { throw std::runtime_error("await_ready"); }
    };
    struct in_suspend : resumes_inline {
        void await_suspend(handle) const { throw std::runtime_error("await_suspend"); }
    };
    struct in_suspend_bool : resumes_inline {
        bool await_suspend(handle) const { throw std::runtime_error("await_suspend"); }
    };
    struct in_suspend_handle : resumes_inline {
        handle await_suspend(handle) const { throw std::runtime_error("await_suspend"); }
    };
    struct in_resume : resumes_inline {
        int await_resume() const { throw std::runtime_error("await_resume"); }
    };
    struct in_operator {
        resumes_inline operator co_await() const { throw std::runtime_error("operator co_await"); }
    };
    CHECK(run(caught(in_ready())) == "await_ready1");
    CHECK(run(caught(in_suspend())) == "await_suspend1");
    CHECK(run(caught(in_suspend_bool())) == "await_suspend1");
    CHECK(run(caught(in_suspend_handle())) == "await_suspend1");
    CHECK(run(caught(in_resume())) == "await_resume1");
    CHECK(run(caught(in_operator())) == "operator co_await1");
}

TEST_CASE("a handle that the foreign side destroys makes the await throw abandoned_await", "[foreign]") {
    struct abandons : resumes_inline {
        void await_suspend(handle h) const { h.destroy(); }
        int await_resume() const { throw std::logic_error("await_resume is not called"); }
    };
    struct abandons_elsewhere : resumes_inline {
        void await_suspend(handle h) const {
            std::thread([h] { h.destroy(); }).join();
        }
    };
    struct owner {  // as a foreign library keeps the coroutines that wait in it
        explicit owner(handle h) noexcept : kept(h) {}
        owner(const owner&) = delete;
        owner& operator=(const owner&) = delete;
        ~owner() { kept.destroy(); }
        handle kept;
    };
    CHECK_THROWS_AS(run(await_one(abandons())), coheir::abandoned_await);
    CHECK_THROWS_AS(run(await_one(abandons_elsewhere())), coheir::abandoned_await);

    struct f {
        static coheir::task<int> body(handle& at) {
            int caught = 0;
            try {
                co_await later(at);
            } catch (const coheir::abandoned_await&) {
                ++caught;
            }
            co_return caught + co_await resumes_inline();
        }
    };
    handle at;
    test_loop loop;
    auto joined = loop.scheduler.spawn(f::body(at));
    while (loop.step()) {
    }
    { const owner dropped(at); }
    CHECK(!joined.done());
    CHECK(loop.run(await_one(std::move(joined))) == 2);
}

namespace {

template <class F>
struct does : resumes_inline {
    explicit does(F f) : what(std::move(f)) {}
    auto await_suspend(handle h) const { return what(h); }
    F what;
};

template <class F>
void check_dies(F completes_wrongly, const char* message) {
    const auto outcome =
        test::in_child_process([&completes_wrongly] { run(await_one(does<F>(completes_wrongly))); });
    CHECK(outcome.aborted);
    CHECK_THAT(outcome.errors, Catch::Contains("coheir: fatal: ") && Catch::Contains(message));
}

}  // namespace

TEST_CASE("resuming an await twice ends the program with a message", "[foreign]") {
    const char* const twice = "resumed the same await of a task twice";
    check_dies([](handle h) { h.resume(), h.resume(); }, twice);
    check_dies([](handle h) { h.resume(), h.destroy(); }, twice);
    check_dies([](handle h) { h.destroy(), h.resume(); }, twice);
    check_dies([](handle h) { h.destroy(), h.destroy(); }, twice);
}

TEST_CASE("resuming an await and also not suspending ends the program with a message", "[foreign]") {
    const char* const both = "resumed a task, and also told it not to suspend or threw";
    check_dies([](handle h) { return h.resume(), false; }, both);
    check_dies([](handle h) { return h.resume(), h; }, both);
    check_dies([](handle h) { return h.destroy(), false; }, both);
    check_dies([](handle h) { h.resume(), throw std::runtime_error("thrown"); }, both);
}

// ---- destruction

namespace {

// Cancels in its destructor: as libraries do it, by completing the coroutine that waits.
enum class how { resumes, destroys, resumes_on_a_thread };

class cancels {
public:
    cancels(how h, int& times, handle& seen) noexcept : how_(h), times_(times), seen_(seen) {}
    cancels(cancels&& other) noexcept : how_(other.how_), times_(other.times_), seen_(other.seen_) {}
    ~cancels() {
        if (!waiting_) return;
        ++times_;
        if (how_ == how::resumes) waiting_.resume();
        if (how_ == how::destroys) waiting_.destroy();
        if (how_ == how::resumes_on_a_thread) std::thread([h = waiting_] { h.resume(); }).join();
    }
    bool await_ready() const noexcept { return false; }
    void await_suspend(handle h) noexcept { waiting_ = seen_ = h; }
    int await_resume() noexcept {
        waiting_ = {};
        return 1;
    }

private:
    how how_;
    int& times_;
    handle& seen_;
    handle waiting_;
};

struct gives_cancels {
    how h;
    int& times;
    handle& seen;
    cancels operator co_await() const noexcept { return cancels(h, times, seen); }
};

struct at_exit {
    int& times;
    explicit at_exit(int& to_count) : times(to_count) {}
    at_exit(const at_exit&) = delete;
    at_exit& operator=(const at_exit&) = delete;
    ~at_exit() { ++times; }
};

coheir::task<> temporary(how h, int& times, handle& seen, int& exits) {
    const at_exit guard(exits);
    co_await cancels(h, times, seen);
    times = 1000;
}
coheir::task<> local(how h, int& times, handle& seen, int& exits) {
    const at_exit guard(exits);
    cancels here(h, times, seen);
    co_await here;
    times = 1000;
}
coheir::task<> through_operator(how h, int& times, handle& seen, int& exits) {
    const at_exit guard(exits);
    const gives_cancels here{h, times, seen};
    co_await here;
    times = 1000;
}
coheir::task<> nested_in_tasks(how h, int& times, handle& seen, int& exits) {
    co_await local(h, times, seen, exits);
    times = 1000;
}

}  // namespace

TEST_CASE("an awaiter that completes its operation while its task is destroyed is ignored",
          "[foreign][threads]") {
    const how h = GENERATE(how::resumes, how::destroys, how::resumes_on_a_thread);
    const auto body = GENERATE(&temporary, &local, &through_operator, &nested_in_tasks);
    const bool completed_before = GENERATE(false, true);  // the task is queued, and the awaiter not told
    int times = 0;
    int exits = 0;
    handle seen;
    {
        test_loop loop;
        loop.scheduler.spawn(body(h, times, seen, exits)).detach();
        while (loop.step()) {
        }
        if (completed_before) seen.resume();
        CHECK(times == 0);
    }
    CHECK(times == 1);
    CHECK(exits == 1);
}

TEST_CASE("a scheduler is destroyed while a thread completes what its tasks await", "[foreign][threads]") {
    // The operation's destructor waits for the thread, so it may complete before, while or after that.
    struct f {
        static coheir::task<> body(int& exits) {
            const at_exit guard(exits);
            co_await by_thread();
        }
    };
    int exits = 0;
    for (int i = 0; i < 200; ++i) {
        coheir::scheduler loop;
        for (int j = 0; j < 3; ++j) loop.spawn(f::body(exits)).detach();
        loop.run_ready();
    }
    CHECK(exits == 600);
}

TEST_CASE("a program of foreign awaits can be stopped and destroyed after each of its steps", "[foreign]") {
    struct f {
        static foreign_lazy outside(test::parking& place, counted c) {
            co_await place.park();
            co_return c.value;
        }
        static coheir::task<counted> wait(test::parking& place, int n) {
            const counted local(n);
            co_await place.park();
            const int more = co_await outside(place, counted(n));
            co_await returns_own_handle();
            co_await resumes_inline();
            co_return counted(local.value + more);
        }
        static coheir::task<> release(test::parking& place, const int& sum) {
            while (sum == 0) {
                if (place.size() > 0) place.release_first();
                co_await coheir::yield();
            }
        }
        static coheir::task<> body(test::parking& place, int& sum) {
            coheir::spawn(release(place, sum)).detach();
            const auto [a, b] = co_await coheir::when_all(wait(place, 1), wait(place, 2));
            const counted c = co_await wait(place, 3);
            sum = a.value + b.value + c.value;
        }
    };
    std::optional<test::parking> place;
    int sum = 0;
    test::stopped_after_each_step([&](test_loop& loop) {
        place.emplace();
        sum = 0;
        return loop.scheduler.spawn(f::body(*place, sum));
    });
    CHECK(sum == 12);
}
