// A scheduler on a libuv loop: wherever memory runs out, also in libuv itself, the caller gets std::bad_alloc
// or libuv's error, no wake-up is lost, and the loop goes on.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/adapters/libuv.hpp>
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faults/failure.hpp"

namespace {

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy, coheir::task;
using test::short_of_memory;

/// A loop, a scheduler on it, and a failure.
struct host {
    explicit host(test::failure& f) : fails(f) {
        uv_loop_init(&loop);
        tasks.emplace(&loop, spawn_policy::copying, clock);
        tasks->on_unhandled([this](const coheir::unhandled& u) {
            is.expect(test::is_a_failure(u.error()), "the handler got another exception");
        });
    }
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    /// Closes all; nothing may be left on the loop.
    test::verdict end() {
        tasks.reset();
        uv_run(&loop, UV_RUN_DEFAULT);
        is.expect(uv_loop_close(&loop) == 0, "something is left on the loop");
        return is;
    }
    void run() { uv_run(&loop, UV_RUN_DEFAULT); }

    test::failure& fails;
    test::verdict is;
    uv_loop_t loop;
    coheir::manual_clock clock;
    std::optional<coheir::uv_scheduler> tasks;
    int counted = 0;
};

struct row {
    const char* name;
    void (*act)(host&);
};

task<int> number_after(int milliseconds) {
    co_await coheir::sleep_for(std::chrono::milliseconds(milliseconds));
    context::set("number", milliseconds);
    co_return context::get("number", 0);
}
task<int> sum() {
    const auto [one, two] = co_await coheir::when_all(number_after(1), number_after(2));
    co_return one + two;
}
task<bool> look_at_root(uv_loop_t* loop) {
    auto start = [loop](uv_fs_t* request, auto done) { return uv_fs_stat(loop, request, "/", done); };
    const auto done = co_await coheir::uv_await<uv_fs_t>(start);
    co_return (done->statbuf.st_mode & 0040000) != 0;
}
task<bool> resolve(uv_loop_t* loop) {
    auto start = [loop](uv_getaddrinfo_t* request, auto done) {
        return uv_getaddrinfo(loop, request, done, "127.0.0.1", nullptr, nullptr);
    };
    const auto done = co_await coheir::uv_await<uv_getaddrinfo_t>(start);
    co_return done->addrinfo != nullptr;
}

const std::vector<row> rows{
    {"a scheduler",
     [](host& h) {
         const short_of_memory now(h.fails);
         coheir::uv_scheduler made(&h.loop);
         made.post([&h] { ++h.counted; });
         h.run();
         h.is.expect(h.counted == 1, "it does not run");
     }},
    {"run tasks that sleep",
     [](host& h) {
         const short_of_memory now(h.fails);
         h.is.expect(h.tasks->run(sum()) == 3, "not the result");
     }},
    {"spawn one that sleeps",
     [](host& h) {
         const short_of_memory now(h.fails);
         const auto handle = h.tasks->spawn(number_after(1), coheir::options().name(std::string(100, 'n')));
         h.run();
         h.is.expect(handle.done(), "it has not run");
     }},
    {"post",
     [](host& h) {
         {
             const short_of_memory now(h.fails);
             h.tasks->post([&h] { ++h.counted; });
             h.tasks->remote().post([&h] { ++h.counted; });
         }
         h.tasks->keep_alive(true);
         uv_run(&h.loop, UV_RUN_ONCE);
         h.tasks->keep_alive(false);
         h.is.expect(h.counted == 2, "they have not run");
     }},
    {"await the file system",
     [](host& h) {
         const short_of_memory now(h.fails);
         h.is.expect(h.tasks->run(look_at_root(&h.loop)), "not the result");
     }},
    {"await a name",
     [](host& h) {
         const short_of_memory now(h.fails);
         h.is.expect(h.tasks->run(resolve(&h.loop)), "not the result");
     }},
};

test::verdict attempt(const row& r, test::failure& f) {
    host h(f);
    try {
        r.act(h);
        h.is.succeeded = true;
    } catch (const std::bad_alloc&) {
    } catch (const coheir::uv_error& error) {
        h.is.expect(error.status() == UV_ENOMEM || error.status() == UV_EAI_MEMORY, "another error");
    }
    h.is.expect(h.tasks->run(sum()) == 3, "a task does not work");
    h.run();
    return h.end();
}

template <class F>
auto or_null(F get) {
    return test::memory_is_short() ? nullptr : get();
}

}  // namespace

TEST_CASE("a libuv loop without memory", "[faults][memory][libuv]") {
    uv_replace_allocator(
        [](std::size_t n) { return or_null([=] { return std::malloc(n); }); },
        [](void* p, std::size_t n) { return or_null([=] { return std::realloc(p, n); }); },
        [](std::size_t n, std::size_t size) { return or_null([=] { return std::calloc(n, size); }); },
        [](void* p) { std::free(p); });
    for (const row& r : rows) {
        INFO(r.name);
        CHECK(test::for_every_failure([&](test::failure& f) { return attempt(r, f); }) > 0);
    }
}

#endif
