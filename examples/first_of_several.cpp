// The first of several answers counts; the other tasks are cancelled, and have ended before it goes on.
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

coheir::task<std::string> ask(std::string mirror, coheir::duration time) {
    try {
        co_await coheir::sleep_for(time);
    } catch (const coheir::task_cancelled&) {
        std::cout << mirror << " is no longer needed\n";
        throw;
    }
    co_return mirror + " answers";
}

coheir::task<int> count() { co_return 3; }

coheir::task<> ask_all() {
    // [any]
    std::vector<coheir::task<std::string>> questions;
    questions.push_back(ask("Oslo", 80ms));
    questions.push_back(ask("Rome", 20ms));
    questions.push_back(ask("Kyiv", 50ms));
    const auto [index, answer] = co_await coheir::when_any(std::move(questions));
    std::cout << index << ": " << answer << '\n';

    const auto first = co_await coheir::when_any(ask("Bern", 10ms), count());  // a std::variant
    if (first.index() == 1) std::cout << std::get<1>(first) << '\n';
    // [/any]
}

int main() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    loop.run(ask_all());
}

// Output:
// Oslo is no longer needed
// Kyiv is no longer needed
// 1: Rome answers
// Bern is no longer needed
// 3
