// The tests of the original, the Python package aiotask_context 0.6.1, on every engine.
#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <map>
#include <random>
#include <source_location>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "loops.hpp"

namespace context = coheir::context;
using Catch::Contains;
using coheir::spawn_policy;

namespace {

using dictionary = std::map<std::string, std::string>;

dictionary contents(const context::snapshot& of) {
    dictionary all;
    for (const std::string& key : of.keys()) all[key] = of.get<std::string>(key).value();
    return all;
}

coheir::task<bool> dummy() {
    co_await coheir::sleep_for(std::chrono::seconds(0));
    co_return true;
}

}  // namespace

// ---- get, set and clear

namespace {

coheir::task<> get_what_was_set() {
    context::set("key", "value");
    CHECK(context::get<std::string>("key") == "value");
    co_return;
}

coheir::task<> get_a_missing_key() {
    context::set("random", "value");
    CHECK(context::get("key", "default") == "default");
    CHECK_FALSE(context::get<std::string>("key").has_value());
    co_return;
}

coheir::task<> get_where_nothing_was_set() {
    CHECK(context::get("key", "default") == "default");
    CHECK_FALSE(context::get<std::string>("key").has_value());
    co_return;
}

coheir::task<> set_twice() {
    context::set("key", "value");
    context::set("key", "updated_value");
    CHECK(context::get<std::string>("key") == "updated_value");
    co_return;
}

coheir::task<> set_and_clear() {
    context::set("key", "value");
    CHECK(context::get<std::string>("key") == "value");
    context::clear();
    CHECK_FALSE(context::get<std::string>("key").has_value());
    co_return;
}

}  // namespace

TEMPLATE_TEST_CASE("get gives what was set", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(get_what_was_set());
}

TEMPLATE_TEST_CASE("a key that is missing gives the default, or nothing", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(get_a_missing_key());
}

TEMPLATE_TEST_CASE("where nothing was ever set every key is missing", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(get_where_nothing_was_set());
}

TEMPLATE_TEST_CASE("set overwrites", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(set_twice());
}

TEMPLATE_TEST_CASE("clear removes what was set", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(set_and_clear());
}

TEMPLATE_TEST_CASE("get, set and clear outside a task fail and name the key", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    const auto check_that_all_fail = [] {
        using coheir::no_current_context;
        CHECK_THROWS_AS(context::get<std::string>("key"), no_current_context);
        CHECK_THROWS_WITH(context::get<std::string>("key"), Contains("get") && Contains("'key'"));
        CHECK_THROWS_AS(context::get("key", "default"), no_current_context);
        CHECK_THROWS_WITH(context::get("key", "default"), Contains("get") && Contains("'key'"));
        CHECK_THROWS_AS(context::set("random", "value"), no_current_context);
        CHECK_THROWS_WITH(context::set("random", "value"), Contains("set") && Contains("'random'"));
        CHECK_THROWS_AS(context::clear(), no_current_context);
        CHECK_THROWS_WITH(context::clear(), Contains("clear"));  // which has no key
    };
    check_that_all_fail();
    loop.run(set_twice());
    check_that_all_fail();
}

// ---- the loop

TEMPLATE_TEST_CASE("a scheduler runs a second time", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    CHECK(loop.run(dummy()));
    CHECK(loop.run(dummy()));
}

TEMPLATE_TEST_CASE("spawning on a closed scheduler fails with a clear error", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.close();
    CHECK_THROWS_AS(std::ignore = loop.spawn(dummy()), coheir::scheduler_closed);
    CHECK_THROWS_WITH(std::ignore = loop.spawn(dummy()),
                      Contains("spawn") && Contains("scheduler is closed"));
    CHECK_THROWS_AS(loop.run(dummy()), coheir::scheduler_closed);
}

// ---- what a child gets

namespace {

coheir::task<> change_key_and_add_other() {
    CHECK(context::get<std::string>("key") == "value");
    context::set("key", "what");
    context::set("other", "data");
    co_return;
}

coheir::task<> add_foo() {
    context::set("foo", "bar");
    co_return;
}

coheir::task<> look_at_child_before_it_runs() {
    context::set("key", "value");
    const auto child = coheir::spawn(dummy());
    CHECK(contents(child.context()) == dictionary{{"key", "value"}});
    co_await child;
}

coheir::task<> share_with_child() {
    context::set("key", "value");
    const auto child = coheir::spawn(change_key_and_add_other());
    context::set("later", "seen");
    CHECK(contents(child.context()) == dictionary{{"key", "value"}, {"later", "seen"}});
    co_await child;
    CHECK(context::get<std::string>("key") == "what");
    CHECK(context::get<std::string>("other") == "data");
    CHECK(contents(child.context()) == dictionary{{"key", "what"}, {"later", "seen"}, {"other", "data"}});
}

coheir::task<> share_with_gathered() {
    context::set("key", "value");
    co_await coheir::when_all(change_key_and_add_other());
    CHECK(context::get<std::string>("key") == "what");
    CHECK(context::get<std::string>("other") == "data");
}

coheir::task<> share_with_limited() {
    context::set("key", "value");
    co_await coheir::with_timeout(change_key_and_add_other(), std::chrono::seconds(1));
    CHECK(context::get<std::string>("key") == "what");
    CHECK(context::get<std::string>("other") == "data");
}

coheir::task<> cancel_child_before_it_runs() {
    context::set("key", "value");
    const auto child = coheir::spawn(dummy());
    child.request_stop();
    CHECK(contents(child.context()) == dictionary{{"key", "value"}});
    const auto [end] = co_await coheir::when_all_settled(child);
    CHECK_FALSE(end.has_value());
    CHECK(contents(child.context()) == dictionary{{"key", "value"}});
}

coheir::task<> spawn_from_empty_context() {
    const auto child = coheir::spawn(dummy());
    CHECK(child.context().empty());
    co_await child;
    CHECK(child.context().empty());
}

coheir::task<> keep_what_child_adds_apart() {
    context::set("key", "value");
    const auto child = coheir::spawn(add_foo());
    co_await child;
    CHECK(contents(child.context()) == dictionary{{"key", "value"}, {"foo", "bar"}});
    CHECK_FALSE(context::get<std::string>("foo").has_value());
}

coheir::task<> spawn_here() {
    const auto here = std::source_location::current();
    const auto child = coheir::spawn(dummy());
    CHECK(child.spawned_at().line() == here.line() + 1);
    CHECK(std::string_view(child.spawned_at().file_name()) == here.file_name());
    CHECK(std::string_view(child.spawned_at().function_name()) == here.function_name());
    co_await child;
}

}  // namespace

