#pragma once
// What a fuzzer gives, taken apart into numbers and texts, and what must hold of text that is shown.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace fuzz {

constexpr std::string_view secret_mark = "secret-51";  // a secret begins with it, and nothing else has it

/// Reads the bytes from the front; when they are used up, numbers are 0 and texts empty.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

    bool has_mark() const { return rest_.find(secret_mark) != std::string_view::npos; }
    bool is_empty() const { return rest_.empty(); }
    unsigned number_below(unsigned end) { return static_cast<unsigned char>(taken(1)[0]) % end; }
    /// A byte for the size, and the text.
    std::string text() { return taken(static_cast<unsigned char>(taken(1)[0])); }
    std::string rest() { return taken(rest_.size()); }

private:
    std::string taken(std::size_t size) {
        std::string text(rest_.substr(0, size));
        rest_.remove_prefix(text.size());
        return text;
    }
    std::string_view rest_;
};

inline void require(bool condition, std::string_view what, std::string_view shown) {
    if (condition) return;
    std::cerr << what << ":\n" << shown << std::endl;
    std::abort();
}

/// No byte that a terminal or a log takes for more than a character, and no line without an end in sight.
inline void require_one_line(std::string_view shown, std::size_t most = 4096) {
    for (const char c : shown)
        require(c >= ' ' && c <= '~', "a byte that is no printable character was shown", shown);
    require(shown.size() <= most, "a line is too long", shown);
}

inline void require_lines(std::string_view shown) {
    while (!shown.empty()) {
        const std::size_t end = shown.find('\n');
        require_one_line(shown.substr(0, end));
        if (end == std::string_view::npos) return;
        shown.remove_prefix(end + 1);
    }
}

}  // namespace fuzz
