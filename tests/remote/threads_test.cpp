// Tasks that cross between schedulers on several threads; made for the thread sanitizer, too.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/counted.hpp"

namespace context = coheir::context;
using test::counted;
using test::counted_balance;

namespace {

/// A scheduler on a thread of its own, until it is told to stop.
class loop_thread {
public:
    loop_thread() : thread_([this] { run(); }), remote_(remote_promise_.get_future().get()) {}
    ~loop_thread() {
        remote_.post([this] { (*stop_)(); });
        thread_.join();
    }
    const coheir::remote& remote() const { return remote_; }
    std::atomic<int> reported{0};

private:
    void run() {
        coheir::scheduler loop;
        loop.on_unhandled([this](const coheir::unhandled&) { reported.fetch_add(1); });
        auto until_stopped = [](loop_thread& self, coheir::scheduler& of) -> coheir::task<> {
            auto start = [&](auto resolve) {
                self.stop_.emplace(std::move(resolve));
                self.remote_promise_.set_value(of.remote());
            };
            co_await coheir::callback<>(start);
            self.stop_.reset();
        };
        loop.run(until_stopped(*this, loop));
    }
    std::promise<coheir::remote> remote_promise_;
    std::optional<coheir::resolver<void>> stop_;
    std::thread thread_;
    coheir::remote remote_;
};

coheir::task<int> count_up(counted by) {
    context::update<counted>("sum", [&](counted& sum) { sum.value += by.value; });
    if (by.value % 3 == 0) co_await coheir::yield();
    if (by.value % 10 == 9) throw std::runtime_error("nine");
    co_return context::get("sum", counted(-1)).value;
}

}  // namespace

TEST_CASE("four threads submit a thousand tasks each, and every future has its own result",
          "[remote][threads]") {
    constexpr int threads = 4, tasks = 1000;
    loop_thread loop;
    std::atomic<int> right{0}, failed{0};
    std::vector<std::thread> submitters;
    for (int i = 0; i < threads; ++i)
        submitters.emplace_back([&, remote = loop.remote()] {
            std::vector<std::future<int>> results;
            for (int n = 0; n < tasks; ++n) {
                auto work = [](int number) -> coheir::task<int> {
                    context::set("sum", counted(number));
                    co_return co_await count_up(counted(number));
                };
                results.push_back(remote.submit(work(n)));
            }
            for (int n = 0; n < tasks; ++n) try {
                    right.fetch_add(results[static_cast<std::size_t>(n)].get() == 2 * n);
                } catch (const std::runtime_error&) {
                    failed.fetch_add(n % 10 == 9);
                }
        });
    for (auto& s : submitters) s.join();
    CHECK(right.load() == threads * tasks * 9 / 10);
    CHECK(failed.load() == threads * tasks / 10);
    CHECK(loop.reported.load() == 0);
}

TEST_CASE("schedulers on three threads spawn onto each other, with contexts, and wait or do not",
          "[remote][threads]") {
    constexpr int rounds = 400;
    const counted_balance balance;
    {
        std::atomic<int> right{0}, caught{0}, dropped{0};
        // Detached tasks use these for as long as the loops run.
        auto go = [&right](coheir::remote further, int number) -> coheir::task<int> {
            const int sum = co_await further.spawn(count_up(counted(number)));
            right.fetch_add(sum == 2 * number);
            right.fetch_add(context::get("sum", counted(-1)).value == number);
            co_return sum;
        };
        std::vector<loop_thread> loops(3);
        auto travel = [&](coheir::remote there, coheir::remote beyond) -> coheir::task<> {
            for (int n = 0; n < rounds; ++n) {
                context::set("sum", counted(n));
                if (n % 7 == 3) {
                    there.spawn(go(beyond, n)).detach();
                    if (n % 10 == 9) dropped.fetch_add(1);
                    continue;
                }
                auto handle = there.spawn(go(beyond, n));
                try {
                    static_cast<void>(co_await std::move(handle));
                } catch (const std::runtime_error&) {
                    caught.fetch_add(1);
                }
                auto here = [n] { return n; };
                const int same = co_await coheir::run_on(there, here);
                right.fetch_add(same == n);
            }
        };
        std::vector<std::future<void>> ends;
        for (std::size_t i = 0; i < 3; ++i)
            ends.push_back(
                loops[i].remote().submit(travel(loops[(i + 1) % 3].remote(), loops[(i + 2) % 3].remote())));
        for (auto& end : ends) end.get();
        CHECK(caught.load() + dropped.load() == 3 * rounds / 10);
        CHECK(right.load() > 3 * rounds);
    }
    CHECK(balance.is_even());
}

TEST_CASE("schedulers are destroyed while others spawn onto them, wait for them and drop handles",
          "[remote][threads]") {
    const counted_balance balance;
    std::atomic<int> ends{0}, closed{0}, refused{0};
    for (int round = 0; round < 60; ++round) {
        std::optional<coheir::scheduler> target(std::in_place);
        target->on_unhandled([](const coheir::unhandled&) {});
        std::thread spawner([&, remote = target->remote()] {
            coheir::scheduler own;
            auto spawn_all = [&](coheir::remote there) -> coheir::task<> {
                context::set("sum", counted(1));
                for (int n = 0;; ++n) {
                    auto handle = there.spawn(count_up(counted(n)));
                    if (n % 4 == 0) continue;  // dropped
                    try {
                        static_cast<void>(co_await std::move(handle));
                        ends.fetch_add(1);
                    } catch (const std::runtime_error& e) {
                        if (!dynamic_cast<const coheir::scheduler_closed*>(&e)) continue;
                        closed.fetch_add(1);
                    }
                }
            };
            try {
                own.run(spawn_all(remote));
            } catch (const coheir::scheduler_closed&) {
                refused.fetch_add(1);
            }
        });
        while (ends.load() <= round * 3) target->run_ready();
        for (int i = 0; i < round % 5; ++i) target->run_ready();
        target.reset();
        spawner.join();
    }
    CHECK(refused.load() == 60);
    CHECK(balance.is_even());
}

TEST_CASE("a handle is dropped on one thread while its await is cancelled on another", "[remote][threads]") {
    constexpr int rounds = 200;
    int received = 0, cancelled = 0;
    loop_thread other;
    std::atomic<int> started{0};  // one that is stopped before never runs
    auto fails = [&](int turns) -> coheir::task<> {
        try {
            started.fetch_add(1);
            for (int i = 0; i < turns; ++i) co_await coheir::yield();
        } catch (const coheir::task_cancelled&) {
        }
        throw std::runtime_error("failed");
    };
    coheir::scheduler own;
    for (int round = 0; round < rounds; ++round) {
        std::optional handle(other.remote().spawn(fails(round % 7)));
        auto waits = [&]() -> coheir::task<> {
            try {
                co_await *handle;
            } catch (const std::runtime_error&) {
                ++received;
            } catch (const coheir::task_cancelled&) {
                ++cancelled;
            }
        };
        const auto waiting = own.spawn(waits());
        own.run_ready(1);
        while (started.load() <= round) std::this_thread::yield();
        std::thread dropping([&] { handle.reset(); });
        waiting.request_stop();
        auto until_it_ends = [&]() -> coheir::task<> { co_await waiting; };
        own.run(until_it_ends());
        dropping.join();
    }
    own.run(coheir::run_on(other.remote(), [] {}));  // behind all that was handed in
    CHECK(received + cancelled == rounds);
    CHECK(other.reported.load() == cancelled);  // each exception is received or reported
}
