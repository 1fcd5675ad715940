// A value for the length of a block: what was there before comes back, also after suspensions and exceptions.
#include <coheir/coheir.hpp>

#include <iostream>
#include <stdexcept>
#include <string_view>

namespace context = coheir::context;

inline constexpr context::key<int> log_level{"log_level"};

void show(std::string_view where) {
    std::cout << where << ": " << context::get(log_level.or_default(1)) << '\n';
}

coheir::task<> noisy_step() {
    co_await coheir::yield();
    show("in a step of it");
}

// [scoped]
coheir::task<> import() {
    const context::scoped verbose{log_level, 5};  // until the end of this coroutine
    show("while importing");
    co_await noisy_step();
    throw std::runtime_error("bad row");
}
// [/scoped]

coheir::task<> work() {
    show("before");  // the default: nothing is set
    try {
        co_await import();
    } catch (const std::runtime_error& error) {
        std::cout << error.what() << '\n';
    }
    show("after");
    std::cout << "set: " << std::boolalpha << context::contains(log_level) << '\n';
}

int main() {
    coheir::scheduler loop;
    loop.run(work());
}

// Output:
// before: 1
// while importing: 5
// in a step of it: 5
// bad row
// after: 1
// set: false
