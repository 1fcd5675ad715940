#pragma once
// Scopes in existing Asio code end in the copy of the context in which their block goes on. For both
// flavours: included behind carrying_tests.hpp.

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

namespace {

constexpr context::key<std::string> user{"user"};

std::string shown_user() { return context::get(user, std::string("-")); }

}  // namespace

TEST_CASE(FLAVOUR "a scope whose block waits ends in the session that goes on", "[carry][scoped]") {
    const test::counted_balance balance;
    const auto wait = GENERATE(&step, &nap);
    const bool is_set_before = GENERATE(false, true);
    const std::string before = is_set_before ? "set before" : "-";
    const auto body = [&]() -> asio::awaitable<void> {
        if (is_set_before) context::set(user, before);
        for (int request = 0; request < 3; ++request) {
            CHECK(shown_user() == before);
            const auto id = std::to_string(request);
            {
                const context::scoped of_request{user, "user of " + id};
                const context::scoped held{"held", test::counted(request)};
                const context::scoped named_at_run_time{"a name that is made at run time, of request " + id,
                                                        1};
                CHECK(shown_user() == "user of " + id);
                co_await wait();
                CHECK(shown_user() == "user of " + id);
                {
                    const context::scoped inner{user, "inner"};
                    co_await wait();
                    CHECK(shown_user() == "inner");
                }
                CHECK(shown_user() == "user of " + id);
                co_await wait();
                context::set(user, "changed inside");
                context::set("log_level", request);
                co_await wait();
                CHECK(shown_user() == "changed inside");
            }
            CHECK(shown_user() == before);
            CHECK(context::find<test::counted>("held") == nullptr);
            CHECK(context::get("log_level", -1) == request);  // of another key: it stays
            co_await wait();
            CHECK(shown_user() == before);
            CHECK_FALSE(context::contains("a name that is made at run time, of request " + id));
        }
    };
    {
        io_context host;
        run(host, body());
    }
    CHECK(balance.is_even());
}

