// A function that reports its result to a callback, on a thread of its own, becomes something to await.
#include <coheir/coheir.hpp>

#include <cstddef>
#include <functional>
#include <iostream>
#include <string>
#include <thread>

namespace context = coheir::context;

// Somebody else's API: calls `done` with the length of the page, from another thread.
std::jthread download(const std::string& url, std::function<void(std::size_t)> done) {
    return std::jthread([url, done] { done(url.size()); });
}

// [callback]
coheir::task<std::size_t> length_of(std::string url) {
    std::jthread thread;
    auto start = [&](auto resolve) { thread = download(url, resolve); };
    co_return co_await coheir::callback<std::size_t>(start);
}
// [/callback]

coheir::task<> handle_request() {
    context::set("request_id", "4711");
    const std::size_t length = co_await length_of("https://example.org");
    std::cout << context::get("request_id", "?") << ": " << length
              << " bytes\n";  // still this task's context
}

int main() {
    coheir::scheduler loop;
    loop.run(handle_request());
}

// Output:
// 4711: 19 bytes
