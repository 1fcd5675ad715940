// Nothing that is always ready keeps the others waiting.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>

#include "endurance.hpp"

namespace {

using namespace std::chrono_literals;
using coheir::task;

enum who { yields, timers, posts, foreign, cancels };
using turns = std::array<long long, 5>;

task<> give_way(turns& of) {
    for (;; ++of[yields]) co_await coheir::yield();
}
task<> set_timers(turns& of) {
    for (;; ++of[timers]) co_await coheir::sleep_for(of[timers] % 2 ? 0ns : 1ns);
}
struct post_again {
    turns& of;
    coheir::remote to;
    void operator()() const {
        ++of[posts];
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
task<> await_foreign(turns& of, coheir::remote by) {
    const completes_at_once operation{by};  // g++ 12 destroys such a temporary twice
    for (;; ++of[foreign]) co_await operation;
}
task<> sleep_long(turns& of) {
    for (;;) {
        try {
            co_await coheir::sleep_for(1h);
        } catch (const coheir::task_cancelled&) {
            ++of[cancels];
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
    turns had{};
    for (int i = 0; i < 10; ++i) {
        loop.spawn(give_way(had)).detach();
        loop.spawn(set_timers(had)).detach();
        loop.spawn(await_foreign(had, loop.remote())).detach();
        loop.post(post_again{had, loop.remote()});
    }
    const auto sleeping = loop.spawn(sleep_long(had));
    loop.spawn(cancel_again(sleeping)).detach();
    for (long long round = 0; round < rounds; ++round) {
        const turns before = had;
        for (int i = 0; i < 4; ++i) {  // a sleep, and the two hops of an operation, take more than one
            clock.advance(1ns);
            loop.run_ready();
        }
        for (std::size_t who = 0; who < had.size(); ++who)
            require(had[who] > before[who], "in round %lld, kind %zu had no turn", round, who);
    }
    std::printf("%lld rounds: %lld yields, %lld timers, %lld posts, %lld foreign, %lld cancels\n", rounds,
                had[yields], had[timers], had[posts], had[foreign], had[cancels]);
    const auto [least, most] = std::minmax({had[yields], had[timers], had[posts], had[foreign]});
    require(most <= 4 * least + 100, "one had %lld turns, another %lld", most, least);
}
