#pragma once
// Awaiting operations of Asio, the same for both flavours: the including file names one.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "asio_scheduler_tests.hpp"
#include "support/child_process.hpp"

namespace {

using asio::ip::tcp;
using coheir::use_task;

/// Runs one task on an io_context of its own until nothing is left; its exception is the test's.
template <class MakeTask>
void run_on_asio(MakeTask make) {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    std::exception_ptr error;
    loop.on_unhandled([&](const coheir::unhandled& u) { error = u.error(); });
    loop.spawn(make(io)).detach();
    io.run();
    if (error) std::rethrow_exception(error);
}

/// An operation made by hand: f(handler) starts it.
template <class Signature, class F, class Token>
auto operation(F f, Token&& token) {
    auto initiation = [f = std::move(f)](auto handler) mutable { f(std::move(handler)); };
    return asio::async_initiate<Token, Signature>(std::move(initiation), token);
}

/// The handler of an operation, kept for later.
template <class... Args>
class kept_handler {
    struct base {
        virtual ~base() = default;
        virtual void call(Args...) = 0;
    };
    template <class H>
    struct holder final : base {
        explicit holder(H h) : handler(std::move(h)) {}
        void call(Args... args) override { std::move(handler)(std::move(args)...); }
        H handler;
    };

public:
    template <class H>
    void keep(H handler) {
        kept_ = std::make_unique<holder<H>>(std::move(handler));
    }
    void call(Args... args) { std::exchange(kept_, nullptr)->call(std::move(args)...); }
    void drop() { kept_.reset(); }
    explicit operator bool() const { return kept_ != nullptr; }

private:
    std::unique_ptr<base> kept_;
};

template <class Signature, class... Args>
auto keep_in(kept_handler<Args...>& place) {
    return operation<Signature>([&place](auto handler) { place.keep(std::move(handler)); }, use_task);
}

}  // namespace

// ---- what an await gives

namespace {

coheir::task<> await_signatures(asio::io_context& io) {
    const auto complete_with = [&io](auto... values) {
        return [&io, values...](auto handler) {
            asio::post(
                io, [handler = std::move(handler), values...]() mutable { std::move(handler)(values...); });
        };
    };
    static_assert(std::is_void_v<decltype(operation<void()>(complete_with(), use_task).await_resume())>);
    co_await operation<void()>(complete_with(), use_task);
    co_await operation<void(error_code)>(complete_with(error_code()), use_task);
    const int one = co_await operation<void(int)>(complete_with(1), use_task);
    CHECK(one == 1);
    const int two = co_await operation<void(error_code, int)>(complete_with(error_code(), 2), use_task);
    CHECK(two == 2);
    const int three = co_await operation<void(std::exception_ptr, int)>(complete_with(nullptr, 3), use_task);
    CHECK(three == 3);
    std::string text(100, 'x');
    const std::tuple<int, std::string> pair = co_await operation<void(error_code, int, std::string)>(
        complete_with(error_code(), 4, text), use_task);
    CHECK(pair == std::tuple(4, text));
    const std::tuple<int, int> plain = co_await operation<void(int, int)>(complete_with(5, 6), use_task);
    CHECK(plain == std::tuple(5, 6));
}

coheir::task<> await_errors(asio::io_context& io) {
    const auto fail_with = [&io](auto error, int value) {
        return [&io, error, value](auto handler) {
            asio::post(io, [handler = std::move(handler), error, value]() mutable {
                std::move(handler)(error, value);
            });
        };
    };
    const error_code eof = asio::error::eof;
    error_code caught;
    try {
        co_await operation<void(error_code, int)>(fail_with(eof, 7), use_task);
    } catch (const system_error& e) {
        caught = e.code();
    }
    CHECK(caught == eof);

    error_code ec;
    const int value = co_await operation<void(error_code, int)>(fail_with(eof, 7), use_task(ec));
    CHECK(ec == eof);
    CHECK(value == 7);  // such as how much was read before
    co_await operation<void(error_code, int)>(fail_with(error_code(), 7), use_task(ec));
    CHECK(!ec);

    const auto thrown = std::make_exception_ptr(std::runtime_error("thrown"));
    std::string what;
    try {
        co_await operation<void(std::exception_ptr, int)>(fail_with(thrown, 7), use_task);
    } catch (const std::runtime_error& e) {
        what = e.what();
    }
    CHECK(what == "thrown");
}

}  // namespace