TEST_CASE(FLAVOUR "a scope whose key is erased inside brings it back", "[carry][scoped]") {
    io_context host;
    const auto body = [&]() -> asio::awaitable<void> {
        context::set(user, "before");
        {
            const context::scoped inside{user, "inside"};
            co_await nap();
            context::erase(user);
            co_await nap();
            CHECK(shown_user() == "-");
        }
        CHECK(shown_user() == "before");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "an exception ends the scopes that it leaves", "[carry][scoped]") {
    io_context host;
    const auto fails = []() -> asio::awaitable<void> {
        const context::scoped inside{user, "inside"};
        co_await nap();
        throw std::runtime_error("no luck");
    };
    const auto body = [&]() -> asio::awaitable<void> {
        context::set(user, "before");
        try {
            co_await fails();
            FAIL("nothing was thrown");
        } catch (const std::runtime_error&) {
            CHECK(shown_user() == "before");
        }
        co_await nap();
        CHECK(shown_user() == "before");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "what is started in a scope keeps its value, and the scope ends for its block alone",
          "[carry][scoped]") {
    io_context host;
    notes seen;
    const auto child = [&](int naps) -> asio::awaitable<void> {
        while (naps-- > 0) co_await nap();
        const context::scoped own{user, "the child's"};
        co_await nap();
        seen.push_back("child: " + shown_user());
    };
    const auto body = [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        asio::steady_timer timer(executor, 1ms);
        {
            const context::scoped inside{user, "inside"};
            timer.async_wait([&](auto) { seen.push_back("callback: " + shown_user()); });
            asio::co_spawn(executor, child(2), asio::detached);
            co_await nap();
        }
        seen.push_back("after: " + shown_user());
        while (seen.size() < 3) co_await nap();
        CHECK(shown_user() == "-");
    };
    run(host, body());
    std::sort(seen.begin(), seen.end());
    CHECK(seen == notes{"after: -", "callback: inside", "child: the child's"});
}

TEST_CASE(FLAVOUR "a callback's own scope ends in it", "[carry][scoped]") {
    io_context host;
    std::string inside, later;
    asio::post(host, [&] {
        {
            const context::scoped open{user, "inside"};
            asio::post(host, [&] { inside = shown_user(); });
        }
        asio::post(host, [&] { later = shown_user(); });
        CHECK(shown_user() == "-");
    });
    host.run();
    CHECK(inside == "inside");
    CHECK(later == "-");
}

TEST_CASE(FLAVOUR "a callback that starts the next in its scope hands on what is open, and no more",
          "[carry][scoped]") {
    io_context host;
    int left = 1000;
    std::size_t most = 0;
    const auto go_on = [&](auto& self) -> void {
        const auto* const kin = context::detail::current()->context->kin;
        std::size_t open = 0;
        for (const auto* s = kin ? kin->scopes : nullptr; s; s = s->older) ++open;
        most = std::max(most, open);
        CHECK(shown_user() == (left == 1000 ? "-" : "user " + std::to_string(left)));
        if (left == 0) return;
        const context::scoped mine{user, "user " + std::to_string(--left)};
        asio::post(host, [&self] { self(self); });
    };
    asio::post(host, [&] { go_on(go_on); });
    host.run();
    CHECK(left == 0);
    CHECK(most <= 2);
}

TEST_CASE(FLAVOUR "a coroutine that is resumed inside a callback's scope may open one of the same key",
          "[carry][scoped]") {
    io_context host;
    std::function<void()> resume;
    notes t;
    const auto body = [&]() -> asio::awaitable<void> {
        const auto start = [&](auto handler) {
            auto kept = std::make_shared<decltype(handler)>(std::move(handler));
            resume = [kept] { (*kept)(); };
        };
        co_await asio::async_initiate<decltype(asio::use_awaitable), void()>(start, asio::use_awaitable);
        {
            const context::scoped inside{user, "the coroutine's"};
            co_await nap();
            t.push_back(shown_user());
        }
    };
    asio::co_spawn(host, body(), asio::detached);
    asio::post(host, [&] {
        const context::scoped calls{user, "the callback's"};
        resume();
    });
    host.run();
    CHECK(t == notes{"the coroutine's"});
}

TEST_CASE(FLAVOUR "scopes of a flow that shares its context end in that", "[carry][scoped][fork]") {
    io_context host;
    const auto child = []() -> asio::awaitable<void> {
        const context::scoped inside{user, "the child's"};
        co_await nap();
        CHECK(shown_user() == "the child's");
    };
    const auto body = [&]() -> asio::awaitable<void> {
        const auto executor = co_await asio::this_coro::executor;
        context::set(user, "before");
        const context::scoped opened_before_it_was_live{"early", 1};
        co_await asio::co_spawn(executor, context::fork(spawn_policy::shared, child()), asio::use_awaitable);
        CHECK(shown_user() == "before");
        {
            const context::scoped inside{user, "inside"};
            co_await nap();
            CHECK(shown_user() == "inside");
        }
        CHECK(shown_user() == "before");
        co_await nap();
        CHECK(shown_user() == "before");
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "a local value that a scope covers does not come back in a copy", "[carry][scoped]") {
    io_context host;
    static constexpr context::key<int> local{"local", context::flag::local};
    const auto body = [&]() -> asio::awaitable<void> {
        context::set(local, 1);
        { const context::scoped at_once{local, 2}; }
        CHECK(context::get(local, 0) == 1);
        {
            const context::scoped inside{local, 2};
            co_await nap();
            CHECK(context::get(local, 0) == 0);
        }
        CHECK(context::get(local, 0) == 0);
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "a frame that is destroyed without running on leaves no scope behind", "[carry][scoped]") {
    const test::counted_balance balance;
    {
        io_context host;
        const auto body = [&]() -> asio::awaitable<void> {
            const context::scoped inside{"held", test::counted(1)};
            asio::steady_timer never(co_await asio::this_coro::executor, 1h);
            co_await never.async_wait(asio::use_awaitable);
        };
        asio::co_spawn(host, body(), asio::detached);
        host.poll();
    }
    CHECK(balance.is_even());
}

TEST_CASE(FLAVOUR "scopes that end in another order than they began end the program", "[carry][scoped]") {
    const auto outcome = test::in_child_process([] {
        io_context host;
        const auto body = [&]() -> asio::awaitable<void> {
            std::optional<context::scoped> first, second;
            first.emplace(user, "first");
            co_await nap();
            second.emplace(user, "second");
            co_await nap();
            first.reset();
        };
        run(host, body());
    });
    CHECK(outcome.aborted);
    CHECK_THAT(outcome.errors, Catch::Contains("in another order than they began"));
}

TEST_CASE(FLAVOUR "a key cannot be frozen in a scope of it, wherever the block goes on", "[carry][scoped]") {
    io_context host;
    const auto body = [&]() -> asio::awaitable<void> {
        const context::scoped inside{"who", "inside"};
        co_await nap();
        static constexpr context::key<std::string> frozen{"who", context::flag::frozen};
        CHECK_THROWS_AS(context::set(frozen, "for good"), coheir::usage_error);
    };
    run(host, body());
}

TEST_CASE(FLAVOUR "on a pool, scopes end on whichever thread their block has come to",
          "[carry][scoped][threads]") {
    constexpr int flows = 100;
    std::atomic<int> wrong{0}, ended{0};
    thread_pool pool(4);
    const auto nested = [&](int i) -> asio::awaitable<void> {
        const context::scoped inside{user, "nested in " + std::to_string(i)};
        co_await step();
        if (shown_user() != "nested in " + std::to_string(i)) ++wrong;
    };
    const auto body = [&](int i) -> asio::awaitable<void> {
        for (int n = 0; n < 20; ++n) {
            const std::string mine = std::to_string(i) + "." + std::to_string(n);
            {
                const context::scoped inside{user, mine};
                co_await step();
                if (shown_user() != mine) ++wrong;
                co_await nested(i);
                if (shown_user() != mine) ++wrong;
            }
            if (shown_user() != "-") ++wrong;
            co_await step();
            if (shown_user() != "-") ++wrong;
        }
        ++ended;
    };
    for (int i = 0; i < flows; ++i) asio::co_spawn(pool, body(i), asio::detached);
    pool.join();
    CHECK(wrong == 0);
    CHECK(ended == flows);
}
