// Under the shared policy a task and those that it spawns see each other's changes.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;

void print_status(int who) {
    std::cout << who << ": " << context::get<std::string>("status").value() << '\n';
}

// [tasks]
coheir::task<> child_0() {
    print_status(0);
    co_return;
}

coheir::task<> child_1() {
    context::set("status", "DONE");
    co_return;
}

coheir::task<> parent_2() {
    context::set("status", "RUNNING");
    print_status(2);
    co_await coheir::when_all(child_1(), child_0());  // they start in this order
    print_status(2);
}
// [/tasks]

int main() {
    // [run]
    coheir::scheduler loop{coheir::spawn_policy::shared};
    loop.run(parent_2());
    // [/run]
}

// Output:
// 2: RUNNING
// 0: DONE
// 2: DONE
