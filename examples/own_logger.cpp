// Any logger shows the context: a function that makes the text of a line reads it there, in the call.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;

// [line]
std::string line(const std::string& text) {
    const auto* const id = context::find<std::string>("request_id");  // null outside of tasks: never throws
    return '[' + (id ? *id : "-") + "] " + text + '\n';  // from outside? validate it when it is set
}
// [/line]

coheir::task<> handle(std::string id) {
    context::set("request_id", id);
    std::cout << line("received");
    co_await coheir::yield();
    std::cout << line("answered");
}

coheir::task<> serve() { co_await coheir::when_all(handle("4711"), handle("4712")); }

int main() {
    std::cout << line("starting");
    coheir::scheduler loop;
    loop.run(serve());
}

// Output:
// [-] starting
// [4711] received
// [4712] received
// [4711] answered
// [4712] answered