TEST_CASE(FLAVOUR "an await gives nothing, a value, or a tuple, without the error", "[asio][use_task]") {
    run_on_asio(await_signatures);
}

TEST_CASE(FLAVOUR "an error is thrown as Asio's own exception, or put where use_task(ec) says",
          "[asio][use_task]") {
    run_on_asio(await_errors);
}

// ---- real operations

namespace {

coheir::task<std::string> echo(tcp::acceptor& on) {
    tcp::socket socket = co_await on.async_accept(use_task);
    std::string text;
    const std::size_t size =
        co_await asio::async_read_until(socket, asio::dynamic_buffer(text, 1'000'000), '\n', use_task);
    CHECK(size == text.size());
    co_await asio::async_write(socket, asio::buffer(text), use_task);
    co_return text;
}

coheir::task<> talk(asio::io_context& io) {
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const auto server = coheir::spawn(echo(acceptor));
    tcp::socket socket(io);
    co_await socket.async_connect(acceptor.local_endpoint(), use_task);
    const std::string sent = std::string(500'000, 'x') + '\n';  // more than a socket takes at once
    const auto writing = [](tcp::socket& to, const std::string& what) -> coheir::task<> {
        co_await asio::async_write(to, asio::buffer(what), use_task);
    };
    const auto writer = coheir::spawn(writing(socket, sent));
    std::string received(sent.size(), '\0');
    co_await asio::async_read(socket, asio::buffer(received), use_task);
    CHECK(received == sent);
    co_await writer;
    const std::string served = co_await server;
    CHECK(served == sent);
    error_code ec;
    std::array<char, 1> more{};
    const std::size_t size = co_await socket.async_read_some(asio::buffer(more), use_task(ec));
    CHECK(size == 0);
    CHECK(ec == asio::error::eof);
}

coheir::task<> wait_for_timers(asio::io_context& io) {
    asio::steady_timer timer(io);
    timer.expires_after(1ms);
    co_await timer.async_wait(use_task);
    timer.expires_after(1h);
    asio::post(io, [&] { timer.cancel(); });
    error_code ec;
    co_await timer.async_wait(use_task(ec));
    CHECK(ec == asio::error::operation_aborted);
    co_await asio::post(io, use_task);
    co_await asio::dispatch(io, use_task);  // completes inside the await
}

coheir::task<> without_tokens(asio::io_context& io) {
    coheir::use_task_t::as_default_on_t<asio::steady_timer> timer(io);
    timer.expires_after(1ms);
    co_await timer.async_wait();
    coheir::use_task_t::as_default_on_t<tcp::acceptor> acceptor(
        io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket client(io);
    client.connect(acceptor.local_endpoint());
    auto socket = co_await acceptor.async_accept();
    asio::write(client, asio::buffer("x", 1));
    std::array<char, 10> buffer{};
    const std::size_t size = co_await socket.async_read_some(asio::buffer(buffer));
    CHECK(size == 1);
}

}  // namespace

TEST_CASE(FLAVOUR "sockets, and operations composed of several steps, are awaited", "[asio][use_task]") {
    run_on_asio(talk);
}

TEST_CASE(FLAVOUR "timers, posts and dispatches are awaited", "[asio][use_task]") {
    run_on_asio(wait_for_timers);
}

TEST_CASE(FLAVOUR "I/O objects with use_task by default need no token", "[asio][use_task]") {
    run_on_asio(without_tokens);
}

// ---- contexts

namespace {

coheir::task<> keeps_its_id(asio::io_context& io, std::string id, int times) {
    context::set("id", id);
    for (int i = 0; i < times; ++i) {
        asio::steady_timer timer(io, 10us);
        co_await timer.async_wait(use_task);
        if (context::get("id", "") != id) FAIL("another task's id");
        co_await asio::post(io, use_task);
        if (context::get("id", "") != id) FAIL("another task's id");
    }
}

coheir::task<> many_ids(asio::io_context& io) {
    std::vector<coheir::join_handle<void>> tasks;
    for (int i = 0; i < 20; ++i) tasks.push_back(coheir::spawn(keeps_its_id(io, std::to_string(i), 10)));
    co_await coheir::when_all(std::move(tasks));
}

coheir::task<> initiates_in_its_context() {
    context::set("id", "mine");
    std::string seen;
    co_await operation<void()>(
        [&seen](auto handler) {
            seen = context::get("id", "none");
            std::move(handler)();
        },
        use_task);
    CHECK(seen == "mine");
}

}  // namespace

TEST_CASE(FLAVOUR "each task has its own context after each await", "[asio][use_task]") {
    run_on_asio(many_ids);
}

TEST_CASE(FLAVOUR "an operation is started in the task's context", "[asio][use_task]") {
    run_on_asio([](asio::io_context&) { return initiates_in_its_context(); });
}

// ---- completions of every kind

TEST_CASE(FLAVOUR "a completion inside the await goes to the back of the queue", "[asio][use_task]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto completes_at_once = [&]() -> coheir::task<> {
        co_await asio::dispatch(io, use_task);
        t.push_back("dispatched");
    };
    loop.spawn(completes_at_once()).detach();
    loop.spawn(note(t, "other")).detach();
    io.run();
    CHECK(t == trace{"other", "dispatched"});
}

TEST_CASE(FLAVOUR "a completion makes its task ready behind what was handed in before", "[asio][use_task]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto waits = [&]() -> coheir::task<> {
        co_await asio::post(io, use_task);
        t.push_back("completed");
    };
    loop.spawn(waits()).detach();
    io.run_one();
    loop.post([&] { t.push_back("posted"); });
    io.run();
    CHECK(t == trace{"posted", "completed"});
}

