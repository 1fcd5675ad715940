// The server of http_request_id with spdlog: every line that serves a request carries its id, and no function
// has a parameter for it.
#include <coheir/adapters/spdlog.hpp>

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "http/request_id.hpp"
#include "http/server.hpp"

namespace context = coheir::context;
namespace http = boost::beast::http;
using http_server::request;
using http_server::response;

/// Part of a request's target for a line of a log: what is not ASCII as %NN. (The parser lets nothing below
/// it through.)
std::string in_ascii(std::string_view target) {
    std::string text;
    for (const char c : target) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x7f)
            text += c;
        else
            text += fmt::format("%{:02X}", byte);
    }
    return text;
}

coheir::task<> first_call() {
    SPDLOG_WARN("First_call called");
    co_return;
}

coheir::task<> second_call() {
    SPDLOG_ERROR("Second_call called");
    co_return;
}

coheir::task<response> hello(const request& asked) {
    if (asked.method() != http::verb::get) {
        response refused = http_server::text(http::status::method_not_allowed, "");
        refused.set(http::field::allow, "GET");
        co_return refused;
    }
    const std::string name = http_server::name_in(asked);
    SPDLOG_INFO("Received new GET /{} call", in_ascii(name));
    co_await coheir::when_all(first_call());  // in a task of its own, which inherits the context
    co_await second_call();
    co_return http_server::text(
        http::status::ok, "Hello, " + name + ". Your request id is " + *context::find(request_id) + ".\n");
}

coheir::task<response> with_request_id(request asked) {
    context::set(request_id, accepted_or_fresh(asked["X-Request-ID"]));
    response answer = co_await hello(asked);
    answer.set("X-Request-ID", *context::find(request_id));
    SPDLOG_INFO("{} {} {} {}", std::string_view(asked.method_string()), in_ascii(asked.target()),
                answer.result_int(), answer.body().size());
    co_return answer;
}

/// %L in a pattern: the level, in the words and capitals of Python's logging.
class level_flag final : public spdlog::custom_flag_formatter {
    void format(const spdlog::details::log_msg& line, const std::tm&, spdlog::memory_buf_t& to) override {
        constexpr std::array<std::string_view, 7> names{"TRACE", "DEBUG",    "INFO", "WARNING",
                                                        "ERROR", "CRITICAL", "OFF"};
        const std::string_view name = names.at(static_cast<std::size_t>(line.level));
        to.append(name.data(), name.data() + name.size());
    }
    std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<level_flag>(); }
};

int main(int argc, char** argv) {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<coheir::context_flag>('&', "request_id").add_flag<level_flag>('L');
    formatter->set_pattern("%Y-%m-%d %H:%M:%S,%e %L server:%# %& | %v");
    const auto logger = spdlog::stderr_logger_mt("server");
    logger->set_formatter(std::move(formatter));
    spdlog::set_default_logger(logger);
    return http_server::run(argc, argv, with_request_id);
}
