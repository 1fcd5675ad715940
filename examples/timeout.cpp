// Time limits: of a task, of a block, of any wait; and a task that runs on although nobody waits any longer.
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>
#include <string>

using namespace std::chrono_literals;

coheir::task<std::string> fetch(std::string what, coheir::duration time) {
    co_await coheir::sleep_for(time);
    co_return what;
}

coheir::task<> ask() {
    // [task]
    try {
        std::cout << co_await coheir::with_timeout(fetch("the page", 50ms), 100ms) << '\n';
        std::cout << co_await coheir::with_timeout(fetch("the film", 1h), 100ms) << '\n';
    } catch (const coheir::timeout_error&) {
        std::cout << "the film took too long\n";  // and its task has ended
    }
    // [/task]

    // [block]
    std::string parts;
    auto collect = [&]() -> coheir::task<> {  // in this task, and in its context
        for (int i = 1;; ++i) parts += co_await fetch(std::to_string(i), 30ms);
    };
    try {
        co_await coheir::timeout_scope(100ms, collect);
    } catch (const coheir::timeout_error&) {
        std::cout << "in time: " << parts << '\n';
    }
    // [/block]

    // [shield]
    const auto payment = coheir::spawn(fetch("paid", 1s));
    try {
        co_await coheir::with_timeout(coheir::shield(payment), 100ms);
    } catch (const coheir::timeout_error&) {
        std::cout << "still paying\n";
    }
    std::cout << co_await payment << '\n';
    // [/shield]
}

int main() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    loop.run(ask());
}

// Output:
// the page
// the film took too long
// in time: 123
// still paying
// paid
