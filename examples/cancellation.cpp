// A task is asked to stop: its wait throws, it cleans up, with awaits too, and those who join it are told.
#include <coheir/coheir.hpp>

#include <iostream>

using namespace std::chrono_literals;

// [clean-up]
coheir::task<> poll(std::string name) {
    bool stopped = false;
    try {
        for (;;) co_await coheir::sleep_for(1s);
    } catch (const coheir::task_cancelled&) {
        stopped = true;  // C++ has no co_await in a handler
    }
    co_await coheir::sleep_for(10ms);  // say goodbye to the server: a request throws once
    std::cout << name << ": closed\n";
    if (stopped) throw coheir::task_cancelled();
}
// [/clean-up]

coheir::task<> session() {
    co_await coheir::when_all(poll("mail"), poll("news"));  // they stop with it
}

coheir::task<> ask() {
    // [stop]
    const auto running = coheir::spawn(session());
    co_await coheir::sleep_for(5s);
    running.request_stop();
    try {
        co_await running;
    } catch (const coheir::task_cancelled&) {
        std::cout << "the session was cancelled\n";
    }
    // [/stop]

    // [source]
    const auto polling = coheir::spawn(poll("chat"));
    std::stop_source from_any_thread = polling.stop_source();
    // [/source]
    co_await coheir::sleep_for(1s);
    from_any_thread.request_stop();
    const auto [end] = co_await coheir::when_all_settled(polling);
    std::cout << "chat: " << (end.has_value() ? "a value" : "cancelled") << '\n';
}

int main() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    loop.run(ask());
}

// Output:
// mail: closed
// news: closed
// the session was cancelled
// chat: closed
// chat: cancelled
