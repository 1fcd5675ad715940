// The server of examples/http_request_id.cpp without coheir: asio::awaitable, and the id is passed on by
// hand. Its executor is the one that a program would choose for speed, or the one that Asio has by default.
#include <boost/asio.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/beast/core.hpp>

#include <csignal>
#include <exception>
#include <iostream>

#include "../examples/http/request_id.hpp"
#include "../examples/http/server.hpp"

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using http_server::limits;
using http_server::request;
using http_server::response;
using net::ip::tcp;

#ifdef COHEIR_HTTP_ANY_EXECUTOR
using executor = net::any_io_executor;
#else
using executor = net::io_context::executor_type;
#endif
template <class T = void>
using awaitable = net::awaitable<T, executor>;
constexpr net::use_awaitable_t<executor> use_awaitable;

awaitable<response> hello(const request& asked, const std::string& id) {
    if (asked.method() != http::verb::get) {
        response refused = http_server::text(http::status::method_not_allowed, "");
        refused.set(http::field::allow, "GET");
        co_return refused;
    }
    co_return http_server::text(
        http::status::ok, "Hello, " + http_server::name_in(asked) + ". Your request id is " + id + ".\n");
}

awaitable<response> with_request_id(request asked) {
    const std::string id = accepted_or_fresh(asked["X-Request-ID"]);
    response answer = co_await hello(asked, id);
    answer.set("X-Request-ID", id);
    co_return answer;
}

awaitable<response> answer(request asked) {
    const bool keep_alive = asked.keep_alive(), head = asked.method() == http::verb::head;
    response made;
    try {
        made = co_await with_request_id(std::move(asked));
    } catch (const std::exception& error) {
        std::cerr << "a handler failed: " << error.what() << '\n';
        made = http_server::text(http::status::internal_server_error, "");
    }
    made.keep_alive(keep_alive);
    made.prepare_payload();
    if (head) made.body().clear();
    co_return made;
}

awaitable<> session(beast::basic_stream<tcp, executor> stream) {
    beast::flat_buffer buffer(limits::header + limits::body);
    beast::error_code error, ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    const limits most;
    for (bool keep_alive = true; keep_alive && !error;) {
        http::request_parser<http::string_body> parser;
        parser.header_limit(limits::header);
        parser.body_limit(limits::body);
        stream.expires_after(most.time);
        co_await http::async_read(stream, buffer, parser, net::redirect_error(use_awaitable, error));

        response made;
        if (!error) {
            made = co_await answer(parser.release());
        } else if (const auto refusal = http_server::refusal_of(error)) {
            made = http_server::text(*refusal, "");
            made.keep_alive(false);
            made.prepare_payload();
        } else {
            co_return;
        }
        keep_alive = made.keep_alive();
        stream.expires_after(most.time);
        co_await http::async_write(stream, made, net::redirect_error(use_awaitable, error));
    }
    stream.socket().shutdown(tcp::socket::shutdown_send, error);
}

awaitable<> accept(tcp::acceptor::rebind_executor<executor>::other& acceptor) {
    for (;;) {
        beast::basic_stream<tcp, executor> stream(co_await acceptor.async_accept(use_awaitable));
        const auto on = stream.get_executor();
        net::co_spawn(on, session(std::move(stream)), [](const std::exception_ptr&) {});
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    const int port = http_server::number(arguments, "--port", 8080, 0, 65535);
    net::io_context context(1);
    tcp::acceptor::rebind_executor<executor>::other acceptor(
        context.get_executor(),
        tcp::endpoint(net::ip::address_v4::loopback(), static_cast<std::uint16_t>(port)));
    net::signal_set stop(context, SIGINT, SIGTERM);
    stop.async_wait([&context](beast::error_code, int) { context.stop(); });
    net::co_spawn(context.get_executor(), accept(acceptor), [](const std::exception_ptr&) {});
    std::cout << "listening on 127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
    context.run();
}
