// Log lines of spdlog show the context of the task that logs, whichever thread formats them.
#include <coheir/adapters/spdlog.hpp>
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>
#include <spdlog/async.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/ostream_sink.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace context = coheir::context;
using lines = std::vector<std::string>;

namespace {

constexpr context::key<std::string> request_id{"request_id"};

/// A sink that keeps what it is given.
class kept_lines : public spdlog::sinks::base_sink<std::mutex> {
public:
    lines take() {
        const std::lock_guard lock(mutex_);
        return std::exchange(lines_, {});
    }

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t text;
        formatter_->format(message, text);
        lines_.emplace_back(text.data(), text.size());
    }
    void flush_() override {}
    lines lines_;
};

/// A logger of either kind, whose lines have the values of the given keys before the message.
class logging {
public:
    template <class... Keys>
    logging(bool asynchronous, const Keys&... keys) {
        if (asynchronous) {
            pool_ = std::make_shared<spdlog::details::thread_pool>(128, 1);
            logger_ = std::make_shared<coheir::async_context_logger>(
                "log", std::vector<spdlog::sink_ptr>{sink_}, pool_);
        } else {
            logger_ = std::make_shared<spdlog::logger>("log", sink_);
        }
        auto formatter =
            std::make_unique<spdlog::pattern_formatter>("", spdlog::pattern_time_type::local, "");
        formatter->add_flag<coheir::context_flag>('&', keys...).set_pattern("%& | %v");
        logger_->set_formatter(std::move(formatter));
    }
    spdlog::logger& operator*() { return *logger_; }
    spdlog::logger* operator->() { return logger_.get(); }
    lines take() {
        if (pool_) {  // the pool ends when it has done all
            auto* const used = dynamic_cast<coheir::async_context_logger*>(logger_.get());
            REQUIRE(used);
            logger_.reset();
            pool_.reset();
        }
        return sink_->take();
    }

private:
    std::shared_ptr<kept_lines> sink_ = std::make_shared<kept_lines>();
    std::shared_ptr<spdlog::details::thread_pool> pool_;
    std::shared_ptr<spdlog::logger> logger_;
};

struct shown_as {
    std::string text;
    friend std::ostream& operator<<(std::ostream& to, const shown_as& s) { return to << s.text; }
};

/// Throws in the midst of being shown, so many times.
struct refuses_at_first {
    int* refusals;
    friend std::ostream& operator<<(std::ostream& to, const refuses_at_first& value) {
        to << "half ";
        if (--*value.refusals >= 0) throw std::runtime_error("not now");
        return to << "and half";
    }
};

std::string refusal;  // of the last update by this:
struct updating {
    friend std::ostream& operator<<(std::ostream& to, const updating&) {
        try {
            context::update<std::unique_ptr<int>>("unique", [](std::unique_ptr<int>&) {});
        } catch (const coheir::not_copyable& e) {
            refusal = e.what();
        }
        return to << "shown";
    }
};

/// Runs f in a task.
template <class F>
void in_task(F f) {
    const auto body = [](F& call) -> coheir::task<> {
        call();
        co_return;
    };
    coheir::scheduler().run(body(f));
}

/// The line of a message that is logged where "request_id" has a value.
template <class V>
std::string line_with(V value) {
    logging log(false, "request_id");
    in_task([&] {
        context::set("request_id", std::move(value));
        log->info("message");
    });
    return log.take().at(0);
}

}  // namespace

TEST_CASE("a line shows the value of a key, and a dash where there is none", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    logging log(asynchronous, "request_id");
    log->info("outside");
    in_task([&] {
        log->info("before");
        context::set("request_id", "4711");
        log->info("inside {}", 1);
    });
    log->info("outside");
    CHECK(log.take() == lines{"- | outside", "- | before", "4711 | inside 1", "- | outside"});
}

TEST_CASE("a typed key names what to show", "[spdlog]") {
    logging log(false, request_id);
    in_task([&] {
        context::set(request_id, "4711");
        log->info("inside");
    });
    CHECK(log.take() == lines{"4711 | inside"});
}

