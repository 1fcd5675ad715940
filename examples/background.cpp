// Work that outlives a request starts with an empty context, and keeps none of the request's values alive.
#include <coheir/coheir.hpp>

#include <iostream>

namespace context = coheir::context;

coheir::task<> write_statistics() {
    co_await coheir::yield();
    std::cout << "statistics, request " << context::get("request_id", "none") << '\n';
}

coheir::task<> handle_request() {
    context::set("request_id", "4711");
    // [detach]
    coheir::spawn(write_statistics(), coheir::options{}.policy(coheir::spawn_policy::isolated)).detach();
    // [/detach]
    std::cout << "answered, request " << context::get("request_id", "none") << '\n';
    co_return;
}

int main() {
    coheir::scheduler loop;
    loop.run(handle_request());  // returns when the request has been handled
    loop.run_until_idle();       // runs what is left
}

// Output:
// answered, request 4711
// statistics, request none
