#pragma once
// What each of the two shared libraries, and the program itself, offers.
#include <coheir/coheir.hpp>

#include <cstdint>
#include <string>
#include <vector>

// clang-format off
#define OFFERED_BY(library)                                                              \
    namespace library {                                                                  \
    [[gnu::visibility("default")]] coheir::task<> ends();                                \
    [[gnu::visibility("default")]] coheir::task<> fails();                               \
    [[gnu::visibility("default")]] coheir::task<> sleeps();                              \
    [[gnu::visibility("default")]] coheir::task<> set_user(std::string to);              \
    [[gnu::visibility("default")]] coheir::task<std::string> user();                     \
    [[gnu::visibility("default")]] coheir::task<std::string> outcome_of(coheir::task<>); \
    [[gnu::visibility("default")]] std::string run(coheir::task<>);                      \
    [[gnu::visibility("default")]] std::vector<std::uint64_t> numbers_of_tasks();        \
    }
// clang-format on

OFFERED_BY(first)
OFFERED_BY(second)
