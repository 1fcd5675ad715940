// In a shared library that shows nothing but this function: a task that awaits Asio.
#include "library.hpp"

#include <coheir/adapters/asio.hpp>

#include <asio/steady_timer.hpp>

#include <chrono>

[[gnu::visibility("default")]] coheir::task<int> nap_in_library(asio::io_context& io) {
    asio::steady_timer timer(io, std::chrono::milliseconds(1));
    co_await timer.async_wait(coheir::use_task);
    co_return coheir::context::get("number", 0);
}