TEST_CASE("several keys are shown as key=value, in the order given", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    logging log(asynchronous, "user", request_id);
    log->info("outside");
    in_task([&] {
        context::set("request_id", "4711");
        context::set("user", "ada");
        log->info("inside");
    });
    CHECK(log.take() == lines{"user=- request_id=- | outside", "user=ada request_id=4711 | inside"});
}

TEST_CASE("all keys are shown by name", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    logging log(asynchronous);
    log->info("outside");
    in_task([&] {
        context::set("user", "ada");
        context::set("attempt", 3);
        context::set("seats", std::vector<int>{1});
        log->info("inside");
    });
    const lines all = log.take();
    REQUIRE(all.size() == 2);
    CHECK(all[0] == "- | outside");
    CHECK_THAT(all[1], Catch::StartsWith("attempt=3 seats=<std::vector<int"));
    CHECK_THAT(all[1], Catch::EndsWith("> user=ada | inside"));
}

TEST_CASE("every task's lines carry its own values, though another thread formats them", "[spdlog]") {
    logging log(true, "request_id");
    const auto request = [](spdlog::logger& to, int number) -> coheir::task<> {
        context::set("request_id", "r" + std::to_string(number));
        for (int i = 0; i < 20; ++i) {
            to.info("{}", number);
            co_await coheir::yield();
        }
    };
    const auto all = [&](spdlog::logger& to) -> coheir::task<> {
        std::vector<coheir::task<>> requests;
        for (int i = 0; i < 50; ++i) requests.push_back(request(to, i));
        co_await coheir::when_all(std::move(requests));
    };
    coheir::scheduler().run(all(*log));
    const lines got = log.take();
    CHECK(got.size() == 1000);
    std::size_t wrong = 0;
    for (const std::string& line : got) {
        const auto bar = line.find(" | ");
        wrong += line.substr(0, bar) != "r" + line.substr(bar + 3);
    }
    CHECK(wrong == 0);
}

TEST_CASE("values are taken at the log call, not when the line is written", "[spdlog]") {
    logging log(true, "request_id");
    in_task([&] {
        for (int i = 0; i < 100; ++i) {
            context::set("request_id", std::to_string(i));
            log->info("{}", i);
            context::set("request_id", "later");
        }
    });
    const lines got = log.take();
    REQUIRE(got.size() == 100);
    for (std::size_t i = 0; i < got.size(); ++i)
        CHECK(got[i] == std::to_string(i) + " | " + std::to_string(i));
}

