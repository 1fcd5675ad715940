#pragma once
// Values of a context as text for a log line, in which nothing from outside can pretend to be another field.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "../../context/dump.hpp"
#include "../../detail/quoted.hpp"
#include "../../detail/sort.hpp"

namespace coheir::detail {

struct log_field {
    log_field(std::string k, std::string v) : key(std::move(k)), value(std::move(v)) {}
    std::string key;
    std::string value;
};
using log_fields = std::vector<log_field>;

/// Letters, digits and some signs: text that no part of a log line can be mistaken for.
inline bool is_plain(std::string_view text) noexcept {
    constexpr std::string_view signs = "._-:/@+,";
    return !text.empty() && text != "-" && text.size() <= 128 &&
           std::all_of(text.begin(), text.end(), [&](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      signs.find(c) != signs.npos;
           });
}
inline std::string plain_or_quoted(std::string_view text) {
    return is_plain(text) ? std::string(text) : quoted(text);
}

/// A value as it shows in a dump, but without quotes where it is plain, and with them where it is not; the
/// name of the type where values of it cannot be shown; <redacted> for a secret.
inline std::string log_value(const context::detail::box& b) {
    const bool secret = b.bits & context::detail::secret_bit;
    if (!secret && context::detail::holds<std::string>(b))
        return plain_or_quoted(context::detail::value_in<std::string>(b));
    std::string text = context::detail::value_text(b);  // escaped
    if (secret || !b.type->show || is_plain(text)) return text;
    return "'" + text + "'";
}

/// The values of some keys, in their order; those that are missing are left out.
inline log_fields fields_of(const context::detail::level* in, const std::vector<std::string>& names) {
    log_fields found;
    for (const std::string& name : names)
        if (const auto* const b = context::detail::find_visible(in, context::key_name(name))) {
            // Held: what shows a value may change the context.
            const auto held = context::detail::box_ref::shared(const_cast<context::detail::box&>(*b));
            found.emplace_back(name, log_value(*held));
        }
    return found;
}

/// The values of all keys, by name.
inline log_fields all_fields(const context::detail::level* in) {
    std::vector<context::detail::box_ref> boxes;
    context::detail::for_each_visible(in, [&](const context::detail::box& b) {
        boxes.push_back(context::detail::box_ref::shared(const_cast<context::detail::box&>(b)));
    });
    sort(boxes, [](const auto& a, const auto& b) { return a->key() < b->key(); });
    log_fields found;
    for (const auto& b : boxes) found.emplace_back(std::string(b->key()), log_value(*b));
    return found;
}

/// One key: its value. Several, or all (no names): key=value. A dash for what is missing. Of all, 32 are
/// shown, and dots where there are more.
inline std::string shown(const log_fields& fields, const std::vector<std::string>& names) {
    constexpr std::size_t most = 32;
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
    if (names.empty()) {
        for (std::size_t i = 0; i < fields.size() && i < most; ++i) add(fields[i].key, fields[i].value);
        if (fields.size() > most) text += " ...";
    }
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
