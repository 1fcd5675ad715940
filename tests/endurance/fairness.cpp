// Nothing that is always ready keeps the others waiting.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdio>
#include <vector>

#include "endurance.hpp"

namespace {

using namespace std::chrono_literals;
using coheir::task;

enum kind { yields, timers, posts, foreign, cancels };
using turns = long long;  // that one has had

task<> give_way(turns& mine) {
    for (;; ++mine) co_await coheir::yield();
}
task<> set_timers(turns& mine) {
    for (;; ++mine) co_await coheir::sleep_for(mine % 2 ? 0ns : 1ns);
}
struct post_again {
    turns& mine;
    coheir::remote to;
    void operator()() const {
        ++mine;
        if (!to.closed()) to.post(*this);
    }
};
/// As an operation of an event loop that completes at once.
struct completes_at_once {
    coheir::remote by;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const {
        by.post([h] { h.resume(); });
    }
    void await_resume() const noexcept {}
};
task<> await_foreign(turns& mine, coheir::remote by) {
    const completes_at_once operation{by};  // g++ 12 destroys such a temporary twice
    for (;; ++mine) co_await operation;
}
task<> sleep_long(turns& mine) {
    for (;;) {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            ++mine;
        }
    }
}
task<> cancel_again(const coheir::join_handle<void>& who) {
    for (;;) {
        who.request_stop();
        co_await coheir::yield();
    }
}

}  // namespace

void endurance::fairness(long long rounds) {
    coheir::manual_clock clock;
    coheir::scheduler loop(coheir::spawn_policy::copying, clock);
    constexpr std::size_t of_each = 10;
    std::array<std::array<turns, of_each>, 5> had{};
    std::vector<coheir::join_handle<void>> sleeping;
    for (std::size_t i = 0; i < of_each; ++i) {
        loop.spawn(give_way(had[yields][i])).detach();
        loop.spawn(set_timers(had[timers][i])).detach();
        loop.spawn(await_foreign(had[foreign][i], loop.remote())).detach();
        loop.post(post_again{had[posts][i], loop.remote()});
        sleeping.push_back(loop.spawn(sleep_long(had[cancels][i])));
    }
    for (const auto& each : sleeping) loop.spawn(cancel_again(each)).detach();
    for (long long round = 0; round < rounds; ++round) {
        const auto before = had;
        for (int i = 0; i < 4; ++i) {  // a sleep, and the two hops of an operation, take more than one
            clock.advance(1ns);
            loop.run_ready();
        }
        for (std::size_t kind = 0; kind < had.size(); ++kind)
            for (std::size_t i = 0; i < of_each; ++i)
                require(had[kind][i] > before[kind][i], "in round %lld, number %zu of kind %zu had no turn",
                        round, i, kind);
    }
    std::printf(
        "%lld rounds, the first of each: %lld yields, %lld timers, %lld posts, %lld foreign, %lld cancels\n",
        rounds, had[yields][0], had[timers][0], had[posts][0], had[foreign][0], had[cancels][0]);
    for (const auto& kind : had) {
        const auto [least, most] = std::minmax_element(kind.begin(), kind.end());
        require(*most <= *least + 4, "one had %lld turns, another of its kind %lld", *most, *least);
        require(*most <= 4 * had[timers][0] + 10, "one had %lld turns, a timer %lld", *most, had[timers][0]);
    }
}
