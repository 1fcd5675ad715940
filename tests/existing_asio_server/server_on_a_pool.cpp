// The server with contexts on a pool of threads, each connection on a strand.
#include <coheir/adapters/asio_context.hpp>

#include <asio.hpp>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

using asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::string_view allowed_in_ids =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

void log(const std::string& text) {
    const auto* const id = coheir::context::find<std::string>("request_id");
    std::clog << (id ? *id : "-") + " | " + text + '\n';
}

// As libraries have it: the answer comes by a callback, later.
void look_up(const asio::any_io_executor& on, std::string name, std::function<void(std::string)> done) {
    asio::post(on, [name, done = std::move(done)] {
        log("looked up " + name);
        done("Hello, " + name + ".\n");
    });
}

template <class Token>
auto async_look_up(const asio::any_io_executor& on, std::string name, Token&& token) {
    const auto start = [on, name](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        look_up(on, name, [shared](std::string found) { (*shared)(std::move(found)); });
    };
    return asio::async_initiate<Token, void(std::string)>(start, token);
}

std::string request_id(std::string_view request) {
    constexpr std::string_view name = "\r\nx-request-id:";
    const auto same = [](unsigned char a, unsigned char b) { return std::tolower(a) == b; };
    const auto found = std::search(request.begin(), request.end(), name.begin(), name.end(), same);
    if (found == request.end()) return "none";
    std::string_view id = request.substr(static_cast<std::size_t>(found - request.begin()) + name.size());
    id.remove_prefix(std::min(id.find_first_not_of(' '), id.size()));
    id = id.substr(0, id.find('\r'));
    const bool valid = !id.empty() && id.size() <= 128 && id.find_first_not_of(allowed_in_ids) == id.npos;
    return valid ? std::string(id) : "none";
}

asio::awaitable<void> answer(tcp::socket& to, std::string request) {
    coheir::context::set("request_id", request_id(request));
    log("received request " + request_id(request));
    const auto begin = request.find('/') + 1, end = request.find_first_of(" \r\n", begin);
    const std::string name = request.substr(begin, end - begin);
    const std::string text = co_await async_look_up(to.get_executor(), name, asio::use_awaitable);
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(text.size()) + "\r\n\r\n";
    co_await asio::async_write(to, asio::buffer(head + text), asio::use_awaitable);
    log("answered");
}

asio::awaitable<void> session(tcp::socket client) {
    const auto socket = std::make_shared<tcp::socket>(std::move(client));
    asio::steady_timer idle(socket->get_executor());
    for (std::string received;;) {
        idle.expires_after(30s);
        idle.async_wait([socket](asio::error_code cancelled) {
            if (cancelled) return;
            log("idle");
            socket->close();
        });
        auto buffer = asio::dynamic_buffer(received, 8192);
        const auto size = co_await asio::async_read_until(*socket, buffer, "\r\n\r\n", asio::use_awaitable);
        co_await answer(*socket, received.substr(0, size));
        received.erase(0, size);
    }
}

asio::awaitable<void> accept(tcp::acceptor acceptor, coheir::asio_thread_pool& pool) {
    for (;;) {
        const auto strand = coheir::make_strand(pool);
        tcp::socket client = co_await acceptor.async_accept(strand, asio::use_awaitable);
        asio::co_spawn(strand, session(std::move(client)), asio::detached);
    }
}

int main(int argc, char** argv) {
    const int port = argc == 3 && std::string_view(argv[1]) == "--port" ? std::atoi(argv[2]) : 8080;
    coheir::asio_thread_pool host(4);
    tcp::acceptor acceptor(host, {asio::ip::address_v4::loopback(), static_cast<asio::ip::port_type>(port)});
    std::cout << "listening on 127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    asio::signal_set stop(host, SIGINT, SIGTERM);
    stop.async_wait([&host](asio::error_code, int) { host.stop(); });
    asio::co_spawn(host, accept(std::move(acceptor), host), asio::detached);
    host.join();
}
