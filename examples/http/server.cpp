// The server that http/server.hpp offers: connections, limits, signals.
#include "server.hpp"

#include <coheir/adapters/boost_asio.hpp>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace http_server {

namespace {

namespace beast = boost::beast;
namespace net = boost::asio;
using coheir::use_task;
using net::ip::tcp;

coheir::task<response> answer(request asked, handler handle) {
    const bool keep_alive = asked.keep_alive(), head = asked.method() == http::verb::head;
    response made;
    try {
        made = co_await handle(std::move(asked));
    } catch (const std::exception& error) {
        std::cerr << "a handler failed: " << error.what() << '\n';
        made = text(http::status::internal_server_error, "");
    }
    made.keep_alive(keep_alive);
    made.prepare_payload();
    if (head) made.body().clear();
    co_return made;
}

/// Serves the requests of one connection, one after the other.
template <class Executor>
coheir::task<> session(beast::basic_stream<tcp, Executor> stream, handler handle, limits most) {
    beast::flat_buffer buffer(limits::header + limits::body);
    beast::error_code error, ignored;
    // Else the second of several answers waits until the client has confirmed the first, 40 ms as a rule.
    stream.socket().set_option(tcp::no_delay(true), ignored);
    for (bool keep_alive = true; keep_alive && !error;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(limits::header);
        parser.body_limit(limits::body);
        stream.expires_after(most.time);
        co_await http::async_read(stream, buffer, parser, use_task(error));

        response made;
        if (!error) {
            made = co_await coheir::spawn(answer(parser.release(), handle));  // a context of its own
        } else if (const auto refusal = refusal_of(error)) {
            made = text(*refusal, "");
            made.keep_alive(false);
            made.prepare_payload();
        } else {
            co_return;
        }
        keep_alive = made.keep_alive();
        stream.expires_after(most.time);
        co_await http::async_write(stream, made, use_task(error));
    }
    // Closing a socket with unread data would take the response from the client: let it send that first.
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
    stream.expires_after(std::min(most.time, limits::linger));
    for (std::size_t dropped = 0; !error && dropped < limits::ignored;) {
        buffer.clear();
        dropped += co_await stream.async_read_some(buffer.prepare(4096), use_task(error));
    }
}

/// One scheduler for each executor; connections are dealt out to them in turn.
template <class Executor>
class server {
    using scheduler = coheir::asio_scheduler<Executor>;

public:
    server(const std::vector<Executor>& executors, std::uint16_t port, handler handle, limits most)
        : handle_(handle), most_(most) {
        for (const Executor& executor : executors)
            schedulers_.push_back(std::make_unique<scheduler>(executor, coheir::spawn_policy::copying));
        acceptor_.emplace(executors.front(), tcp::endpoint(net::ip::address_v4::loopback(), port));
        scheduler& first = *schedulers_.front();
        first.post([&first, this] { first.spawn(accept()).detach(); });
    }
    std::uint16_t port() const { return acceptor_->local_endpoint().port(); }

private:
    coheir::task<> accept() {
        for (std::size_t next = 0;; next = (next + 1) % schedulers_.size()) {
            try {
                const bool accepted = co_await accept_one(*schedulers_[next]);
                // Such as too many open files.
                if (!accepted) co_await coheir::sleep_for(std::chrono::milliseconds(100));
                continue;
            } catch (const std::bad_alloc&) {
                std::cerr << "accepting failed: out of memory\n";
            }
            co_await coheir::yield();  // others may give some back
        }
    }
    coheir::task<bool> accept_one(scheduler& to) {
        beast::error_code error;
        beast::basic_stream<tcp, Executor> stream(
            co_await acceptor_->async_accept(to.get_executor(), use_task(error)));
        if (error) co_return false;
        to.post([&to, taken = std::move(stream), this]() mutable {
            to.spawn(session(std::move(taken), handle_, most_)).detach();
        });
        co_return true;
    }

    const handler handle_;
    const limits most_;
    std::optional<typename tcp::acceptor::rebind_executor<Executor>::other> acceptor_;
    std::vector<std::unique_ptr<scheduler>> schedulers_;  // destroyed first: their tasks use the acceptor
};

template <class Context, class Executor>
void serve(Context& context, const std::vector<Executor>& executors, std::uint16_t port, handler handle,
           limits most) {
    server<Executor> running(executors, port, handle, most);
    net::signal_set stop(context, SIGINT, SIGTERM);
    stop.async_wait([&context](beast::error_code, int) { context.stop(); });
    std::cout << "listening on 127.0.0.1:" << running.port() << std::endl;
    if constexpr (std::is_same_v<Context, net::io_context>)
        context.run();
    else
        context.join();
}

}  // namespace

int run(int argc, char** argv, handler handle) try {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    require_known(arguments);
    const auto port = static_cast<std::uint16_t>(number(arguments, "--port", 8080, 0, 65535));
    const auto threads = static_cast<std::size_t>(number(arguments, "--threads", 1, 1, 64));
    limits most;
    most.time = std::chrono::seconds(number(arguments, "--timeout", 30, 1, 3600));
    if (threads == 1) {
        net::io_context context(1);
        serve(context, std::vector{context.get_executor()}, port, handle, most);
    } else {
        net::thread_pool pool(threads);
        std::vector<net::strand<net::thread_pool::executor_type>> strands;
        while (strands.size() < threads) strands.push_back(net::make_strand(pool.get_executor()));
        serve(pool, strands, port, handle, most);
    }
    return 0;
} catch (const std::exception& error) {
    std::cerr << argv[0] << ": " << error.what() << '\n';
    return 1;
}

}  // namespace http_server
