// Tasks on a libuv loop, in turn with its own callbacks, and libuv's requests awaited.
#include <coheir/adapters/libuv.hpp>
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <coroutine>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/always_ready.hpp"
#include "support/counted.hpp"
#include "support/foreign_lazy.hpp"
#include "support/trace.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;
using test::trace;

namespace {

/// A loop that must have nothing left at the end of a test.
class host {
public:
    host() { REQUIRE(uv_loop_init(&loop_) == 0); }
    host(const host&) = delete;
    host& operator=(const host&) = delete;
    ~host() {
        uv_run(&loop_, UV_RUN_DEFAULT);
        CHECK(uv_loop_close(&loop_) == 0);
    }
    operator uv_loop_t*() { return &loop_; }
    /// Runs until nothing keeps the loop alive; whether something still does.
    bool run() { return uv_run(&loop_, UV_RUN_DEFAULT) != 0; }

private:
    uv_loop_t loop_;
};

/// Calls a function of the host's from its loop, again and again.
template <class F>
class host_timer {
public:
    host_timer(uv_loop_t* loop, F f) : f_(std::move(f)) {
        uv_timer_init(loop, &timer_);
        timer_.data = this;
        uv_timer_start(
            &timer_, [](uv_timer_t* t) { static_cast<host_timer*>(t->data)->f_(); }, 0, 1);
    }
    host_timer(const host_timer&) = delete;
    host_timer& operator=(const host_timer&) = delete;
    ~host_timer() {
        uv_close(reinterpret_cast<uv_handle_t*>(&timer_), nullptr);
        uv_run(timer_.loop, UV_RUN_NOWAIT);
    }

private:
    uv_timer_t timer_;
    F f_;
};

coheir::task<> yield_until(const bool& done) {
    while (!done) co_await coheir::yield();
}

coheir::task<> wait_for_ever() {
    auto keep = [kept = std::vector<coheir::resolver<void>>()](auto resolve) mutable {
        kept.push_back(resolve);
    };
    co_await coheir::callback<>(std::move(keep));
}

}  // namespace

TEST_CASE("a libuv loop that is a null pointer is refused", "[libuv]") {
    CHECK_THROWS_AS(coheir::uv_scheduler(nullptr), coheir::usage_error);
}

TEST_CASE("a scheduler that was never used leaves nothing on its loop", "[libuv]") {
    host loop;
    { const coheir::uv_scheduler unused(loop); }
    {
        const coheir::uv_scheduler unused(loop);
        CHECK_FALSE(loop.run());
    }
}

TEST_CASE("the loop runs what was spawned before it started, in order", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    trace t;
    tasks.spawn(test::note_steps(t, "a", 2)).detach();
    tasks.spawn(test::note_steps(t, "b", 1)).detach();
    CHECK_FALSE(loop.run());
    CHECK(t == trace{"a1", "b1", "a2"});
}

TEST_CASE("the loop ends when no task is ready and no timer runs, and goes on with what comes later",
          "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    trace t;
    const auto waiting = tasks.spawn(wait_for_ever());
    CHECK_FALSE(loop.run());
    CHECK_FALSE(waiting.done());
    tasks.spawn(test::note(t, "later")).detach();
    CHECK_FALSE(loop.run());
    CHECK(t == trace{"later"});
    tasks.post([&] { t.push_back("posted"); });
    CHECK_FALSE(loop.run());
    CHECK(t == trace{"later", "posted"});
}

TEST_CASE("tasks that are always ready and the loop's callbacks take turns", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    bool done = false;
    int calls = 0;
    host_timer timer(loop, [&] {
        if (!done) done = ++calls == 3;  // on a slow machine it is due again at the end of that turn
    });
    const auto busy = tasks.spawn(yield_until(done));
    while (!busy.done()) uv_run(loop, UV_RUN_ONCE);
    CHECK(calls == 3);
}

