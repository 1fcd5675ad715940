#pragma once
// How a value is shown to people: by a formatter of the user's, by its operator <<, or not at all.

#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

#include "../../detail/type_name.hpp"

namespace coheir::context {

/// Says how dump() shows values of a type, instead of its operator << or where it has none. Specialise it
/// before a value of the type is first set. It may use the context, but not update a value that cannot be
/// copied (not_copyable):
///     template <>
///     struct coheir::context::formatter<point> {
///         static void write(std::ostream& out, const point& p) { out << p.x << '/' << p.y; }
///     };
template <class T>
struct formatter {};

namespace detail {

template <class T>
concept has_formatter = requires(std::ostream& out, const T& value) {
    formatter<T>::write(out, value);
};

// An address tells nobody anything.
template <class T>
concept addresses =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> || requires {
    typename T::element_type;
};

template <class T>
concept streamable = !addresses<T> && requires(std::ostream & out, const T& value) {
    out << value;
};

template <class T>
concept duration_like = requires(const T& value, std::ostream& out) {
    typename T::rep;
    T::period::num;
    T::period::den;
    out << value.count();
};

template <class Period>
void write_unit(std::ostream& out) {
    constexpr auto num = Period::num, den = Period::den;
    if constexpr (num == 1 && den == 1'000'000'000)
        out << "ns";
    else if constexpr (num == 1 && den == 1'000'000)
        out << "us";
    else if constexpr (num == 1 && den == 1'000)
        out << "ms";
    else if constexpr (num == 1 && den == 1)
        out << 's';
    else if constexpr (num == 60 && den == 1)
        out << "min";
    else if constexpr (num == 3600 && den == 1)
        out << 'h';
    else
        out << '[' << num << '/' << den << "]s";
}

template <class T>
void show(const T& value, std::ostream& out) {
    if constexpr (has_formatter<T>)
        formatter<T>::write(out, value);
    else if constexpr (std::is_same_v<T, bool>)
        out << (value ? "true" : "false");
    else if constexpr (std::is_same_v<T, signed char> || std::is_same_v<T, unsigned char>)
        out << static_cast<int>(value);
    else if constexpr (duration_like<T>)
        out << value.count(), write_unit<typename T::period>(out);
    else if constexpr (streamable<T>)
        out << value;
    else
        out << coheir::detail::type_name<T>() << '(' << +static_cast<std::underlying_type_t<T>>(value) << ')';
}

/// Whether more can be shown than the type.
template <class T>
inline constexpr bool is_shown = has_formatter<T> || duration_like<T> || streamable<T> || std::is_enum_v<T>;

}  // namespace detail

}  // namespace coheir::context
