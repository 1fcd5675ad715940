#pragma once
// A scheduler on Asio, Asio's operations awaited, and contexts carried through Asio: wherever memory runs
// out, also in Asio itself, an error reaches the caller or comes out of io_context::run(), no wake-up is
// lost, and all goes on. The same for both flavours: the including file names one.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faults/failure.hpp"

namespace {

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy, coheir::task, coheir::use_task;
using test::short_of_memory;
using stream = asio::local::stream_protocol::socket;

/// An io_context of either kind, and a failure.
template <class IoContext>
struct host {
    explicit host(test::failure& f) : fails(f) {}

    /// Runs short of memory until that comes out; then again, with memory.
    void run() {
        try {
            const short_of_memory now(fails);
            io.run();
        } catch (const std::bad_alloc&) {
            came_out = true;
        }
        io.restart();
        io.run();
    }

    test::failure& fails;
    test::verdict is;
    IoContext io;
    bool came_out = false;  // std::bad_alloc, of run()
    int counted = 0;
};

template <class Host>
struct row {
    const char* name;
    void (*act)(Host&);
};

// ---- a scheduler

/// What a lack of memory may become in Asio: an operation that fails, is dropped, or is given up; or one on a
/// socket that is closed by then.
bool comes_of_it(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const system_error& e) {
        return e.code() == asio::error::no_memory || e.code() == asio::error::operation_aborted ||
               e.code() == asio::error::bad_descriptor;
    } catch (const coheir::abandoned_await&) {
        return true;
    } catch (...) {
        return test::is_a_failure(error);
    }
}

struct scheduling : host<asio::io_context> {
    explicit scheduling(test::failure& f) : host(f) {
        loop.emplace(io.get_executor(), spawn_policy::copying);
        loop->on_unhandled([this](const coheir::unhandled& u) {
            is.expect(comes_of_it(u.error()), "the handler got another exception");
        });
        asio::local::connect_pair(ours, theirs);
    }
    std::optional<coheir::asio_scheduler<asio::io_context::executor_type>> loop;
    stream ours{io}, theirs{io};
};

task<int> number_after(int milliseconds) {
    co_await coheir::sleep_for(std::chrono::milliseconds(milliseconds));
    context::set("number", milliseconds);
    co_return context::get("number", 0);
}
task<> sum(int& into) {
    const auto [one, two] = co_await coheir::when_all(number_after(0), number_after(1));
    into = one + two;
}

task<std::size_t> write_all(stream& to, std::size_t size) {
    const std::vector<char> bytes(size);
    co_return co_await asio::async_write(to, asio::buffer(bytes), use_task);
}
task<std::size_t> read_all(stream& from, std::size_t size) {
    std::vector<char> into(size);
    co_return co_await asio::async_read(from, asio::buffer(into), use_task);
}

/// Spawns a task that awaits something of Asio's, and runs it short of memory.
template <class Work>
void await_in_task(scheduling& on, Work work) {
    const auto body = [](scheduling& h, Work w) -> task<> {
        try {
            const short_of_memory now(h.fails);
            co_await w(h);
            ++h.counted;
        } catch (...) {
            h.is.expect(h.fails.met() && comes_of_it(std::current_exception()), "another exception");
        }
        h.ours.close();  // a task that was spawned before the next one could not be
        h.theirs.close();
    };
    const auto handle = on.loop->spawn(body(on, work));
    on.run();
    on.is.expect(handle.done(), "a wake-up is lost");
    if (on.counted == 0) throw std::bad_alloc();
}

