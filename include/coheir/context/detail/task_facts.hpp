#pragma once
// What a context can tell of the task that changed it: asked by number, since it keeps no reference.

#include <source_location>
#include <string>

namespace coheir::context::detail {

/// What is told of a task.
struct task_facts {
    std::string name;  // or empty
    std::source_location spawned_at;
};

}  // namespace coheir::context::detail
