#pragma once
// spdlog prints values of the current context: a pattern flag, and a logger that takes them to other threads.

#include <spdlog/async_logger.h>
#include <spdlog/formatter.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <random>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../context/detail/current.hpp"
#include "../context/key.hpp"
#include "../error.hpp"
#include "detail/log_text.hpp"

namespace coheir {

namespace detail {
template <class Key>
concept log_key = std::is_convertible_v<const Key&, std::string_view> || requires(const Key& k) {
    k.name().text();
};
}  // namespace detail

/// Which values of a context a log line shows: one as its value, several as `key=value key=value`. What is
/// missing shows as `-`; a secret as `<redacted>`. Text from outside cannot forge a line or a field: control
/// characters are escaped, what is not plain is quoted, and after 128 characters a value is cut.
class log_keys {
public:
    /// Names, or typed keys. Throws invalid_key for a null pointer, std::bad_alloc.
    template <detail::log_key... Keys>
        requires(sizeof...(Keys) > 0)
    explicit log_keys(const Keys&... keys) : names_{name_of(keys)...} {}
    /// All that the context shows, by name. A line shows 32 of them, and dots where there are more; a flag
    /// for one of the others finds that, too. Each line costs the printing of every value: name the keys
    /// where there are many.
    [[nodiscard]] static log_keys all() { return log_keys(); }

    [[nodiscard]] bool is_all() const noexcept { return names_.empty(); }
    [[nodiscard]] const std::vector<std::string>& names() const noexcept { return names_; }

private:
    log_keys() = default;

    template <class Key>
    static std::string name_of(const Key& key) {
        if constexpr (requires { key.name().text(); }) {
            return std::string(key.name().text());
        } else {
            if constexpr (std::is_pointer_v<Key>)
                if (!key) throw invalid_key();
            return std::string(std::string_view(key));
        }
    }

    std::vector<std::string> names_;
};

namespace detail {

/// What the flag prints on this thread in place of the current context's values; written by carried_sink.
inline const log_fields* carried_fields() noexcept {
    return static_cast<const log_fields*>(on_this_thread().carried_fields);
}

/// The values of the current context, as text. Throws std::bad_alloc.
inline log_fields fields_here(const log_keys& keys) {
    const context::detail::owner* const who = context::detail::current();
    const context::detail::level* const level = who ? who->context.get() : nullptr;
    return keys.is_all() ? all_fields(level) : fields_of(level, keys.names());
}

}  // namespace detail

/// A flag for the pattern of a spdlog formatter, which prints values of the context of whoever logs:
///     auto formatter = std::make_unique<spdlog::pattern_formatter>();
///     formatter->add_flag<coheir::context_flag>('&', "request_id").set_pattern("%H:%M:%S %l %& | %v");
/// With spdlog's own loggers it is right where these format in the call, as all do but asynchronous ones; for
/// those, see async_context_logger. spdlog's backtrace keeps messages without values: they are shown with
/// those of the moment in which it is dumped.
class context_flag final : public spdlog::custom_flag_formatter {
public:
    /// All values, as `key=value`.
    context_flag() : keys_(log_keys::all()) {}
    explicit context_flag(log_keys keys) : keys_(std::move(keys)) {}
    /// Names, or typed keys.
    template <detail::log_key... Keys>
        requires(sizeof...(Keys) > 0)
    explicit context_flag(const Keys&... keys) : keys_(keys...) {}

    void format(const spdlog::details::log_msg&, const std::tm&, spdlog::memory_buf_t& to) override {
        const detail::log_fields* const carried = detail::carried_fields();
        const std::string text =
            detail::shown(carried ? *carried : detail::fields_here(keys_), keys_.names());
        const std::size_t width = padinfo_.enabled() ? padinfo_.width_ : 0;
        const std::string padding(width > text.size() ? width - text.size() : 0, ' ');
        const bool before = padinfo_.side_ == spdlog::details::padding_info::pad_side::left;
        if (before) to.append(padding.data(), padding.data() + padding.size());
        to.append(text.data(), text.data() + text.size());
        if (!before) to.append(padding.data(), padding.data() + padding.size());
    }
    [[nodiscard]] std::unique_ptr<spdlog::custom_flag_formatter> clone() const override {
        return std::make_unique<context_flag>(*this);
    }

private:
    log_keys keys_;
};

namespace detail {

/// Marks what packed() made. Nobody outside can guess it, so no message can pretend to bring values.
inline std::string_view packed_mark() {
    static const std::string mark = [] {
        std::random_device random;
        std::string made;
        for (int i = 0; i < 4; ++i) {
            const unsigned part = random();
            made.append(reinterpret_cast<const char*>(&part), sizeof part);
        }
        return made;
    }();
    return mark;
}

/// The values and the message in one text: spdlog takes nothing else to another thread.
inline std::string packed(const log_fields& fields, spdlog::string_view_t message) {
    const std::string body = pack(fields);
    const auto size = static_cast<std::uint32_t>(body.size());
    std::string all(packed_mark());
    all.append(reinterpret_cast<const char*>(&size), sizeof size);
    all += body;
    all.append(message.data(), message.size());
    return all;
}

/// A sink of an asynchronous logger: unpacks what packed() made, and hands the message on while the flags on
/// this thread see the values that came with it.
class carried_sink final : public spdlog::sinks::sink {
public:
    explicit carried_sink(spdlog::sink_ptr to) : to_(std::move(to)) {}

