#pragma once
// Contexts go along through existing Asio code, the same for both flavours: the including file names one.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <exception>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/child_process.hpp"
#include "support/counted.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using asio::ip::tcp;
using coheir::spawn_policy;

namespace {

/// What the current context shows for "who".
std::string who() {
    const auto* const found = context::find<std::string>("who");
    return found ? *found : "nobody";
}

/// Calls f where `name` is "who": in a task.
template <class F>
void as(std::string name, F f) {
    const auto body = [](std::string set, F& call) -> coheir::task<> {
        context::set("who", std::move(set));
        call();
        co_return;
    };
    coheir::scheduler().run(body(std::move(name), f));
}

using notes = std::vector<std::string>;

tcp::endpoint loopback() { return {asio::ip::address_v4::loopback(), 0}; }

}  // namespace

// ---- callbacks

TEST_CASE(FLAVOUR "a posted, dispatched or deferred function sees the context of its caller", "[carry]") {
    io_context host;
    notes seen;
    const auto note = [&] { seen.push_back(who()); };
    as("ada", [&] {
        asio::post(host, note);
        asio::dispatch(host, note);
        asio::defer(host, note);
    });
    as("grace", [&] { asio::post(host.get_executor(), note); });
    host.run();
    CHECK(seen == notes{"ada", "ada", "ada", "grace"});
    CHECK(who() == "nobody");
}

TEST_CASE(FLAVOUR "the completion of an operation sees the context in which it began", "[carry]") {
    io_context host;
    notes seen;
    tcp::acceptor acceptor(host, loopback());
    tcp::socket client(host), server(host);
    std::array<char, 4> in{}, out{};
    as("accept", [&] { acceptor.async_accept(server, [&](auto) { seen.push_back(who()); }); });
    host.poll();
    host.restart();
    as("connect", [&] {
        client.async_connect(acceptor.local_endpoint(), [&](auto) {
            CHECK(who() == "connect");
            context::set("who", "write");  // goes along with what is started next
            asio::async_write(client, asio::buffer(out), [&](auto, auto) {
                CHECK(who() == "write");
                as("read", [&] {
                    asio::async_read(server, asio::buffer(in), [&](auto, auto) { seen.push_back(who()); });
                });
                CHECK(who() == "write");
            });
        });
    });
    host.run();
    CHECK(seen == notes{"accept", "read"});
}

TEST_CASE(FLAVOUR "completions of timers, resolvers and signals see it, too", "[carry]") {
    io_context host;
    std::map<std::string, std::string> seen;
    asio::steady_timer timer(host, 1ms);
    tcp::resolver resolver(host);  // works on a thread of its own
    asio::signal_set signals(host, SIGUSR1);
    as("timer", [&] { timer.async_wait([&](auto) { seen["timer"] = who(); }); });
    as("resolver",
       [&] { resolver.async_resolve("127.0.0.1", "80", [&](auto, auto) { seen["resolver"] = who(); }); });
    as("signal", [&] { signals.async_wait([&](auto, int) { seen["signal"] = who(); }); });
    std::raise(SIGUSR1);
    host.run();
    CHECK(seen == std::map<std::string, std::string>{
                      {"timer", "timer"}, {"resolver", "resolver"}, {"signal", "signal"}});
}

TEST_CASE(FLAVOUR "an operation keeps what it began with, whatever is set later", "[carry]") {
    io_context host;
    asio::steady_timer timer(host, 1ms);
    asio::post(host, [&] {
        context::set("who", "before");
        timer.async_wait([](auto) { CHECK(who() == "before"); });
        context::set("who", "after");
    });
    host.run();
}

TEST_CASE(FLAVOUR "a handler always has a context, empty where none was current", "[carry]") {
    io_context host;
    CHECK_FALSE(context::find<int>("count"));
    asio::post(host, [&] {
        CHECK(context::get("count", 0) == 0);
        context::set("count", 1);
        asio::post(host, [] { CHECK(context::get("count", 0) == 1); });
    });
    asio::post(host, [] { CHECK(context::get("count", 0) == 0); });
    host.run();
}

TEST_CASE(FLAVOUR "what a handler sets does not reach the handlers of others", "[carry]") {
    io_context host;
    as("ada", [&] {
        for (int i = 0; i < 3; ++i)
            asio::post(host, [] {
                CHECK(who() == "ada");
                context::set("who", "changed");
            });
    });
    host.run();
}

TEST_CASE(FLAVOUR "a handler that is dispatched inside another has its own context, and gives back",
          "[carry]") {
    io_context host;
    asio::post(host, [&] {
        context::set("who", "outer");
        asio::dispatch(host, [] {
            CHECK(who() == "outer");
            context::set("who", "inner");
        });
        CHECK(who() == "outer");
    });
    host.run();
}