TEST_CASE("tasks, timers, posts, and the loop's own input that are always ready each have their turns",
          "[libuv]") {
    host loop;
    std::array<int, 2> ends{};
    REQUIRE(pipe(ends.data()) == 0);
    REQUIRE(write(ends[1], "x", 1) == 1);
    int inputs = 0;
    uv_poll_t readable;
    REQUIRE(uv_poll_init(loop, &readable, ends[0]) == 0);
    readable.data = &inputs;
    uv_poll_start(&readable, UV_READABLE, [](uv_poll_t* p, int, int) { ++*static_cast<int*>(p->data); });
    {
        coheir::uv_scheduler tasks(loop);
        test::always_ready others(tasks);
        int without_a_turn = 0;
        for (int round = 0; round < 1'000; ++round) {
            for (int turns = 0; turns < 4; ++turns) uv_run(loop, UV_RUN_NOWAIT);
            const bool all = others.all_had_a_turn();
            without_a_turn += !all || std::exchange(inputs, 0) == 0;
        }
        CHECK(without_a_turn == 0);
        // Requests, which a thread of libuv's own pool carries out, are completed in between.
        const auto hundred_requests = [](uv_loop_t* on) -> coheir::task<> {
            const auto start = [on](uv_fs_t* request, auto done) {
                return uv_fs_stat(on, request, "/", done);
            };
            for (int i = 0; i < 100; ++i) co_await coheir::uv_await<uv_fs_t>(start);
        };
        const auto requesting = tasks.spawn(hundred_requests(loop));
        while (!requesting.done()) uv_run(loop, UV_RUN_NOWAIT);
    }
    uv_close(reinterpret_cast<uv_handle_t*>(&readable), nullptr);
    loop.run();
    close(ends[0]);
    close(ends[1]);
}

TEST_CASE("one turn of the loop runs a bounded number of tasks", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    trace t;
    for (int i = 0; i < 1000; ++i) tasks.spawn(test::note(t, "")).detach();
    uv_run(loop, UV_RUN_NOWAIT);
    CHECK(t.size() > 0);
    CHECK(t.size() <= 256);
    CHECK_FALSE(loop.run());
    CHECK(t.size() == 1000);
}

TEST_CASE("a timer of a task keeps the loop alive and is not early", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    trace t;
    const auto start = std::chrono::steady_clock::now();
    for (int i = 1; i <= 5; ++i) tasks.spawn(test::note_after(t, std::to_string(i), i * 1300us)).detach();
    CHECK_FALSE(loop.run());
    CHECK(std::chrono::steady_clock::now() - start >= 6500us);
    CHECK(t == trace{"1", "2", "3", "4", "5"});
}

TEST_CASE("a sooner timer is not kept waiting by a later one", "[libuv]") {
    host loop;
    coheir::manual_clock clock;
    coheir::uv_scheduler tasks(loop, spawn_policy::copying, clock);
    trace t;
    tasks.spawn(test::note_after(t, "late", 10h)).detach();
    uv_run(loop, UV_RUN_NOWAIT);
    tasks.spawn(test::note_after(t, "soon", 1h)).detach();
    CHECK_FALSE(loop.run());
    CHECK(t == trace{"soon", "late"});
    CHECK(clock.now() == coheir::time_point(10h));
}

