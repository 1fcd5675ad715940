// What a dump says of tasks: name and spawn place while they live, and that they have ended.

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <optional>
#include <string>

#include "support/child_process.hpp"

namespace context = coheir::context;
using coheir::task;

namespace {
std::string number_of(std::uint64_t id) { return "task #" + std::to_string(id); }
}  // namespace

TEST_CASE("a dump names the task that set a value while it lives, and says that it has ended", "[dump]") {
    coheir::scheduler loop;
    std::string while_it_lives, after;
    std::uint64_t id = 0;
    const auto looks = [&]() -> task<> {
        while_it_lives = context::dump();
        for (int i = 0; i < 4; ++i) co_await coheir::yield();
        after = context::dump();
    };
    const auto sets = [&]() -> task<> {
        id = coheir::this_task::id();
        context::set("user", "ada");
        coheir::spawn(looks()).detach();
        co_await coheir::yield();
    };
    const unsigned line = __LINE__ + 1;
    loop.spawn(sets(), coheir::options{}.name("se\nts")).detach();
    loop.run_until_idle();
    CHECK_THAT(while_it_lives, Catch::StartsWith("user = 'ada' (inherited; dump_test.cpp:") &&
                                   Catch::Contains(", by " + number_of(id) + R"( 'se\x0ats')" +
                                                   ", spawned at dump_test.cpp:" + std::to_string(line)));
    CHECK_THAT(after, Catch::EndsWith(", by " + number_of(id) + " (ended))\n"));
}

TEST_CASE("of another scheduler's task, a dump says the number only: it may live", "[dump]") {
    coheir::scheduler outer;
    std::string seen;
    std::uint64_t id = 0;
    const auto inside = [&]() -> task<> {
        seen = context::dump();
        co_return;
    };
    const auto root = [&]() -> task<> {
        id = coheir::this_task::id();
        context::set("user", "ada");
        coheir::scheduler inner;
        inner.run(inside());
        co_return;
    };
    outer.run(root());
    CHECK_THAT(seen, Catch::EndsWith(", by " + number_of(id) + ")\n"));
}

TEST_CASE("task numbers are remembered over many blocks, and told apart", "[dump]") {
    coheir::detail::task_numbers mine, others;
    std::uint64_t number = 0;
    for (int i = 0; i < 20'000; ++i) number = mine.next();
    CHECK(mine.has_given(number));
    CHECK(mine.has_given(number - 19'999));
    CHECK_FALSE(mine.has_given(number + 1));
    const std::uint64_t theirs = others.next();
    CHECK(others.has_given(theirs));
    CHECK_FALSE(mine.has_given(theirs));
    CHECK_FALSE(others.has_given(number));
    for (int i = 0; i < 20'000; ++i) {
        mine.next();
        others.next();
    }
    CHECK_FALSE(mine.has_given(theirs));
    CHECK_FALSE(mine.has_given(0));
}

TEST_CASE("a secret of a task is in no list of tasks, and in no report of its failure", "[dump][flags]") {
    static constexpr context::key<std::string> token{"token", context::flag::secret};
    coheir::scheduler loop;
    std::string seen;
    loop.on_unhandled([&](const coheir::unhandled& lost) {
        seen += lost.what();
        seen += context::dump(lost.context());
    });
    const auto fails = [&]() -> task<> {
        context::set(token, "hunter2");
        co_await coheir::yield();
        seen += loop.dump();
        for (const auto& t : loop.tasks()) seen += t.description() + context::dump(t.context());
        static_cast<void>(context::get<int>("token"));
    };
    loop.spawn(fails(), coheir::options{}.name("fails")).detach();
    loop.run_until_idle();
    CHECK_THAT(seen, Catch::Contains("fails") && Catch::Contains("token = <redacted>") &&
                         Catch::Contains("was asked for as int"));
    CHECK_THAT(seen, !Catch::Contains("hunter2"));

    const test::child_outcome printed = test::in_child_process([&] {
        loop.on_unhandled({});  // the default again
        loop.spawn(fails(), coheir::options{}.name("fails")).detach();
        loop.run_until_idle();
    });
    CHECK(printed.status == 0);
    CHECK_THAT(printed.errors, Catch::Contains("fails") && Catch::Contains("was asked for as int"));
    CHECK_THAT(printed.errors, !Catch::Contains("hunter2"));
}