    void log(const spdlog::details::log_msg& message) override {
        if (!to_->should_log(message.level)) return;
        const std::string_view text(message.payload.data(), message.payload.size());
        std::uint32_t size = 0;
        const std::size_t head = packed_mark().size() + sizeof size;
        if (!text.starts_with(packed_mark()) || text.size() < head) return to_->log(message);
        std::memcpy(&size, text.data() + packed_mark().size(), sizeof size);
        const log_fields fields = unpack(text.substr(head, size));
        spdlog::details::log_msg bare = message;
        bare.payload = spdlog::string_view_t(text.data() + head + size, text.size() - head - size);
        const set_for_this_call here(fields);
        to_->log(bare);
        message.color_range_start = bare.color_range_start;
        message.color_range_end = bare.color_range_end;
    }
    void flush() override { to_->flush(); }
    void set_pattern(const std::string& pattern) override { to_->set_pattern(pattern); }
    void set_formatter(std::unique_ptr<spdlog::formatter> formatter) override {
        to_->set_formatter(std::move(formatter));
    }

private:
    class set_for_this_call {
    public:
        explicit set_for_this_call(const log_fields& fields) noexcept
            : before_(std::exchange(on_this_thread().carried_fields, &fields)) {}
        ~set_for_this_call() { on_this_thread().carried_fields = before_; }
        set_for_this_call(const set_for_this_call&) = delete;
        set_for_this_call& operator=(const set_for_this_call&) = delete;

    private:
        const void* before_;
    };

    spdlog::sink_ptr to_;
};

}  // namespace detail

/// An asynchronous logger of spdlog, with which context_flag prints what was current at the log call, though
/// another thread formats the line: the values are taken as text in the call, and go along with the message.
/// Use it like spdlog::async_logger, of which it has one inside.
class async_context_logger final : public spdlog::logger {
public:
    /// `keys`: those that the pattern may print. Throws std::bad_alloc.
    /// What the sinks throw on the pool's thread gets to this logger's error handler: set that before the
    /// first line.
    /// The sinks are those given here: one that is put into sinks() later gets no line.
    async_context_logger(std::string name, std::vector<spdlog::sink_ptr> sinks,
                         std::weak_ptr<spdlog::details::thread_pool> pool, log_keys keys = log_keys::all(),
                         spdlog::async_overflow_policy when_full = spdlog::async_overflow_policy::block)
        : logger(std::move(name)), keys_(std::move(keys)) {
        for (auto& to : sinks) sinks_.push_back(std::make_shared<detail::carried_sink>(std::move(to)));
        inner_ = std::make_shared<spdlog::async_logger>(name_, sinks_.begin(), sinks_.end(), std::move(pool),
                                                        when_full);
        inner_->set_level(spdlog::level::trace);
        bring_errors();
    }
    async_context_logger(const async_context_logger& other) : async_context_logger(other, other.name()) {}
    ~async_context_logger() override { errors_->outlive(std::move(custom_err_handler_)); }

    std::shared_ptr<logger> clone(std::string new_name) override {
        return std::make_shared<async_context_logger>(*this, std::move(new_name));
    }
    /// Another with the same sinks and settings, as by clone().
    async_context_logger(const async_context_logger& other, std::string new_name)
        : logger(other), keys_(other.keys_),
          inner_(std::static_pointer_cast<spdlog::async_logger>(other.inner_->clone(new_name))) {
        name_ = std::move(new_name);
        bring_errors();
    }
    async_context_logger& operator=(const async_context_logger&) = delete;

private:
    /// Brings errors of the logger inside, which can outlive this one, to this one's handler.
    class error_way {
    public:
        explicit error_way(const async_context_logger& to) : to_(&to), without_handler_(to.name()) {}
        void outlive(spdlog::err_handler&& last) noexcept {
            const std::lock_guard lock(mutex_);
            to_ = nullptr;
            last_.swap(last);
        }
        void report(const std::string& text) {
            spdlog::err_handler handler;
            try {
                const std::lock_guard lock(mutex_);
                handler = to_ ? to_->custom_err_handler_ : last_;
            } catch (const std::bad_alloc&) {  // nothing may leave the pool's thread
            }
            handler ? handler(text) : without_handler_.err_handler_(text);
        }

    private:
        struct any_logger : spdlog::logger {  // says it on stderr
            using logger::err_handler_;
            using logger::logger;
        };

        std::mutex mutex_;
        const async_context_logger* to_;
        spdlog::err_handler last_;
        any_logger without_handler_;
    };

    void bring_errors() {
        errors_ = std::make_shared<error_way>(*this);
        inner_->set_error_handler([way = errors_](const std::string& text) { way->report(text); });
    }
    void sink_it_(const spdlog::details::log_msg& message) override {
        const std::string text = detail::packed(detail::fields_here(keys_), message.payload);
        inner_->log(message.time, message.source, message.level, text);
        if (should_flush_(message)) flush_();
    }
    void flush_() override { inner_->flush(); }

    log_keys keys_;
    std::shared_ptr<spdlog::async_logger> inner_;
    std::shared_ptr<error_way> errors_;
};

}  // namespace coheir
