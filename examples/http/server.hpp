#pragma once
// A small HTTP server with Boost.Beast in coheir tasks: what the server examples have in common.

#include <coheir/coheir.hpp>

#include <boost/beast/core/error.hpp>
#include <boost/beast/http.hpp>

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace http_server {

namespace http = boost::beast::http;

using request = http::request<http::string_body>;
using response = http::response<http::string_body>;
/// Serves one request, in a task with a context of its own.
using handler = coheir::task<response> (*)(request);

struct limits {
    static constexpr std::uint32_t header = 8 * 1024;
    static constexpr std::size_t body = 64 * 1024;
    static constexpr std::size_t ignored = 8 * 1024 * 1024;  // of what follows a refused request
    static constexpr std::chrono::seconds linger{5};         // to close after a refusal
    std::chrono::seconds time{30};                           // to send a request, or to take a response
};

inline response text(http::status status, std::string body) {
    response made(status, 11);
    made.set(http::field::content_type, "text/plain");
    made.body() = std::move(body);
    return made;
}

/// The NAME in GET /NAME.
inline std::string name_in(const request& asked) {
    const auto path = asked.target().substr(0, asked.target().find('?'));
    return path.size() <= 1 ? "Anonymous" : std::string(path.substr(1));
}

/// Whether the client has to be told what is wrong, and what; nothing if it is gone, or silent for too long.
inline std::optional<http::status> refusal_of(boost::beast::error_code error) {
    if (error.category() != http::make_error_code(http::error::end_of_stream).category() ||
        error == http::error::end_of_stream || error == http::error::partial_message)
        return std::nullopt;
    if (error == http::error::header_limit || error == http::error::buffer_overflow)
        return http::status::request_header_fields_too_large;
    if (error == http::error::body_limit) return http::status::payload_too_large;
    return http::status::bad_request;
}

/// --NAME N on the command line.
inline int number(const std::vector<std::string_view>& arguments, std::string_view name, int otherwise,
                  int lowest, int highest) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] != name) continue;
        const std::string_view text = i + 1 < arguments.size() ? arguments[i + 1] : "";
        int value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc() || end != text.data() + text.size() || value < lowest || value > highest)
            throw std::invalid_argument(std::string(name) + " takes a number from " + std::to_string(lowest) +
                                        " to " + std::to_string(highest));
        return value;
    }
    return otherwise;
}

/// Throws for what is no option.
inline void require_known(const std::vector<std::string_view>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); i += 2)
        if (arguments[i] != "--port" && arguments[i] != "--threads" && arguments[i] != "--timeout")
            throw std::invalid_argument("unknown option '" + std::string(arguments[i]) +
                                        "'; there are --port N, --threads N, --timeout SECONDS");
}

/// The main function of a server: listens until SIGINT or SIGTERM comes.
/// --port N (0 for a free one), --threads N, --timeout SECONDS.
int run(int argc, char** argv, handler handle);

}  // namespace http_server
