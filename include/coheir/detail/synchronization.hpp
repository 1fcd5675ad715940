#pragma once
// What the cross-thread parts synchronise by. Tests take the whole library through all schedules of its
// threads: they name a class of theirs in its place, in every translation unit of a program.

#include <atomic>
#include <condition_variable>
#include <mutex>

namespace coheir::detail {

#if defined(COHEIR_SYNCHRONIZATION)
using synchronization = COHEIR_SYNCHRONIZATION;
#else
struct synchronization {
    template <class T>
    using atomic = std::atomic<T>;
    using mutex = std::mutex;
    using condition_variable = std::condition_variable;
};
#endif

}  // namespace coheir::detail
