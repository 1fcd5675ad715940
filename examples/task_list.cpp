// Which tasks are there, what do they wait for, and which request has failed?
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>
#include <stdexcept>
#include <string>

namespace context = coheir::context;
using namespace std::chrono_literals;

coheir::task<> query() { co_await coheir::sleep_for(2s); }

coheir::task<> serve(std::string request) {
    context::set("request", request);
    const auto rows = coheir::spawn(query(), coheir::options{}.name("query"));
    co_await rows;
    throw std::runtime_error("no rows");
}

int main() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    // [unhandled]
    loop.on_unhandled([](const coheir::unhandled& u) {
        std::cout << u.what() << " in request " << u.context().get("request", "?") << '\n';
    });
    // [/unhandled]
    loop.spawn(serve("4711"), coheir::options{}.name("server")).detach();
    loop.run_ready();
    loop.run_ready();
    // [list]
    for (const coheir::task_info& t : loop.tasks()) {
        std::cout << t.name() << ": request " << t.context().get("request", "?");
        if (t.joins() != 0) std::cout << ", waits for another task";
        if (t.wakes_at()) std::cout << ", sleeps for " << (*t.wakes_at() - clock.now()) / 1s << "s";
        std::cout << '\n';
    }
    // [/list]
    loop.run_until_idle();
}

// Output:
// server: request 4711, waits for another task
// query: request 4711, sleeps for 2s
// no rows in request 4711
