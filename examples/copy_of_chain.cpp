// A copy of a chained context keeps its levels apart: clearing the copy uncovers what was inherited.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string_view>

namespace context = coheir::context;

void show(std::string_view who) {
    std::cout << who << ": user=" << context::get("user", "none") << ", step=" << context::get("step", "none")
              << '\n';
}

// [tasks]
coheir::task<> copy() {
    show("copy");
    context::clear();  // what was the chained task's own
    show("copy, cleared");
    context::clear();  // all below is one level now, which nobody can clear
    show("copy, cleared again");
    co_return;
}

coheir::task<> chained() {
    context::set("step", "2");
    const auto copied = coheir::spawn(copy(), coheir::options{}.policy(coheir::spawn_policy::copying));
    co_await copied;
    show("chained");
}

coheir::task<> root() {
    context::set("user", "ada");
    context::set("step", "1");
    const auto over_live_parent =
        coheir::spawn(chained(), coheir::options{}.policy(coheir::spawn_policy::chained));
    co_await over_live_parent;
}
// [/tasks]

int main() {
    coheir::scheduler loop;
    loop.run(root());
}

// Output:
// copy: user=ada, step=2
// copy, cleared: user=ada, step=1
// copy, cleared again: user=ada, step=1
// chained: user=ada, step=2