TEST_CASE("a task that a callback of the loop resumes goes on, also when that was the last callback",
          "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    std::optional<coheir::resolver<int>> resolve;
    const auto wait = [](std::optional<coheir::resolver<int>>& to) -> coheir::task<int> {
        context::set("who", "task");
        auto keep = [&](auto r) { to.emplace(r); };
        co_return co_await coheir::callback<int>(keep) + static_cast<int>(context::get("who", "").size());
    };
    const auto waiting = tasks.spawn(wait(resolve));
    CHECK_FALSE(loop.run());
    std::string in_callback;
    uv_async_t last;
    last.data = &resolve;
    SECTION("in a close callback, after which nothing is left") {
        REQUIRE(uv_async_init(loop, &last, nullptr) == 0);
        uv_close(reinterpret_cast<uv_handle_t*>(&last),
                 [](uv_handle_t* h) { (**static_cast<std::optional<coheir::resolver<int>>*>(h->data))(38); });
        CHECK_FALSE(loop.run());
    }
    SECTION("in a timer, with no context there") {
        host_timer timer(loop, [&] {
            in_callback = test::whereabouts();
            (*resolve)(38);
        });
        while (!waiting.done()) uv_run(loop, UV_RUN_ONCE);
        CHECK(in_callback == test::nowhere);
    }
    SECTION("while the loop does not run") {
        (*resolve)(38);
        CHECK_FALSE(loop.run());
    }
    REQUIRE(waiting.done());
    const auto check = [](coheir::join_handle<int> h) -> coheir::task<int> {
        co_return co_await std::move(h);
    };
    CHECK(tasks.run(check(waiting)) == 42);
}

TEST_CASE("another thread wakes a loop that is kept alive", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    tasks.keep_alive(true);
    std::vector<std::string> seen;
    std::thread other([remote = tasks.remote(), &seen, &tasks] {
        remote.post([&seen] { seen.push_back(test::whereabouts()); });
        remote.post([&tasks] { tasks.keep_alive(false); });
    });
    CHECK_FALSE(loop.run());
    other.join();
    CHECK(seen == std::vector<std::string>{test::nowhere});
}

TEST_CASE("many threads post while the loop runs, and nothing is lost", "[libuv][threads]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    constexpr int threads = 4, posts = 2000;
    int received = 0;
    tasks.keep_alive(true);
    std::vector<std::thread> others;
    for (int i = 0; i < threads; ++i)
        others.emplace_back([&, remote = tasks.remote()] {
            for (int n = 0; n < posts; ++n)
                remote.post([&] {
                    if (++received == threads * posts) tasks.keep_alive(false);
                });
        });
    CHECK_FALSE(loop.run());
    for (auto& other : others) other.join();
    CHECK(received == threads * posts);
}

TEST_CASE("run gives the result of a task that another thread resumes, though nothing else is alive",
          "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    const auto ask = []() -> coheir::task<int> {
        std::thread other;
        auto start = [&](auto resolve) { other = std::thread([resolve] { resolve(7); }); };
        const int answer = co_await coheir::callback<int>(start);
        other.join();
        co_return answer;
    };
    CHECK(tasks.run(ask()) == 7);
    CHECK_FALSE(loop.run());
}

TEST_CASE("run throws what the task threw, and refuses to be called by a task", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    const auto nested = [](coheir::uv_scheduler& on) -> coheir::task<> {
        trace t;
        CHECK_THROWS_AS(on.run(test::note(t, "")), coheir::scheduler_busy);
        throw std::runtime_error("out");
        co_return;
    };
    CHECK_THROWS_WITH(tasks.run(nested(tasks)), "out");
}

TEST_CASE("two schedulers share a loop", "[libuv]") {
    host loop;
    coheir::uv_scheduler one(loop, spawn_policy::shared);
    coheir::uv_scheduler two(loop, spawn_policy::chained);
    trace t;
    one.spawn(test::note_after(t, "one", 200ms)).detach();
    two.spawn(test::note_after(t, "two", 1ms)).detach();
    CHECK_FALSE(loop.run());
    CHECK(t == trace{"two", "one"});
}

TEST_CASE("destroying the scheduler destroys its tasks, and the loop lets go of its handles", "[libuv]") {
    host loop;
    const test::counted_balance balance;
    {
        coheir::uv_scheduler tasks(loop);
        const auto sleep = []() -> coheir::task<> {
            const test::counted in_frame;
            context::set("counted", test::counted());
            co_await coheir::sleep_for(1h);
        };
        tasks.spawn(sleep()).detach();
        uv_run(loop, UV_RUN_NOWAIT);
        CHECK(balance.live() > 0);
    }
    CHECK(balance.live() == 0);
    CHECK_FALSE(loop.run());
}

