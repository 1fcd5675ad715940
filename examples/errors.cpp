// Errors of use are exceptions, which say what they are about.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;

coheir::task<> ask_for_the_wrong_type() {
    // [wrong_type]
    context::set("attempts", 3);
    try {
        static_cast<void>(context::get<double>("attempts"));
    } catch (const coheir::bad_value_type& error) {
        std::cout << error.what() << '\n';
    }
    // [/wrong_type]
    co_return;
}

int main() {
    // [no_task]
    try {
        context::set("user", "ada");  // main is no task
    } catch (const coheir::no_current_context& error) {
        std::cout << error.what() << '\n';
    }
    const std::string* user = context::find<std::string>("user");  // find never throws
    std::cout << (user ? *user : "nobody") << '\n';
    // [/no_task]

    coheir::scheduler loop;
    loop.run(ask_for_the_wrong_type());

    // [closed]
    loop.close();
    try {
        loop.post([] {});
    } catch (const coheir::error& error) {  // the base of all of them
        std::cout << error.what() << '\n';
    }
    // [/closed]
}

// Output:
// coheir::context::set: key 'user': no context is current here: call it from a task
// nobody
// coheir::context: key 'attempts' was asked for as double but holds int
// coheir::scheduler::post: the scheduler is closed