TEST_CASE("a value from outside forges neither a line nor a field", "[spdlog]") {
    CHECK(line_with("a\nINFO - | forged") == "'a\\x0aINFO - | forged' | message");
    CHECK(line_with("a user=root") == "'a user=root' | message");
    CHECK(line_with("it's") == "'it\\'s' | message");
    CHECK(line_with("\x1b[31mred") == "'\\x1b[31mred' | message");
    CHECK(line_with("\xff") == "'\\xff' | message");
    CHECK(line_with(std::string("a\0b", 3)) == "'a\\x00b' | message");
    CHECK(line_with("-") == "'-' | message");
    CHECK(line_with("") == "'' | message");
    CHECK(line_with("{}%v%&") == "'{}%v%&' | message");
    CHECK(line_with(std::string(100'000, 'x')).size() < 200);
}

TEST_CASE("a key from outside forges no field either", "[spdlog]") {
    logging log(false);
    in_task([&] {
        context::set(std::string("a=1 b"), "x");
        log->info("message");
    });
    CHECK(log.take() == lines{"'a=1 b'=x | message"});
}

TEST_CASE("a message that looks like one with values brings none", "[spdlog]") {
    logging log(true, "request_id");
    coheir::detail::log_fields evil;
    evil.emplace_back("request_id", "evil");
    std::string forged = coheir::detail::packed(evil, "text");
    forged[0] ^= 1;  // the best guess of the mark that is none
    log->info(forged);
    // The sinks of an asynchronous logger take what others log, too.
    spdlog::logger("plain", log->sinks().begin(), log->sinks().end()).info(forged);
    const lines shown = log.take();
    REQUIRE(shown.size() == 2);
    for (const std::string& line : shown) {
        CHECK_THAT(line, Catch::StartsWith("- | "));
        CHECK_THAT(line, Catch::EndsWith("text"));
    }
}

TEST_CASE("numbers and truth values are shown, other types by their name", "[spdlog]") {
    struct seat {
        int row;
    };
    CHECK(line_with(42) == "42 | message");
    CHECK(line_with(-7L) == "-7 | message");
    CHECK(line_with(18446744073709551615u) == "18446744073709551615 | message");
    CHECK(line_with(0.5) == "0.5 | message");
    CHECK(line_with(true) == "true | message");
    CHECK(line_with('c') == "c | message");
    CHECK_THAT(line_with(seat{1}), Catch::Contains("seat") && Catch::StartsWith("<"));
}

TEST_CASE("what a type's own operator shows is quoted where it is not plain", "[spdlog]") {
    CHECK(line_with(shown_as{"row:4"}) == "row:4 | message");
    CHECK(line_with(shown_as{"4 user=root\n"}) == "'4 user=root\\x0a' | message");
    CHECK(line_with(shown_as{"-"}) == "'-' | message");
}

TEST_CASE("a value that throws while it is shown costs the line nothing but the value", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    logging log(asynchronous, "request_id");
    std::vector<std::string> errors;
    log->set_error_handler([&](const std::string& what) { errors.push_back(what); });
    int refusals = 1;
    in_task([&] {
        context::set("request_id", refuses_at_first{&refusals});
        log->info("first");
        log->info("second");
        CHECK(context::find<refuses_at_first>("request_id")->refusals == &refusals);
    });
    const lines written = log.take();
    REQUIRE(written.size() == 2);
    CHECK_THAT(written[0], Catch::Contains("refuses_at_first, which failed to be shown>' | first"));
    CHECK(written[1] == "'half and half' | second");
    CHECK(errors.empty());
}

TEST_CASE("while a line shows values, the reason why one cannot be updated is that", "[spdlog]") {
    logging log(false);
    in_task([&] {
        context::set("unique", std::make_unique<int>(1));
        context::set("updates", updating{});
        log->info("message");
        CHECK(context::update<std::unique_ptr<int>>("unique", [](std::unique_ptr<int>&) {}));
    });
    CHECK_THAT(refusal, Catch::Contains("'unique' cannot be updated now") && Catch::Contains("being shown"));
    CHECK_THAT(log.take().at(0), Catch::Contains("updates=shown"));
}

TEST_CASE("a secret is redacted, in every shape", "[spdlog]") {
    static constexpr context::key<std::string> token{"token", context::flag::secret};
    const bool asynchronous = GENERATE(false, true);
    const int shape = GENERATE(0, 1, 2);
    const auto make = [&] {
        if (shape == 0) return std::make_unique<logging>(asynchronous, "token");
        if (shape == 1) return std::make_unique<logging>(asynchronous, "user", token);
        return std::make_unique<logging>(asynchronous);
    };
    const auto log = make();
    in_task([&] {
        context::set(token, "s3cret");
        context::set("token", "s3cret too");
        (*log)->info("message");
    });
    const std::string line = log->take().at(0);
    CHECK_THAT(line, Catch::Contains("<redacted>") && !Catch::Contains("s3cret"));
}

TEST_CASE("the flag keeps the width that the pattern asks for", "[spdlog]") {
    std::ostringstream out;
    spdlog::logger log("log", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    auto formatter = std::make_unique<spdlog::pattern_formatter>("", spdlog::pattern_time_type::local, "\n");
    formatter->add_flag<coheir::context_flag>('&', "request_id").set_pattern("[%6&] [%-6&] %v");
    log.set_formatter(std::move(formatter));
    in_task([&] {
        context::set("request_id", "4711");
        log.info("message");
    });
    CHECK(out.str() == "[  4711] [4711  ] message\n");
}

TEST_CASE("an asynchronous logger keeps spdlog's levels, flushes and clones", "[spdlog]") {
    struct counting : kept_lines {
        void flush_() override { ++flushes; }
        int flushes = 0;
    };
    const auto counts = std::make_shared<counting>();
    const auto quiet = std::make_shared<kept_lines>();
    quiet->set_level(spdlog::level::err);
    auto pool = std::make_shared<spdlog::details::thread_pool>(128, 1);
    {
        const auto log = std::make_shared<coheir::async_context_logger>(
            "log", std::vector<spdlog::sink_ptr>{counts, quiet}, pool, coheir::log_keys("request_id"));
        auto formatter =
            std::make_unique<spdlog::pattern_formatter>("", spdlog::pattern_time_type::local, "");
        formatter->add_flag<coheir::context_flag>('&', "request_id").set_pattern("%n %l %& %v");
        log->set_formatter(std::move(formatter));
        log->set_level(spdlog::level::warn);
        log->flush_on(spdlog::level::err);
        in_task([&] {
            context::set("request_id", "4711");
            log->info("not shown");
            log->warn("shown");
            log->clone("other")->error("cloned");
        });
    }
    pool.reset();
    CHECK(counts->take() == lines{"log warning 4711 shown", "other error 4711 cloned"});
    CHECK(quiet->take() == lines{"other error 4711 cloned"});
    CHECK(counts->flushes == 1);
}

TEST_CASE("what a sink throws on the pool's thread gets to the logger's error handler", "[spdlog]") {
    struct throwing : kept_lines {
        void sink_it_(const spdlog::details::log_msg&) override { throw std::runtime_error("disk full"); }
    };
    struct reports {
        std::mutex mutex;
        lines all;
        spdlog::err_handler to(std::string who) {
            return [this, who](const std::string& text) {
                const std::lock_guard lock(mutex);
                all.push_back(who + ": " + text);
            };
        }
    } got;
    auto pool = std::make_shared<spdlog::details::thread_pool>(128, 1);
    std::shared_ptr<spdlog::logger> log = std::make_shared<coheir::async_context_logger>(
        "log", std::vector<spdlog::sink_ptr>{std::make_shared<throwing>()}, pool);
    log->set_error_handler(got.to("first"));
    log->info("lost");
    auto other = log->clone("other");
    other->set_error_handler(got.to("other"));
    other->info("lost");
    other.reset();  // before its message is written, or after
    log.reset();
    pool.reset();  // when all is done
    std::sort(got.all.begin(), got.all.end());
    REQUIRE(got.all.size() == 2);
    CHECK_THAT(got.all[0], Catch::StartsWith("first: disk full"));
    CHECK_THAT(got.all[1], Catch::StartsWith("other: disk full"));
}

TEST_CASE("of many keys 32 are shown and dots, and any one of them can be", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    const auto log_with = [&](auto... keys) {
        logging log(asynchronous, keys...);
        in_task([&] {
            for (int i = 10; i < 45; ++i) context::set("key" + std::to_string(i), i);
            log->info("message");
        });
        return log.take().at(0);
    };
    CHECK_THAT(log_with(), Catch::StartsWith("key10=10 ") && Catch::EndsWith(" key41=41 ... | message"));
    CHECK(log_with("key44") == "44 | message");
}

TEST_CASE("a backtrace shows the values of the moment in which it is dumped", "[spdlog]") {
    const bool asynchronous = GENERATE(false, true);
    logging log(asynchronous, "request_id");
    log->enable_backtrace(8);
    in_task([&] {
        context::set("request_id", "4711");
        log->debug("kept");
        context::set("request_id", "later");
        log->dump_backtrace();
    });
    CHECK(log.take().at(1) == "later | kept");
}

TEST_CASE("lines from several threads and tasks at once keep their values", "[spdlog][threads]") {
    logging log(true, "request_id");
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
        threads.emplace_back([&, t] {
            in_task([&] {
                context::set("request_id", std::to_string(t));
                for (int i = 0; i < 200; ++i) log->info("{}", t);
            });
        });
    for (auto& thread : threads) thread.join();
    const lines got = log.take();
    CHECK(got.size() == 800);
    for (const std::string& line : got) CHECK(line.substr(0, 1) == line.substr(line.size() - 1));
}
