// Posts of another thread wake an idle loop, whatever the moment.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <random>
#include <thread>

#include "endurance.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

coheir::task<> sleep_for_a_day() { co_await coheir::sleep_for(24h); }

/// Until the last post has come.
coheir::task<> idle(std::optional<coheir::resolver<void>>& last) {
    co_await coheir::callback<>([&last](coheir::resolver<void> resolve) { last.emplace(resolve); });
}

/// An idle loop waits for posts, or for a timer and posts.
void wake(long long count, bool has_timer) {
    coheir::scheduler loop;
    if (has_timer) loop.spawn(sleep_for_a_day()).detach();
    std::optional<coheir::resolver<void>> last;
    long long came = 0;
    clock_type::duration longest{};
    std::thread poster([remote = loop.remote(), count, &last, &came, &longest] {
        std::minstd_rand random(1);
        for (long long i = 0; i < count; ++i) {
            // Most gaps are about as long as it takes to fall asleep; some are up to 2 ms.
            const auto gap = random() % 16 == 0 ? random() % 2'000'000 : random() % 20'000;
            const auto until = clock_type::now() + std::chrono::nanoseconds(gap);
            if (gap > 100'000)
                std::this_thread::sleep_until(until);
            else
                while (clock_type::now() < until) {
                }
            remote.post([posted = clock_type::now(), count, &last, &came, &longest] {
                longest = std::max(longest, clock_type::now() - posted);
                if (++came == count) (*last)();
            });
        }
    });
    loop.run(idle(last));
    poster.join();
    const long long ms = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
    std::printf("%lld of %lld posts came, the slowest after %lld ms\n", came, count, ms);
    endurance::require(came == count, "%lld of %lld posts came", came, count);
    endurance::require(longest < 100ms, "a post came after %lld ms", ms);
}

}  // namespace

void endurance::wakeups(long long count) {
    wake(count - count / 2, false);
    wake(count / 2, true);
}
