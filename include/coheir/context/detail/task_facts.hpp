#pragma once
// What a context can tell of the task that changed it: asked by number, since it keeps no reference.

#include <atomic>
#include <cstdint>
#include <source_location>
#include <string>

#include "../../config.hpp"

namespace coheir::context::detail {

struct task_facts {
    std::string name;  // or empty
    std::source_location spawned_at;
};

/// Tells of a task of the scheduler that runs on this thread; false if it has none of that number, or it has
/// ended. Goes through all tasks. Null until there is a scheduler: contexts know none.
COHEIR_EXPORT inline constinit std::atomic<bool (*)(std::uint64_t number, task_facts& into)> find_task{
    nullptr};

}  // namespace coheir::context::detail
