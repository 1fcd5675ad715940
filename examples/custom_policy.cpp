// A policy of one's own, in three lines; and keys whose flags say what no policy hands on.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;
using context::flag;

// [keys]
inline constexpr context::key<std::string> tenant{"tenant", flag::frozen};        // set once
inline constexpr context::key<int> attempt{"attempt", flag::local};               // never inherited
inline const auto locale = context::key<std::string>("locale").or_default("en");  // has a default
// [/keys]

// [policy]
context::child one_deeper(const context::view& parent) {
    context::child made = parent.copied();
    made.set("depth", parent.get("depth", 0) + 1);
    return made;
}
// [/policy]

void show(const char* who) {
    std::cout << who << ": depth " << context::get("depth", 0) << ", tenant " << context::get(tenant, "none")
              << ", attempt " << context::get(attempt, 0) << ", locale " << context::get(locale) << '\n';
}

coheir::task<> child() {
    show("child");
    // [frozen]
    try {
        context::set(tenant, "other");
    } catch (const coheir::frozen_key& error) {
        std::cout << error.what() << '\n';
    }
    // [/frozen]
    co_return;
}

coheir::task<> parent() {
    context::set(tenant, "acme");
    context::set(attempt, 3);
    context::set(locale, "de");
    show("parent");
    co_await coheir::spawn(child());
}

int main() {
    coheir::scheduler loop{one_deeper};
    loop.run(parent());
}

// Output:
// parent: depth 1, tenant acme, attempt 3, locale de
// child: depth 2, tenant acme, attempt 0, locale de
// coheir::context::set: key 'tenant' is frozen: it was set at custom_policy.cpp:42 by task #1
