// Sleeps on the real clock: none ends early, none is lost, and those that are cancelled end at once.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <chrono>
#include <random>
#include <vector>

#include "endurance.hpp"

namespace {

using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct tallies {
    long long woken = 0, early = 0, cancelled = 0;
    clock_type::duration latest{};
};

coheir::task<> sleep(tallies& of, clock_type::duration time) {
    const auto deadline = clock_type::now() + time;
    try {
        if (deadline.time_since_epoch().count() % 2 == 0)
            co_await coheir::sleep_for(time);
        else
            co_await coheir::sleep_until(deadline);
        const auto late = clock_type::now() - deadline;
        ++of.woken;
        of.early += late < 0ns;
        of.latest = std::max(of.latest, late);
    } catch (const coheir::task_cancelled&) {
        ++of.cancelled;
    }
}

coheir::task<> cancel_after(coheir::join_handle<void> sleeping, clock_type::duration time) {
    co_await coheir::sleep_for(time);
    sleeping.request_stop();
}

/// A thousand at a time, a third of which are asked to stop at some time.
coheir::task<> sleep_and_cancel(tallies& of, long long count) {
    constexpr long long at_a_time = 1000;
    std::minstd_rand random(1);
    const auto some_time = [&] { return std::chrono::microseconds(random() % 20'000); };
    for (long long done = 0; done < count; done += at_a_time) {
        std::vector<coheir::join_handle<void>> all;
        for (long long i = 0; i < std::min(at_a_time, count - done); ++i) {
            all.push_back(coheir::spawn(sleep(of, some_time())));
            if (i % 3 == 0) all.push_back(coheir::spawn(cancel_after(all.back(), some_time())));
        }
        for (const auto& each : all) co_await each;
    }
}

}  // namespace

void endurance::sleeps(long long count) {
    tallies all;
    coheir::scheduler loop;
    loop.run(sleep_and_cancel(all, count));
    const double late = std::chrono::duration<double, std::milli>(all.latest).count();
    std::printf("%lld sleeps: %lld woken, %lld early, the latest after %.1f ms; %lld cancelled\n", count,
                all.woken, all.early, late, all.cancelled);
    require(all.early == 0, "%lld sleeps ended early", all.early);
    require(all.woken + all.cancelled == count, "%lld of %lld sleeps ended", all.woken + all.cancelled,
            count);
    require(count < 100 || all.cancelled > 0, "none of %lld sleeps was cancelled", count);
}
