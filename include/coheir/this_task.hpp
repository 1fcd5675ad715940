#pragma once
// The task that runs here: its number, its name, where it was spawned.

#include <cstdint>
#include <source_location>
#include <string_view>

#include "detail/task_state.hpp"

namespace coheir::this_task {

/// Whether a task runs here. Never throws.
[[nodiscard]] inline bool exists() noexcept { return coheir::detail::current_task() != nullptr; }

/// The number of the task; no other task of the process has it. Throws no_current_task, as all below.
[[nodiscard]] inline std::uint64_t id() { return coheir::detail::require_task("this_task::id").task; }
/// The name that it was spawned with, or empty. Valid while the task lives.
[[nodiscard]] inline std::string_view name() {
    return coheir::detail::require_task("this_task::name").name_or_empty();
}
/// Whether it was ever asked to stop. A limit or group inside it is no matter of the whole task. To be told
/// of it, see stop_token() in cancellation.hpp.
[[nodiscard]] inline bool stop_requested() {
    return (coheir::detail::require_task("this_task::stop_requested").stop &
            coheir::detail::task_state::stop_requested) != 0;
}
/// The place of the call that spawned it.
[[nodiscard]] inline std::source_location spawned_at() {
    return coheir::detail::require_task("this_task::spawned_at").spawned_at;
}

}  // namespace coheir::this_task
