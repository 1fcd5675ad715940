#pragma once
// The scopes that are open in a level, as the level knows them: a list, newest first.

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "../../detail/memory.hpp"

namespace coheir::context::detail {

/// A value that is set for the length of a block, linked into its level.
struct open_scope {
    std::string_view name;
    std::uint64_t hash = 0;
    open_scope* older = nullptr;
    bool is_carried = false;

    bool is_for(std::uint64_t key_hash, std::string_view key) const noexcept {
        return hash == key_hash && name == key;
    }
};

/// One in a context that goes on in copies, from call to call: each copy has one of these in place of the
/// scope, which ends in whichever copy its block goes on in. Owned by the level.
struct carried_scope : open_scope, coheir::detail::recycled {
    carried_scope(std::string_view key, std::uint64_t key_hash, const void* of, bool copy)
        : own_name(key), scope(of), is_copy(copy) {
        name = own_name;
        hash = key_hash;
        is_carried = true;
    }
    carried_scope(const carried_scope&) = delete;
    carried_scope& operator=(const carried_scope&) = delete;

    const std::string own_name;
    const void* const scope;
    const bool is_copy;  // of the one in the level where the scope was opened
};

/// Carried scopes on their way from a level to a copy of it.
class carried_scopes {
public:
    carried_scopes() = default;
    carried_scopes(carried_scopes&& other) noexcept : newest_(std::exchange(other.newest_, nullptr)) {}
    carried_scopes& operator=(carried_scopes&&) = delete;
    ~carried_scopes() { drop(newest_); }

    /// Throws std::bad_alloc.
    [[nodiscard]] static carried_scopes copied(const open_scope* from) {
        carried_scopes copy;
        for (open_scope** end = &copy.newest_; from; from = from->older) {
            if (!from->is_carried) continue;
            const auto& s = static_cast<const carried_scope&>(*from);
            *end = new carried_scope(s.name, s.hash, s.scope, true);
            end = &(*end)->older;
        }
        return copy;
    }
    [[nodiscard]] carried_scopes copied() const { return copied(newest_); }
    [[nodiscard]] bool empty() const noexcept { return !newest_; }
    [[nodiscard]] open_scope* release() noexcept { return std::exchange(newest_, nullptr); }

    static void drop(open_scope* all) noexcept {
        while (all) delete static_cast<carried_scope*>(std::exchange(all, all->older));
    }

private:
    open_scope* newest_ = nullptr;
};

}  // namespace coheir::context::detail
