// Code of the user's that runs in awkward places, and awaitables that are used where they do not belong.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "support/small_stack.hpp"

namespace {

namespace context = coheir::context;
using coheir::task;

inline constexpr context::key<int> number{"number"};

task<> nothing() { co_return; }
task<int> one() { co_return 1; }

struct erases_the_key {
    operator int() const {  // NOLINT: implicit
        context::erase(number);
        return 7;
    }
};
task<int> set_from(erases_the_key value) {
    context::set(number, 1);
    context::set(number, value);
    co_return context::get(number).value();
}

}  // namespace

TEST_CASE("a conversion to the value that is set may change the context", "[hostile]") {
    coheir::scheduler loop;
    CHECK(loop.run(set_from(erases_the_key())) == 7);
}

TEST_CASE("a policy may replace itself while it is called", "[hostile]") {
    coheir::scheduler loop;
    const auto greeting = std::make_shared<std::string>("long enough to be allocated somewhere");
    std::string seen;
    loop.set_policy([&loop, &seen, greeting](const context::view& parent) {
        loop.set_policy(coheir::spawn_policy::shared);
        seen = *greeting;
        return parent.copied();
    });
    loop.run(nothing());
    CHECK(seen == *greeting);
}

TEST_CASE("an unhandled handler may replace itself while it is called", "[hostile]") {
    coheir::scheduler loop;
    const auto greeting = std::make_shared<std::string>("long enough to be allocated somewhere");
    std::vector<std::string> seen;
    loop.on_unhandled([&loop, &seen, greeting](const coheir::unhandled& first) {
        loop.on_unhandled([&seen](const coheir::unhandled& second) { seen.push_back(second.what()); });
        seen.push_back(*greeting + first.what());
    });
    for (const char* const what : {"a", "b"}) loop.post([what] { throw coheir::usage_error(what); });
    loop.run_until_idle();
    CHECK(seen == std::vector<std::string>{*greeting + "a", "b"});
}

TEST_CASE("a callback that is awaited twice is refused", "[hostile]") {
    auto twice = []() -> task<bool> {
        auto start = [](auto resolve) { resolve(1); };
        auto awaitable = coheir::callback<int>(start);
        const int first = co_await awaitable;
        try {
            co_await awaitable;
        } catch (const coheir::usage_error&) {
            co_return first == 1;
        }
        co_return false;
    };
    coheir::scheduler loop;
    CHECK(loop.run(twice()));
}

TEST_CASE("a policy that returns a child it has moved from fails the spawn", "[hostile]") {
    coheir::scheduler loop([](const context::view& parent) {
        context::child made = parent.copied();
        const context::child taken = std::move(made);
        return made;
    });
    CHECK_THROWS_AS(loop.run(nothing()), coheir::usage_error);
    context::child child;
    const context::child taken = std::move(child);
    CHECK_THROWS_AS(child.set("key", 1), coheir::usage_error);
    CHECK_THROWS_AS(child.get<int>("key"), coheir::usage_error);
}

TEST_CASE("a when_all that another task called is refused", "[hostile]") {
    using all_t = coheir::when_all<task<int>>;
    using resolvers = std::vector<coheir::resolver<void>>;
    auto park = [](resolvers& kept) -> task<int> {
        auto start = [&kept](coheir::resolver<void> resolve) { kept.push_back(resolve); };
        co_await coheir::callback<void>(start);
        co_return 1;
    };
    auto await_it = [](all_t& all) -> task<bool> {
        try {
            co_await all;
        } catch (const coheir::usage_error&) {
            co_return true;
        }
        co_return false;
    };
    auto call_it = [](auto waiting, auto parking, resolvers& kept) -> task<bool> {
        all_t all(parking(kept));
        co_return co_await coheir::spawn(waiting(all));
    };
    resolvers kept;
    coheir::scheduler loop;
    CHECK(loop.run(call_it(await_it, park, kept)));
}

TEST_CASE("1,000,000 tasks in one another are dropped on a small stack", "[hostile]") {
    auto wrap = [](task<> inner) -> task<> { co_await std::move(inner); };
    test::on_small_stack([&] {
        task<> all = nothing();
        for (int i = 0; i < 1'000'000; ++i) all = wrap(std::move(all));
        all = {};
        for (int i = 0; i < 1'000'000; ++i) all = wrap(i ? std::move(all) : nothing());
        coheir::scheduler loop;
        loop.spawn(std::move(all)).detach();
    });
}

TEST_CASE("a wake-up from inside a policy sees no task", "[hostile]") {
    coheir::scheduler loop;
    int rings = 0;
    bool task_seen = false;
    auto spawn_one = [](coheir::scheduler& on) -> task<> {
        co_await coheir::spawn(nothing(), coheir::options{}.policy([&on](const context::view& parent) {
            on.post([] {});
            return parent.copied();
        }));
    };
    auto spawning = spawn_one(loop);
    auto handle = loop.spawn(std::move(spawning));
    loop.on_wakeup([&] {
        ++rings;
        task_seen |= coheir::this_task::exists();
    });
    loop.run_until_idle();
    CHECK(rings == 2);  // at once, for the spawned task, and from inside the policy
    CHECK_FALSE(task_seen);
}

TEST_CASE("when_all over a view of handles leaves them where they are", "[hostile]") {
    auto gather = []() -> task<int> {
        std::vector<coheir::join_handle<int>> handles;
        for (int i = 0; i < 3; ++i) handles.push_back(coheir::spawn(one()));
        const std::vector<int> results = co_await coheir::when_all(std::span(handles));
        int sum = 0;
        for (const auto& handle : handles) sum += co_await handle;
        co_return sum + static_cast<int>(results.size());
    };
    coheir::scheduler loop;
    CHECK(loop.run(gather()) == 6);
}

TEST_CASE("a result stays, moved-from, for those who look at it", "[hostile]") {
    auto text = []() -> task<std::string> { co_return "long enough to be allocated somewhere"; };
    auto take = [](coheir::join_handle<std::string> from) -> task<std::string> {
        co_return co_await std::move(from);
    };
    auto look = [](auto make, auto taking) -> task<std::size_t> {
        const auto handle = coheir::spawn(make());
        const std::string& result = co_await handle;
        co_await coheir::spawn(taking(handle));
        co_return result.size();
    };
    coheir::scheduler loop;
    CHECK(loop.run(look(text, take)) == 0);
}
