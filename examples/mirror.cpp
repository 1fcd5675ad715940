// A library that keeps its state in a thread_local variable follows the tasks by a mirror.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;

namespace old_logger {  // knows threads, but no tasks
thread_local std::string prefix = "-";
void log(const char* text) { std::cout << prefix << ": " << text << '\n'; }
}  // namespace old_logger

inline constexpr context::key<std::string> request_id{"request_id"};

coheir::task<> serve(const char* id) {
    context::set(request_id, id);
    co_await coheir::yield();  // what a task sets counts from its next resume
    old_logger::log("begin");
    co_await coheir::yield();  // others run
    old_logger::log("end");
}

coheir::task<> serve_all() { co_await coheir::when_all(serve("a"), serve("b")); }

int main() {
    coheir::scheduler loop;
    // [mirror]
    loop.mirror(
        request_id, [](const std::string& id) { old_logger::prefix = id; }, [] { old_logger::prefix = "-"; });
    // [/mirror]
    loop.run(serve_all());
    old_logger::log("outside");
}

// Output:
// a: begin
// b: begin
// a: end
// b: end
// -: outside
