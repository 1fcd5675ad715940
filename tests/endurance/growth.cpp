// A day of a server: what requests do with contexts and tasks leaves nothing behind.
#include <coheir/coheir.hpp>

#include <unistd.h>

#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>

#include "endurance.hpp"

namespace {

namespace context = coheir::context;
using namespace std::chrono_literals;
using coheir::spawn_policy;
using coheir::task;

constexpr context::key<std::string> request_id{"request_id"};
constexpr context::key<int> attempt{"attempt"};

long long resident_kib() {
    long long all = 0, pages = 0;
    std::ifstream("/proc/self/statm") >> all >> pages;
    return pages * sysconf(_SC_PAGESIZE) / 1024;
}

task<int> query(int n) {
    const context::scoped once_more(attempt, n);
    if (n % 7 == 0) co_await coheir::sleep_for(1ms);
    co_return context::get(attempt, 0);
}
task<> serve(int n) {
    context::set(request_id, "request " + std::to_string(n) + " with an id of some length");
    context::set("key " + std::to_string(n % 100), n);  // names that are not always the same
    auto captured = context::bind([] { return context::get(attempt, 0); });
    auto [a, b] = co_await coheir::when_all(query(n), query(n + 1));
    if (a + b != 2 * n + 1) throw std::runtime_error("another request's");
    auto handle = coheir::spawn(query(n));
    if (n % 11 == 0) handle.request_stop();
    try {
        co_await coheir::with_timeout(std::move(handle), n % 5 == 0 ? std::chrono::microseconds(1) : 1h);
    } catch (const coheir::task_cancelled&) {
    } catch (const coheir::timeout_error&) {
    }
    captured();
    context::update(attempt, [](int& x) { ++x; });
    context::erase(attempt);
}
/// One connection: requests one after the other, each in a task, the context of which derives from this one.
task<> connection(int requests, long long& served) {
    for (int n = 0; n < requests; ++n) {
        co_await coheir::spawn(serve(n));
        ++served;
    }
}

void run(long long requests) {
    coheir::manual_clock clock;
    for (const spawn_policy& policy :
         {spawn_policy::copying, spawn_policy::chained, spawn_policy::isolated}) {
        coheir::scheduler loop(policy, clock);
        long long served = 0, failed = 0;
        loop.on_unhandled([&failed](const coheir::unhandled&) { ++failed; });
        constexpr int connections = 32;
        const auto each = static_cast<int>(requests / 3 / connections);
        for (int i = 0; i < connections; ++i) loop.spawn(connection(each, served)).detach();
        while (loop.run_ready() || loop.next_deadline())
            if (const auto next = loop.next_deadline(); next && !loop.run_ready()) clock.advance_to(*next);
        endurance::require(failed == 0, "%lld tasks failed", failed);
        endurance::require(served == each * connections, "%lld requests were served", served);
    }
}

}  // namespace

void endurance::growth(long long requests) {
    run(requests / 10 + 1000);  // until what is recycled is there
    const long long before = resident_kib();
    run(requests);
    const long long after = resident_kib();
    std::printf("%lld requests: %lld KiB resident, %lld KiB before\n", requests, after, before);
    require(after <= before + 1024, "%lld KiB resident after, %lld before", after, before);
}
