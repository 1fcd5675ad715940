#pragma once
// Text from outside, made fit for a message: quoted, escaped and bounded.

#include <string>
#include <string_view>

namespace coheir::detail {

/// `text` without control characters: what is not printable ASCII becomes \xNN, and past `limit`
/// characters it is cut and marked with an ellipsis.
inline std::string escaped(std::string_view text, std::size_t limit) {
    constexpr char digits[] = "0123456789abcdef";
    const bool cut = text.size() > limit;
    std::string result;
    for (const char c : text.substr(0, limit)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte > 0x7e) {
            result += "\\x";
            result += digits[byte >> 4];
            result += digits[byte & 15];
        } else {
            if (c == '\\' || c == '\'') result += '\\';
            result += c;
        }
    }
    if (cut) result += "...";
    return result;
}

/// The same between single quotes, for names in error messages.
inline std::string quoted(std::string_view text) {
    std::string result("'");
    result += escaped(text, 128);
    result += '\'';
    return result;
}

}  // namespace coheir::detail
