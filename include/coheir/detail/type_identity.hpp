#pragma once
// Whether two descriptions of a type, perhaps made in two shared libraries, describe the same type.

#include <cstddef>
#include <string_view>

#include "../config.hpp"
#if defined(__cpp_rtti)
#include <typeinfo>
#endif

namespace coheir::detail {

/// Whether a mangled name says the same in every source file: nothing in it is local to a function, of an
/// unnamed namespace or without a name (Itanium C++ ABI, 5.1). When in doubt, it does not.
inline bool is_global_name(std::string_view mangled) noexcept {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    for (std::size_t i = 0; i < mangled.size();) {
        if (is_digit(mangled[i])) {  // the length of an identifier, then the identifier
            std::size_t length = 0;
            while (i < mangled.size() && is_digit(mangled[i]))
                length = length * 10 + static_cast<std::size_t>(mangled[i++] - '0');
            // Unnamed namespaces, and what compilers make up for types without a name: "._anon_1", "$_0".
            if (mangled.substr(i).starts_with("_GLOBAL__N")) return false;
            if (i < mangled.size() && (mangled[i] == '.' || mangled[i] == '$')) return false;
            i += length;
        } else if (mangled[i] == 'S' || mangled[i] == 'T') {  // St, Sa …; or S_, S1_, T_, T1_ …
            ++i;
            while (i < mangled.size() && is_digit(mangled[i])) ++i;
            ++i;
        } else if (std::string_view("ZULXD").find(mangled[i]) != std::string_view::npos) {
            return false;  // local, unnamed, and what this does not take apart
        } else {
            ++i;
        }
    }
    return true;
}

#if defined(__cpp_rtti)
using identity = const std::type_info*;
template <class T>
constexpr identity type_identity() noexcept {
    return &typeid(T);
}
// Not by type_info's own operator: with clang it takes types of two unnamed namespaces for the same.
COHEIR_COLD inline bool same_type(identity a, identity b) noexcept {
    if (!a || !b) return false;
    if (a->name() == b->name()) return true;
    const std::string_view name = a->name();
    return name == b->name() && is_global_name(name);
}
#else
// Without RTTI only the address of a type's description tells it: printed names are not unique. So types
// that cross shared libraries must have default visibility there.
using identity = const void*;
template <class T>
constexpr identity type_identity() noexcept {
    return nullptr;
}
inline bool same_type(identity, identity) noexcept { return false; }
#endif

}  // namespace coheir::detail
