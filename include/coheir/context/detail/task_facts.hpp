#pragma once
// What a context can tell of the task that changed it: asked by number, since it keeps no reference.

#include <cstdint>
#include <source_location>
#include <string>

namespace coheir::context::detail {

/// What is told of a task.
struct task_facts {
    std::string name;  // or empty
    std::source_location spawned_at;
};

/// A scheduler, to contexts, which know no other side of it. On the thread that runs it.
class task_directory {
public:
    /// False if it has no task of that number, or it has ended. Goes through all tasks. Throws
    /// std::bad_alloc.
    virtual bool find(std::uint64_t number, task_facts& into) const = 0;
    /// Whether it has given this number to a task, as far as it remembers.
    virtual bool had(std::uint64_t number) const noexcept = 0;

protected:
    ~task_directory() = default;
};

}  // namespace coheir::context::detail