TEST_CASE(FLAVOUR "a handler that any thread calls resumes the task on its own scheduler",
          "[asio][use_task][threads]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    kept_handler<error_code, std::string> handler;
    std::thread::id resumed_on;
    std::string got;
    auto waits = [&]() -> coheir::task<> {
        got = co_await keep_in<void(error_code, std::string)>(handler);
        resumed_on = std::this_thread::get_id();
    };
    loop.spawn(waits()).detach();
    io.poll();
    std::thread other([&] { handler.call({}, "from another thread"); });
    io.run();
    other.join();
    CHECK(got == "from another thread");
    CHECK(resumed_on == std::this_thread::get_id());
}

TEST_CASE(FLAVOUR "a handler that is dropped without a call resumes the task with abandoned_await",
          "[asio][use_task]") {
    const bool on_another_thread = GENERATE(false, true);
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    kept_handler<error_code> handler;
    bool abandoned = false;
    auto waits = [&]() -> coheir::task<> {
        try {
            co_await keep_in<void(error_code)>(handler);
        } catch (const coheir::abandoned_await&) {
            abandoned = true;
        }
    };
    loop.spawn(waits()).detach();
    io.poll();
    if (on_another_thread)
        std::thread([&] { handler.drop(); }).join();
    else
        handler.drop();
    io.run();
    CHECK(abandoned);
}

TEST_CASE(FLAVOUR "what starting an operation throws is thrown by the await", "[asio][use_task]") {
    const bool completes_first = GENERATE(false, true);
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto waits = [&]() -> coheir::task<> {
        try {
            co_await operation<void()>(
                [=](auto handler) {
                    if (completes_first) std::move(handler)();
                    throw std::runtime_error("not started");
                },
                use_task);
        } catch (const std::runtime_error& e) {
            t.push_back(e.what());
        }
    };
    loop.spawn(waits()).detach();
    io.run();
    CHECK(t == trace{"not started"});
}

