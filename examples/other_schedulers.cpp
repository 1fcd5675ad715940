// Two schedulers on two threads: tasks, results and contexts go from one to the other.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <future>
#include <iostream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>

namespace context = coheir::context;

coheir::task<int> count_words(std::string text) {
    if (text.empty()) throw std::runtime_error("nothing to count in request " + context::get("request", "?"));
    int words = 1;
    for (const char c : text) words += c == ' ';
    co_return words;
}

coheir::task<> serve(coheir::remote worker) {
    context::set("request", "4711");
    // [spawn]
    auto handle = worker.spawn(count_words("on another thread"));  // takes a copy of the context along
    const int words = co_await std::move(handle);                  // goes on here
    // [/spawn]
    std::cout << words << " words\n";
    try {
        static_cast<void>(co_await worker.spawn(count_words("")));
    } catch (const std::runtime_error& error) {
        std::cout << error.what() << '\n';
    }
    // [run_on]
    auto seen_there = [] { return context::get("request", "?"); };
    std::cout << "request " << co_await coheir::run_on(worker, seen_there) << '\n';
    // [/run_on]
}

int main() {
    // [worker]
    coheir::scheduler loop, other;
    std::jthread thread([&](std::stop_token stop) {
        const std::stop_callback closing(stop, [&] { other.close(); });  // when the jthread is destroyed
        other.run_until_closed();
    });
    // [/worker]
    loop.run(serve(other.remote()));
    // [submit]
    std::future<int> words = other.submit(count_words("from a thread without a scheduler"));
    std::cout << words.get() << " words\n";
    // [/submit]
}

// Output:
// 3 words
// nothing to count in request 4711
// request 4711
// 6 words
