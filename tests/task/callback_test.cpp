// callback<T>: an operation that calls back, now, later, from anywhere, too often, too late or never.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/counted.hpp"
#include "support/other_contexts.hpp"
#include "support/stopped_after_each_step.hpp"
#include "support/test_loop.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using test::counted;
using test::counted_balance;
using test::test_loop;
using test::whereabouts;

namespace {

using lines = std::vector<std::string>;

template <class T>
using starter = std::function<void(coheir::resolver<T>)>;

/// Awaits an operation that is started like this.
template <class T>
coheir::task<T> await_callback(starter<T> start) {
    co_return co_await coheir::callback<T>(std::move(start));
}

template <class T>
T run(starter<T> start) {
    test_loop loop;
    return loop.run(await_callback<T>(std::move(start)));
}

std::exception_ptr error(const char* what) { return std::make_exception_ptr(std::runtime_error(what)); }

coheir::task<> note(lines& to, std::string what) {
    to.push_back(std::move(what));
    co_return;
}

}  // namespace

// ---- results

TEST_CASE("a callback gives what the resolver is called with", "[callback]") {
    CHECK(run<int>([](auto resolve) { resolve(42); }) == 42);
    run<void>([](auto resolve) { resolve(); });
    CHECK(run<std::string>([](auto resolve) { resolve("literal"); }) == "literal");
    CHECK(run<std::string>([](auto resolve) { resolve(std::size_t{3}, 'x'); }) == "xxx");
    CHECK(*run<std::unique_ptr<int>>([](auto resolve) { resolve(std::make_unique<int>(7)); }) == 7);

    static_assert(std::is_invocable_v<coheir::resolver<int>, int>);
    static_assert(!std::is_invocable_v<coheir::resolver<int>, std::string>);
    static_assert(!std::is_invocable_v<coheir::resolver<int>, int, int>);
    static_assert(std::is_invocable_v<coheir::resolver<void>>);
    static_assert(!std::is_invocable_v<coheir::resolver<void>, int>);
    static_assert(std::is_copy_constructible_v<coheir::resolver<std::unique_ptr<int>>>);
}

TEST_CASE("a callback may give values that cannot be default-made", "[callback]") {
    struct strict {
        explicit strict(int v) : value(v) {}
        strict(const strict&) = delete;
        strict(strict&&) = default;
        strict& operator=(strict&&) = delete;
        ~strict() = default;
        int value;
    };
    CHECK(run<strict>([](auto resolve) { resolve(5); }).value == 5);
}

TEST_CASE("a callback may give a reference", "[callback]") {
    int object = 0;
    CHECK(&run<int&>([&object](auto resolve) { resolve(object); }) == &object);
    CHECK_THROWS_AS(run<int&>([](auto) {}), coheir::abandoned_await);
}

TEST_CASE("a callback that fails makes the await throw", "[callback]") {
    CHECK_THROWS_WITH(run<int>([](auto resolve) { resolve.fail(error("failed")); }), "failed");
    CHECK_THROWS_WITH(run<void>([](auto resolve) { resolve.fail(error("failed")); }), "failed");
}

TEST_CASE("a result whose constructor throws makes the await throw, not the caller of the resolver",
          "[callback]") {
    struct unmakable {
        explicit unmakable(int) { throw std::runtime_error("not made"); }
    };
    bool returned = false;
    CHECK_THROWS_WITH(run<unmakable>([&returned](auto resolve) { returned = resolve(1); }), "not made");
    CHECK(returned);
}

// ---- when

TEST_CASE("a callback that is resolved at once sends its task to the back of the queue", "[callback]") {
    struct f {
        static coheir::task<> body(lines& to) {
            coheir::spawn(note(to, "spawned before")).detach();
            co_await coheir::callback([](auto resolve) { resolve(); });
            to.push_back("goes on");
        }
    };
    lines events;
    test_loop loop;
    loop.run(f::body(events));
    CHECK(events == lines{"spawned before", "goes on"});
}

