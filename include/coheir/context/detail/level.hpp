#pragma once
// Levels: the maps that contexts are made of, chained onto each other, merged when nobody can tell.
//
// A context is a level and the levels below it. A level is owned by those who can write it as their own
// (tasks, handles, children of policies) and held by the levels that are chained onto it. All levels
// that are linked belong to one scheduler, so nothing here is atomic. Every loop is one: chains can be
// as long as a user makes them.

#include <cstdint>
#include <new>
#include <optional>
#include <utility>

#include "../../detail/memory.hpp"
#include "../../error.hpp"
#include "map.hpp"
#include "open_scope.hpp"
#include "resolved.hpp"

namespace coheir::context::detail {

/// Off only in tests that show that merging cannot be observed.
inline constinit bool merging = true;

struct level;

/// What only a level has that is chained to others, or has open scopes.
struct kinship : coheir::detail::recycled {
    kinship() = default;
    /// In a linked_level.
    explicit kinship(const family_ref& of) noexcept : in_level(true), family(of) {}
    kinship(const kinship&) = delete;
    kinship& operator=(const kinship&) = delete;
    COHEIR_INLINE ~kinship() {
        if (inherited || scopes) [[unlikely]]
            drop_rare();
    }

    level* parent = nullptr;
    std::uintptr_t children_sum = 0;  // the addresses of the children, xor-ed: with one child, the child
    std::uint32_t children = 0;       // levels chained onto this one
    bool looked_far = false;
    bool in_any_order = false;  // scopes may end so: the frames that have them are all being destroyed
    const bool in_level = false;
    resolved* inherited = nullptr;  // made by the second look-up that goes far down
    family_ref family;              // of all levels that are linked
    open_scope* scopes = nullptr;   // newest first

private:
    COHEIR_COLD void drop_rare() noexcept {
        delete inherited;
        carried_scopes::drop(scopes);  // the others own the level
    }
};

struct level : coheir::detail::recycled {
    level() = default;
    explicit level(map values) noexcept : own(std::move(values)) {}
    level(const level&) = delete;
    level& operator=(const level&) = delete;
    COHEIR_INLINE ~level() { drop_kin(); }

    /// Once it is chained to none and no scope of its owner is open. One in the level's own block stays.
    COHEIR_INLINE void drop_kin() noexcept {
        if (kin && !kin->in_level) delete std::exchange(kin, nullptr);
    }

    level* parent() const noexcept { return kin ? kin->parent : nullptr; }
    std::uint32_t children() const noexcept { return kin ? kin->children : 0; }
    level& only_child() const noexcept { return *reinterpret_cast<level*>(kin->children_sum); }

    /// Say so whenever a key of this level has come, gone, or got another box.
    void changed() noexcept {
        if (children() > 0) {
            kin->family->changed();
            kin->family->flags |= own.flags();
        }
    }

    map own;
    kinship* kin = nullptr;
    std::uint32_t owners = 0;
    std::uint32_t updates = 0;  // calls of update that are at work on a value of this context
};

/// One that was chained onto another from the start, in one block of memory.
struct linked_level final : level {
    explicit linked_level(const family_ref& of) noexcept : links(of) { kin = &links; }
    ~linked_level() { kin = nullptr; }

    kinship links;
};

COHEIR_INLINE void destroy(level* l) noexcept {
    if (l->kin && l->kin->in_level)
        delete static_cast<linked_level*>(l);
    else
        delete l;
}

inline void settle(level* at) noexcept;

/// One owner of a level.
class level_ref {
public:
    level_ref() = default;
    explicit level_ref(level* of) noexcept : level_(of) {
        if (level_) ++level_->owners;
    }
    level_ref(const level_ref& other) noexcept : level_ref(other.level_) {}
    level_ref(level_ref&& other) noexcept : level_(std::exchange(other.level_, nullptr)) {}
    level_ref& operator=(level_ref other) noexcept {
        std::swap(level_, other.level_);
        return *this;
    }
    /// Takes the place of none, about which nobody needs to ask.
    COHEIR_INLINE void fill(level_ref&& from) noexcept { level_ = std::exchange(from.level_, nullptr); }
    ~level_ref() {
        if (level_ && --level_->owners == 0) settle(level_);
    }

