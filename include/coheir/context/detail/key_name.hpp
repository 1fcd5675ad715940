#pragma once
// The name of a key with its hash, taken while compiling where it can be.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "../../error.hpp"
#include "flags.hpp"
#include "hash.hpp"

namespace coheir::context {

template <class T>
class key;
template <class T>
class key_with_default;

namespace detail {

/// The part of a character array before its first zero.
template <std::size_t N>
constexpr std::string_view until_zero(const char (&text)[N]) noexcept {
    std::size_t size = 0;
    while (size < N && text[size] != '\0') ++size;
    return {text, size};
}

template <class S>
concept text = std::is_convertible_v<const S&, std::string_view> && !std::is_array_v<S>;

template <class V>
struct stored {
    using type = V;
};
template <class V>
    requires std::is_same_v<V, const char*> || std::is_same_v<V, char*> || std::is_same_v<V, std::string_view>
struct stored<V> {
    using type = std::string;
};

/// Whether a V makes a T without a slip: no fraction is cut off, and no text or pointer becomes a bool.
template <class T, class V>
concept makes_value = std::is_constructible_v<T, V> &&
    !(std::is_integral_v<T> && std::is_floating_point_v<std::remove_cvref_t<V>>)&&!(
        std::is_same_v<T, bool> && std::is_pointer_v<std::decay_t<V>>);

}  // namespace detail

/// The type that a value of type V is stored as: V without reference and const, and std::string for
/// literals, character pointers and arrays, and std::string_view.
template <class V>
using stored_t = typename detail::stored<std::decay_t<V>>::type;

/// The name of a key with its hash. A parameter of this type takes a string literal, hashed while
/// compiling, or any text, hashed at run time. Not for storing: it refers to the caller's characters.
class key_name {
public:
    /// From a literal, or another constant array that lives as long as the program.
    template <std::size_t N>
    consteval key_name(const char (&literal)[N]) noexcept  // NOLINT: implicit
        : key_name(detail::until_zero(literal), true) {}

    /// From a buffer, up to its first zero.
    template <std::size_t N>
    constexpr key_name(char (&buffer)[N]) noexcept  // NOLINT: implicit
        : key_name(detail::until_zero(buffer), false) {}

    /// From anything that converts to std::string_view.
    /// Throws invalid_key if it is a null pointer.
    template <detail::text S>
    constexpr key_name(const S& text)  // NOLINT: implicit
        : key_name(checked(text), false) {}

    key_name(std::nullptr_t) = delete;

    /// From a name whose hash is known.
    constexpr key_name(std::string_view text, std::uint64_t hash, bool is_static,
                       detail::slot_bits bits = detail::open_bit) noexcept
        : data_(text.data()), hash_(hash), size_(text.size()), static_(is_static), bits_(bits) {}

    constexpr std::string_view text() const noexcept { return {data_, size_}; }
    constexpr std::uint64_t hash() const noexcept { return hash_; }
    /// Whether the characters live as long as the program.
    constexpr bool is_static() const noexcept { return static_; }
    /// What a typed key says of flags.
    constexpr detail::slot_bits bits() const noexcept { return bits_; }

private:
    constexpr key_name(std::string_view text, bool is_static) noexcept
        : key_name(text, detail::hash_name(text), is_static) {}

    template <class S>
    static constexpr std::string_view checked(const S& text) {
        if constexpr (std::is_pointer_v<S>) {
            if (text == nullptr) throw invalid_key();
        }
        return text;
    }

    const char* data_;
    std::uint64_t hash_;
    std::size_t size_;
    bool static_;
    detail::slot_bits bits_;
};

}  // namespace coheir::context