TEST_CASE("a callback starts when it is awaited, in the task's context, and the task goes on there",
          "[callback]") {
    struct f {
        static coheir::task<lines> body(std::function<void(coheir::resolver<int>)>& kept) {
            context::set("who", "the task");
            lines places{whereabouts()};
            auto awaitable = coheir::callback<int>([&](auto resolve) {
                places.push_back(whereabouts());
                kept(resolve);
            });
            places.push_back("made");
            co_await std::move(awaitable);
            places.push_back(whereabouts());
            co_return places;
        }
    };
    std::function<void(coheir::resolver<int>)> resolves;
    SECTION("inline") {
        resolves = [](auto resolve) { resolve(1); };
    }
    SECTION("by plain code with a context") {
        resolves = [](auto resolve) { test::in_plain_code_with_a_context([&] { resolve(1); }); };
    }
    SECTION("by a task of another scheduler") {
        resolves = [](auto resolve) { test::in_a_task_of_another_scheduler([&] { resolve(1); }); };
    }
    test_loop loop;
    const lines places = loop.run(f::body(resolves));
    REQUIRE(places.size() == 4);
    CHECK(places[1] == "made");
    CHECK(places[2] == places[0]);
    CHECK(places[3] == places[0]);
}

TEST_CASE("a callback may be resolved later, by whoever keeps the resolver", "[callback]") {
    std::optional<coheir::resolver<int>> kept;
    test_loop loop;
    auto joined = loop.scheduler.spawn(await_callback<int>([&kept](auto resolve) { kept = resolve; }));
    loop.run_until_idle();
    CHECK(!joined.done());
    CHECK((*kept)(3));
    CHECK(!joined.done());  // resolving runs nothing
    loop.run_until_idle();
    CHECK(joined.done());
    CHECK(loop.unhandled.empty());
}

TEST_CASE("a callback may be resolved by another thread", "[callback][threads]") {
    struct f {
        static coheir::task<int> body() {
            int sum = 0;
            for (int i = 0; i < 100; ++i) {
                std::thread thread;
                auto start = [&thread](auto resolve) { thread = std::thread([resolve] { resolve(1); }); };
                sum += co_await coheir::callback<int>(start);
                thread.join();
            }
            co_return sum;
        }
    };
    coheir::scheduler loop;
    CHECK(loop.run(f::body()) == 100);
}

TEST_CASE("many threads race to resolve a callback: one wins, the others are told", "[callback][threads]") {
    struct f {
        static coheir::task<> body(int& right, std::atomic<int>& wins) {
            for (int round = 0; round < 50; ++round) {
                std::vector<std::thread> threads;
                std::atomic<int> winner{-1};
                auto start = [&](auto resolve) {
                    for (int i = 0; i < 4; ++i)
                        threads.emplace_back([resolve, i, &winner, &wins] {
                            if (resolve(i)) {
                                winner = i;
                                ++wins;
                            }
                        });
                };
                const int result = co_await coheir::callback<int>(start);
                for (std::thread& t : threads) t.join();
                if (result == winner) ++right;
            }
        }
    };
    int right = 0;
    std::atomic<int> wins{0};
    coheir::scheduler loop;
    loop.run(f::body(right, wins));
    CHECK(right == 50);
    CHECK(wins == 50);
}

// ---- twice, never, too late

TEST_CASE("the first call of a resolver counts, later ones are ignored and give false", "[callback]") {
    lines answers;
    const auto note_answer = [&answers](bool answer) { answers.push_back(answer ? "true" : "false"); };
    const int result = run<int>([&](auto resolve) {
        const auto copy = resolve;
        note_answer(copy(1));
        note_answer(resolve(2));
        note_answer(resolve.fail(error("late")));
        note_answer(copy(3));
    });
    CHECK(result == 1);
    CHECK(answers == lines{"true", "false", "false", "false"});

    CHECK_THROWS_WITH(run<int>([](auto resolve) {
                          resolve.fail(error("first"));
                          resolve(2);
                      }),
                      "first");
}

