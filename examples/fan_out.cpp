// when_all runs several tasks side by side and gives all their results.
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

coheir::task<std::string> name_of(int user) {
    co_await coheir::sleep_for(20ms);
    co_return "user " + std::to_string(user);
}

coheir::task<int> age_of(int user) {
    co_await coheir::sleep_for(10ms);
    co_return 30 + user;
}

coheir::task<> report() {
    // [arguments]
    const auto [name, age] = co_await coheir::when_all(name_of(7), age_of(7));
    std::cout << name << " is " << age << '\n';
    // [/arguments]

    // [range]
    std::vector<coheir::task<int>> tasks;
    for (int user = 1; user <= 3; ++user) tasks.push_back(age_of(user));
    const std::vector<int> ages = co_await coheir::when_all(std::move(tasks));
    // [/range]
    for (const int each : ages) std::cout << each << '\n';
}

int main() {
    coheir::scheduler loop;
    loop.run(report());
}

// Output:
// user 7 is 37
// 31
// 32
// 33
