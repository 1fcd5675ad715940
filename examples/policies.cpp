// What a child's changes mean to its parent under each policy: a new value, and one changed in place.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace context = coheir::context;

inline constexpr context::key<std::string> simple{"simple"};
inline constexpr context::key<std::vector<std::string>> complex{"complex"};

void print_context(std::string_view who) {
    std::cout << who << ": simple=" << context::get(simple, "") << ", complex=[";
    std::string_view separator;
    for (const std::string& word : *context::find(complex)) {
        std::cout << separator << '\'' << word << '\'';
        separator = ", ";
    }
    std::cout << "]\n";
}

// [tasks]
coheir::task<> child() {
    context::set(simple, "from child");                                 // a new value
    context::update(complex, [](auto& words) { words[1] = "child"; });  // a change in place
    print_context("child");
    co_return;
}

coheir::task<> parent() {
    context::set(simple, "from parent");
    context::set(complex, std::vector<std::string>{"from", "parent"});
    print_context("parent before");
    co_await coheir::spawn(child());
    print_context("parent after");
}
// [/tasks]

void show(std::string_view name, coheir::spawn_policy policy) {
    std::cout << "Using " << name << '\n';
    coheir::scheduler loop{policy};
    loop.run(parent());
}

int main() {
    show("shared", coheir::spawn_policy::shared);
    std::cout << '\n';
    show("copying", coheir::spawn_policy::copying);
    std::cout << '\n';
    show("chained", coheir::spawn_policy::chained);
}

// Output:
// Using shared
// parent before: simple=from parent, complex=['from', 'parent']
// child: simple=from child, complex=['from', 'child']
// parent after: simple=from child, complex=['from', 'child']
//
// Using copying
// parent before: simple=from parent, complex=['from', 'parent']
// child: simple=from child, complex=['from', 'child']
// parent after: simple=from parent, complex=['from', 'parent']
//
// Using chained
// parent before: simple=from parent, complex=['from', 'parent']
// child: simple=from child, complex=['from', 'child']
// parent after: simple=from parent, complex=['from', 'child']