TEST_CASE(FLAVOUR "what a handler throws comes out of run, and no context stays behind", "[carry]") {
    io_context host;
    as("ada", [&] { asio::post(host, [] { throw std::runtime_error("out"); }); });
    CHECK_THROWS_WITH(host.run(), "out");
    CHECK(test::whereabouts() == test::nowhere);
    host.restart();
    as("ada",
       [&] { asio::post(host, [&] { asio::dispatch(host, [] { throw std::runtime_error("nested"); }); }); });
    CHECK_THROWS_WITH(host.run(), "nested");
    CHECK(test::whereabouts() == test::nowhere);
}

TEST_CASE(FLAVOUR "what a handler has captured dies in its context", "[carry]") {
    struct speaks_when_it_dies {
        explicit speaks_when_it_dies(std::string& t) : to(&t) {}
        speaks_when_it_dies(speaks_when_it_dies&& other) noexcept : to(std::exchange(other.to, nullptr)) {}
        ~speaks_when_it_dies() {
            if (to) *to = who();
        }
        std::string* to;
    };
    io_context host;
    std::string last;
    as("ada", [&] { asio::post(host, [captured = speaks_when_it_dies(last)] {}); });
    host.run();
    CHECK(last == "ada");
}

TEST_CASE(FLAVOUR "values are let go with the handlers, also with those that never run", "[carry]") {
    const test::counted_balance balance;
    {
        io_context host;
        asio::steady_timer timer(host, 1h);
        asio::post(host, [&] {
            context::set("counted", test::counted());
            timer.async_wait([](auto) {});
            asio::post(host, [] {});
        });
        host.run_one();
        CHECK(balance.live() > 0);
    }
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

// ---- executors

TEST_CASE(FLAVOUR "executors that carry different contexts are different", "[carry]") {
    io_context host;
    const auto executor = host.get_executor();
    CHECK(executor == host.get_executor());
    CHECK_FALSE(executor != host.get_executor());
    const auto track = [&] { return asio::prefer(executor, asio::execution::outstanding_work.tracked); };
    std::optional<decltype(track())> ada, grace;
    as("ada", [&] { ada = track(); });
    as("grace", [&] { grace = track(); });
    CHECK(*ada == *ada);
    CHECK_FALSE(*ada == *grace);
    const asio::any_io_executor erased_ada(*ada), erased_grace(*grace);
    CHECK_FALSE(erased_ada == erased_grace);
    CHECK(erased_ada == asio::any_io_executor(*ada));
}

TEST_CASE(FLAVOUR "a copy of an executor carries the same, assignment and moves keep it", "[carry]") {
    io_context host;
    std::optional<asio::any_io_executor> kept;
    as("ada", [&] {
        const asio::any_io_executor plain = host.get_executor();
        kept = asio::prefer(plain, asio::execution::outstanding_work.tracked);
    });
    asio::any_io_executor copy = *kept;
    kept.reset();
    const asio::any_io_executor moved = std::move(copy);
    asio::post(moved, [] { CHECK(who() == "ada"); });
    CHECK(host.poll() == 1);
}

TEST_CASE(FLAVOUR "the executors know the context that they belong to, and that they are inside it",
          "[carry]") {
    io_context host;
    CHECK(&asio::query(host.get_executor(), asio::execution::context) ==
          &static_cast<asio::execution_context&>(host));
    bool inside = false;
    asio::post(host, [&] { inside = host.get_executor().get_inner_executor().running_in_this_thread(); });
    host.run();
    CHECK(inside);
}

TEST_CASE(FLAVOUR "an executor is small enough for any_io_executor to hold it in place", "[carry]") {
    constexpr std::size_t inline_storage = sizeof(std::shared_ptr<void>) + sizeof(void*);
    CHECK(sizeof(io_context::executor_type) <= inline_storage);
    CHECK(sizeof(thread_pool::executor_type) <= inline_storage);
}

TEST_CASE(FLAVOUR "a property that makes another executor of it is no obstacle", "[carry]") {
    io_context host;
    std::string seen;
    as("one", [&] {
        const auto adapted = asio::require(host.get_executor(), asio::execution::blocking_adaptation.allowed);
        adapted.execute([&seen] { seen = who(); });
    });
    host.run();
    CHECK(seen == "one");
}

TEST_CASE(FLAVOUR "any executor can be made to carry contexts", "[carry]") {
    asio::io_context plain;
    const auto executor = coheir::carry_context(plain.get_executor());
    const auto erased = coheir::carry_context(asio::any_io_executor(plain.get_executor()));
    asio::steady_timer carries(executor, 1ms), carries_too(erased, 1ms);
    notes seen;
    const auto wait = [&seen](asio::steady_timer& timer) {
        timer.async_wait([&seen](auto) { seen.push_back(who()); });
    };
    as("ada", [&] { wait(carries); });
    as("eve", [&] { wait(carries_too); });
    plain.run();
    CHECK(std::set<std::string>(seen.begin(), seen.end()) == std::set<std::string>{"ada", "eve"});
}

TEST_CASE(FLAVOUR "Asio asks for what the adapter rests on", "[carry]") {
    CHECK_NOTHROW(carrying::look_whether_contexts_are_carried());
}

namespace {

/// The same Asio with other rules: those of `carrying` stay hidden.
template <class Flavour>
struct like_carrying : carrying, coheir::detail::carrying_flavour<Flavour> {
    using rules = coheir::detail::carrying_flavour<Flavour>;
    using rules::blocks_always;
    using rules::calls_here;
    using rules::look_whether_contexts_are_carried;
    using rules::never_blocks;
    using rules::require_that_contexts_are_carried;
    using rules::tracks_work;
};
/// In which no executor is asked to track work.
struct forgetful : like_carrying<forgetful> {
    using tracked = void;
};
struct counted_host : asio::io_context {
    explicit counted_host(int threads) : asio::io_context(threads) { ++made; }
    static inline int made = 0;
};
struct counts_looks : like_carrying<counts_looks> {
    using io_context = counted_host;
};

}  // namespace

TEST_CASE(FLAVOUR "where contexts would be lost, none can be made", "[carry]") {
    using host = coheir::detail::carrying_context<forgetful, asio::io_context>;
    CHECK_THROWS_WITH(host(1), Catch::Contains("contexts would be lost"));
    CHECK_THROWS_AS(host(1), coheir::error);  // not only the first
}

TEST_CASE(FLAVOUR "whether contexts are carried is looked at once, whatever kinds of context are made",
          "[carry]") {
    coheir::detail::carrying_context<counts_looks, asio::io_context> first(1);
    const int made = counted_host::made;
    CHECK(made > 0);
    coheir::detail::carrying_context<counts_looks, asio::io_context> second(1);
    coheir::detail::carrying_context<counts_looks, asio::thread_pool> third(1);
    CHECK(counted_host::made == made);
}

// ---- strands and pools

TEST_CASE(FLAVOUR "handlers on a strand each have their own context", "[carry]") {
    thread_pool pool(4);
    const auto strand = coheir::make_strand(pool);
    std::atomic<int> wrong{0}, inside{0}, ran{0};
    for (int i = 0; i < 500; ++i)
        as(std::to_string(i), [&] {
            asio::post(strand, [&, expected = std::to_string(i)] {
                if (inside.fetch_add(1) != 0) ++wrong;
                if (who() != expected) ++wrong;
                asio::post(strand, [&, expected] {
                    if (who() != expected) ++wrong;
                    ++ran;
                });
                inside.fetch_sub(1);
            });
        });
    pool.join();
    CHECK(wrong == 0);
    CHECK(ran == 500);
}

TEST_CASE(FLAVOUR "on a pool many flows change their own contexts at once, from one common one",
          "[carry][threads]") {
    thread_pool pool(4);
    std::atomic<int> wrong{0}, ended{0};
    constexpr int flows = 200;
    as("common", [&] {
        for (int i = 0; i < flows; ++i)
            asio::co_spawn(
                pool,
                [&, i]() -> asio::awaitable<void> {
                    if (who() != "common") ++wrong;
                    for (int step = 0; step < 20; ++step) {
                        const std::string mine = std::to_string(i) + "." + std::to_string(step);
                        context::set("who", mine);
                        co_await asio::post(asio::use_awaitable);
                        if (who() != mine) ++wrong;
                    }
                    ++ended;
                },
                asio::detached);
    });
    pool.join();
    CHECK(wrong == 0);
    CHECK(ended == flows);
}

TEST_CASE(FLAVOUR "the pool's own executor carries contexts, too", "[carry]") {
    thread_pool pool(1);
    std::string seen;
    as("ada", [&] { asio::post(pool.executor(), [&] { seen = who(); }); });
    pool.join();
    CHECK(seen == "ada");
}

// ---- coroutines

namespace {

asio::awaitable<void> step() { co_await asio::post(asio::use_awaitable); }

asio::awaitable<void> nap() {
    asio::steady_timer timer(co_await asio::this_coro::executor, 100us);
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<int> set_in_callee() {
    co_await nap();
    context::set("who", "callee");
    co_await step();
    co_return 7;
}

void run(io_context& host, asio::awaitable<void> body) {
    std::exception_ptr failed;
    bool ended = false;
    asio::co_spawn(host, std::move(body), [&](std::exception_ptr e) {
        failed = e;
        ended = true;
    });
    host.run();
    if (failed) std::rethrow_exception(failed);
    CHECK(ended);
}

}  // namespace

TEST_CASE(FLAVOUR "what a coroutine sets comes back with it after each wait", "[carry]") {
    io_context host;
    const auto body = []() -> asio::awaitable<void> {
        context::set("who", "one");
        co_await step();
        CHECK(who() == "one");
        context::set("who", "two");
        co_await nap();
        CHECK(who() == "two");
        context::update<std::string>("who", [](auto& text) { text += "!"; });
        co_await asio::dispatch(asio::use_awaitable);
        CHECK(who() == "two!");
        context::erase("who");
        co_await nap();
        CHECK(who() == "nobody");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "what an awaited coroutine sets is its awaiter's", "[carry]") {
    io_context host;
    const auto body = []() -> asio::awaitable<void> {
        context::set("who", "caller");
        const int seven = co_await set_in_callee();
        CHECK(seven == 7);
        CHECK(who() == "callee");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "a spawned coroutine inherits a snapshot, and what it sets does not come back", "[carry]") {
    io_context host;
    const bool waits = GENERATE(false, true);
    const auto child = [](bool nap_first) -> asio::awaitable<void> {
        CHECK(who() == "parent");
        if (nap_first) co_await nap();
        context::set("who", "child");
        co_await step();
        CHECK(who() == "child");
    };
    const auto child_at_once = [](bool nap_first) -> asio::awaitable<void> {
        if (nap_first) co_await nap();
        context::set("who", "child");
    };
    const auto body = [&]() -> asio::awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        context::set("who", "parent");
        asio::co_spawn(executor, child(waits), asio::detached);
        co_await asio::co_spawn(executor, child(waits), asio::use_awaitable);
        CHECK(who() == "parent");
        co_await asio::co_spawn(executor, child_at_once(waits), asio::use_awaitable);
        CHECK(who() == "parent");
        context::set("who", "later");
        co_await nap();
        CHECK(who() == "later");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "coroutines that wait for each other by operators keep apart", "[carry]") {
    io_context host;
    using namespace asio::experimental::awaitable_operators;
    const auto child = [](std::string name) -> asio::awaitable<void> {
        CHECK(who() == "parent");
        context::set("who", name);
        co_await nap();
        CHECK(who() == name);
    };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        co_await (child("a") && child("b"));
        CHECK(who() == "parent");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "an exception leaves a coroutine with its context in order", "[carry]") {
    io_context host;
    const auto fails = []() -> asio::awaitable<void> {
        context::set("who", "failed");
        co_await nap();
        throw std::runtime_error("out");
    };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        auto executor = co_await asio::this_coro::executor;
        std::string caught;
        try {
            co_await asio::co_spawn(executor, fails(), asio::use_awaitable);
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
        CHECK(caught == "out");
        CHECK(who() == "parent");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "awaitables carry though their socket is a plain one", "[carry]") {
    io_context host;
    asio::io_context& plain = host;
    asio::steady_timer timer(plain, 1ms);  // as a function that knows only asio::io_context makes it
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "ada");
        co_await timer.async_wait(asio::use_awaitable);
        CHECK(who() == "ada");
    };
    run(host, body());
}

// ---- fork

namespace {

/// Runs a parent with "who" and "other" set, which forks a child by a policy; what each notes.
notes forked(spawn_policy policy) {
    io_context host;
    notes seen;
    const auto child = [&]() -> asio::awaitable<void> {
        seen.push_back("child starts: " + who());
        co_await nap();
        seen.push_back("child after the parent's set: " + who());
        context::set("who", "child");
        co_await nap();
        seen.push_back("child: " + who());
    };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        auto executor = co_await asio::this_coro::executor;
        bool ended = false;
        asio::co_spawn(executor, context::fork(policy, child()), [&](std::exception_ptr) { ended = true; });
        context::set("who", "parent later");
        while (!ended) co_await nap();
        seen.push_back("parent: " + who());
    };
    run(host, body());
    return seen;
}

}  // namespace

TEST_CASE(FLAVOUR "a forked child inherits by the policy that it is given", "[carry][fork]") {
    CHECK(forked(spawn_policy::copying) == notes{"child starts: parent",
                                                 "child after the parent's set: parent", "child: child",
                                                 "parent: parent later"});
    CHECK(forked(spawn_policy::isolated) == notes{"child starts: nobody",
                                                  "child after the parent's set: nobody", "child: child",
                                                  "parent: parent later"});
    CHECK(forked(spawn_policy::shared) == notes{"child starts: parent",
                                                "child after the parent's set: parent later", "child: child",
                                                "parent: child"});
    CHECK(forked(spawn_policy::chained) == notes{"child starts: parent",
                                                 "child after the parent's set: parent later", "child: child",
                                                 "parent: parent later"});
    const auto own = [](const context::view& parent) {
        context::child made;
        made.set("who", "heir of " + parent.get("who", "nobody"));
        return made;
    };
    CHECK(forked(own) == notes{"child starts: heir of parent", "child after the parent's set: heir of parent",
                               "child: child", "parent: parent later"});
}

namespace {

/// On strands of a pool, at the same time, the same flow on each; what went wrong is counted.
class on_strands {
public:
    using executor = decltype(coheir::make_strand(std::declval<thread_pool&>()));
    explicit on_strands(int count) {
        while (count-- > 0) strands_.push_back(coheir::make_strand(pool_));
    }
    template <class Body>
    int run(Body body) {
        std::atomic<int> wrong{0};
        for (const executor& on : strands_) {
            asio::co_spawn(on, body(wrong), [&wrong](std::exception_ptr e) { wrong += e != nullptr; });
            left_.push_back(asio::make_work_guard(on));
        }
        left_.clear();
        pool_.join();
        return wrong;
    }

private:
    thread_pool pool_{4};
    std::vector<executor> strands_;
    std::vector<asio::executor_work_guard<executor>> left_;
};

asio::awaitable<void> forks_and_waits(std::atomic<int>& wrong, spawn_policy by, std::string shown_later,
                                      std::string shown_at_the_end) {
    const auto child = [](std::atomic<int>& bad, std::string later, bool& ended) -> asio::awaitable<void> {
        bad += who() != "parent";
        context::set("of the child", test::counted());
        for (int i = 0; i < 4; ++i) co_await nap();
        bad += who() != later;
        context::set("who", "child");
        for (int i = 0; i < 4; ++i) co_await nap();
        bad += who() != "child";
        ended = true;
    };
    const auto executor = co_await asio::this_coro::executor;
    for (int round = 0; round < 8; ++round) {
        context::set("who", "parent");
        context::set("of the parent", test::counted());
        std::array<bool, 3> ended{};
        for (bool& each : ended) {
            // One at a time: they may see what each other set.
            asio::co_spawn(executor, context::fork(by, child(wrong, shown_later, each)), asio::detached);
            context::set("who", "later");
            while (!each) co_await nap();
            wrong += who() != shown_at_the_end;
            context::set("who", "parent");
        }
    }
}

}  // namespace

TEST_CASE(FLAVOUR "on strands of a pool a flow and those that it has forked share what they should",
          "[carry][fork][threads]") {
    const test::counted_balance balance;
    const auto wrong = [](spawn_policy by, std::string later, std::string at_the_end) {
        return on_strands(24).run(
            [&](std::atomic<int>& bad) { return forks_and_waits(bad, by, later, at_the_end); });
    };
    CHECK(wrong(spawn_policy::shared, "later", "child") == 0);
    CHECK(wrong(spawn_policy::chained, "later", "later") == 0);
    CHECK(wrong(spawn_policy::copying, "parent", "later") == 0);
    const auto own = [](const context::view& parent) {
        context::child made = parent.copied();
        made.set("who", parent.get("who", "nobody"));
        return made;
    };
    CHECK(wrong(own, "parent", "later") == 0);
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

TEST_CASE(FLAVOUR "a copying child may run on another pool than its parent", "[carry][fork][threads]") {
    const auto own = [](const context::view& from) { return from.copied(); };
    const spawn_policy by = GENERATE(0, 1) == 0 ? spawn_policy::copying : spawn_policy(own);
    thread_pool pool(1), other(1);
    std::atomic<int> wrong{0};
    std::atomic<bool> begun{false}, go_on{false};
    const auto await = [](const std::atomic<bool>& that) {  // relaxed: it puts nothing in order
        while (!that.load(std::memory_order_relaxed)) std::this_thread::yield();
    };
    const auto child = [&]() -> asio::awaitable<void> {
        wrong += who() != "parent";
        begun.store(true, std::memory_order_relaxed);
        await(go_on);
        for (int i = 0; i < 100; ++i) context::set("mine", i);
        co_await nap();
        wrong += who() != "parent" || context::get("mine", -1) != 99;
    };
    const auto parent = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        asio::co_spawn(other, context::fork(by, child()), asio::detached);
        await(begun);
        go_on.store(true, std::memory_order_relaxed);
        for (int i = 0; i < 100; ++i) context::set("who", std::to_string(i));
        co_await nap();
        wrong += who() != "99" || context::contains("mine");
    };
    asio::co_spawn(pool, parent(), asio::detached);
    pool.join();
    other.join();
    CHECK(wrong == 0);
}

namespace {

/// Whether a live flow on a strand, and what it starts on the pool beside that, keep apart; what went wrong.
template <class Strand, class Beside>
int keeps_apart(const spawn_policy& by, const Strand& strand, const Beside& on) {
    std::atomic<int> wrong{0}, ended{0};
    const auto child = []() -> asio::awaitable<void> {
        for (int i = 0; i < 8; ++i) co_await nap();
    };
    const auto beside = [&] {
        wrong += who() != "parent";
        for (int i = 0; i < 100; ++i) context::set("who", "beside");
        ++ended;
    };
    const auto parent = [&]() -> asio::awaitable<void> {
        asio::steady_timer timer(on);
        for (int round = 0; round < 50; ++round) {
            context::set("who", "parent");
            asio::co_spawn(co_await asio::this_coro::executor, context::fork(by, child()), asio::detached);
            asio::post(on, beside);
            asio::defer(on, beside);
            timer.expires_after(0ms);
            timer.async_wait([&](const auto&) { beside(); });
            for (int i = 0; i < 100; ++i) context::set("mine", i);
            co_await nap();
            wrong += who() != "parent" || context::get("mine", -1) != 99;
            co_await asio::post(on, asio::use_awaitable);  // comes back to the strand
            wrong += who() != "parent" || context::get("mine", -1) != 99;
            context::erase("mine");
            while (ended != 3 * (round + 1)) co_await nap();
        }
    };
    std::promise<void> done;
    asio::co_spawn(strand, parent(), [&](std::exception_ptr error) {
        wrong += error != nullptr;
        done.set_value();
    });
    done.get_future().wait();
    return wrong;
}

spawn_policy shared_or_chained() {
    return GENERATE(0, 1) == 0 ? spawn_policy::shared : spawn_policy::chained;
}

}  // namespace

TEST_CASE(FLAVOUR "what a live flow starts on the pool under its strand goes on in a snapshot",
          "[carry][fork][threads]") {
    const spawn_policy by = shared_or_chained();
    thread_pool pool(4);
    CHECK(keeps_apart(by, coheir::make_strand(pool), pool.get_executor()) == 0);
    pool.join();
}

TEST_CASE(FLAVOUR "the same where nobody can see that it is a strand", "[carry][fork][threads]") {
    const spawn_policy by = shared_or_chained();
    thread_pool pool(4);
    const auto strand = coheir::carry_context(coheir::make_strand(pool));
    const auto other = coheir::carry_context(coheir::make_strand(pool));
    CHECK(keeps_apart(by, strand, pool.get_executor()) == 0);
    CHECK(keeps_apart(by, strand, other) == 0);
    pool.join();
}

TEST_CASE(FLAVOUR "a live flow that begins inside a handler of another strand starts nothing live on that",
          "[carry][fork][threads]") {
    const spawn_policy by = shared_or_chained();
    thread_pool pool(4);
    const auto outer = coheir::make_strand(pool);
    std::atomic<int> wrong{0}, ended{0};
    const auto child = []() -> asio::awaitable<void> { co_await nap(); };
    const auto parent = [&]() -> asio::awaitable<void> {  // runs at once, inside the handler
        context::set("who", "parent");
        asio::co_spawn(co_await asio::this_coro::executor, context::fork(by, child()), asio::detached);
        asio::post(outer, [&] {
            wrong += who() != "parent";
            for (int i = 0; i < 100; ++i) context::set("who", "beside");
            ++ended;
        });
        for (int i = 0; i < 100; ++i) context::set("mine", i);
        co_await nap();
        for (int i = 0; i < 100; ++i) context::set("mine", i);
        wrong += who() != "parent";
    };
    for (int i = 0; i < 100; ++i)
        asio::post(outer, [&] { asio::co_spawn(coheir::make_strand(pool), parent(), asio::detached); });
    pool.join();
    CHECK(wrong == 0);
    CHECK(ended == 100);
}

TEST_CASE(FLAVOUR "a live flow that goes on on another executor goes on in a copy from there",
          "[carry][fork][threads]") {
    thread_pool pool(2);
    std::atomic<int> wrong{0};
    const auto go_to_pool = [&]() -> asio::awaitable<void> {
        co_await asio::post(asio::bind_executor(pool.get_executor(), asio::use_awaitable));
    };
    const auto child = []() -> asio::awaitable<void> {
        for (int i = 0; i < 8; ++i) co_await nap();
        context::set("who", "child");
    };
    const auto parent = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        bool ended = false;
        asio::co_spawn(co_await asio::this_coro::executor, context::fork(spawn_policy::shared, child()),
                       [&](std::exception_ptr) { ended = true; });
        co_await go_to_pool();
        wrong += who() != "parent";
        context::set("mine", 1);
        co_await step();
        wrong += context::get("mine", 0) != 1;
        while (!ended) co_await nap();
        wrong += who() != "parent" || context::get("mine", 0) != 1;
    };
    asio::co_spawn(coheir::make_strand(pool), parent(), [&](std::exception_ptr e) { wrong += e != nullptr; });
    pool.join();
    CHECK(wrong == 0);
}

TEST_CASE(FLAVOUR "a coroutine that is forked in place and ends on another executor says so",
          "[carry][fork][threads]") {
    thread_pool pool(2);
    asio::thread_pool plain(1);
    notes said;
    const auto go_to = [](auto on) { return asio::post(asio::bind_executor(on, asio::use_awaitable)); };
    const auto strays = [&](bool carried, bool fails) -> asio::awaitable<void> {
        context::set("who", "child");
        if (carried)
            co_await go_to(pool.get_executor());
        else
            co_await go_to(plain.get_executor());
        if (fails) throw std::runtime_error("its own");
    };
    const auto parent = [&]() -> asio::awaitable<void> {
        const std::array<std::pair<bool, bool>, 4> all{
            {{true, false}, {true, true}, {false, false}, {false, true}}};
        for (const auto& [carried, fails] : all) {
            co_await step();
            std::string caught = "nothing";
            try {
                co_await context::fork(spawn_policy::chained, strays(carried, fails));
            } catch (const coheir::usage_error&) {
                caught = "usage_error";
            } catch (const std::runtime_error& e) {
                caught = e.what();
            }
            said.push_back(caught + " as " + who());
        }
    };
    asio::co_spawn(coheir::make_strand(pool), parent(), asio::detached);
    pool.join();
    plain.join();
    CHECK(said ==
          notes{"usage_error as child", "its own as child", "usage_error as nobody", "its own as nobody"});
}

TEST_CASE(FLAVOUR "a child that shares its parent's context is not begun on another executor",
          "[carry][fork][threads]") {
    thread_pool pool(2);
    notes said;
    const auto child = []() -> asio::awaitable<void> { co_return; };
    const auto say = [&said](std::exception_ptr error) {
        try {
            if (error) std::rethrow_exception(error);
            said.push_back("begun");
        } catch (const coheir::usage_error&) {
            said.push_back("usage_error");
        }
    };
    const auto spawn_on = [&](auto executor, const spawn_policy& policy) -> asio::awaitable<void> {
        std::exception_ptr error;
        try {
            co_await asio::co_spawn(executor, context::fork(policy, child()), asio::use_awaitable);
        } catch (...) {
            error = std::current_exception();
        }
        say(error);
    };
    const auto parent = [&](auto own) -> asio::awaitable<void> {
        for (const auto& policy : {spawn_policy::shared, spawn_policy::chained, spawn_policy::copying}) {
            co_await spawn_on(own, policy);
            co_await spawn_on(coheir::make_strand(pool), policy);
            co_await spawn_on(pool.get_executor(), policy);
        }
    };
    const auto strand = coheir::make_strand(pool);
    asio::co_spawn(strand, parent(strand), asio::detached);
    pool.join();
    const std::string begun = "begun", error = "usage_error";
    CHECK(said == notes{begun, error, error, begun, error, error, begun, begun, begun});

    said.clear();
    thread_pool of_other_threads(1);
    as("ada", [&] {
        asio::co_spawn(of_other_threads, context::fork(spawn_policy::shared, child()), say);
        of_other_threads.join();
    });
    CHECK(said == notes{error});
}

TEST_CASE(FLAVOUR "what is forked in a context that was entered gets a copy by any policy",
          "[carry][fork][threads]") {
    const spawn_policy by = shared_or_chained();
    thread_pool pool(4);
    std::atomic<int> wrong{0};
    const auto child = [&]() -> asio::awaitable<void> {
        wrong += who() != "entered";
        for (int i = 0; i < 100; ++i) {
            context::set("who", std::to_string(i));
            co_await step();
        }
        wrong += who() != "99";
    };
    {
        const context::enter scope{context::snapshot()};
        context::set("who", "entered");
        for (int i = 0; i < 8; ++i)
            asio::co_spawn(coheir::make_strand(pool), context::fork(by, child()), asio::detached);
        CHECK(who() == "entered");
    }
    pool.join();
    CHECK(wrong == 0);
}

TEST_CASE(FLAVOUR "that copy has no local values, and leaves them as they were", "[carry][fork]") {
    const spawn_policy by = shared_or_chained();
    static constexpr context::key<int> seat("seat", context::flag::local);
    static constexpr context::key<std::unique_ptr<int>> owned("owned", context::flag::local);
    io_context host;
    bool seen = true;
    const auto child = [&]() -> asio::awaitable<void> {
        seen = context::contains(seat) || context::contains(owned);
        co_return;
    };
    const context::enter scope{context::snapshot()};
    context::set(seat, 4);
    context::set(owned, std::make_unique<int>(1));
    asio::co_spawn(host, context::fork(by, child()), asio::detached);
    context::update(owned, [](std::unique_ptr<int>& value) { *value = 2; });
    host.run();
    CHECK_FALSE(seen);
}

TEST_CASE(FLAVOUR "what a policy gives to a fork alone and cannot be copied is frozen, as in every copy",
          "[carry][fork]") {
    const auto with_owned = [](const context::view&) {
        context::child made;
        made.set("owned", std::make_unique<int>(1));
        return made;
    };
    io_context host;
    int refused = 0;
    const auto update = [&refused] {
        try {
            context::update<std::unique_ptr<int>>("owned", [](std::unique_ptr<int>& value) { ++*value; });
        } catch (const coheir::not_copyable&) {
            ++refused;
        }
    };
    const auto child = [&]() -> asio::awaitable<void> {
        update();
        {
            const auto taken = context::capture();
            update();
        }
        update();  // for good
        co_return;
    };
    asio::co_spawn(host, context::fork(with_owned, child()), asio::detached);
    host.run();
    CHECK(refused == 3);
}

TEST_CASE(FLAVOUR "a live context whose last executor dies on another thread waits for its strand",
          "[carry][fork][threads]") {
    const test::counted_balance balance;
    io_context host;
    const auto body = [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        std::optional<asio::any_io_executor> kept;
        const auto child = [&]() -> asio::awaitable<void> {
            context::set("of the child", test::counted());
            kept =
                asio::prefer(co_await asio::this_coro::executor, asio::execution::outstanding_work.tracked);
            co_await step();
        };
        co_await asio::co_spawn(executor, context::fork(spawn_policy::chained, child()), asio::use_awaitable);
        co_await step();
        CHECK(balance.live() == 1);
        std::thread([&] { kept.reset(); }).join();
        CHECK(balance.live() == 1);  // not there
        co_await step();
        CHECK(balance.live() == 0);
    };
    run(host, body());
    CHECK(balance.is_even());
}

TEST_CASE(FLAVOUR "a flow that shares its context still spawns by snapshot", "[carry][fork]") {
    io_context host;
    const auto shares = []() -> asio::awaitable<void> {
        co_await nap();
        context::set("shared", 1);
    };
    const auto plain = []() -> asio::awaitable<void> {
        co_await nap();
        CHECK(who() == "parent");
        context::set("who", "plain child");
        co_await nap();
        CHECK(who() == "plain child");
        CHECK(context::get("shared", 0) == 0);
    };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        auto executor = co_await asio::this_coro::executor;
        asio::co_spawn(executor, context::fork(spawn_policy::shared, shares()), asio::detached);
        asio::co_spawn(executor, plain(), asio::detached);
        co_await asio::co_spawn(executor, plain(), asio::use_awaitable);
        for (int i = 0; i < 20; ++i) co_await nap();
        CHECK(who() == "parent");
        CHECK(context::get("shared", 0) == 1);
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "a forked coroutine gives its result, and its exception, and may be awaited in place",
          "[carry][fork]") {
    io_context host;
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        const int in_place = co_await context::fork(spawn_policy::chained, set_in_callee());
        CHECK(in_place == 7);
        CHECK(who() == "parent");
        auto executor = co_await asio::this_coro::executor;
        const int spawned = co_await asio::co_spawn(
            executor, context::fork(spawn_policy::isolated, set_in_callee()), asio::use_awaitable);
        CHECK(spawned == 7);
        CHECK(who() == "parent");
        const auto fails = []() -> asio::awaitable<int> {
            co_await nap();
            throw std::runtime_error("out");
        };
        std::string caught;
        try {
            co_await context::fork(spawn_policy::isolated, fails());
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
        CHECK(caught == "out");
        CHECK(who() == "parent");
    };
    run(host, body());
}

namespace carried_results {  // not unnamed: g++ wants a name for what a coroutine of a header holds

/// Throws when it has been moved so often.
struct fragile {
    explicit fragile(int moves) : left(moves) {}
    fragile(fragile&& other) : left(other.left - 1) {
        if (left == 0) throw std::runtime_error("moved too often");
    }
    fragile& operator=(fragile&&) = delete;
    int left;
};

}  // namespace carried_results

TEST_CASE(FLAVOUR "a forked coroutine whose result cannot be moved out leaves the context as it was",
          "[carry][fork]") {
    io_context host;
    int thrown = 0;
    using carried_results::fragile;
    const auto gives = [](int moves) -> asio::awaitable<fragile> { co_return fragile(moves); };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        for (int moves = 1; moves <= 6; ++moves) {
            try {
                co_await context::fork(spawn_policy::copying, gives(moves));
            } catch (const std::runtime_error&) {
                ++thrown;
            }
            CHECK(who() == "parent");
            co_await nap();
            CHECK(who() == "parent");
        }
    };
    run(host, body());
    CHECK(thrown > 1);
}