TEST_CASE("a resolver that is called after its task went on is ignored", "[callback]") {
    std::optional<coheir::resolver<int>> kept;
    test_loop loop;
    CHECK(loop.run(await_callback<int>([&kept](auto resolve) {
        resolve(1);
        kept = resolve;
    })) == 1);
    CHECK(!(*kept)(2));
    CHECK(!kept->fail(error("late")));
}

TEST_CASE("when the last resolver is dropped without a call, the await throws abandoned_await",
          "[callback]") {
    CHECK_THROWS_AS(run<int>([](auto) {}), coheir::abandoned_await);
    CHECK_THROWS_AS(run<void>([](auto) {}), coheir::abandoned_await);

    std::vector<coheir::resolver<int>> kept;
    test_loop loop;
    auto joined = loop.scheduler.spawn(await_callback<int>([&kept](auto resolve) {
        kept.assign(3, resolve);
        kept[1] = kept[0];
        auto& same = kept[0];
        kept[0] = same;
    }));
    loop.run_until_idle();
    while (!kept.empty()) {
        CHECK(!joined.done());
        kept.pop_back();
        loop.run_until_idle();
    }
    CHECK(joined.done());
    joined.detach();
    REQUIRE(loop.unhandled.size() == 1);
    CHECK(loop.unhandled[0] == coheir::abandoned_await().what());
}

TEST_CASE("a resolver may be dropped by another thread", "[callback][threads]") {
    struct f {
        static coheir::task<int> body() {
            int abandoned = 0;
            for (int i = 0; i < 100; ++i) {
                std::thread thread;
                auto start = [&thread](auto resolve) { thread = std::thread([resolve] {}); };
                try {
                    co_await coheir::callback<int>(start);
                } catch (const coheir::abandoned_await&) {
                    ++abandoned;
                }
                thread.join();
            }
            co_return abandoned;
        }
    };
    coheir::scheduler loop;
    CHECK(loop.run(f::body()) == 100);
}

TEST_CASE("what the start function throws is thrown by the await", "[callback]") {
    const auto start_fails = [](auto) { throw std::runtime_error("not started"); };
    const auto start_fails_after_resolving = [](auto resolve) {
        resolve(1);
        throw std::runtime_error("not started");
    };
    CHECK_THROWS_WITH(run<int>(start_fails), "not started");
    CHECK_THROWS_WITH(run<int>(start_fails_after_resolving), "not started");

    std::optional<coheir::resolver<int>> kept;
    const auto start_fails_after_giving_away = [&kept](auto resolve) {
        kept = resolve;
        throw std::runtime_error("not started");
    };
    CHECK_THROWS_WITH(run<int>(start_fails_after_giving_away), "not started");
    CHECK(!(*kept)(1));
}

TEST_CASE("a resolver that outlives the task and its scheduler is harmless", "[callback]") {
    const counted_balance balance;
    std::optional<coheir::resolver<counted>> kept;
    {
        test_loop loop;
        loop.scheduler.spawn(await_callback<counted>([&kept](auto resolve) { kept = resolve; })).detach();
        loop.run_until_idle();
    }
    SECTION("called") { CHECK(!(*kept)(1)); }
    SECTION("failed") { CHECK(!kept->fail(error("late"))); }
    SECTION("dropped") { kept.reset(); }
    kept.reset();
    CHECK(balance.is_even());
}

