// A coroutine of Asio spawns others: one inherits a snapshot, one is chained onto its context.
#include <coheir/adapters/asio_context.hpp>

#include <asio.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace context = coheir::context;

asio::awaitable<void> nap() {
    asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
    co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<void> child(std::string name) {
    std::cout << name << " starts: " << context::get("status", "?") << '\n';
    co_await nap();
    std::cout << name << " sees: " << context::get("status", "?") << '\n';
    context::set("status", "changed by " + name);
}

// [fork]
asio::awaitable<void> parent() {
    const auto executor = co_await asio::this_coro::executor;
    context::set("status", "begun");
    asio::co_spawn(executor, child("plain"), asio::detached);  // inherits a snapshot
    asio::co_spawn(executor, context::fork(coheir::spawn_policy::chained, child("chained")), asio::detached);
    context::set("status", "going on");
    co_await nap();
    co_await nap();
    std::cout << "parent sees: " << context::get("status", "?") << '\n';
}
// [/fork]

int main() {
    coheir::asio_io_context host(1);
    asio::co_spawn(host, parent(), asio::detached);
    host.run();
}

// Output:
// plain starts: begun
// chained starts: begun
// plain sees: begun
// chained sees: going on
// parent sees: going on
