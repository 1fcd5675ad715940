// A chained child has a level of its own over the live context of its parent.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string_view>

namespace context = coheir::context;

void show(std::string_view what) {
    std::cout << what << ": user=" << context::get("user", "none")
              << ", step=" << context::get("step", "none") << '\n';
}

// [child]
coheir::task<> child() {
    show("inherited");
    context::set("step", "2");  // covers what the parent has
    show("set in the child");
    co_await coheir::yield();  // meanwhile the parent changes both
    show("changed in the parent");
    context::clear();  // its own level only: what lies below shows again
    show("cleared in the child");
}

coheir::task<> parent() {
    context::set("user", "ada");
    context::set("step", "1");
    const auto chained = coheir::spawn(child());
    co_await coheir::yield();
    context::set("user", "grace");
    context::set("step", "3");
    co_await chained;
    show("the parent, at the end");
}
// [/child]

int main() {
    coheir::scheduler loop{coheir::spawn_policy::chained};
    loop.run(parent());
}

// Output:
// inherited: user=ada, step=1
// set in the child: user=ada, step=2
// changed in the parent: user=grace, step=2
// cleared in the child: user=grace, step=3
// the parent, at the end: user=grace, step=3
