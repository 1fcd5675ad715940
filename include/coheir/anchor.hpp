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
    static constinit thread_local coheir::detail::thread_state state(&coheir_anchor_1_thread);
    return &state;
}

extern "C" coheir::detail::process_state* coheir_anchor_1_process() noexcept {
    static constinit coheir::detail::process_state state;
    return &state;
}
