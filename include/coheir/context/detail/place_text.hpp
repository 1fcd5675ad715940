#pragma once
// A place in the source, for messages.

#include <source_location>
#include <string>
#include <string_view>

#include "../../detail/quoted.hpp"

namespace coheir::context::detail {

/// "main.cpp:12", of a path the file alone.
inline std::string place_text(const std::source_location& where) {
    std::string_view file = where.file_name();
    file.remove_prefix(file.find_last_of("/\\") + 1);
    return coheir::detail::escaped(file, 128) + ':' + std::to_string(where.line());
}

}  // namespace coheir::context::detail
