#pragma once
// Values of a context as text for a log line, in which nothing from outside can pretend to be another field.

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../context/detail/read.hpp"
#include "../../detail/quoted.hpp"

namespace coheir::detail {

struct log_field {
    log_field(std::string k, std::string v) : key(std::move(k)), value(std::move(v)) {}
    std::string key;
    std::string value;
};
using log_fields = std::vector<log_field>;

/// As it is, if it is plain: letters, digits and some signs. Else between single quotes, escaped and bounded.
inline std::string plain_or_quoted(std::string_view text) {
    constexpr std::string_view signs = "._-:/@+,";
    const bool plain = !text.empty() && text != "-" && text.size() <= 128 &&
                       std::all_of(text.begin(), text.end(), [&](char c) {
                           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                                  (c >= '0' && c <= '9') || signs.find(c) != signs.npos;
                       });
    return plain ? std::string(text) : quoted(text);
}

template <class Box>
bool is_secret(const Box& b) noexcept {
    constexpr unsigned secret = 2;  // context::flag::secret
    if constexpr (requires { b.bits; })
        return (static_cast<unsigned>(b.bits) & secret) != 0;
    else
        return false;
}

template <class T>
bool append_number(const context::detail::box& b, std::string& to) {
    if (!context::detail::holds<T>(b)) return false;
    char digits[64];
    const auto end = std::to_chars(digits, digits + sizeof digits, context::detail::value_in<T>(b)).ptr;
    to.append(digits, end);
    return true;
}
template <class... Numbers>
bool append_any_number(const context::detail::box& b, std::string& to) {
    return (append_number<Numbers>(b, to) || ...);
}

/// Text, numbers and truth values as they are; the name of the type of anything else.
inline std::string log_value(const context::detail::box& b) {
    using namespace context::detail;
    if (is_secret(b)) return "<redacted>";
    if (holds<std::string>(b)) return plain_or_quoted(value_in<std::string>(b));
    if (holds<bool>(b)) return value_in<bool>(b) ? "true" : "false";
    if (holds<char>(b)) return plain_or_quoted({&value_in<char>(b), 1});
    std::string text;
    if (append_any_number<int, unsigned, long, unsigned long, long long, unsigned long long, double, float,
                          short, unsigned short>(b, text))
        return text;
    return '<' + escaped(b.type->name, 128) + '>';
}

/// The values of some keys, in their order; those that are missing are left out.
inline log_fields fields_of(const context::detail::level* in, const std::vector<std::string>& names) {
    log_fields found;
    for (const std::string& name : names)
        if (const auto* const b = context::detail::find_visible(in, context::key_name(name)))
            found.emplace_back(name, log_value(*b));
    return found;
}

/// The values of all keys, at most 32, by name.
inline log_fields all_fields(const context::detail::level* in) {
    constexpr std::size_t most = 32;
    log_fields found;
    context::detail::for_each_visible(
        in, [&](const context::detail::box& b) { found.emplace_back(std::string(b.key()), log_value(b)); });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
    if (found.size() > most) found.erase(found.begin() + most, found.end());
    return found;
}

/// One key: its value. Several, or all (no names): key=value. A dash for what is missing.
inline std::string shown(const log_fields& fields, const std::vector<std::string>& names) {
    const auto value_of = [&](const std::string& name) -> std::string {
        for (const log_field& f : fields)
            if (f.key == name) return f.value;
        return "-";
    };
    if (names.size() == 1) return value_of(names.front());
    std::string text;
    const auto add = [&](const std::string& key, const std::string& value) {
        if (!text.empty()) text += ' ';
        text += plain_or_quoted(key) + '=' + value;
    };
    for (const std::string& name : names) add(name, value_of(name));
    if (names.empty())
        for (const log_field& f : fields) add(f.key, f.value);
    return text.empty() ? "-" : text;
}

/// Fields in one text, and out of it again.
inline std::string pack(const log_fields& fields) {
    std::string text;
    for (const log_field& f : fields)
        for (const std::string* const part : {&f.key, &f.value}) {
            const auto size = static_cast<std::uint32_t>(part->size());
            text.append(reinterpret_cast<const char*>(&size), sizeof size);
            text += *part;
        }
    return text;
}
inline log_fields unpack(std::string_view text) {
    const auto next = [&text] {
        std::uint32_t size = 0;
        std::memcpy(&size, text.data(), sizeof size);
        std::string part(text.substr(sizeof size, size));
        text.remove_prefix(sizeof size + size);
        return part;
    };
    log_fields fields;
    while (!text.empty()) {
        std::string key = next();
        fields.emplace_back(std::move(key), next());
    }
    return fields;
}

}  // namespace coheir::detail
