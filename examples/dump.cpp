// Where does this value come from? A dump says what a context shows, and where and by whom it was set.
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>
#include <vector>

namespace context = coheir::context;

// [keys]
inline constexpr context::key<std::string> token{"token", context::flag::secret};  // shown as <redacted>
// [/keys]

coheir::task<> charge() {
    co_await coheir::yield();  // meanwhile the request ends
    // [dump]
    context::set("step", "charge");
    std::cout << context::dump();
    // [/dump]
    // [origin]
    if (const auto from = context::origin("user")) std::cout << "user: " << from->text() << '\n';
    // [/origin]
}

coheir::task<> request() {
    context::set("user", "ada");
    context::set("seats", std::vector<int>{12, 13});
    context::set("timeout", std::chrono::milliseconds(250));
    context::set("note", "two\nlines");
    context::set(token, "hunter2");
    std::cout << "in the request\n" << context::dump() << "in its child\n";
    coheir::spawn(charge()).detach();
    co_return;
}

int main() {
    coheir::scheduler loop;
    const auto named = loop.spawn(request(), coheir::options{}.name("request"));
    loop.run_until_idle();
}

// Output:
// in the request
// note = 'two\x0alines' (own; dump.cpp:29, by task #1 'request', spawned at dump.cpp:38)
// seats = <std::vector<int>> (own; dump.cpp:27, by task #1 'request', spawned at dump.cpp:38)
// timeout = 250ms (own; dump.cpp:28, by task #1 'request', spawned at dump.cpp:38)
// token = <redacted> (own; dump.cpp:30, by task #1 'request', spawned at dump.cpp:38)
// user = 'ada' (own; dump.cpp:26, by task #1 'request', spawned at dump.cpp:38)
// in its child
// note = 'two\x0alines' (inherited; dump.cpp:29, by task #1 (ended))
// seats = <std::vector<int>> (inherited; dump.cpp:27, by task #1 (ended))
// step = 'charge' (own; dump.cpp:17, by task #2, spawned at dump.cpp:32)
// timeout = 250ms (inherited; dump.cpp:28, by task #1 (ended))
// token = <redacted> (inherited; dump.cpp:30, by task #1 (ended))
// user = 'ada' (inherited; dump.cpp:26, by task #1 (ended))
// user: dump.cpp:26, by task #1 (ended)