TEST_CASE(FLAVOUR "a value that cannot be stored is an exception of the await", "[asio][use_task]") {
    struct fragile {
        fragile() = default;
        fragile(const fragile& other) : moves(other.moves + 1) {
            if (moves > 2) throw std::runtime_error("fragile");
        }
        int moves = 0;
    };
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto waits = [&]() -> coheir::task<> {
        try {
            co_await operation<void(fragile)>(
                [](auto handler) {
                    fragile f;
                    f.moves = 1;
                    std::move(handler)(f);
                },
                use_task);
        } catch (const std::runtime_error& e) {
            t.push_back(e.what());
        }
    };
    loop.spawn(waits()).detach();
    io.run();
    CHECK(t == trace{"fragile"});
}

TEST_CASE(FLAVOUR "an operation is awaited once, and only on an asio_scheduler", "[asio][use_task]") {
    asio::io_context io;
    auto twice = [&]() -> coheir::task<> {
        auto posting = asio::post(io, use_task);
        co_await posting;
        co_await posting;
    };
    {
        asio_scheduler loop(io.get_executor());
        std::string reported;
        loop.on_unhandled([&](const coheir::unhandled& u) { reported = u.what(); });
        loop.spawn(twice()).detach();
        io.run();
        CHECK_THAT(reported, Catch::Contains("use_task") && Catch::Contains("twice"));
    }
    coheir::scheduler plain;
    CHECK_THROWS_AS(plain.run(twice()), coheir::usage_error);
}

TEST_CASE(FLAVOUR "what a step of an operation throws comes out of run(), and the task learns of it",
          "[asio][use_task]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    bool abandoned = false;
    auto waits = [&]() -> coheir::task<> {
        auto step = [&io, first = true](auto& self, error_code = {}) mutable {
            if (!std::exchange(first, false)) throw std::runtime_error("step");
            asio::post(io, std::move(self));
        };
        try {
            co_await asio::async_compose<const coheir::use_task_t&, void(error_code)>(step, use_task, io);
        } catch (const coheir::abandoned_await&) {
            abandoned = true;
        }
    };
    loop.spawn(waits()).detach();
    CHECK_THROWS_WITH(io.run(), "step");
    CHECK_FALSE(abandoned);
    io.run();
    CHECK(abandoned);
}

TEST_CASE(FLAVOUR "a timer that is due while a step of an operation runs the loop is not missed",
          "[asio][use_task]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    asio::steady_timer timer(io, 1h);
    bool woke = false, ended = false;
    auto waits = [&]() -> coheir::task<> {
        auto step = [&, number = 0](auto& self, error_code = {}) mutable {
            switch (number++) {
                case 0: return asio::post(io, std::move(self));
                case 1:
                    std::this_thread::sleep_for(20ms);
                    io.poll();
                    return timer.async_wait(std::move(self));
                default: self.complete(error_code());
            }
        };
        co_await asio::async_compose<const coheir::use_task_t&, void(error_code)>(step, use_task, io);
        ended = true;
    };
    auto sleeps = [&]() -> coheir::task<> {
        co_await coheir::sleep_for(5ms);
        woke = true;
        timer.cancel();
    };
    loop.spawn(waits()).detach();
    loop.spawn(sleeps()).detach();
    io.run_for(5s);
    CHECK(woke);
    CHECK(ended);
}

// ---- strands

TEST_CASE(FLAVOUR
          "the steps of an operation run on the strand of the task, whatever the socket's executor is",
          "[asio][use_task][threads]") {
    asio::thread_pool pool(3);
    const auto strand = asio::make_strand(pool.get_executor());
    asio_scheduler loop(strand);
    std::atomic<int> elsewhere{0};
    std::atomic<int> ended{0};
    auto waits = [&]() -> coheir::task<> {
        asio::steady_timer timer(pool);  // not on the strand
        auto step = [&, left = 20](auto& self, error_code = {}) mutable {
            if (!strand.running_in_this_thread()) ++elsewhere;
            if (left-- == 0) return self.complete(error_code());
            timer.expires_after(10us);
            timer.async_wait(std::move(self));
        };
        co_await asio::async_compose<const coheir::use_task_t&, void(error_code)>(step, use_task, timer);
        if (!strand.running_in_this_thread()) ++elsewhere;
        ++ended;
    };
    loop.post([&] {
        for (int i = 0; i < 10; ++i) loop.spawn(waits()).detach();
    });
    pool.join();
    CHECK(elsewhere == 0);
    CHECK(ended == 10);
}