const std::vector<row<scheduling>> on_a_scheduler{
    {"a scheduler",
     [](scheduling& h) {
         const short_of_memory now(h.fails);
         const coheir::asio_scheduler made(h.io.get_executor());
     }},
    {"spawn tasks that sleep",
     [](scheduling& h) {
         std::optional<coheir::join_handle<>> handle;
         {
             const short_of_memory now(h.fails);
             handle = h.loop->spawn(sum(h.counted), coheir::options().name(std::string(100, 'n')));
         }
         h.run();
         h.is.expect(handle->done(), "a wake-up is lost");
         if (h.counted == 0) throw std::bad_alloc();
     }},
    {"post",
     [](scheduling& h) {
         {
             const short_of_memory now(h.fails);
             h.loop->post([&h] { ++h.counted; });
             h.loop->remote().post([&h] { ++h.counted; });
         }
         h.run();
         h.is.expect(h.counted == 2, "they have not run");
     }},
    {"await a timer",
     [](scheduling& h) {
         await_in_task(h, [](scheduling& at) -> task<> {
             asio::steady_timer timer(at.io, 1ms);
             co_await timer.async_wait(use_task);
         });
     }},
    {"await a post",
     [](scheduling& h) {
         await_in_task(h, [](scheduling& at) -> task<> { co_await asio::post(at.io, use_task); });
     }},
    {"await the steps of reading and writing",
     [](scheduling& h) {
         await_in_task(h, [](scheduling& at) -> task<> {
             constexpr std::size_t size = 1'000'000;
             const auto [written, read] =
                 co_await coheir::when_all(write_all(at.ours, size), read_all(at.theirs, size));
             at.is.expect(written == size && read == size, "not all is read");
         });
     }},
    {"await into an error code",
     [](scheduling& h) {
         await_in_task(h, [](scheduling& at) -> task<> {
             std::array<char, 10> bytes{};
             at.ours.close();
             error_code error;
             co_await asio::async_read(at.theirs, asio::buffer(bytes), use_task(error));
             at.is.expect(error == asio::error::eof || error == asio::error::no_memory, "another error");
         });
     }},
    {"await a name",
     [](scheduling& h) {
         await_in_task(h, [](scheduling& at) -> task<> {
             asio::ip::tcp::resolver resolver(at.io);
             const auto found = co_await resolver.async_resolve("127.0.0.1", "80", use_task);
             at.is.expect(!found.empty(), "it is not found");
         });
     }},
};

test::verdict attempt(const row<scheduling>& r, test::failure& f) {
    scheduling h(f);
    try {
        r.act(h);
        h.is.succeeded = true;
    } catch (const std::bad_alloc&) {
    }
    int result = 0;
    const auto handle = h.loop->spawn(sum(result));
    h.io.restart();
    h.io.run();
    h.is.expect(handle.done() && result == 1, "a task does not work");
    return h.is;
}

// ---- carried contexts

using carrying = host<io_context>;

constexpr context::key<std::string> text{"text"};

/// A handler that must find the context it was started in.
auto counter(carrying& h) {
    return [&h](auto...) {
        h.is.expect(context::get("text", "") == "carried", "the wrong context");
        ++h.counted;
    };
}

asio::awaitable<int> coroutine(int value) {
    asio::steady_timer timer(co_await asio::this_coro::executor, 1ms);
    context::set("value", value);
    co_await timer.async_wait(asio::use_awaitable);
    co_return context::get("value", 0);
}
context::child copied_and_more(const context::view& parent) {
    context::child made = parent.copied();
    made.set("more", 1);
    return made;
}
context::child shared_and_more(const context::view& parent) {
    context::child made = parent.shared();
    made.set("more", 1);
    return made;
}
/// Makes a coroutine that inherits by a policy. It is started with memory: one of Asio's own ends the program
/// where the start of an operation throws, also without coheir.
void fork(carrying& h, const spawn_policy& policy) {
    std::optional<asio::awaitable<int>> forked;
    context::set("only", std::make_unique<int>(1));
    try {
        const short_of_memory now(h.fails);
        forked = context::fork(policy, coroutine(5));
    } catch (const std::bad_alloc&) {  // nothing has changed, and nothing been frozen
        h.is.expect(!context::contains("more"), "a fork that failed has changed the context");
        h.is.expect(context::update<std::unique_ptr<int>>("only", [](std::unique_ptr<int>& p) { ++*p; }),
                    "the value is gone");
        context::erase("only");
        throw;
    }
    context::erase("only");
    context::erase("more");
    asio::co_spawn(h.io, std::move(*forked),
                   [&h](const std::exception_ptr&, int value) { h.counted = value; });
    h.io.run();
    h.is.expect(h.counted == 5, "it does not run");
}

