// Handlers, posted functions, wake-ups and policies are not a task's code: no task's context is current in
// them, whatever called them.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <coroutine>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/foreign_awaitables.hpp"
#include "support/other_contexts.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using namespace std::chrono_literals;
using test::nowhere;
using test::whereabouts;

namespace {

using places = std::vector<std::string>;

coheir::task<> fails() {
    context::set("who", "the failing task");
    throw std::runtime_error("unreceived");
    co_return;
}

coheir::task<> fails_when_stopped() {
    context::set("who", "the failing task");
    try {
        co_await coheir::sleep_for(1h);
    } catch (const coheir::task_cancelled&) {
        throw std::runtime_error("unreceived");
    }
}

coheir::task<> run_in_a_task(std::function<void()> what) {
    context::set("who", "a task");
    const std::string before = whereabouts();
    what();
    const std::string after = whereabouts();
    if (before != after) throw std::logic_error(before + " became " + after);
    co_return;
}

// Where the code around the scheduler is. What the scheduler calls while it runs finds that place as it was
// before; what is called by that code itself, by way of the library, finds itself outside of it too.
void everywhere(const std::function<void()>& check) {
    SECTION("in plain code") { check(); }
    SECTION("in plain code that has a context") { test::in_plain_code_with_a_context(check); }
    SECTION("in a task of another scheduler") { test::in_a_task_of_another_scheduler(check); }
}

// Notes where it is called and where it is destroyed, if it still has to.
class posted {
public:
    posted(places& called, places& destroyed) : called_(&called), destroyed_(&destroyed) {}
    posted(posted&& other) noexcept
        : called_(other.called_), destroyed_(std::exchange(other.destroyed_, nullptr)) {}
    ~posted() {
        if (destroyed_) destroyed_->push_back(whereabouts());
    }
    void operator()() const { called_->push_back(whereabouts()); }

private:
    places* called_;
    places* destroyed_;
};

}  // namespace

TEST_CASE("running and destroying a scheduler leaves the context of the caller as it was",
          "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        coheir::manual_clock clock;
        std::optional<coheir::scheduler> loop;
        loop.emplace(coheir::spawn_policy::copying, clock);
        struct f {
            static coheir::task<> sleep() {
                context::set("who", "a sleeper");
                co_await coheir::sleep_for(1s);
            }
        };
        loop->run(f::sleep());
        CHECK(whereabouts() == here);
        CHECK_THROWS(loop->run(fails()));
        CHECK(whereabouts() == here);
        loop->spawn(f::sleep()).detach();
        loop->run_ready();
        CHECK(whereabouts() == here);
        loop->run_until_idle();
        CHECK(whereabouts() == here);
        loop->spawn(f::sleep()).detach();
        loop->run_ready();
        loop.reset();
        CHECK(whereabouts() == here);
    });
}

TEST_CASE("the unhandled handler is called outside the task that failed and the one that dropped its handle",
          "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        places found;
        {
            coheir::scheduler loop;
            loop.on_unhandled([&found](const coheir::unhandled&) { found.push_back(whereabouts()); });

            loop.spawn(fails()).detach();  // reported at its end
            loop.run_until_idle();

            auto kept = loop.spawn(fails());  // when the last handle is dropped, in plain code
            loop.run_until_idle();
            kept.detach();

            auto also_kept = loop.spawn(fails());  // in a task
            loop.run_until_idle();
            loop.run(run_in_a_task([&] { also_kept.detach(); }));

            auto kept_elsewhere = loop.spawn(fails());  // in a task of yet another scheduler
            loop.run_until_idle();
            coheir::scheduler other;
            other.run(run_in_a_task([&] { kept_elsewhere.detach(); }));

            struct f {
                static coheir::task<> gather() {
                    context::set("who", "gatherer");
                    try {
                        co_await coheir::when_all(fails_when_stopped(), fails());
                    } catch (const std::runtime_error&) {
                    }
                    const std::string after = whereabouts();
                    if (!after.ends_with("gatherer")) throw std::logic_error(after);
                }
            };
            loop.run(f::gather());  // the second exception

            loop.post([] { throw std::runtime_error("thrown by a posted function"); });
            loop.run_until_idle();
        }
        auto outlives = [&found] {
            coheir::scheduler loop;
            loop.on_unhandled([&found](const coheir::unhandled&) { found.push_back(whereabouts()); });
            auto handle = loop.spawn(fails());
            loop.run_until_idle();
            return handle;  // its scheduler is destroyed
        }();
        CHECK(outlives.done());
        CHECK(found == places{here, nowhere, here, here, here, here, here});
    });
}