// ---- requests to stop

namespace {

/// Asks a task to stop once it waits in an operation, and gives what it noted.
template <class MakeTask>
trace stopped_in(MakeTask make) {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    auto noting = [&t](coheir::task<> work) -> coheir::task<> {
        try {
            co_await std::move(work);
            t.push_back("ended");
        } catch (const coheir::task_cancelled&) {
            t.push_back("cancelled");
        }
    };
    loop.on_unhandled([&](const coheir::unhandled& u) { t.push_back(u.what()); });
    const auto handle = loop.spawn(noting(make(io, t)));
    io.poll();
    CHECK(t.empty());
    handle.request_stop();
    io.run();
    CHECK(handle.done());
    return t;
}

}  // namespace

TEST_CASE(FLAVOUR "a request to stop cancels the operation, which throws task_cancelled", "[asio][stop]") {
    const auto waits_for_time = [](asio::io_context& io, trace&) -> coheir::task<> {
        asio::steady_timer timer(io, 1h);
        co_await timer.async_wait(use_task);
    };
    CHECK(stopped_in(waits_for_time) == trace{"cancelled"});
    const auto puts_errors_away = [](asio::io_context& io, trace& t) -> coheir::task<> {
        asio::steady_timer timer(io, 1h);
        error_code ec;
        try {
            co_await timer.async_wait(use_task(ec));
        } catch (const coheir::task_cancelled&) {
            t.push_back(ec == asio::error::operation_aborted ? "aborted" : "other");
            throw;
        }
    };
    CHECK(stopped_in(puts_errors_away) == trace{"aborted", "cancelled"});
}

TEST_CASE(FLAVOUR "an operation of several steps is cancelled, and its socket can be used again",
          "[asio][stop]") {
    const auto reads = [](asio::io_context& io, trace& t) -> coheir::task<> {
        tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        tcp::socket ours(io), theirs(io);
        ours.connect(acceptor.local_endpoint());
        acceptor.accept(theirs);
        std::string line;
        bool cancelled = false;
        try {
            co_await asio::async_read_until(ours, asio::dynamic_buffer(line), '\n', use_task);
        } catch (const coheir::task_cancelled&) {
            cancelled = true;
        }
        CHECK(cancelled);
        co_await asio::async_write(theirs, asio::buffer("again\n", 6), use_task);
        co_await asio::async_read_until(ours, asio::dynamic_buffer(line), '\n', use_task);
        t.push_back(line);
    };
    CHECK(stopped_in(reads) == trace{"again\n", "ended"});
}

TEST_CASE(FLAVOUR "an operation that cannot be cancelled ends first", "[asio][stop]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    kept_handler<error_code> handler;
    auto waits = [&]() -> coheir::task<> { co_await keep_in<void(error_code)>(handler); };
    const auto handle = loop.spawn(waits());
    io.poll();
    handle.request_stop();
    io.poll();
    CHECK_FALSE(handle.done());
    handler.call(asio::error::operation_aborted);
    io.run();
    CHECK(handle.done());
}

namespace {

/// A task waits for an operation that completes with such an error, or none, and 7, before or after it is
/// asked to stop; what it noted.
template <class Error>
trace stopped_where_it_ends_with(Error error, bool completes_first) {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    kept_handler<Error, int> handler;
    const auto waits = [&]() -> coheir::task<> {
        try {
            t.push_back(std::to_string(co_await keep_in<void(Error, int)>(handler)));
        } catch (const std::exception&) {
            t.push_back("error");
        }
        t.push_back("went on");
        co_await coheir::yield();
    };
    const auto handle = loop.spawn(waits());
    io.poll();
    if (completes_first) handler.call(error, 7);
    handle.request_stop();
    if (!completes_first) handler.call(error, 7);
    io.run();
    CHECK(handle.done());
    return t;
}

}  // namespace

