#pragma once
// Flags of keys: what must not be inherited, shown or changed.

#include <cstdint>
#include <string>

namespace coheir::context {

/// What a typed key says of its value; combined by `|`. Flags belong to the value's slot: what is set by
/// string keeps them, and they go with the slot, when the key is erased.
enum class flag : std::uint8_t {
    none = 0,
    local = 1,   ///< children that copy, chain or start from a snapshot never see it, but what lies below it
    secret = 2,  ///< its value is shown as <redacted> wherever values are shown
    frozen = 4,  ///< set once: a later change, here or in an heir, throws frozen_key
};

[[nodiscard]] constexpr flag operator|(flag a, flag b) noexcept {
    return static_cast<flag>(static_cast<unsigned>(a) | static_cast<unsigned>(b));
}

namespace detail {

/// What a box or a name says of flags, in one byte: the flags; for a typed key also those that it does not
/// have; and whether the value may be overwritten. So a name asks for nothing new of a box if the box has all
/// of its bits, which is one test.
using slot_bits = std::uint8_t;

inline constexpr slot_bits local_bit = 1, secret_bit = 2, frozen_bit = 4;
inline constexpr slot_bits all_flags = local_bit | secret_bit | frozen_bit;
inline constexpr slot_bits all_declared = all_flags | all_flags << 3;
inline constexpr slot_bits open_bit = 0x80;

constexpr slot_bits declared_bits(flag flags) noexcept {
    const auto set = static_cast<unsigned>(flags) & all_flags;
    return static_cast<slot_bits>(open_bit | set | (~set & all_flags) << 3);
}

/// " (secret, frozen)", or nothing.
inline std::string flag_names(slot_bits bits) {
    std::string names;
    const auto add = [&](slot_bits bit, const char* name) {
        if (bits & bit) names += (names.empty() ? " (" : ", ") + std::string(name);
    };
    add(local_bit, "local"), add(secret_bit, "secret"), add(frozen_bit, "frozen");
    return names.empty() ? names : names + ')';
}

}  // namespace detail

}  // namespace coheir::context
