#pragma once
// The scopes that are open in a level, as the level knows them: a list, newest first.

#include <atomic>
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

/// What a scope shares with all that stands for it in contexts that go on in copies, on any thread.
class carried_scope_state : public coheir::detail::recycled {
public:
    explicit carried_scope_state(std::string_view key) : name(key) {}

    class ref {
    public:
        ref() = default;
        explicit ref(carried_scope_state* of) noexcept : of_(of) {}
        ref(const ref& other) noexcept : of_(other.of_) {
            if (of_) of_->refs_.fetch_add(1, std::memory_order_relaxed);
        }
        ref& operator=(ref other) noexcept {
            std::swap(of_, other.of_);
            return *this;
        }
        ~ref() {
            if (of_ && of_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of_;
        }
        carried_scope_state* operator->() const noexcept { return of_; }
        explicit operator bool() const noexcept { return of_ != nullptr; }
        friend bool operator==(const ref& a, const ref& b) noexcept { return a.of_ == b.of_; }

    private:
        carried_scope_state* of_ = nullptr;
    };

    const std::string name;
    std::atomic<bool> has_ended{false};

private:
    std::atomic<std::uint32_t> refs_{1};
};

/// One in a context that goes on in copies, from call to call: each copy has one of these in place of the
/// scope, which ends in whichever copy its block goes on in. Owned by the level.
struct carried_scope : open_scope, coheir::detail::recycled {
    carried_scope(const carried_scope_state::ref& of, std::uint64_t key_hash, bool copy) noexcept
        : state(of), is_copy(copy) {
        name = state->name;
        hash = key_hash;
        is_carried = true;
    }
    carried_scope(const carried_scope&) = delete;
    carried_scope& operator=(const carried_scope&) = delete;

    const carried_scope_state::ref state;
    const bool is_copy;  // of the one in the level where the scope was opened
    mutable bool was_copied = false;
};

/// Whether it is but left over: the scope has ended in another copy.
inline bool has_ended(const open_scope& s) noexcept {
    return s.is_carried &&
           static_cast<const carried_scope&>(s).state->has_ended.load(std::memory_order_relaxed);
}

/// Carried scopes on their way from a level to a copy of it.
class carried_scopes {
public:
    carried_scopes() = default;
    carried_scopes(carried_scopes&& other) noexcept : newest_(std::exchange(other.newest_, nullptr)) {}
    carried_scopes& operator=(carried_scopes&&) = delete;
    ~carried_scopes() { drop(newest_); }

    /// Of those that have not ended. Throws std::bad_alloc.
    [[nodiscard]] static carried_scopes copied(const open_scope* from) {
        carried_scopes copy;
        for (open_scope** end = &copy.newest_; from; from = from->older) {
            if (!from->is_carried || has_ended(*from)) continue;
            const auto& s = static_cast<const carried_scope&>(*from);
            *end = new carried_scope(s.state, s.hash, true);
            end = &(*end)->older;
            s.was_copied = true;
        }
        return copy;
    }
    [[nodiscard]] carried_scopes copied() const { return copied(newest_); }
    [[nodiscard]] bool empty() const noexcept { return !newest_; }
    [[nodiscard]] open_scope* release() noexcept { return std::exchange(newest_, nullptr); }

    static void drop(open_scope* all) noexcept {
        while (all) delete static_cast<carried_scope*>(std::exchange(all, all->older));
    }
    /// Without those that are left over.
    static void tidy(open_scope*& all) noexcept {
        for (open_scope** at = &all; *at;)
            if (has_ended(**at))
                delete static_cast<carried_scope*>(std::exchange(*at, (*at)->older));
            else
                at = &(*at)->older;
    }

private:
    open_scope* newest_ = nullptr;
};

}  // namespace coheir::context::detail
