// Policies of one's own are functions that make the child's context out of its parent's.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>

namespace context = coheir::context;

inline constexpr context::key<std::string> request_id{"request_id"};
inline constexpr context::key<int> depth{"depth"};

// [selected]
context::child request_id_only(const context::view& parent) {
    context::child made;  // empty
    made.set(request_id, parent.get(request_id.or_default("none")));
    return made;
}
// [/selected]

// [deeper]
context::child one_deeper(const context::view& parent) {
    context::child made = parent.copied();  // or shared(), or chained()
    made.set(depth, parent.get(depth, 0) + 1);
    return made;
}
// [/deeper]

coheir::task<> show() {
    std::cout << "request " << context::get(request_id, "?") << ", user " << context::get("user", "?")
              << ", depth " << context::get(depth, 0) << '\n';
    co_return;
}

coheir::task<> handle_request() {
    context::set(request_id, "4711");
    context::set("user", "ada");
    const auto deeper = coheir::spawn(show());  // by the scheduler's policy
    co_await deeper;
    // [spawn]
    const auto selected = coheir::spawn(show(), coheir::options{}.policy(request_id_only));
    // [/spawn]
    co_await selected;
}

int main() {
    // [scheduler]
    coheir::scheduler loop{one_deeper};
    // [/scheduler]
    loop.run(handle_request());
}

// Output:
// request 4711, user ada, depth 2
// request 4711, user ?, depth 0
