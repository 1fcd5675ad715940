// A task spawns others and waits for their results, or for their exceptions.
#include <coheir/coheir.hpp>

#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

namespace context = coheir::context;

coheir::task<std::string> look_up(std::string name) {
    context::set("looked up", name);
    co_await coheir::yield();
    if (name == "nobody") throw std::runtime_error("there is no such user");
    co_return name + "@example.org";
}

coheir::task<> ask() {
    // [join]
    const auto ada = coheir::spawn(look_up("ada"));  // they run side by side from here on
    auto grace = coheir::spawn(look_up("grace"), coheir::options{}.name("second look-up"));

    const std::string& first = co_await ada;               // the result stays with the handle
    const std::string second = co_await std::move(grace);  // the result is moved out
    // [/join]
    std::cout << first << ", " << second << '\n';

    // [failed]
    const auto nobody = coheir::spawn(look_up("nobody"));
    try {
        co_await nobody;
    } catch (const std::runtime_error& error) {
        std::cout << error.what() << '\n';
    }
    // [/failed]

    // [context]
    const context::snapshot seen = nobody.context();  // what the task's context shows
    std::cout << seen.get("looked up", "-") << '\n';
    // [/context]
}

int main() {
    coheir::scheduler loop;
    loop.run(ask());
}

// Output:
// ada@example.org, grace@example.org
// there is no such user
// nobody