TEST_CASE(FLAVOUR "what an operation has done is not lost to a request to stop: the next wait throws",
          "[asio][stop]") {
    const bool first = GENERATE(true, false);
    const auto ends_with = [&](error_code error) { return stopped_where_it_ends_with(error, first); };
    CHECK(ends_with({}) == trace{"7", "went on"});
    CHECK(ends_with(asio::error::eof) == trace{"error", "went on"});
    CHECK(ends_with(asio::error::operation_aborted) == trace{});
    CHECK(ends_with(cancelled_by_another_category) == trace{});
    using asio::experimental::error::channel_errors;
    CHECK(ends_with(channel_errors::channel_cancelled) == trace{});
    CHECK(ends_with(channel_errors::channel_closed) == trace{"error", "went on"});
}

TEST_CASE(FLAVOUR "the same where an operation ends with an exception, as coroutines of Asio do",
          "[asio][stop]") {
    const bool first = GENERATE(true, false);
    const auto ends_with = [&](auto error) {
        return stopped_where_it_ends_with(std::make_exception_ptr(std::move(error)), first);
    };
    CHECK(stopped_where_it_ends_with(std::exception_ptr(), first) == trace{"7", "went on"});
    CHECK(ends_with(std::runtime_error("other")) == trace{"error", "went on"});
    CHECK(ends_with(system_error(asio::error::eof)) == trace{"error", "went on"});
    const system_error aborted(asio::error::operation_aborted);
    CHECK(ends_with(aborted) == trace{});
    // Of coroutines that wait for each other.
    CHECK(ends_with(asio::multiple_exceptions(std::make_exception_ptr(aborted))) == trace{});
    CHECK(ends_with(asio::multiple_exceptions(std::make_exception_ptr(std::logic_error("other")))) ==
          trace{"error", "went on"});
}

TEST_CASE(FLAVOUR "a read within a time limit loses no bytes", "[asio][stop]") {
    constexpr std::size_t all = 300;
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket ours(io), theirs(io);
    ours.connect(acceptor.local_endpoint());
    acceptor.accept(theirs);
    std::size_t got = 0;
    bool ended = false;
    const auto reads = [&]() -> coheir::task<> {
        std::array<char, 16> bytes{};
        while (!ended) {
            error_code ec;
            try {
                got += co_await coheir::with_timeout(ours.async_read_some(asio::buffer(bytes), use_task(ec)),
                                                     500us);
            } catch (const coheir::timeout_error&) {
            }
            ended = ec == asio::error::eof;
        }
    };
    const auto handle = loop.spawn(reads());
    std::thread writer([&] {
        for (std::size_t i = 0; i < all; ++i) {
            asio::write(theirs, asio::buffer("x", 1));
            std::this_thread::sleep_for(500us);
        }
        theirs.close();
    });
    io.run_for(20s);
    writer.join();
    CHECK(handle.done());
    CHECK(got == all);
}

TEST_CASE(FLAVOUR "an operation is not started where a request to stop is due", "[asio][stop]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    std::optional<coheir::join_handle<void>> handle;
    auto stops_itself = [&]() -> coheir::task<> {
        handle->request_stop();
        try {
            co_await operation<void()>([&](auto) { t.push_back("started"); }, use_task);
        } catch (const coheir::task_cancelled&) {
            t.push_back("cancelled");
        }
        co_await asio::post(io, use_task);  // a request is thrown once
        t.push_back("went on");
    };
    handle.emplace(loop.spawn(stops_itself()));
    io.run();
    CHECK(t == trace{"cancelled", "went on"});
}

TEST_CASE(FLAVOUR "time limits end operations", "[asio][stop]") {
    const auto limited = [](asio::io_context& io) -> coheir::task<> {
        const auto waits = [](asio::io_context& on) -> coheir::task<> {
            asio::steady_timer timer(on, 1h);
            co_await timer.async_wait(use_task);
        };
        bool timed_out = false;
        try {
            co_await coheir::with_timeout(waits(io), 1ms);
        } catch (const coheir::timeout_error&) {
            timed_out = true;
        }
        CHECK(timed_out);
    };
    run_on_asio(limited);
}

