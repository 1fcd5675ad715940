#pragma once
// Where values come from: origin() of one key, dump() of all that a context shows.

#include <concepts>
#include <cstdint>
#include <optional>
#include <ostream>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../detail/sort.hpp"
#include "detail/current.hpp"
#include "detail/read.hpp"
#include "detail/slot.hpp"
#include "detail/task_text.hpp"
#include "key.hpp"
#include "snapshot.hpp"

namespace coheir::context {

/// Where a value was set, or last updated, and by whom.
class [[nodiscard]] value_origin {
public:
    value_origin(const detail::provenance& made, bool is_own) noexcept : made_(made), own_(is_own) {}

    /// The call that made the change.
    [[nodiscard]] const std::source_location& where() const noexcept { return made_.where; }
    /// The number of the task that made it; 0 for none: a policy, or code with an entered context.
    [[nodiscard]] std::uint64_t task() const noexcept { return made_.task; }
    /// False where the value was there before, or is another's, and so was inherited.
    [[nodiscard]] bool is_own() const noexcept { return own_; }

    /// "server.cpp:12, by task #7 'poller', spawned at server.cpp:40"; "task #7 (ended)" when it has ended.
    /// Only of tasks of the scheduler that runs here it is known whether they live.
    [[nodiscard]] std::string text() const {
        std::string said = detail::place_text(made_.where);
        if (task() != 0) said += ", by " + detail::task_text(task());
        return said;
    }

private:
    detail::provenance made_;
    bool own_;
};

namespace detail {

/// A stream into a text of so many characters; the rest is dropped. Has its memory from the start: an
/// exception in here, for a lack of it, would be swallowed by the operator << that writes.
template <std::size_t Limit>
class bounded_text : std::streambuf {
public:
    bounded_text() : out_(this) { setp(text_, text_ + Limit); }
    std::ostream& out() noexcept { return out_; }
    std::string_view text() const noexcept { return {text_, static_cast<std::size_t>(pptr() - pbase())}; }

private:
    std::streamsize xsputn(const char* from, std::streamsize size) override {
        const std::streamsize left = epptr() - pptr(), fits = size < left ? size : left;
        traits_type::copy(pptr(), from, static_cast<std::size_t>(fits));
        pbump(static_cast<int>(fits));
        return size;
    }
    int_type overflow(int_type c) override { return traits_type::not_eof(c); }

    std::ostream out_;
    char text_[Limit];
};

/// The value in a box for people: escaped and bounded; <redacted> where it is secret.
inline std::string value_text(const box& b) {
    constexpr std::size_t limit = 128;
    if (b.bits & secret_bit) return "<redacted>";
    const std::string type = '<' + coheir::detail::escaped(b.type->name, limit);
    if (!b.type->show) return type + '>';
    bounded_text<limit + 1> shown;
    try {
        b.type->show(b, shown.out());
    } catch (...) {
        return type + ", which failed to be shown>";  // whoever looks into a context wants all the other keys
    }
    return holds<std::string>(b) ? coheir::detail::quoted(shown.text())
                                 : coheir::detail::escaped(shown.text(), limit);
}

struct seen_value {
    box_ref value;  // held: what shows a value may change the context
    bool own;
};

/// One line a key, sorted: `user = 'ada' (inherited; main.cpp:12, by task #1 (ended))`.
/// The values are let go of before it returns: who is given the lines may update what cannot be copied.
inline std::vector<std::string> lines_of(std::vector<seen_value>&& taken) {
    std::vector<seen_value> values = std::move(taken);
    std::vector<std::string> lines;
    coheir::detail::sort(
        values, [](const seen_value& a, const seen_value& b) { return a.value->key() < b.value->key(); });
    for (const seen_value& v : values) {
        std::string text = coheir::detail::escaped(v.value->key(), 128);
        text += " = " + value_text(*v.value);
        text += v.own ? " (own; " : " (inherited; ";
        text += value_origin(v.value->set, v.own).text() + ')';
        lines.push_back(std::move(text));
    }
    return lines;
}

template <class Sink>
void write_lines(const std::vector<std::string>& lines, Sink&& line) {
    for (const std::string& text : lines) line(std::string_view(text));
}

inline bool is_own(const owner& of, const box& b) noexcept {
    return b.set.task == of.task && of.context->own.find(b.key_as_name()) == &b;
}

struct dump_access {
    static std::vector<seen_value> current(const owner& who) {
        std::vector<seen_value> values;
        for_each_visible(who.context.get(), [&](const box& b) {
            values.push_back({box_ref::shared(const_cast<box&>(b)), is_own(who, b)});
        });
        return values;
    }
    static std::vector<seen_value> of(const snapshot& from) {
        std::vector<seen_value> values;
        snapshot_access::for_each_visible(from, [&](const box& b) {
            values.push_back({box_ref::shared(const_cast<box&>(b)), snapshot_access::is_own(from, b)});
        });
        return values;
    }
    static std::string joined(std::vector<seen_value> values) {
        std::string all;
        for (const std::string& line : lines_of(std::move(values))) (all += line) += '\n';
        return all;
    }
};

inline std::optional<value_origin> origin_of(const key_name& key) {
    const owner* const who = current();
    if (!who) throw no_current_context("origin", key.text());
    const box* const found = find_visible(who->context.get(), key);
    if (!found) return std::nullopt;
    return value_origin(found->set, is_own(*who, *found));
}

}  // namespace detail

/// Where the value of a key in the current context comes from; nothing where it is missing. Throws
/// no_current_context.
[[nodiscard]] inline std::optional<value_origin> origin(key_name key) { return detail::origin_of(key); }
template <class T>
[[nodiscard]] std::optional<value_origin> origin(const key<T>& key) {
    return detail::origin_of(key.name());
}

/// The same in a snapshot, whose own values are those of the context's own level.
[[nodiscard]] inline std::optional<value_origin> origin(const snapshot& in, key_name key) {
    const detail::box* const found = detail::snapshot_access::look_up(in, key);
    if (!found) return std::nullopt;
    return value_origin(found->set, detail::snapshot_access::is_own(in, *found));
}
template <class T>
[[nodiscard]] std::optional<value_origin> origin(const snapshot& in, const key<T>& key) {
    return origin(in, key.name());
}

/// All that the current context shows, one line a key, sorted: the value (see formatter), whether it is the
/// context's own or inherited, where it was set or last updated, and by which task. Secret values are
/// redacted, names and values are escaped and cut after 128 characters. For people: the form may change.
/// Throws no_current_context, std::bad_alloc.
[[nodiscard]] inline std::string dump() {
    const detail::owner* const who = detail::current();
    if (!who) throw no_current_context("dump");
    return detail::dump_access::joined(detail::dump_access::current(*who));
}
/// The same of a snapshot.
[[nodiscard]] inline std::string dump(const snapshot& of) {
    return detail::dump_access::joined(detail::dump_access::of(of));
}

/// The same, line by line and without line ends, to a function of std::string_view: all are made before the
/// first is given to it, which may change the context.
template <std::invocable<std::string_view> Sink>
void dump(Sink&& line) {
    const detail::owner* const who = detail::current();
    if (!who) throw no_current_context("dump");
    detail::write_lines(detail::lines_of(detail::dump_access::current(*who)), line);
}
template <std::invocable<std::string_view> Sink>
void dump(const snapshot& of, Sink&& line) {
    detail::write_lines(detail::lines_of(detail::dump_access::of(of)), line);
}

}  // namespace coheir::context
