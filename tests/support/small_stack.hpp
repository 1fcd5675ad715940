#pragma once
// Runs a function on a thread with a small stack, for what must not recurse.

#include <pthread.h>

#include <cstddef>
#include <exception>
#include <stdexcept>

namespace test {

/// Calls f on a thread with a stack of 256 KiB, and throws on what f throws.
template <class F>
void on_small_stack(F f) {
    constexpr std::size_t size = std::size_t{256} * 1024;
    struct call {
        F& f;
        std::exception_ptr error;
    } c{f, nullptr};
    const auto run = [](void* argument) -> void* {
        auto& mine = *static_cast<call*>(argument);
        try {
            mine.f();
        } catch (...) {
            mine.error = std::current_exception();
        }
        return nullptr;
    };
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, size) != 0 ||
        pthread_create(&thread, &attributes, run, &c) != 0)
        throw std::runtime_error("cannot start a thread with a small stack");
    pthread_attr_destroy(&attributes);
    pthread_join(thread, nullptr);
    if (c.error) std::rethrow_exception(c.error);
}

}  // namespace test
