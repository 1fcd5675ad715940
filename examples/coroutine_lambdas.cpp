// A coroutine lambda takes what it needs as parameters: those live in its frame, captures do not.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <utility>
#include <vector>

coheir::task<> greet_all(std::vector<std::string> names) {
    // [parameters]
    const auto greet = [](std::string name) -> coheir::task<> {  // captures nothing
        co_await coheir::yield();
        std::cout << "hello " << name << '\n';
    };
    std::vector<coheir::task<>> greetings;
    for (const std::string& name : names) greetings.push_back(greet(name));
    co_await coheir::when_all(std::move(greetings));
    // [/parameters]
}

int main() {
    coheir::scheduler loop;
    loop.run(greet_all({"ada", "grace"}));
}

// Output:
// hello ada
// hello grace
