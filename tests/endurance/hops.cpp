// Contexts stay with their tasks across four schedulers on four threads.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <random>
#include <thread>
#include <vector>

#include "endurance.hpp"

namespace {

namespace context = coheir::context;
using coheir::spawn_policy;
using coheir::task;

constexpr std::size_t threads = 4, walkers = 64;
constexpr context::key<long long> walker{"walker"}, steps{"steps"};

std::atomic<long long> wrong = 0, hopped = 0;

/// What the current context shows is what it should.
void see(long long who, long long step) {
    if (context::get(walker, -1) != who || context::get(steps, -1) != step) ++wrong;
}

task<long long> away(long long who, long long step) {
    see(who, step);
    context::set(steps, step + 1000);  // stays here
    co_await coheir::yield();
    see(who, step + 1000);
    co_return step;
}

/// Completed on another thread, by a function that carries another context.
task<> called_back(const coheir::remote& other, long long who, long long step) {
    co_await coheir::callback<>([&](coheir::resolver<void> resolve) {
        const context::enter elsewhere{context::snapshot()};
        context::set(walker, -2);
        other.post(context::bind([resolve] { resolve(); }));
    });
    see(who, step);
}

task<> walk(std::vector<coheir::remote> all, long long who, long long count) {
    std::minstd_rand random(static_cast<unsigned>(who + 1));
    context::set(walker, who);
    for (long long step = 0; step < count; ++step) {
        context::set(steps, step);
        const coheir::remote other = all[random() % all.size()];
        const spawn_policy policies[] = {spawn_policy::copying, spawn_policy::chained};
        switch (random() % 5) {
            case 0: {
                auto there = other.spawn(away(who, step), coheir::options(policies[random() % 2]));
                if (co_await std::move(there) != step) ++wrong;
                break;
            }
            case 1: {
                auto look = [who, step] { see(who, step); };
                co_await coheir::run_on(other, look);
                break;
            }
            case 2: co_await called_back(other, who, step); break;
            case 3: {
                const context::scoped scope(steps, step + 7);
                auto look = [who, step] { return away(who, step + 7); };
                if (co_await coheir::run_on(other, look) != step + 7) ++wrong;
                see(who, step + 7);
                break;
            }
            default: co_await coheir::spawn(away(who, step), coheir::options(policies[random() % 2]));
        }
        see(who, step);
        ++hopped;
    }
}

}  // namespace

void endurance::hops(long long count) {
    std::array<std::promise<coheir::remote>, threads> started;
    std::array<std::promise<void>, threads> ended;
    std::vector<std::thread> running;
    std::vector<coheir::remote> all;
    for (std::size_t i = 0; i < threads; ++i) {
        running.emplace_back([&started, end = ended[i].get_future(), i]() mutable {
            coheir::scheduler loop;
            started[i].set_value(loop.remote());
            loop.run([](std::future<void>& until) -> task<> {
                while (until.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
                    co_await coheir::sleep_for(std::chrono::milliseconds(1));
            }(end));
        });
        all.push_back(started[i].get_future().get());
    }
    std::vector<std::future<void>> walks;
    for (std::size_t i = 0; i < walkers; ++i)
        walks.push_back(all[i % threads].submit(
            walk(all, static_cast<long long>(i), count / static_cast<long long>(walkers) + 1)));
    for (auto& one : walks) one.get();
    for (auto& one : ended) one.set_value();
    for (auto& one : running) one.join();
    std::printf("%lld hops, %lld wrong\n", hopped.load(), wrong.load());
    require(wrong == 0, "%lld of %lld saw another context", wrong.load(), hopped.load());
}