const std::vector<row<carrying>> carried_along{
    {"post",
     [](carrying& h) {
         {
             const short_of_memory now(h.fails);
             context::set("own", 1);
             asio::post(h.io, counter(h));
             asio::dispatch(h.io, counter(h));
         }
         h.run();
         h.is.expect(h.counted == 2 || h.came_out, "a handler is lost");
         if (h.came_out) throw std::bad_alloc();
     }},
    {"a timer",
     [](carrying& h) {
         asio::steady_timer timer(h.io, 1ms);
         {
             const short_of_memory now(h.fails);
             timer.async_wait(counter(h));
         }
         h.run();
         h.is.expect(h.counted == 1 || h.came_out, "a handler is lost");
         if (h.came_out) throw std::bad_alloc();
     }},
    {"a handler that starts another",
     [](carrying& h) {
         asio::post(h.io, [&h] {
             context::set("text", "changed");
             asio::post(h.io, [&h] {
                 h.is.expect(context::get("text", "") == "changed", "the wrong context");
                 ++h.counted;
             });
         });
         h.run();
         h.is.expect(h.counted == 1 || h.came_out, "a handler is lost");
         if (h.came_out) throw std::bad_alloc();
     }},
    {"a scope, and a handler that is started in it",
     [](carrying& h) {
         asio::post(h.io, [&h] {
             std::optional<context::scoped> scope;  // ends with memory: restoring may need some
             try {
                 const short_of_memory now(h.fails);
                 scope.emplace(text, "changed");
                 asio::post(h.io, [&h] {
                     h.is.expect(context::get("text", "") == "changed", "the wrong context");
                     ++h.counted;
                 });
             } catch (const std::bad_alloc&) {
                 h.came_out = true;
             }
             scope.reset();
             h.is.expect(context::get("text", "") == "carried", "the scope has not ended");
         });
         h.io.run();
         h.is.expect(h.counted == 1 || h.came_out, "a handler is lost");
         if (h.came_out) throw std::bad_alloc();
     }},
    {"fork by copying", [](carrying& h) { fork(h, spawn_policy::copying); }},
    {"fork by a policy of one's own",
     [](carrying& h) { fork(h, [](const context::view& parent) { return parent.chained(); }); }},
    {"fork by a policy that copies", [](carrying& h) { fork(h, copied_and_more); }},
    {"fork by a policy that changes what is shared", [](carrying& h) { fork(h, shared_and_more); }},
};

test::verdict attempt(const row<carrying>& r, test::failure& f) {
    carrying h(f);
    const context::snapshot empty;
    empty.run([&] {
        context::set("text", "carried");
        try {
            r.act(h);
            h.is.succeeded = true;
        } catch (const std::bad_alloc&) {
        }
        h.is.expect(context::get("text", "") == "carried", "the context is not as before");
        h.io.restart();
        h.io.run();
        h.counted = 0;
        asio::post(h.io, counter(h));
        h.io.restart();
        h.io.run();
        h.is.expect(h.counted == 1, "a handler does not run");
    });
    return h.is;
}

template <class Rows>
void try_all(const Rows& rows) {
    for (const auto& r : rows) {
        INFO(r.name);
        CHECK(test::for_every_failure([&](test::failure& f) { return attempt(r, f); }) > 0);
    }
}

}  // namespace

TEST_CASE(FLAVOUR "a scheduler without memory", "[faults][memory][asio]") { try_all(on_a_scheduler); }
TEST_CASE(FLAVOUR "contexts carried without memory", "[faults][memory][asio]") { try_all(carried_along); }
