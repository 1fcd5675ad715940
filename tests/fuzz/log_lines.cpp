// Whatever keys and values are, the fields of a log line are one line of words that can be told apart; and
// whatever a message is, an asynchronous logger brings it, and no values that it pretends to bring.
#include <coheir/adapters/spdlog.hpp>
#include <coheir/context.hpp>

#include <spdlog/sinks/base_sink.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/input.hpp"

namespace context = coheir::context;

namespace {

constexpr context::key<std::string> token{"token", context::flag::secret};

/// Keeps the last line.
class last_line final : public spdlog::sinks::base_sink<std::mutex> {
public:
    std::string text;

private:
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t formatted;
        formatter_->format(message, formatted);
        text.assign(formatted.data(), formatted.size());
    }
    void flush_() override {}
};

std::unique_ptr<spdlog::formatter> pattern(coheir::log_keys keys) {
    auto made = std::make_unique<spdlog::pattern_formatter>("", spdlog::pattern_time_type::local, "");
    made->add_flag<coheir::context_flag>('&', std::move(keys)).set_pattern("%&|%v");
    return made;
}

/// A value as it may stand in a line: a plain word, or between quotes with none inside that is not escaped.
void require_value(std::string_view value, std::string_view line) {
    if (value == "-" || value == "<redacted>" || coheir::detail::is_plain(value)) return;
    fuzz::require(value.size() >= 2 && value.front() == '\'' && value.back() == '\'',
                  "a value is neither plain nor quoted", line);
    value = value.substr(1, value.size() - 2);
    for (std::size_t i = 0; i < value.size(); ++i) {
        fuzz::require(value[i] != '\'', "a quote ends a value early", line);
        if (value[i] == '\\') ++i;
        fuzz::require(i < value.size(), "a value takes the quote behind it", line);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    if (in.has_mark()) return 0;
    const bool asks_for_all = in.number_below(2) == 1;
    const std::string name = in.text();
    const context::snapshot nothing;
    const auto here = context::enter(nothing);
    context::set(name, in.text());
    context::set(token, std::string(fuzz::secret_mark) + in.text());
    while (in.number_below(2) == 1) context::set(in.text(), in.text());

    const auto kept = std::make_shared<last_line>();
    const coheir::log_keys keys = asks_for_all ? coheir::log_keys::all() : coheir::log_keys(name);
    kept->set_formatter(pattern(keys));
    const std::string message = in.rest();
    // The fuzzer sees what its input is compared with. Nobody outside can.
    if (message.find(coheir::detail::packed_mark()) != std::string::npos) return 0;

    spdlog::logger direct("direct", kept);
    direct.log(spdlog::level::critical, spdlog::string_view_t(message.data(), message.size()));
    const std::string line = std::move(kept->text);
    fuzz::require(line.ends_with('|' + message), "the message is not as it was", line);
    const std::string fields = line.substr(0, line.size() - message.size() - 1);
    fuzz::require_one_line(fields, 32 * 2048);
    fuzz::require(fields.find(fuzz::secret_mark) == std::string::npos, "a secret was shown", fields);
    if (!asks_for_all) require_value(fields, fields);

    // The same by what carries values to another thread, whose context is another.
    coheir::detail::carried_sink carries(kept);
    const std::string packed = coheir::detail::packed(coheir::detail::fields_here(keys),
                                                      spdlog::string_view_t(message.data(), message.size()));
    context::clear();
    carries.log({"carried", spdlog::level::critical, spdlog::string_view_t(packed.data(), packed.size())});
    fuzz::require(kept->text == line, "a carried line differs", kept->text);
    carries.log({"not", spdlog::level::critical, spdlog::string_view_t(message.data(), message.size())});
    fuzz::require(kept->text == "-|" + message, "a message brought values", kept->text);
    return 0;
}
