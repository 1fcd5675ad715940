// A task hands functions to threads; each runs in a context of its own that shows what the task's showed.
#include <coheir/coheir.hpp>

#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace context = coheir::context;

// [work]
std::string thumbnail(int page) {  // plain code, on any thread: it reads the context that is open there
    context::set("page", page);    // stays in this call
    return context::get("request_id", "?") + "/" + std::to_string(context::get("page", 0)) + ".png";
}
// [/work]

coheir::task<> handle_request() {
    context::set("request_id", "4711");
    std::vector<std::string> names(3);
    {
        std::vector<std::jthread> pool;
        // [bind]
        auto render =
            context::bind([&names](int page) { names[static_cast<std::size_t>(page)] = thumbnail(page); });
        for (int page = 0; page < 3; ++page) pool.emplace_back(render, page);
        // [/bind]
    }
    for (const std::string& name : names) std::cout << name << '\n';
    std::cout << "page is set in the task: " << std::boolalpha << context::contains("page") << '\n';
    co_return;
}

int main() {
    coheir::scheduler loop;
    loop.run(handle_request());

    // [enter]
    const context::enter scope{context::snapshot()};  // plain code without a task, an empty context
    context::set("request_id", "at start");
    std::cout << thumbnail(9) << '\n';
    // [/enter]
}

// Output:
// 4711/0.png
// 4711/1.png
// 4711/2.png
// page is set in the task: false
// at start/9.png
