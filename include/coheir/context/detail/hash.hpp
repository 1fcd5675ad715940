#pragma once
// The hash of a key's name: SipHash-1-3, usable at compile time, the same in every program.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace coheir::context::detail {

/// SipHash with one compression and three finalisation rounds (Aumasson and Bernstein, 2012), with a
/// fixed key: names are hashed while compiling. Tables mix in what an attacker cannot know.
constexpr std::uint64_t hash_name(std::string_view name) noexcept {
    struct {
        std::uint64_t a = 0x736f6d6570736575, b = 0x646f72616e646f6d, c = 0x6c7967656e657261,
                      d = 0x7465646279746573;
        static constexpr std::uint64_t rotate(std::uint64_t x, int by) { return x << by | x >> (64 - by); }
        constexpr void round() {
            a += b, b = rotate(b, 13) ^ a, a = rotate(a, 32);
            c += d, d = rotate(d, 16) ^ c;
            a += d, d = rotate(d, 21) ^ a;
            c += b, b = rotate(b, 17) ^ c, c = rotate(c, 32);
        }
        constexpr void absorb(std::uint64_t word) {
            d ^= word;
            round();
            a ^= word;
        }
    } state;
    const auto byte = [&](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(name[i])}; };
    std::size_t at = 0;
    for (; at + 8 <= name.size(); at += 8) {
        std::uint64_t word = 0;
        for (std::size_t i = 0; i < 8; ++i) word |= byte(at + i) << (8 * i);
        state.absorb(word);
    }
    std::uint64_t last = std::uint64_t{name.size()} << 56;
    for (std::size_t i = 0; at + i < name.size(); ++i) last |= byte(at + i) << (8 * i);
    state.absorb(last);
    state.c ^= 0xff;
    for (int i = 0; i < 3; ++i) state.round();
    return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace coheir::context::detail