TEMPLATE_TEST_CASE("a child has its parent's context when it is spawned", "[original]", CONTRACT_LOOPS) {
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        TestType loop(policy);
        loop.run(look_at_child_before_it_runs());
    }
}

TEMPLATE_TEST_CASE("a shared child sees and changes its parent's map", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(share_with_child());
}

TEMPLATE_TEST_CASE("the context reaches the tasks of when_all", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(share_with_gathered());
}

TEMPLATE_TEST_CASE("the context reaches the task of with_timeout", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(share_with_limited());
}

TEMPLATE_TEST_CASE("a child that is cancelled before it runs has its context", "[original]", CONTRACT_LOOPS) {
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        TestType loop(policy);
        loop.run(cancel_child_before_it_runs());
    }
}

TEMPLATE_TEST_CASE("the child of an empty context is empty", "[original]", CONTRACT_LOOPS) {
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        TestType loop(policy);
        loop.run(spawn_from_empty_context());
    }
}

TEMPLATE_TEST_CASE("a copying child keeps what it adds", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::copying);
    loop.run(keep_what_child_adds_apart());
}

TEMPLATE_TEST_CASE("a chained child keeps what it adds", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::chained);
    loop.run(keep_what_child_adds_apart());
}

TEMPLATE_TEST_CASE("a task remembers where it was spawned", "[original]", CONTRACT_LOOPS) {
    TestType loop(spawn_policy::shared);
    loop.run(spawn_here());

    const auto here = std::source_location::current();
    const auto from_outside = loop.spawn(dummy());
    CHECK(from_outside.spawned_at().line() == here.line() + 1);
}

// ---- many at once

namespace {

constexpr std::size_t request_count = 1000;
constexpr std::size_t children_of_each = 10;

class random_sleep {  // up to two seconds, the same ones in every run
public:
    auto operator()() { return coheir::sleep_for(std::chrono::milliseconds(milliseconds_(engine_))); }

private:
    std::mt19937 engine_{20160907};
    std::uniform_int_distribution<int> milliseconds_{0, 2000};
};

coheir::task<std::string> sleep_and_read(random_sleep& sleep) {
    co_await sleep();
    co_return context::get("key", "missing");
}

coheir::task<std::vector<std::string>> read_three_times(random_sleep& sleep) {
    std::vector<std::string> read;
    co_await sleep();
    read.push_back(context::get("key", "missing"));
    co_await sleep();
    read.push_back(context::get("key", "missing"));
    read.push_back(co_await sleep_and_read(sleep));
    co_return read;
}

/// How many of its children's reads gave the id that it has set.
coheir::task<std::size_t> one_request(std::size_t number, random_sleep& sleep) {
    const std::string id = "request " + std::to_string(number);
    context::set("key", id);
    std::vector<coheir::task<std::vector<std::string>>> children;
    for (std::size_t i = 0; i < children_of_each; ++i) children.push_back(read_three_times(sleep));
    const auto read_by_all = co_await coheir::when_all(std::move(children));

    std::size_t right = 0;
    for (const auto& read_by_one : read_by_all)
        for (const auto& read : read_by_one) right += read == id;
    co_return right;
}

coheir::task<> check_that_all_were_right(std::vector<coheir::join_handle<std::size_t>> requests) {
    const auto right = co_await coheir::when_all(std::move(requests));
    CHECK(right == std::vector<std::size_t>(request_count, 3 * children_of_each));
}

coheir::task<> spawn_requests(random_sleep& sleep) {
    std::vector<coheir::join_handle<std::size_t>> requests;
    for (std::size_t i = 0; i < request_count; ++i) requests.push_back(coheir::spawn(one_request(i, sleep)));
    co_await check_that_all_were_right(std::move(requests));
}

}  // namespace

TEMPLATE_TEST_CASE("a thousand tasks at once, each with ten children, read their own ids", "[original]",
                   CONTRACT_LOOPS) {
    for (const auto& policy : {spawn_policy::shared, spawn_policy::copying, spawn_policy::chained}) {
        random_sleep sleep;
        TestType loop(policy);
        std::vector<coheir::join_handle<std::size_t>> requests;
        for (std::size_t i = 0; i < request_count; ++i) requests.push_back(loop.spawn(one_request(i, sleep)));
        loop.run(check_that_all_were_right(std::move(requests)));
    }
}

TEMPLATE_TEST_CASE("a thousand children of one task, each with ten of their own, do so too", "[original]",
                   CONTRACT_LOOPS) {
    // Not under `shared`: all of them would read the id that was set last.
    for (const auto& policy : {spawn_policy::copying, spawn_policy::chained}) {
        random_sleep sleep;
        TestType loop(policy);
        loop.run(spawn_requests(sleep));
    }
}
