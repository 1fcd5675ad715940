// Calls on a scheduler from another thread than the one that runs it, which debug builds tell.
#ifndef NDEBUG

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace {

coheir::task<> nothing() { co_return; }

template <class F>
std::string what_is_thrown(F&& f) {
    try {
        f();
    } catch (const coheir::usage_error& e) {
        return e.what();
    }
    return "nothing";
}

std::string elsewhere(const char* operation) {
    return std::string("coheir::") + operation +
           ": another thread is running this scheduler; others may use its remote(), and a stop_source() of "
           "a task that they are given";
}

}  // namespace

TEST_CASE("while a scheduler runs, direct calls from another thread are told", "[threads][misuse]") {
    coheir::scheduler loop;
    std::vector<std::string> said;
    const auto in_group = [&](coheir::task_group& group) -> coheir::task<> {
        const auto child = coheir::spawn(nothing());
        const auto tell = [&](auto&& f) { said.push_back(what_is_thrown(f)); };
        std::thread([&] {
            tell([&] { loop.spawn(nothing()).detach(); });
            tell([&] { loop.spawn(nothing(), coheir::options()).detach(); });
            tell([&] { static_cast<void>(loop.tasks()); });
            tell([&] { static_cast<void>(loop.dump()); });
            tell([&] { loop.set_policy(coheir::spawn_policy::shared); });
            tell([&] { loop.on_unhandled({}); });
            tell([&] { child.request_stop(); });
            tell([&] { static_cast<void>(child.stop_source()); });
            tell([&] { static_cast<void>(child.done()); });
            tell([&] { static_cast<void>(child.id()); });
            tell([&] { static_cast<void>(child.name()); });
            tell([&] { static_cast<void>(child.spawned_at()); });
            tell([&] { static_cast<void>(child.context()); });
            tell([&] { static_cast<void>(child.context_at_failure()); });
            tell([&] { group.spawn(nothing()); });
            tell([&] { group.add(child); });
            loop.remote().post([] {});
        }).join();
        tell([&] { loop.spawn(nothing()).detach(); });
        tell([&] { group.add(child); });
        co_return;
    };
    const auto body = [&]() -> coheir::task<> { co_await coheir::with_task_group(in_group); };
    loop.run(body());
    std::vector<std::string> expected;
    for (const char* operation :
         {"scheduler::spawn", "scheduler::spawn", "scheduler::tasks", "scheduler::dump",
          "scheduler::set_policy", "scheduler::on_unhandled", "join_handle::request_stop",
          "join_handle::stop_source", "join_handle::done", "join_handle::id", "join_handle::name",
          "join_handle::spawned_at", "join_handle::context", "join_handle::context_at_failure",
          "task_group::spawn", "task_group::add"})
        expected.push_back(elsewhere(operation));
    expected.insert(expected.end(), {"nothing", "nothing"});
    CHECK(said == expected);
}

TEST_CASE("running a scheduler that another thread runs is told", "[threads][misuse]") {
    coheir::scheduler loop;
    std::vector<std::string> said;
    const auto body = [&]() -> coheir::task<> {
        std::thread([&] {
            for (const auto& run : std::vector<std::function<void()>>{[&] { loop.run(nothing()); },
                                                                      [&] { loop.run_until_idle(); },
                                                                      [&] { loop.run_ready(); }}) {
                try {
                    run();
                } catch (const coheir::scheduler_busy& e) {
                    said.emplace_back(e.what());
                }
            }
        }).join();
        co_return;
    };
    loop.run(body());
    REQUIRE(said.size() == 3);
    CHECK(said[0].find("run:") != std::string::npos);
    CHECK(said[1].find("run_until_idle:") != std::string::npos);
    CHECK(said[2].find("run_ready:") != std::string::npos);
}

TEST_CASE("between its rounds a scheduler may be used on any thread", "[threads][misuse]") {
    coheir::scheduler loop;
    loop.run(nothing());
    std::string said;
    std::thread([&] { said = what_is_thrown([&] { loop.run(nothing()); }); }).join();
    CHECK(said == "nothing");
}

TEST_CASE("calls from another thread are told also while a loop waits for work", "[threads][misuse]") {
    coheir::scheduler loop;
    std::optional<coheir::resolver<void>> end;
    std::promise<void> waits;
    auto keep = [&](const coheir::resolver<void>& r) {
        end = r;
        waits.set_value();
    };
    auto body = [&]() -> coheir::task<> { co_await coheir::callback<>(keep); };
    std::thread owner([&] { loop.run(body()); });
    waits.get_future().wait();
    for (int i = 0; i < 20; ++i) {  // whether it is still about to wait, or does
        CHECK(what_is_thrown([&] { loop.spawn(nothing()).detach(); }) == elsewhere("scheduler::spawn"));
        CHECK(what_is_thrown([&] { static_cast<void>(loop.tasks()); }) == elsewhere("scheduler::tasks"));
        CHECK_THROWS_AS(loop.run(nothing()), coheir::scheduler_busy);
        CHECK_THROWS_AS(loop.run_ready(), coheir::scheduler_busy);
        CHECK_THROWS_AS(loop.run_until_idle(), coheir::scheduler_busy);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    (*end)();
    owner.join();
    loop.spawn(nothing()).detach();
    loop.run_until_idle();
}

#endif
