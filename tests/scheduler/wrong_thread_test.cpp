// Calls on a scheduler from another thread than the one that runs it, which debug builds tell.
#ifndef NDEBUG

#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

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
           ": another thread is running this scheduler; here only its remote() may be used";
}

}  // namespace

TEST_CASE("while a scheduler runs, direct calls from another thread are told", "[threads][misuse]") {
    coheir::scheduler loop;
    std::vector<std::string> said;
    const auto body = [&]() -> coheir::task<> {
        const auto child = coheir::spawn(nothing());
        std::thread([&] {
            said.push_back(what_is_thrown([&] { loop.spawn(nothing()).detach(); }));
            said.push_back(what_is_thrown([&] { loop.spawn(nothing(), coheir::options()).detach(); }));
            said.push_back(what_is_thrown([&] { static_cast<void>(loop.tasks()); }));
            said.push_back(what_is_thrown([&] { child.request_stop(); }));
            loop.remote().post([] {});
        }).join();
        said.push_back(what_is_thrown([&] { loop.spawn(nothing()).detach(); }));
        co_return;
    };
    loop.run(body());
    CHECK(said == std::vector<std::string>{elsewhere("scheduler::spawn"), elsewhere("scheduler::spawn"),
                                           elsewhere("scheduler::tasks"),
                                           elsewhere("join_handle::request_stop"), "nothing"});
}

TEST_CASE("between its rounds a scheduler may be used on any thread", "[threads][misuse]") {
    coheir::scheduler loop;
    loop.run(nothing());
    std::string said;
    std::thread([&] { said = what_is_thrown([&] { loop.run(nothing()); }); }).join();
    CHECK(said == "nothing");
}

#endif