TEST_CASE(FLAVOUR "a policy that throws fails the fork, and nothing has changed", "[carry][fork]") {
    io_context host;
    const auto refuses = [](const context::view&) -> context::child { throw std::runtime_error("refused"); };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set("who", "parent");
        std::string caught;
        try {
            auto child = context::fork(refuses, step());
        } catch (const std::runtime_error& e) {
            caught = e.what();
        }
        CHECK(caught == "refused");
        CHECK(who() == "parent");
        co_return;
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "a forked coroutine on an executor that carries nothing says so", "[carry][fork]") {
    asio::io_context plain;
    std::exception_ptr failed;
    asio::co_spawn(plain, context::fork(spawn_policy::copying, step()),
                   [&](std::exception_ptr e) { failed = e; });
    plain.run();
    REQUIRE(failed);
    CHECK_THROWS_WITH(std::rethrow_exception(failed), Catch::Contains("carries no contexts"));
}

TEST_CASE(FLAVOUR "a function that is posted inside update is refused", "[carry]") {
    io_context host;
    asio::post(host, [&] {
        context::set("who", "ada");
        CHECK_THROWS_AS(context::update<std::string>("who", [&](auto&) { asio::post(host, [] {}); }),
                        coheir::context_busy);
        CHECK(who() == "ada");
    });
    host.run();
}

TEST_CASE(FLAVOUR "an operation that is begun inside update ends the program, with the message", "[carry]") {
    const auto outcome = test::in_child_process([] {
        io_context host;
        asio::steady_timer timer(host, 1ms);
        asio::post(host, [&] {
            context::set("who", "ada");
            context::update<std::string>("who", [&](auto&) { timer.async_wait([](auto) {}); });
        });
        host.run();
    });
    CHECK(outcome.aborted);
    CHECK_THAT(outcome.errors, Catch::Contains("cannot be carried on while update()"));
}