TEST_CASE("what a foreign coroutine throws into the loop is reported, and the loop goes on", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    trace t;
    std::vector<std::string> reported;
    tasks.on_unhandled([&](const coheir::unhandled& u) { reported.push_back(u.what()); });
    // A coroutine that lets its exceptions out of resume().
    struct thrower {
        struct promise_type {
            thrower get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
            std::suspend_always initial_suspend() noexcept { return {}; }
            std::suspend_always final_suspend() noexcept { return {}; }
            void return_void() {}
            void unhandled_exception() { throw; }
        };
        std::coroutine_handle<promise_type> handle;
        bool await_ready() const noexcept { return false; }
        std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept { return handle; }
        void await_resume() const noexcept {}
    };
    const auto throwing = []() -> thrower {
        throw std::runtime_error("from a foreign coroutine");
        co_return;
    };
    const thrower foreign = throwing();
    const auto await_it = [](const thrower& it) -> coheir::task<> { co_await it; };
    tasks.spawn(await_it(foreign)).detach();
    tasks.spawn(test::note(t, "next")).detach();
    CHECK_FALSE(loop.run());
    CHECK(reported == std::vector<std::string>{"from a foreign coroutine"});
    CHECK(t == trace{"next"});
    foreign.handle.destroy();
}

// ---- requests

namespace {

coheir::task<std::string> read_file(uv_loop_t* loop, std::string path) {
    context::set("who", path);
    const auto file = co_await coheir::uv_await<uv_fs_t>([&](uv_fs_t* request, auto done) {
        return uv_fs_open(loop, request, path.c_str(), O_RDONLY, 0, done);
    });
    char text[64];
    uv_buf_t buffer = uv_buf_init(text, sizeof text);
    const auto read = co_await coheir::uv_await<uv_fs_t>([&](uv_fs_t* request, auto done) {
        return uv_fs_read(loop, request, file.status(), &buffer, 1, 0, done);
    });
    co_await coheir::uv_await<uv_fs_t>(
        [&](uv_fs_t* request, auto done) { return uv_fs_close(loop, request, file.status(), done); });
    CHECK(context::get("who", "") == path);
    co_return std::string(text, static_cast<std::size_t>(read.status()));
}

struct blocked_work {
    uv_work_t request;
    std::mutex mutex;
    std::unique_lock<std::mutex> block{mutex};
};

}  // namespace

TEST_CASE("a request of the file system is awaited in the task's context", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    CHECK(tasks.run(read_file(loop, "/proc/self/comm")).size() > 1);
}

TEST_CASE("a request that fails throws libuv's error", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    CHECK_THROWS_WITH(tasks.run(read_file(loop, "/nonexistent/file")),
                      Catch::Contains("no such file or directory"));
    try {
        tasks.run(read_file(loop, "/nonexistent/file"));
        FAIL("no error");
    } catch (const coheir::uv_error& e) {
        CHECK(e.status() == UV_ENOENT);
    }
}

TEST_CASE("a request that cannot be started throws libuv's error", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    const auto resolve_nothing = [](uv_loop_t* on) -> coheir::task<> {
        co_await coheir::uv_await<uv_getaddrinfo_t>([&](uv_getaddrinfo_t* request, auto done) {
            return uv_getaddrinfo(on, request, done, nullptr, nullptr, nullptr);
        });
    };
    CHECK_THROWS_WITH(tasks.run(resolve_nothing(loop)), Catch::Contains("invalid argument"));
}

TEST_CASE("an address is looked up, and freed with the request", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    const auto look_up = [](uv_loop_t* on) -> coheir::task<int> {
        const auto found =
            co_await coheir::uv_await<uv_getaddrinfo_t>([&](uv_getaddrinfo_t* request, auto done) {
                return uv_getaddrinfo(on, request, done, "127.0.0.1", "80", nullptr);
            });
        co_return found->addrinfo->ai_family;
    };
    CHECK(tasks.run(look_up(loop)) == AF_INET);
}

