// Every log line shows the id of the request that wrote it, though another thread formats the lines.
#include <coheir/adapters/spdlog.hpp>
#include <coheir/coheir.hpp>

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <vector>

namespace context = coheir::context;

coheir::task<> charge_card() {
    spdlog::warn("the card is slow");
    co_await coheir::yield();
    spdlog::info("charged");
}

coheir::task<> handle(std::string id) {
    context::set("request_id", id);
    spdlog::info("received");
    co_await charge_card();
}

coheir::task<> serve() { co_await coheir::when_all(handle("4711"), handle("a forged\nline")); }

int main() {
    // [logger]
    auto pool = std::make_shared<spdlog::details::thread_pool>(8192, 1);
    auto to_stdout = std::make_shared<spdlog::sinks::stdout_sink_mt>();
    auto logger = std::make_shared<coheir::async_context_logger>(
        "server", std::vector<spdlog::sink_ptr>{to_stdout}, pool);
    // [/logger]

    // [formatter]
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<coheir::context_flag>('&', "request_id").set_pattern("%l %& | %v");
    logger->set_formatter(std::move(formatter));
    // [/formatter]

    spdlog::set_default_logger(std::move(logger));
    spdlog::info("starting");
    coheir::scheduler loop{coheir::spawn_policy::copying};
    loop.run(serve());
    spdlog::shutdown();
}

// Output:
// info - | starting
// info 4711 | received
// warning 4711 | the card is slow
// info 'a forged\x0aline' | received
// warning 'a forged\x0aline' | the card is slow
// info 4711 | charged
// info 'a forged\x0aline' | charged
