// Log lines that show values of the context: wherever memory runs out for one, the logger's error handler or
// the caller is told, whichever thread formats it, and the next line is right.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/adapters/spdlog.hpp>
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "faults/world.hpp"

namespace {

using coheir::task;
using test::short_of_memory, test::world;

const std::string message = "a message that is too long to be kept without memory of its own";
const std::string name = "a logger whose name is too long, too";

/// Counts lines that are right, and others.
class counting_sink final : public spdlog::sinks::base_sink<std::mutex> {
public:
    std::atomic<int> right{0}, wrong{0};

private:
    void sink_it_(const spdlog::details::log_msg& m) override {
        static const std::string expected = "'" + test::long_text + "' | " + message;
        spdlog::memory_buf_t text;
        formatter_->format(m, text);
        ++(std::string_view(text.data(), text.size()) == expected ? right : wrong);
    }
    void flush_() override {}
};

/// A logger with its sink, and how many errors its handler got.
struct logging {
    template <class Make>
    explicit logging(Make make) : log(make(sink)) {
        auto lines = std::make_unique<spdlog::pattern_formatter>("", spdlog::pattern_time_type::local, "");
        lines->add_flag<coheir::context_flag>('&', "text").set_pattern("%& | %v");
        log->set_formatter(std::move(lines));
        log->set_error_handler([this](const std::string&) { ++errors; });
    }

    const std::shared_ptr<counting_sink> sink = std::make_shared<counting_sink>();
    const std::shared_ptr<spdlog::logger> log;
    std::atomic<int> errors{0};
};

auto asynchronous(const std::shared_ptr<spdlog::details::thread_pool>& pool) {
    return [pool](const spdlog::sink_ptr& to) {
        return std::make_shared<coheir::async_context_logger>(name, std::vector{to}, pool);
    };
}

const std::vector<test::operation> logging_without_memory{
    {"a line of a logger",
     [](world& w) -> task<> {
         logging to(
             [](const spdlog::sink_ptr& sink) { return std::make_shared<spdlog::logger>(name, sink); });
         {
             const short_of_memory now(w.fails);
             to.log->info(message);
         }
         w.expect(to.sink->right + to.errors == 1 && to.sink->wrong == 0, "the line is lost");
         to.log->info(message);
         w.expect(to.sink->right + to.errors == 2, "the next line is lost");
         co_return;
     }},
    {"a line of all that the context shows",
     [](world& w) -> task<> {
         spdlog::pattern_formatter lines("", spdlog::pattern_time_type::local, "");
         lines.add_flag<coheir::context_flag>('&').set_pattern("%&");
         const spdlog::details::log_msg any(name, spdlog::level::info, message);
         spdlog::memory_buf_t expected, text;
         lines.format(any, expected);
         {
             const short_of_memory now(w.fails);
             lines.format(any, text);
         }
         w.expect(fmt::to_string(text) == fmt::to_string(expected), "not all is shown");
         co_return;
     }},
    {"a line of an asynchronous logger, where it is logged",
     [](world& w) -> task<> {
         auto pool = std::make_shared<spdlog::details::thread_pool>(8, 1);
         logging to(asynchronous(pool));
         bool is_told = false;
         try {
             const short_of_memory now(w.fails);
             to.log->info(message);
         } catch (const std::bad_alloc&) {
             is_told = true;
         }
         to.log->info(message);
         pool = nullptr;  // ends when all has been done
         w.expect(to.sink->right + to.errors + is_told == 2 && to.sink->wrong == 0, "a line is lost");
         co_return;
     }},
    {"a line of an asynchronous logger, where it is formatted",
     [](world& w) -> task<> {
         static thread_local std::optional<short_of_memory> here;
         auto pool = std::make_shared<spdlog::details::thread_pool>(
             8, 1, [&w] { here.emplace(w.fails); }, [] { here.reset(); });
         logging to(asynchronous(pool));
         to.log->info(message);
         to.log->info(message);
         pool = nullptr;
         w.expect(to.sink->right + to.errors == 2 && to.sink->wrong == 0, "a line is lost");
         co_return;
     }},
};

}  // namespace

TEST_CASE("log lines without memory", "[faults][memory][spdlog]") { test::try_all(logging_without_memory); }

#endif
