#pragma once
// What differs between compilers and build modes, in one place.

#include "version.hpp"

/// A function that must stay a call: what it reads must not be cached across a suspension.
#define COHEIR_NOINLINE [[gnu::noinline]]

/// A function that is a part of its caller: what is known there while compiling stays known in it.
#define COHEIR_INLINE [[gnu::always_inline]] inline

/// A function that is rarely called, and kept out of the way of the others.
#define COHEIR_COLD [[gnu::cold, gnu::noinline]]

/// A symbol of which a program has one, whatever shared libraries it is made of.
#define COHEIR_EXPORT [[gnu::visibility("default")]]

// Whether a look-up that finds no current context looks for one that another executable or shared library has
// in a copy of its own: see detail/split.hpp.
#ifndef COHEIR_FIND_SPLITS
#if defined(__gnu_linux__) && defined(__ELF__)
#define COHEIR_FIND_SPLITS 1
#else
#define COHEIR_FIND_SPLITS 0
#endif
#endif

// Whether that asks the files themselves where the loader does not know their copies: those that TLS
// descriptors find, as they do on AArch64, and elsewhere with -mtls-dialect=gnu2.
#ifndef COHEIR_ASK_FOR_SPLITS
#if defined(__aarch64__) && defined(__gnu_linux__) && defined(__ELF__)
#define COHEIR_ASK_FOR_SPLITS 1
#else
#define COHEIR_ASK_FOR_SPLITS 0
#endif
#endif

// Recycled memory would hide what a sanitizer looks for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COHEIR_RECYCLE_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define COHEIR_RECYCLE_MEMORY 0
#endif
#endif
#ifndef COHEIR_RECYCLE_MEMORY
#define COHEIR_RECYCLE_MEMORY 1
#endif

// clang up to 16 caches the address of a thread-local variable across a suspension when the access is
// inlined into a coroutine (https://github.com/llvm/llvm-project/issues/47179).
#if defined(__clang__) && __clang_major__ <= 16
#define COHEIR_CACHES_THREAD_LOCALS 1
#define COHEIR_THREAD_LOCAL_ACCESS COHEIR_NOINLINE
#else
#define COHEIR_CACHES_THREAD_LOCALS 0
#define COHEIR_THREAD_LOCAL_ACCESS
#endif
