// What a child task sets stays with the child, under `copying` (the default here) and under `chained` alike.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace context = coheir::context;

void print_status(std::string_view who) {
    std::cout << who << ": " << context::get<std::string>("status").value() << '\n';
}

coheir::task<> child_0() {
    context::set("status", "FAILED");
    print_status("0");
    co_return;
}

coheir::task<> part_of_child_1() {
    print_status("1 (child)");
    co_return;
}

coheir::task<> child_1() {
    context::set("status", "PENDING");
    print_status("1");
    co_await part_of_child_1();  // awaited, not spawned: the same task, the same context
}

coheir::task<> parent_2() {
    context::set("status", "RUNNING");
    print_status("2");
    co_await coheir::when_all(child_1(), child_0());
    print_status("2");
}

int main(int argc, char** argv) {
    const std::string_view policy = argc > 1 ? argv[1] : "copying";
    if (policy != "copying" && policy != "chained") {
        std::cerr << "usage: isolated_children [copying|chained]\n";
        return 2;
    }
    coheir::scheduler loop{policy == "chained" ? coheir::spawn_policy::chained
                                               : coheir::spawn_policy::copying};
    loop.run(parent_2());
}

// Output:
// 2: RUNNING
// 1: PENDING
// 1 (child): PENDING
// 0: FAILED
// 2: RUNNING
