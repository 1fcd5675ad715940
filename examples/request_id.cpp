// The request id that one coroutine sets is printed by two others that it awaits, without a parameter.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <string_view>

namespace context = coheir::context;

// [log]
void log(std::string_view text) {  // an ordinary function: it reads the context of the task that calls it
    std::cout << "[request " << context::get("request_id", "?") << "] " << text << '\n';
}
// [/log]

coheir::task<> reserve_seat() {
    co_await coheir::yield();
    log("the seat is reserved");
}

coheir::task<> charge_card() {
    co_await coheir::yield();
    log("the card is charged");
}

// [await]
coheir::task<> handle_request(std::string id) {
    context::set("request_id", id);
    co_await reserve_seat();  // awaiting stays in the same task: same context, nothing is copied
    co_await charge_card();
}
// [/await]

int main() {
    coheir::scheduler loop;
    loop.run(handle_request("4711"));
}

// Output:
// [request 4711] the seat is reserved
// [request 4711] the card is charged
