#pragma once
// Where no context is current: whether one is in a copy of this thread's state that another file has to
// itself.
//
// An executable and the plug-ins that it loads may fail to see each other's symbols. Each then has a copy of
// thread_state, and what is current in one is not in the other. Copies are found by their marks, in the
// thread-local data of the files that are loaded.

#include "globals.hpp"

#if COHEIR_FIND_SPLITS
#include <link.h>

#include <cstddef>
#include <cstring>
#include <string>

#include "fatal.hpp"
#endif

namespace coheir::detail {

#if COHEIR_FIND_SPLITS

/// After so many loads and unloads of files there was no other copy; one for each file, so that it can tell
/// which one it is in.
[[gnu::visibility("hidden")]] inline constinit std::atomic<unsigned long long> alone_after{0};

/// Looks for a copy of this thread in which a context is current.
class search_for_split {
public:
    explicit search_for_split(const thread_state& mine) noexcept : mine_(mine) {
        if (dl_iterate_phdr(&look_into, this) == go_on && !other_)
            alone_after.store(loads_, std::memory_order_relaxed);
    }
    bool has_found() const noexcept { return file_ != nullptr; }

    [[noreturn]] void end_program() const {
        const char* here = "?";
        dl_iterate_phdr(&name_if_here, static_cast<void*>(&here));
        const std::string message =
            std::string("no context is current in ") + here + ", but one is in " + file_ +
            ": each has a copy of the variable by which it is found. Link the executable with -rdynamic "
            "(in CMake ENABLE_EXPORTS), or if that does not include coheir, open plug-ins with RTLD_GLOBAL, "
            "or use coheir/anchor.hpp";
        fatal(message.c_str());
    }

private:
    using program_header = ElfW(Phdr);
    static constexpr int go_on = 0, stop = 1;

    // The loader holds a lock meanwhile, so that no file is unloaded. Nothing here takes another one, but the
    // first use of what a file has for this thread: that of the loader for such data, and that of malloc.
    static int look_into(dl_phdr_info* file, std::size_t, void* self) noexcept {
        auto& s = *static_cast<search_for_split*>(self);
        if (s.loads_ == 0) {
            s.loads_ = file->dlpi_adds + file->dlpi_subs + 1;
            if (alone_after.load(std::memory_order_relaxed) == s.loads_) return stop;
        }
        if (file->dlpi_tls_modid == 0) return go_on;
        for (int i = 0; i < file->dlpi_phnum; ++i)
            if (file->dlpi_phdr[i].p_type == PT_TLS) return s.look_into(*file, file->dlpi_phdr[i]);
        return go_on;
    }

    /// The marks are looked for in what the thread-local data of all threads are copied from.
    int look_into(const dl_phdr_info& file, const program_header& data) noexcept {
        const auto* const image = reinterpret_cast<const char*>(file.dlpi_addr + data.p_vaddr);
        for (std::size_t at = 0; at + sizeof(thread_state) <= data.p_filesz; at += alignof(thread_state)) {
            if (std::memcmp(image + at + offsetof(thread_state, mark), thread_state::mark_of_this_layout,
                            sizeof(thread_state::mark)) != 0)
                continue;
            const auto* const here = static_cast<const char*>(file.dlpi_tls_data);
            const auto* copy = here ? reinterpret_cast<const thread_state*>(here + at) : nullptr;
#if COHEIR_ASK_FOR_SPLITS
            if (!copy) copy = ask(file, reinterpret_cast<const thread_state*>(image + at)->find);
#endif
            if (copy != &mine_) other_ = true;
            // Mine counts, too: where some define COHEIR_USE_ANCHOR and others do not, another one was read.
            if (!copy || !copy->slot.current) continue;
            file_ = name_of(file);
            return stop;
        }
        return go_on;
    }

    /// What a file says of its copy. While it is being loaded, it points to nothing of its own, and then to
    /// nothing.
    static const thread_state* ask(const dl_phdr_info& file, const thread_state::finder* find) noexcept {
        if (!is_in(file, find)) return nullptr;
        const auto found = find->load(std::memory_order_acquire);
        return found ? found() : nullptr;
    }

    static int name_if_here(dl_phdr_info* file, std::size_t, void* name) noexcept {
        if (!is_in(*file, &alone_after)) return go_on;
        *static_cast<const char**>(name) = name_of(*file);
        return stop;
    }
    static bool is_in(const dl_phdr_info& file, const void* what) noexcept {
        const auto at = reinterpret_cast<ElfW(Addr)>(what) - file.dlpi_addr;
        for (int i = 0; i < file.dlpi_phnum; ++i) {
            const program_header& part = file.dlpi_phdr[i];
            if (part.p_type == PT_LOAD && at - part.p_vaddr < part.p_memsz) return true;
        }
        return false;
    }
    static const char* name_of(const dl_phdr_info& file) noexcept {
        return *file.dlpi_name ? file.dlpi_name : "the executable";
    }

    const thread_state& mine_;
    unsigned long long loads_ = 0;
    bool other_ = false;
    const char* file_ = nullptr;  // on the stack of this thread, so it stays loaded
};

/// To be called where no context is current: ends the program, with a message, if one is in another copy.
COHEIR_COLD inline void require_no_split() noexcept {
    if (const search_for_split other(on_this_thread()); other.has_found()) other.end_program();
}

#else

inline void require_no_split() noexcept {}

#endif

}  // namespace coheir::detail