TEST_CASE(FLAVOUR "another thread stops a task by its stop_source", "[asio][stop][threads]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    auto waits = [&]() -> coheir::task<> {
        asio::steady_timer timer(io, 1h);
        co_await timer.async_wait(use_task);
    };
    const auto handle = loop.spawn(waits());
    io.poll();
    std::thread other([source = handle.stop_source()]() mutable { source.request_stop(); });
    io.run();
    other.join();
    CHECK(handle.done());
}

// ---- the end

namespace {

/// Waits for ever, with the buffer in its own frame.
coheir::task<> read_line(tcp::socket& from, trace& t) {
    std::string line(1, 'x');
    try {
        co_await asio::async_read_until(from, asio::dynamic_buffer(line), '\n', use_task);
        t.push_back(line);
    } catch (...) {
        t.push_back("error");
    }
}
coheir::task<> read_bytes(tcp::socket& from, trace& t) {
    std::array<char, 64> bytes{};
    co_await from.async_read_some(asio::buffer(bytes), use_task);
    t.push_back("read");
}
coheir::task<> wait_long(asio::io_context& io, trace& t) {
    asio::steady_timer timer(io, 1h);
    co_await timer.async_wait(use_task);
    t.push_back("waited");
}

}  // namespace

TEST_CASE(FLAVOUR "tasks that are destroyed in an operation are not touched any more, nor are their buffers",
          "[asio][use_task]") {
    const bool data_waits = GENERATE(false, true);
    const bool run_on = GENERATE(false, true);
    asio::io_context io;
    trace t;
    tcp::acceptor acceptor(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    tcp::socket ours(io), theirs(io), ours2(io), theirs2(io);
    ours.connect(acceptor.local_endpoint());
    acceptor.accept(theirs);
    ours2.connect(acceptor.local_endpoint());
    acceptor.accept(theirs2);
    {
        asio_scheduler loop(io.get_executor());
        loop.spawn(read_line(ours, t)).detach();
        loop.spawn(read_bytes(ours2, t)).detach();
        loop.spawn(wait_long(io, t)).detach();
        io.poll();
        if (data_waits) {
            asio::write(theirs, asio::buffer("hello\n", 6));
            asio::write(theirs2, asio::buffer("hello\n", 6));
        }
    }
    if (run_on) {
        io.restart();
        io.run();
    }
    CHECK(t.empty());
}

TEST_CASE(FLAVOUR "an operation that is kept outside its task's frame is cancelled with the scheduler",
          "[asio][use_task]") {
    asio::io_context io;
    asio::steady_timer outlives(io, 1h);
    using wait = decltype(outlives.async_wait(use_task));
    std::unique_ptr<wait> kept, other;
    std::optional<asio_scheduler<asio::io_context::executor_type>> loop(std::in_place, io.get_executor());
    const auto waits = [&](std::unique_ptr<wait>& in, asio::steady_timer* on) -> coheir::task<> {
        asio::steady_timer own(io, 1h);
        in.reset(new wait((on ? *on : own).async_wait(use_task)));
        co_await *in;
    };
    loop->spawn(waits(kept, &outlives)).detach();
    loop->spawn(waits(other, nullptr)).detach();
    io.poll();
    loop.reset();
    io.restart();
    io.run_for(1s);
    CHECK(io.stopped());  // it has ended
    CHECK(outlives.cancel() == 0);
    kept.reset();
    other.reset();
}

TEST_CASE(FLAVOUR "an operation that a newer task's frame holds goes with the scheduler",
          "[asio][use_task]") {
    asio::io_context io;
    asio::steady_timer timer(io, 1h);
    using wait = decltype(timer.async_wait(use_task));
    std::unique_ptr<wait>* shared = nullptr;
    {
        asio_scheduler loop(io.get_executor());
        const auto awaits = [&]() -> coheir::task<> {
            co_await coheir::yield();
            co_await **shared;
        };
        const auto holds = [&]() -> coheir::task<> {
            std::unique_ptr<wait> held(new wait(timer.async_wait(use_task)));
            shared = &held;
            co_await coheir::sleep_for(1h);
        };
        loop.spawn(awaits()).detach();
        loop.spawn(holds()).detach();
        io.poll();
    }
    CHECK(timer.cancel() == 0);
}

TEST_CASE(FLAVOUR "an operation that is destroyed while a task awaits it ends the program",
          "[asio][use_task]") {
    const auto outcome = test::in_child_process([] {
        asio::io_context io;
        asio::steady_timer timer(io, 1h);
        using wait = decltype(timer.async_wait(use_task));
        std::unique_ptr<wait> kept(new wait(timer.async_wait(use_task)));
        asio_scheduler loop(io.get_executor());
        const auto waits = [&]() -> coheir::task<> { co_await *kept; };
        loop.spawn(waits()).detach();
        io.poll();
        kept.reset();
    });
    CHECK(outcome.aborted);
    CHECK_THAT(outcome.errors, Catch::Contains("use_task: an operation is destroyed while a task awaits it"));
}

TEST_CASE(FLAVOUR "a handler that is called or dropped after its scheduler is gone does nothing",
          "[asio][use_task]") {
    const bool called = GENERATE(false, true), context_is_gone = GENERATE(false, true);
    std::optional<asio::io_context> io(std::in_place);
    kept_handler<error_code> handler;
    {
        asio_scheduler loop(io->get_executor());
        auto waits = [&]() -> coheir::task<> { co_await keep_in<void(error_code)>(handler); };
        loop.spawn(waits()).detach();
        io->poll();
        REQUIRE(handler);
    }
    if (context_is_gone) io.reset();
    called ? handler.call({}) : handler.drop();
    if (context_is_gone) return;
    io->restart();
    io->run();
}

TEST_CASE(FLAVOUR "a step that is dispatched inside the task dies with no context, as it runs",
          "[asio][use_task]") {
    asio::io_context io;
    asio_scheduler loop(io.get_executor());
    trace t;
    const auto note = [&t](const char* what) {
        t.push_back(std::string(what) + (context::find<int>("mine") ? ": a context" : ": none"));
    };
    struct tells {
        explicit tells(decltype(note)& to) : to_(&to) {}
        tells(tells&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
        ~tells() {
            if (to_) (*to_)("dies");
        }
        decltype(note)* to_;
    };
    auto waits = [&]() -> coheir::task<> {
        context::set("mine", 1);
        auto step = [&note, number = 0, held = tells(note)](auto& self) mutable {
            if (number++ == 0) return asio::dispatch(std::move(self));
            note("runs");
            self.complete();
        };
        co_await asio::async_compose<const coheir::use_task_t&, void()>(std::move(step), use_task, io);
    };
    loop.spawn(waits()).detach();
    io.run();
    CHECK(t == trace{"runs: none", "dies: none"});
}

TEST_CASE(FLAVOUR "a scheduler ends on its strand while operations of its tasks complete on other threads",
          "[asio][use_task][threads]") {
    asio::thread_pool pool(3);
    for (int round = 0; round < 50; ++round) {
        auto loop = std::make_unique<asio_scheduler<asio::strand<asio::thread_pool::executor_type>>>(
            asio::make_strand(pool.get_executor()));
        const auto strand = loop->get_executor();
        auto waits = [](asio::thread_pool& on) -> coheir::task<> {
            asio::steady_timer timer(on);
            for (;;) {
                timer.expires_after(1us);
                co_await timer.async_wait(use_task);
            }
        };
        loop->post([&pool, &waits, l = loop.get()] {
            for (int i = 0; i < 20; ++i) l->spawn(waits(pool)).detach();
        });
        std::atomic<bool> gone{false};
        asio::steady_timer later(strand, 200us);
        later.async_wait([&](error_code) {
            loop.reset();
            gone = true;
            gone.notify_one();
        });
        gone.wait(false);
    }
    pool.join();
}
