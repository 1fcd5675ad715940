#pragma once
// Keys: what a value in a context is found by, a name or a typed constant.

#include <cstddef>
#include <type_traits>
#include <utility>

#include "detail/key_name.hpp"

namespace coheir::context {

/// A key that carries the type of its values; declare it once, as a constant:
///     inline constexpr context::key<std::string> request_id{"request_id"};
/// It names the same value as the plain string does. Flags, if any, follow the name:
///     inline constexpr context::key<std::string> token{"token", context::flag::secret};
template <class T>
class key {
    static_assert(std::is_same_v<T, stored_t<T>>,
                  "a key's type is what is stored: std::string for text, no reference, no const");

public:
    using value_type = T;

    template <std::size_t N>
    explicit consteval key(const char (&literal)[N], flag flags = flag::none) noexcept
        : name_(detail::until_zero(literal), detail::hash_name(detail::until_zero(literal)), true,
                detail::declared_bits(flags)) {}

    constexpr const key_name& name() const noexcept { return name_; }

    /// The same key for `get` with a value for when it is missing: `get(k.or_default(x))` is a T.
    template <class D>
        requires std::is_constructible_v<T, D>
    constexpr key_with_default<T> or_default(D&& value) const {
        return key_with_default<T>(*this, T(std::forward<D>(value)));
    }

private:
    key_name name_;
};

/// A key together with what `get` returns when it is missing; else like the key.
template <class T>
class key_with_default : public key<T> {
public:
    constexpr key_with_default(const key<T>& plain, T fallback)
        : key<T>(plain), fallback_(std::move(fallback)) {}

    constexpr const key<T>& plain() const noexcept { return *this; }
    constexpr const T& fallback() const noexcept { return fallback_; }

private:
    T fallback_;
};

}  // namespace coheir::context