TEST_CASE("a task that is destroyed while it awaits a request cancels it, libuv frees it later", "[libuv]") {
    // Every thread of libuv's pool is held, so that the request cannot begin.
    constexpr std::size_t pool = 4;
    std::vector<std::unique_ptr<blocked_work>> blocked;
    host loop;
    for (std::size_t i = 0; i < pool; ++i) {
        auto& b = *blocked.emplace_back(std::make_unique<blocked_work>());
        b.request.data = &b;
        REQUIRE(
            uv_queue_work(
                loop, &b.request,
                [](uv_work_t* w) { const std::lock_guard wait(static_cast<blocked_work*>(w->data)->mutex); },
                [](uv_work_t*, int) {}) == 0);
    }
    std::optional<coheir::uv_scheduler> tasks(loop);
    tasks->spawn(read_file(loop, "/proc/self/comm")).detach();
    auto buffer = std::make_shared<std::array<char, 64>>();
    const std::weak_ptr<std::array<char, 64>> watched = buffer;
    const auto fill = [](uv_loop_t* on, std::shared_ptr<std::array<char, 64>> to) -> coheir::task<> {
        auto start = [on, to = std::move(to)](uv_fs_t* request, auto done) {
            const uv_buf_t into = uv_buf_init(to->data(), static_cast<unsigned>(to->size()));
            return uv_fs_read(on, request, -1, &into, 1, 0, done);
        };
        co_await coheir::uv_await<uv_fs_t>(std::move(start));
    };
    tasks->spawn(fill(loop, std::move(buffer))).detach();
    uv_run(loop, UV_RUN_NOWAIT);
    const bool release_first = GENERATE(false, true);
    const auto release = [&] {
        for (auto& b : blocked) b->block.unlock();
    };
    if (release_first) release();
    tasks.reset();
    CHECK_FALSE(watched.expired());  // libuv may still use it
    if (!release_first) release();
    CHECK_FALSE(loop.run());
    CHECK(watched.expired());
}

TEST_CASE("a task may be destroyed in any turn of the loop while it awaits a request", "[libuv]") {
    for (int turns = 0; turns < 8; ++turns) {
        host loop;
        std::optional<coheir::uv_scheduler> tasks(loop);
        auto captured = std::make_shared<int>();
        const std::weak_ptr<int> watched = captured;
        const auto look = [](uv_loop_t* on, std::shared_ptr<int> kept) -> coheir::task<> {
            auto start = [on, kept = std::move(kept)](uv_fs_t* request, auto done) {
                return uv_fs_stat(on, request, "/", done);
            };
            co_await coheir::uv_await<uv_fs_t>(std::move(start));
        };
        tasks->spawn(look(loop, std::move(captured))).detach();
        for (int i = 0; i < turns; ++i) uv_run(loop, UV_RUN_ONCE);
        tasks.reset();
        CHECK_FALSE(loop.run());
        CHECK(watched.expired());
    }
}

TEST_CASE("a task that is asked to stop stops waiting for its request", "[libuv]") {
    host loop;
    coheir::uv_scheduler tasks(loop);
    std::string ended_with;
    const auto wait = [](uv_loop_t* on, std::string& with) -> coheir::task<> {
        try {
            co_await coheir::uv_await<uv_getaddrinfo_t>([&](uv_getaddrinfo_t* request, auto done) {
                return uv_getaddrinfo(on, request, done, "127.0.0.1", "80", nullptr);
            });
            with = "result";
        } catch (const coheir::task_cancelled&) {
            with = "cancelled";
        }
    };
    const auto waiting = tasks.spawn(wait(loop, ended_with));
    const auto stop = [](coheir::join_handle<void> whom) -> coheir::task<> {
        whom.request_stop();
        co_return;
    };
    tasks.spawn(stop(waiting)).detach();
    CHECK_FALSE(loop.run());
    CHECK(ended_with == "cancelled");
}
