// Typed keys state the name and the type of a value once, so that a slip of either does not compile.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace context = coheir::context;

// [keys]
inline constexpr context::key<std::string> user{"user"};
inline constexpr context::key<int> attempts{"attempts"};
// [/keys]

void report(std::string_view when) {
    // [get]
    const std::string name = context::get(user.or_default("nobody"));  // with a default: never missing
    const int count = context::get(attempts, 0);                       // the same, in two arguments
    // [/get]
    std::cout << when << ": " << name << ", " << count << " attempts\n";
}

coheir::task<> log_in() {
    report("before");
    context::set(user, "ada");
    context::set(attempts, 1);
    report("set");

    context::update(attempts, [](int& count) { ++count; });  // in place, without a copy
    report("updated");

    std::cout << "by name: " << context::get<int>("attempts").value()
              << '\n';  // the string finds the same value
    if (const std::string* name = context::find(user)) std::cout << "found: " << *name << '\n';
    co_return;
}

int main() {
    coheir::scheduler loop;
    loop.run(log_in());
}

// Output:
// before: nobody, 0 attempts
// set: ada, 1 attempts
// updated: ada, 2 attempts
// by name: 2
// found: ada