TEST_CASE("a result that came before its task was destroyed is destroyed with it", "[callback]") {
    const counted_balance balance;
    std::optional<coheir::resolver<counted>> kept;
    {
        test_loop loop;
        loop.scheduler.spawn(await_callback<counted>([&kept](auto resolve) { kept = resolve; })).detach();
        loop.run_until_idle();
        CHECK((*kept)(1));
    }
    kept.reset();
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

TEST_CASE("a scheduler is destroyed while threads resolve, fail and drop what its tasks wait for",
          "[callback][threads]") {
    const counted_balance balance;
    for (int round = 0; round < 200; ++round) {
        std::vector<std::thread> threads;
        std::atomic<int> ready{0};
        std::atomic<bool> go{false};
        {
            coheir::scheduler loop;
            for (int i = 0; i < 3; ++i) {
                const auto start = [&threads, &ready, &go, i](auto resolve) {
                    threads.emplace_back([resolve, &ready, &go, i] {
                        ++ready;
                        while (!go) std::this_thread::yield();
                        if (i == 0) resolve(1);
                        if (i == 1) resolve.fail(error("too late"));
                    });
                };
                loop.spawn(await_callback<counted>(start)).detach();
            }
            loop.run_ready();
            while (ready < 3) std::this_thread::yield();
            go = true;
        }
        for (std::thread& t : threads) t.join();
    }
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

TEST_CASE("a resolver is called in the very moment in which its scheduler is destroyed",
          "[callback][threads]") {
    std::atomic<const coheir::resolver<counted>*> handed_over{nullptr};
    std::atomic<bool> finished{false};
    std::thread resolving([&] {
        while (!finished)
            if (const auto* const resolve = handed_over.load()) {
                (*resolve)(1);
                handed_over = nullptr;
            }
    });
    const counted_balance balance;
    for (int round = 0; round < 20'000; ++round) {
        std::optional<coheir::resolver<counted>> kept;
        {
            coheir::scheduler loop;
            loop.spawn(await_callback<counted>([&kept](auto resolve) { kept = resolve; })).detach();
            loop.run_ready();
            handed_over = &*kept;
            for (std::atomic<int> pause = round % 64; pause > 0; --pause) {
            }
        }
        while (handed_over) std::this_thread::yield();
    }
    finished = true;
    resolving.join();
    CHECK(balance.live() == 0);
    CHECK(balance.is_even());
}

TEST_CASE("a callback that was never awaited does nothing", "[callback]") {
    bool started = false;
    {
        const auto never = coheir::callback<int>([&started](auto) { started = true; });
        static_cast<void>(never);
    }
    CHECK(!started);
}

TEST_CASE("a program of callbacks can be stopped and destroyed after each of its steps", "[callback]") {
    struct f {
        static coheir::task<> resolve_all(std::vector<coheir::resolver<counted>>& waiting) {
            for (int i = 0; i < 6; ++i) {
                co_await coheir::yield();
                if (waiting.empty()) continue;
                const auto resolve = std::move(waiting.back());
                waiting.pop_back();
                resolve(i);
            }
        }
        static coheir::task<counted> wait(std::vector<coheir::resolver<counted>>& waiting) {
            const counted local(1);
            auto start = [&waiting, c = counted(2)](auto resolve) { waiting.push_back(resolve); };
            co_return co_await coheir::callback<counted>(std::move(start));
        }
        static coheir::task<> body(std::vector<coheir::resolver<counted>>& waiting) {
            coheir::spawn(resolve_all(waiting)).detach();
            co_await coheir::when_all(wait(waiting), wait(waiting), wait(waiting));
        }
    };
    std::vector<coheir::resolver<counted>> waiting;
    test::stopped_after_each_step([&waiting](test_loop& loop) {
        waiting.clear();
        return loop.scheduler.spawn(f::body(waiting));
    });
    CHECK(waiting.empty());
}

TEST_CASE("what the start function throws is not lost to a request to stop that it made", "[callback]") {
    coheir::scheduler loop;
    std::optional<coheir::join_handle<void>> own;
    const auto body = [&]() -> coheir::task<> {
        co_await coheir::callback<int>([&](auto) {
            own->request_stop();
            throw std::runtime_error("not started");
        });
    };
    own.emplace(loop.spawn(body()));
    loop.run_until_idle();
    const auto joins = [&]() -> coheir::task<> { co_await *own; };
    CHECK_THROWS_WITH(loop.run(joins()), "not started");
}
