// What one does with the values of a context: set, get, find, update, erase.
#include <coheir/coheir.hpp>

#include <iostream>
#include <optional>
#include <string>
#include <vector>

namespace context = coheir::context;

coheir::task<> use_values() {
    // [set]
    context::set("user", "ada");                      // text is stored as std::string
    context::set("attempts", 1);                      // other values as what they are
    context::set("seats", std::vector<int>{12, 13});  // of any type, by copy or move
    // [/set]

    // [get]
    const std::optional<int> attempts = context::get<int>("attempts");  // a copy, or nothing
    const std::string locale = context::get("locale", "en");            // a copy, or the default
    // [/get]
    std::cout << attempts.value() << " attempts, locale " << locale << '\n';

    // [find]
    if (const auto* seats = context::find<std::vector<int>>("seats"))  // no copy; null if it is missing
        std::cout << seats->size() << " seats\n";
    // [/find]

    // [update]
    context::update<std::vector<int>>("seats", [](auto& seats) { seats.push_back(14); });
    // [/update]
    std::cout << context::find<std::vector<int>>("seats")->size() << " seats\n";

    // [erase]
    const bool was_there = context::erase("attempts");
    const bool is_there = context::contains("attempts");
    // [/erase]
    std::cout << std::boolalpha << was_there << ", " << is_there << '\n';

    // [keep]
    const std::string user = *context::find<std::string>("user");  // a copy, which lasts
    co_await coheir::yield();                                      // a pointer would end here
    std::cout << "still " << user << '\n';
    // [/keep]
}

int main() {
    coheir::scheduler loop;
    loop.run(use_values());
}

// Output:
// 1 attempts, locale en
// 2 seats
// 3 seats
// true, false
// still ada
