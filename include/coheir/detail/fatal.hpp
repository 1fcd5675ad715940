#pragma once
// The end of a program that has broken a rule where no exception can be thrown: a message, and terminate.

#include <cstdio>
#include <exception>

#include "../config.hpp"

namespace coheir::detail {

[[noreturn]] COHEIR_COLD inline void fatal(const char* message) noexcept {
    std::fprintf(stderr, "coheir: fatal: %s\n", message);
    std::terminate();
}

}  // namespace coheir::detail
