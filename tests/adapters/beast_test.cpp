// Operations of Boost.Beast in tasks: composed ones, which refer to what is in the awaiting frame.
#include <coheir/adapters/boost_asio.hpp>
#include <coheir/coheir.hpp>

#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace {

namespace beast = boost::beast;
namespace http = beast::http;
namespace net = boost::asio;
using coheir::use_task;
using net::ip::tcp;

constexpr std::string_view sent = "POST /ada HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello";

/// Two ends of a connection.
struct connected {
    explicit connected(net::io_context& io) : client(io), server(io) {
        tcp::acceptor acceptor(io, tcp::endpoint(net::ip::address_v4::loopback(), 0));
        client.connect(acceptor.local_endpoint());
        acceptor.accept(server.socket());
    }
    tcp::socket client;
    beast::tcp_stream server;
};

/// Reads a request into its own frame, and answers.
coheir::task<> serve(beast::tcp_stream& stream, std::string& got) {
    beast::flat_buffer buffer;
    http::request<http::string_body> request;
    stream.expires_after(std::chrono::hours(1));
    co_await http::async_read(stream, buffer, request, use_task);
    got = request.body();
    http::response<http::string_body> response(http::status::ok, 11);
    response.body() = std::string(300'000, 'x');
    response.prepare_payload();
    co_await http::async_write(stream, response, use_task);
    co_await http::async_read(stream, buffer, request, use_task);  // which does not come
}

}  // namespace

TEST_CASE("beast: a request is read, a response is written", "[asio][beast]") {
    net::io_context io;
    connected ends(io);
    coheir::asio_scheduler loop(io.get_executor());
    std::string got;
    const auto handle = loop.spawn(serve(ends.server, got));
    net::write(ends.client, net::buffer(sent));
    std::string response(300'000, '\0');
    net::async_read(ends.client, net::buffer(response), [&](beast::error_code ec, std::size_t) {
        CHECK_FALSE(ec);
        handle.request_stop();
    });
    io.run();
    CHECK(handle.done());
    CHECK(got == "hello");
    CHECK(response.starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("beast: a task that is stopped, or destroyed with its scheduler, after any step is safe",
          "[asio][beast]") {
    const bool destroyed = GENERATE(false, true);
    for (std::size_t steps = 0; steps < 100; ++steps) {
        INFO("after " << steps << " handlers");
        net::io_context io;
        connected ends(io);
        std::optional<coheir::asio_scheduler<net::io_context::executor_type>> loop(io.get_executor());
        std::string got, response(400'000, '\0');
        const auto handle = loop->spawn(serve(ends.server, got));
        net::async_write(ends.client, net::buffer(sent), [](beast::error_code, std::size_t) {});
        net::async_read(ends.client, net::buffer(response), [](beast::error_code, std::size_t) {});
        bool all = false;
        for (std::size_t i = 0; i < steps && !all; ++i) all = io.poll_one() == 0;
        if (destroyed) {
            loop.reset();
        } else {
            handle.request_stop();
            ends.client.shutdown(tcp::socket::shutdown_both);
            io.run();
            CHECK(handle.done());
        }
        ends.client.close();
        io.restart();
        io.poll();  // a dropped operation leaves the timer of its stream, for which run() would wait
        if (all) return;
    }
    FAIL("it takes more steps than were tried");
}
