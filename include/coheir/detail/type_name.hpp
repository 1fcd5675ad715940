#pragma once
// The name of a type at compile time, without RTTI.

#include <string>
#include <string_view>
#include <type_traits>

namespace coheir::detail {

template <class T>
constexpr auto pretty_function() {
    return __PRETTY_FUNCTION__;  // g++: "… [with T = X]", clang: "… [T = X]"
}

template <class T>
constexpr std::string_view type_name() {
    if constexpr (std::is_same_v<T, std::string>) {
        return "std::string";
    } else {
        std::string_view name = pretty_function<T>();
        name.remove_prefix(name.find("T = ") + 4);
        name.remove_suffix(1);
        return name;
    }
}

}  // namespace coheir::detail