TEST_CASE("a posted function runs in no task's context, and is destroyed there", "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        places called;
        places destroyed;
        {
            coheir::scheduler loop;
            loop.post(posted(called, destroyed));
            loop.remote().post(posted(called, destroyed));
            loop.run(run_in_a_task([&] { loop.post(posted(called, destroyed)); }));
            loop.run_until_idle();
            struct f {
                static coheir::task<> yields() {
                    context::set("who", "a suspended task");
                    co_await coheir::yield();
                }
            };
            loop.spawn(f::yields()).detach();
            loop.post(posted(called, destroyed));  // between two steps of the task
            loop.run_until_idle();
            CHECK(called.size() == 4);
            CHECK(destroyed.size() == 4);
            loop.spawn(f::yields()).detach();
            loop.run_ready();
            loop.post(posted(called, destroyed));  // never run
        }
        CHECK(called.size() == 4);
        CHECK(destroyed.size() == 5);
        for (const std::string& place : called) CHECK(place == here);
        for (const std::string& place : destroyed) CHECK(place == here);
    });
}

TEST_CASE("the wakeup callback is called outside the task that handed something in", "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        places found;
        coheir::scheduler loop;
        loop.on_wakeup([&found] { found.push_back(whereabouts()); });

        loop.post([] {});
        loop.run_until_idle();
        CHECK(found == places{nowhere});

        std::coroutine_handle<> at;
        loop.spawn(test::await_one(test::later(at))).detach();
        loop.run_until_idle();
        CHECK(found == places{nowhere, nowhere});

        coheir::scheduler other;
        other.run(run_in_a_task([&at] { at.resume(); }));
        CHECK(found == places{nowhere, nowhere, here});

        loop.spawn(run_in_a_task([&loop] { loop.post([] {}); })).detach();
        loop.run_until_idle();
        CHECK(found == places{nowhere, nowhere, here, here});
    });
}

TEST_CASE("a wakeup callback that is set inside a task, and called at once, is called outside the task",
          "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        places found;
        coheir::scheduler loop;
        loop.run(run_in_a_task([&] {
            loop.post([] {});
            loop.on_wakeup([&found] { found.push_back(whereabouts()); });
        }));
        CHECK(found == places{here});
    });
}

TEST_CASE("no context at all is current while a policy is called, and the spawner's is again after",
          "[not in a task]") {
    everywhere([] {
        const std::string here = whereabouts();
        places found;
        bool throws = false;
        const auto policy = [&](const context::view& parent) {
            found.push_back(whereabouts());
            if (throws) throw std::runtime_error("thrown by the policy");
            return parent.copied();
        };
        struct f {
            static coheir::task<> nothing() { co_return; }
            static coheir::task<> gather() { co_await coheir::when_all(nothing(), nothing()); }
        };
        coheir::scheduler loop(policy);
        loop.run(f::nothing());
        CHECK(found.size() == 1);
        loop.run(f::gather());
        CHECK(found.size() == 4);
        loop.run(run_in_a_task([&] { coheir::spawn(f::nothing()).detach(); }));
        CHECK(found.size() == 6);
        coheir::scheduler other;
        other.run(run_in_a_task([&] { loop.spawn(f::nothing()).detach(); }));
        CHECK(found.size() == 7);
        coheir::scheduler by_option;
        by_option.run(run_in_a_task([&] {
            coheir::spawn(f::nothing(), coheir::options{}.policy(policy)).detach();
            throws = true;
            CHECK_THROWS(coheir::spawn(f::nothing(), coheir::options{}.policy(policy)).detach());
        }));
        CHECK(found.size() == 9);
        CHECK_THROWS(loop.run(f::nothing()));
        CHECK(found.size() == 10);
        for (const std::string& place : found) CHECK(place == nowhere);
        CHECK(whereabouts() == here);
    });
}
