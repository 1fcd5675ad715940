#pragma once
// What a thread and a process have one of, whatever shared libraries the program is made of.

#include <atomic>
#include <cstdint>

#include "../config.hpp"

namespace coheir::context::detail {

struct owner;
class task_directory;

/// See current.hpp, which alone writes it.
struct current_slot {
    owner* current = nullptr;
    owner* outside = nullptr;  // what was current before the innermost `installed` was opened
};

}  // namespace coheir::context::detail

namespace coheir::detail {

struct thread_state {
    using finder = std::atomic<thread_state* (*)() noexcept>;
    constexpr explicit thread_state(const finder* of_file) noexcept : find(of_file) {}

    context::detail::current_slot slot;
    /// The scheduler whose round runs here, innermost; written by rounds.
    context::detail::task_directory* running = nullptr;
    context::detail::owner* innermost_flow = nullptr;  // who goes on here in copies; written by flows
    const void* carried_fields = nullptr;              // see adapters/spdlog.hpp

    /// By which split.hpp finds all there are. Another layout is another mark, and another name of the
    /// anchor, once one has been released.
    static constexpr std::uint64_t mark_of_this_layout[] = {0x7469'6568'6f63'1b31, 0xa5c3'9d17'6e02'f48b};
    std::uint64_t mark[2] = {mark_of_this_layout[0], mark_of_this_layout[1]};
    const finder* find;  // where the file has a function that finds its copy: others ask it, see split.hpp
};

struct process_state {
    std::atomic<std::uint64_t> task_numbers{1};       // the next that is free
    std::atomic<std::uint64_t> stop_requests{1};      // the next number for one
    std::atomic<std::uint64_t> numbers_of_others{1};  // see adapters/detail/carrying_executor.hpp
};

}  // namespace coheir::detail

// The anchor: see anchor.hpp.
extern "C" {
COHEIR_EXPORT coheir::detail::thread_state* coheir_anchor_1_thread() noexcept;
COHEIR_EXPORT coheir::detail::process_state* coheir_anchor_1_process() noexcept;
}

namespace coheir::detail {

#if COHEIR_ASK_FOR_SPLITS
[[gnu::visibility("hidden")]] inline constinit thread_state::finder finder_of_file{nullptr};
#define COHEIR_FINDER_OF_FILE &coheir::detail::finder_of_file
#else
#define COHEIR_FINDER_OF_FILE nullptr
#endif

#ifdef COHEIR_USE_ANCHOR
COHEIR_INLINE thread_state& on_this_thread() noexcept { return *coheir_anchor_1_thread(); }
COHEIR_INLINE process_state& in_this_process() noexcept { return *coheir_anchor_1_process(); }
#else
// Used: nothing reads the mark of a copy by its name.
[[gnu::used]] COHEIR_EXPORT inline constinit thread_local thread_state state_of_thread{COHEIR_FINDER_OF_FILE};
#if COHEIR_ASK_FOR_SPLITS
[[gnu::visibility("hidden")]] inline thread_state* find_state_of_thread() noexcept {
    return &state_of_thread;
}
/// Set when the file has been loaded: not before could the function find anything.
[[gnu::visibility("hidden")]] inline const bool finder_is_set =
    (finder_of_file.store(&find_state_of_thread, std::memory_order_release), true);
#endif
COHEIR_EXPORT inline constinit process_state state_of_process;
COHEIR_INLINE thread_state& on_this_thread() noexcept { return state_of_thread; }
COHEIR_INLINE process_state& in_this_process() noexcept { return state_of_process; }
#endif

}  // namespace coheir::detail