    level* get() const noexcept { return level_; }
    level* operator->() const noexcept { return level_; }
    level& operator*() const noexcept { return *level_; }
    explicit operator bool() const noexcept { return level_ != nullptr; }

private:
    level* level_ = nullptr;
};

/// Counts a level that is chained onto another, or no longer.
inline void add_child(level& lower, level& upper) noexcept {
    ++lower.kin->children;
    lower.kin->children_sum ^= reinterpret_cast<std::uintptr_t>(&upper);
}
inline void remove_child(level& lower, level& upper) noexcept {
    --lower.kin->children;
    lower.kin->children_sum ^= reinterpret_cast<std::uintptr_t>(&upper);
}

/// A new, empty level on top of another, or of none. Throws std::bad_alloc.
inline level_ref chained_onto(level* lower) {
    if (!lower) return level_ref(new level);
    if (!lower->kin) lower->kin = new kinship;
    family_ref& family = lower->kin->family;
    if (!family) family = family_ref::make();
    level_ref made(new linked_level(family));
    family->flags |= lower->own.flags();
    made->kin->parent = lower;
    add_child(*lower, *made);
    return made;
}

/// What a level that is not one's own gives for a key, or null: local values are not inherited.
inline const box* find_inherited(const level& in, const key_name& key) noexcept {
    const box* const found = in.own.find(key);
    return found && !(found->bits & local_bit) ? found : nullptr;
}

/// What these levels, none one's own, show for a key, or null: found by walking down level by level.
inline const box* walk(const level* from, const key_name& key) noexcept {
    for (; from; from = from->parent())
        if (const box* const found = find_inherited(*from, key)) return found;
    return nullptr;
}

/// The same, but what was found far down is remembered. Never throws.
inline const box* find_visible(const level* from, const key_name& key) noexcept {
    if (!from) return nullptr;
    if (const box* const found = from->own.find(key)) return found;
    if (!from->kin || !from->kin->parent) return nullptr;
    kinship& kin = *from->kin;
    if (const box* const found = find_inherited(*kin.parent, key)) return found;
    const level* const further = kin.parent->kin->parent;
    if (!further) return nullptr;
    if (!kin.inherited) {
        if (std::exchange(kin.looked_far, true)) kin.inherited = resolved::make();
        if (!kin.inherited) return walk(further, key);
    }
    const box* found;
    const auto answer = kin.inherited->find(key, kin.family->version(), found);
    if (answer == resolved::answer::known) return found;
    found = walk(further, key);
    if (answer == resolved::answer::unknown) kin.inherited->remember(key, found);
    return found;
}

/// Calls f(const box&) for each key that a context shows. Quadratic in the number of levels that hold
/// keys, at worst: a key of a lower level is looked for in those above.
template <class F>
void for_each_visible(const level* context, F&& f) {
    for (const level* l = context; l; l = l->parent())
        l->own.for_each([&](const box& b) {
            if (l != context && b.bits & local_bit) return;
            const key_name key = b.key_as_name();
            if (l != context && context->own.find(key)) return;
            const level* above = l == context ? l : context->parent();
            while (above != l && !find_inherited(*above, key)) above = above->parent();
            if (above == l) f(b);
        });
}

[[noreturn]] COHEIR_COLD inline void refuse_busy(const char* what) { throw context_busy(what); }
COHEIR_INLINE void require_idle(const level& l, const char* what) {
    if (l.updates > 0) [[unlikely]]
        refuse_busy(what);
}

/// What others than the owner of a level get of it: all but local values. Throws std::bad_alloc.
inline map inheritable(const map& own) {
    map kept = own;
    if (!(own.flags() & local_bit)) [[likely]]
        return kept;
    own.for_each([&](const box& b) {
        if (b.bits & local_bit) kept.take(b.key_as_name());
    });
    kept.no_longer_local();
    return kept;
}

// ---- merging and the end of levels

/// Makes one level of two neighbours that nobody owns; entries of the upper one win. False, and nothing
/// that anybody can see has changed, when there is no memory for it. The lower one is left unlinked.
/// Destructors of values that are dropped wait for `deferred` to end.
inline bool merge(level& upper, level& lower, std::optional<deaths_deferred>& deferred) noexcept {
    if (!merging) return false;
    if (!deferred) deferred.emplace();
    try {
        if (upper.kin->family->flags & local_bit) {
            upper.own = inheritable(upper.own);
            lower.own = inheritable(lower.own);
        }
        if (upper.own.size() <= lower.own.size()) {
            upper.own.for_each([&](box& b) { lower.own.put(box_ref::shared(b)); });
            upper.own.swap(lower.own);
        } else {
            lower.own.for_each([&](box& b) {
                if (!upper.own.find(b.key_as_name())) upper.own.put(box_ref::shared(b));
            });
        }
    } catch (const std::bad_alloc&) {
        return false;  // entries that came across already are shown by both, alike
    }
    level* const below = upper.kin->parent = lower.kin->parent;
    if (below) {
        remove_child(*below, lower);
        add_child(*below, upper);
    }
    return true;
}

/// What settle does where levels are linked.
COHEIR_NOINLINE inline void settle_linked(level* at) noexcept {
    std::optional<deaths_deferred> deferred;
    level* dead = nullptr;
    const auto bury = [&](level& l) { l.kin->parent = std::exchange(dead, &l); };
    while (at && at->owners == 0) {
        level* const lower = at->kin->parent;
        if (at->kin->children == 0) {
            if (lower) remove_child(*lower, *at);
            bury(*at);
            at = lower;
        } else if (at->kin->children == 1 && at->only_child().owners == 0 &&
                   merge(at->only_child(), *at, deferred)) {
            level& upper = at->only_child();
            bury(*at);
            at = &upper;
        } else if (lower && lower->owners == 0 && lower->kin->children == 1 && merge(*at, *lower, deferred)) {
            bury(*lower);
        } else {
            break;
        }
    }
    while (dead) destroy(std::exchange(dead, dead->kin->parent));
}

/// Frees levels that nobody owns and nothing is chained onto, and merges levels that nobody owns, after
/// `at` has lost an owner or a child. Values are destroyed last: their destructors find all in order.
inline void settle(level* at) noexcept {
    if (!at->kin) return delete at;  // it stood alone
    // As a rule it ends as it began, chained onto a level that somebody owns: there is nobody to merge with.
    level* const parent = at->kin->parent;
    if (at->kin->children > 0 || !parent || parent->owners == 0) return settle_linked(at);
    remove_child(*parent, *at);
    destroy(at);
}

// ---- copies

/// Freezes the values that cannot be copied in all levels of which a copy is made, also where another covers
/// them. Once there is a copy, and before that is anybody else's.
inline void freeze_uncopyable(level& context) noexcept {
    for (level* l = &context; l; l = l->parent()) {
        if (!l->own.has_unfrozen()) continue;
        l->own.for_each([](box& b) {
            if (!b.type->clone && !b.frozen_by_copy && !(b.bits & local_bit)) b.frozen_by_copy = true;
        });
        l->own.all_frozen();
    }
}

/// All that a level and those below it show, as one map. The largest map is shared, the others are
/// put on top of it or below it. Throws std::bad_alloc.
inline map flattened(const level* top) {
    if (!top) return {};
    const auto put_missing = [](map& into, const map& from) {
        from.for_each([&](box& b) {
            if (!(b.bits & local_bit) && !into.find(b.key_as_name())) into.put(box_ref::shared(b));
        });
    };
    const level* largest = top;
    slot_bits flags = 0;
    for (const level* l = top; l; l = l->parent()) {
        if (l->own.size() > largest->own.size()) largest = l;
        flags |= l->own.flags();
    }
    if (flags & local_bit) {
        map all;
        for (const level* l = top; l; l = l->parent()) put_missing(all, l->own);
        return all;
    }
    map above;
    for (const level* l = top; l != largest; l = l->parent()) put_missing(above, l->own);
    map all = largest->own;
    above.for_each([&](box& b) { all.put(box_ref::shared(b)); });
    for (const level* l = largest->parent(); l; l = l->parent()) put_missing(all, l->own);
    return all;
}

/// What a copy or a snapshot of a context is made of. Throws context_busy and std::bad_alloc.
struct parts {
    map own;    // its own level
    map below;  // all that it inherits
};
inline parts parts_of(const level& context, const char* what) {
    for (const level* l = &context; l; l = l->parent()) require_idle(*l, what);
    return {inheritable(context.own), flattened(context.parent())};
}

/// A context of two levels: an owned one, and below it, if it shows anything, one that nobody owns.
inline level_ref stacked(map own, map below) {
    if (below.empty()) return level_ref(new level(std::move(own)));
    const level_ref lower(new level(std::move(below)));
    level_ref made = chained_onto(lower.get());
    made->own = std::move(own);
    return made;
}

/// See copied; but who copies has still to freeze what cannot be copied, or let go of the copy.
COHEIR_INLINE level_ref copied_unfrozen(const level& from, const char* what) {
    if (!from.kin) [[likely]] {
        require_idle(from, what);
        return level_ref(new level(inheritable(from.own)));
    }
    parts made = parts_of(from, what);
    return stacked(std::move(made.own), std::move(made.below));
}

/// A deep copy of a context, which keeps its own level apart from those below: clearing the copy
/// uncovers them. Values are shared until somebody updates one. Takes constant time where the context
/// has one level. Throws std::bad_alloc and context_busy; then nothing has been frozen.
inline level_ref copied(level& from, const char* what) {
    level_ref copy = copied_unfrozen(from, what);
    freeze_uncopyable(from);
    return copy;
}

}  // namespace coheir::context::detail
