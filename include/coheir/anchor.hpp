#pragma once
// The anchor: what makes a program of many shared libraries have one current context, however it loads them.
//
// Define COHEIR_USE_ANCHOR for all of the program, and include this header in one source file of one
// executable or shared library, with which all others are linked. Where that is missing, they do not link or
// load.

#include "detail/globals.hpp"

#ifndef COHEIR_USE_ANCHOR
#error \
    "coheir/anchor.hpp: COHEIR_USE_ANCHOR must be defined, here and in all other source files of the program"
#endif

extern "C" coheir::detail::thread_state* coheir_anchor_1_thread() noexcept {
    static constinit thread_local coheir::detail::thread_state state(COHEIR_FINDER_OF_FILE);
    return &state;
}

#if COHEIR_ASK_FOR_SPLITS
namespace coheir::detail {
[[gnu::visibility("hidden")]] inline const bool finder_is_set =
    (finder_of_file.store(&coheir_anchor_1_thread, std::memory_order_release), true);
}
#endif

extern "C" coheir::detail::process_state* coheir_anchor_1_process() noexcept {
    static constinit coheir::detail::process_state state;
    return &state;
}
