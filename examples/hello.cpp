// A task spawns two others, which inherit its context and change their own copies of it.
#include <coheir/coheir.hpp>

#include <iostream>

namespace context = coheir::context;

coheir::task<> child() {
    context::set("status", "DONE");  // a literal is stored as std::string
    co_return;
}

coheir::task<> parent() {
    context::set("status", "RUNNING");
    co_await coheir::when_all(child(), child());  // two new tasks
    std::cout << context::get<std::string>("status").value() << '\n';
}

int main() {
    coheir::scheduler loop{coheir::spawn_policy::copying};
    loop.run(parent());
}

// Output:
// RUNNING
