// A group of tasks, none of which outlives its block: an error in one of them stops all.
#include <coheir/coheir.hpp>

#include <iostream>
#include <stdexcept>

using namespace std::chrono_literals;

coheir::task<> serve(std::string client, int requests) {
    try {
        for (int i = 0; i < requests; ++i) co_await coheir::sleep_for(10ms);
        std::cout << client << ": " << requests << " requests\n";
    } catch (const coheir::task_cancelled&) {
        std::cout << client << ": cut off\n";
        throw;
    }
}

coheir::task<> watch_disk() {
    co_await coheir::sleep_for(25ms);
    throw std::runtime_error("the disk is full");
}

coheir::task<> server() {
    // [group]
    co_await coheir::with_task_group([&](coheir::task_group& clients) -> coheir::task<> {
        clients.spawn(serve("ada", 1));
        clients.spawn(serve("grace", 3));
        co_await coheir::sleep_for(5ms);
        clients.spawn(serve("edsger", 1));
    });
    std::cout << "all have been served\n";
    // [/group]

    // [error]
    try {
        co_await coheir::with_task_group([&](coheir::task_group& clients) -> coheir::task<> {
            clients.spawn(watch_disk());
            clients.spawn(serve("grace", 1000));
            co_await coheir::sleep_for(1h);
        });
    } catch (const std::runtime_error& error) {
        std::cout << error.what() << '\n';  // and all of them have ended
    }
    // [/error]
}

int main() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    loop.run(server());
}

// Output:
// ada: 1 requests
// edsger: 1 requests
// grace: 3 requests
// all have been served
// grace: cut off
// the disk is full
