#pragma once
// The map of one level: keys to boxes, copied in constant time and changed copy-on-write.
//
// Nodes are shared between maps (and between threads, by snapshots) and changed in place only while
// one map alone reaches them. A root counts the maps of its scheduler in `users`, without atomics;
// together they are one of its `shares`. So copying a context takes no atomic operation.

#include <bit>
#include <cstdint>
#include <utility>

#include "node.hpp"
#include "value.hpp"

namespace coheir::context::detail {

/// Copyable in constant time; a copy is for the same scheduler.
class map {
public:
    map() = default;
    map(const map& other) noexcept : root_(other.root_) {
        if (root_) ++root_->whole.users;
    }
    map(map&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
    map& operator=(map other) noexcept {
        swap(other);
        return *this;
    }
    ~map() {
        if (root_ && --root_->whole.users == 0) release(root_);
    }
    void swap(map& other) noexcept { std::swap(root_, other.root_); }

    std::uint32_t size() const noexcept { return root_ ? root_->whole.total : 0; }
    bool empty() const noexcept { return size() == 0; }
    const node* root() const noexcept { return root_; }

    const box* find(const key_name& key) const noexcept { return root_ ? find_below(root_, key) : nullptr; }

    /// The box of a key if this map alone reaches it, so that it may be changed in place.
    box* find_exclusive(const key_name& key) noexcept;

    /// Puts a box in, and returns the one that it replaces. Throws std::bad_alloc; then nothing has
    /// changed and the caller still has the box.
    box_ref put(box_ref&& fresh);

    /// Takes the box of a key out. Throws std::bad_alloc; then nothing has changed.
    box_ref take(const key_name& key);

    template <class F>
    void for_each(F&& f) const {
        for_each_box(root_, std::forward<F>(f));
    }

    /// Whether a value was put in, since the last copy, that a copy freezes.
    bool has_unfrozen() const noexcept { return root_ && root_->whole.has_unfrozen; }
    void all_frozen() noexcept { root_->whole.has_unfrozen = false; }

    /// The flags of all values, and perhaps of some that were here before.
    slot_bits flags() const noexcept { return root_ ? root_->whole.flags : slot_bits{0}; }
    /// Of a map that alone has its root.
    void no_longer_local() noexcept {
        if (root_ && root_->whole.users == 1) root_->whole.flags &= static_cast<slot_bits>(~local_bit);
    }

private:
    friend class frozen_map;
    explicit map(node* root) noexcept : root_(root) {}

    static bool exclusive(const node& n) noexcept { return n.whole.users <= 1 && n.unshared(); }
    static node* own(node*& at, std::uint32_t capacity = 0);
    static box_ref put_in_leaf(node*& at, box_ref& fresh, bool& added);
    static box_ref put_in_crowd(node*& at, box_ref& fresh, bool& added);
    static void split(node*& at, std::uint64_t multiplier, unsigned depth);
    static box_ref take_below(node*& at, const key_name& key, std::uint64_t path);

    node* root_ = nullptr;
};

/// The same map for other threads: counted with atomics, and never changed.
class frozen_map {
public:
    frozen_map() = default;
    explicit frozen_map(const map& from) noexcept : root_(from.root_) {
        if (root_) share(*root_);
    }
    frozen_map(const frozen_map& other) noexcept : root_(other.root_) {
        if (root_) share(*root_);
    }
    frozen_map(frozen_map&& other) noexcept : root_(std::exchange(other.root_, nullptr)) {}
    frozen_map& operator=(frozen_map other) noexcept {
        std::swap(root_, other.root_);
        return *this;
    }
    ~frozen_map() { release(root_); }

    /// A map for another scheduler, which counts a root of its own. Throws std::bad_alloc.
    map thawed() const {
        if (!root_) return {};
        node* const copy = regrown(root_, root_->capacity, false);
        copy->whole = {1, root_->whole.total, false, root_->whole.flags};
        return map(copy);
    }

    std::uint32_t size() const noexcept { return root_ ? root_->whole.total : 0; }
    bool empty() const noexcept { return size() == 0; }
    const box* find(const key_name& key) const noexcept { return find_below(root_, key); }
    template <class F>
    void for_each(F&& f) const {
        for_each_box(root_, std::forward<F>(f));
    }

private:
    node* root_ = nullptr;
};

inline box* map::find_exclusive(const key_name& key) noexcept {
    if (!root_) return nullptr;
    std::uint64_t path = branch::path_of(key.hash(), root_->multiplier);
    for (node* n = root_; n && exclusive(*n);) {
        if (n->kind == node_kind::branch) {
            n = static_cast<branch*>(n)->children[branch::step(path)];
            path = branch::below(path);
            continue;
        }
        box* const found = find_below(n, key);
        return found && found->unshared() ? found : nullptr;
    }
    return nullptr;
}

/// Makes sure that the node at a place is reached from there alone, and has room for `capacity` boxes.
inline node* map::own(node*& at, std::uint32_t capacity) {
    node* const old = at;
    const bool alone = exclusive(*old);
    if (alone && old->capacity >= capacity) return old;
    const root_info was = old->whole;
    const bool is_root = was.users > 0;
    at = regrown(old, capacity > old->capacity ? capacity : old->capacity, alone);
    at->whole = {is_root, was.total, was.has_unfrozen, was.flags};
    if (!alone && (!is_root || --old->whole.users == 0)) release(old);
    return at;
}

inline box_ref map::put(box_ref&& fresh) {
    const std::uint64_t hash = fresh->hash;
    const bool uncopyable = fresh->type->clone == nullptr;
    const slot_bits flags = fresh->bits & all_flags;
    if (!root_) {
        root_ = make_leaf(4);
        root_->whole.users = 1;
    }
    bool added = false;
    box_ref replaced;
    unsigned depth = 0;
    std::uint64_t path = 0;
    for (node** at = &root_;;) {
        if (!*at) *at = make_leaf(4);
        if ((*at)->kind == node_kind::branch) {
            auto* const b = static_cast<branch*>(own(*at));
            if (depth++ == 0) path = branch::path_of(hash, b->multiplier);
            at = &b->children[branch::step(path)];
            path = branch::below(path);
            continue;
        }
        replaced =
            (*at)->kind == node_kind::leaf ? put_in_leaf(*at, fresh, added) : put_in_crowd(*at, fresh, added);
        if (!fresh) break;
        // There was no room; now there is, further below.
        split(*at, depth > 0 ? root_->multiplier : 0, depth);
    }
    root_->whole.total += added;
    root_->whole.has_unfrozen |= uncopyable;
    root_->whole.flags |= flags;
    return replaced;
}

/// Puts a box into the leaf at a place, or leaves `fresh` as it is if the leaf must be split.
inline box_ref map::put_in_leaf(node*& at, box_ref& fresh, bool& added) {
    auto* l = static_cast<leaf*>(at);
    const int found = l->position(fresh->key_as_name());
    if (found >= 0) {
        l = static_cast<leaf*>(own(at));
        return box_ref(std::exchange(l->boxes()[found], fresh.take()));
    }
    if (l->size == leaf::most) return {};
    l = static_cast<leaf*>(own(at, l->size < l->capacity ? 0 : l->capacity * 2));
    auto& cell = l->index[l->cell_of(fresh->hash)];
    l->boxes()[l->size++] = fresh.get();
    if (cell == leaf::empty) {
        cell = static_cast<std::uint8_t>(l->size - 1);
    } else {
        const std::uint64_t multiplier = l->multiplier;
        if (!place_all(*l)) {
            --l->size;
            l->multiplier = multiplier;
            place_all(*l);
            return {};
        }
    }
    fresh.take();
    added = true;
    return {};
}

inline box_ref map::put_in_crowd(node*& at, box_ref& fresh, bool& added) {
    auto* c = static_cast<crowd*>(at);
    if (c->size > 0 && c->boxes()[0]->hash != fresh->hash) return {};
    const int found = c->position(fresh->key_as_name());
    if (found >= 0) {
        c = static_cast<crowd*>(own(at));
        return box_ref(std::exchange(c->boxes()[found], fresh.take()));
    }
    c = static_cast<crowd*>(own(at, c->size < c->capacity ? 0 : c->capacity * 2));
    const std::uint32_t place = c->lower_bound(fresh->key());
    for (std::uint32_t i = c->size++; i > place; --i) c->boxes()[i] = c->boxes()[i - 1];
    c->boxes()[place] = fresh.take();
    added = true;
    return {};
}

/// Puts a branch above a leaf that is full, or a crowd that another hash has come to; a leaf whose
/// hashes are all the same becomes a crowd. The branch gets the multiplier of those above it, `depth` in
/// number; 0: there are none, and it chooses one.
inline void map::split(node*& at, std::uint64_t multiplier, unsigned depth) {
    own(at);
    const root_info was = at->whole;
    if (at->kind == node_kind::leaf) {
        auto* const l = static_cast<leaf*>(at);
        bool same = true;
        for (std::uint32_t i = 1; i < l->size; ++i) same &= l->boxes()[i]->hash == l->boxes()[0]->hash;
        if (same) {
            crowd* const c = make_crowd(2 * leaf::most);
            c->whole = was;
            for (std::uint32_t i = 0; i < l->size; ++i) {
                const std::uint32_t place = c->lower_bound(l->boxes()[i]->key());
                for (std::uint32_t j = c->size++; j > place; --j) c->boxes()[j] = c->boxes()[j - 1];
                c->boxes()[place] = l->boxes()[i];
            }
            free_node(l);
            at = c;
            return;
        }
    }
    branch* const above = make_branch(multiplier);
    const auto child_of = [&](const box& b) {
        return branch::step(branch::below(branch::path_of(b.hash, above->multiplier), depth));
    };
    if (at->kind == node_kind::crowd) {
        at->whole = {};
        above->children[child_of(*static_cast<crowd*>(at)->boxes()[0])] = at;
    } else {
        auto* const l = static_cast<leaf*>(at);
        std::uint32_t counts[branch::width] = {};
        for (std::uint32_t i = 0; i < l->size; ++i) ++counts[child_of(*l->boxes()[i])];
        try {
            for (unsigned i = 0; i < branch::width; ++i)
                if (counts[i] > 0)
                    above->children[i] = make_leaf(std::bit_ceil(counts[i] < 4 ? 4 : counts[i]));
        } catch (...) {
            for (node* const child : above->children)
                if (child) free_node(child);
            free_node(above);
            throw;
        }
        for (std::uint32_t i = 0; i < l->size; ++i) {
            auto* const child = static_cast<leaf*>(above->children[child_of(*l->boxes()[i])]);
            child->boxes()[child->size++] = l->boxes()[i];
        }
        // A subset of keys that did not meet does not meet either, by the same multiplier.
        for (node* const child : above->children)
            if (child) {
                child->multiplier = l->multiplier;
                place_all(*static_cast<leaf*>(child));
            }
        free_node(l);
    }
    above->whole = was;
    at = above;
}

inline box_ref map::take(const key_name& key) {
    if (!find(key)) return {};
    box_ref taken = take_below(root_, key, branch::path_of(key.hash(), root_->multiplier));
    if (root_) --root_->whole.total;
    return taken;
}

/// Takes out a box that is there. Nodes that become empty are freed.
inline box_ref map::take_below(node*& at, const key_name& key, std::uint64_t path) {
    own(at);
    box_ref taken;
    bool empty = true;
    switch (at->kind) {
        case node_kind::branch: {
            auto* const b = static_cast<branch*>(at);
            node*& child = b->children[branch::step(path)];
            taken = take_below(child, key, branch::below(path));
            for (const node* const left : b->children) empty &= left == nullptr;
            break;
        }
        case node_kind::leaf: {
            auto* const l = static_cast<leaf*>(at);
            const auto cell = l->cell_of(key.hash());
            const std::uint8_t hole = l->index[cell];
            taken = box_ref(l->boxes()[hole]);
            l->index[cell] = leaf::empty;
            if (box* const last = l->boxes()[--l->size]; last != taken.get()) {
                l->boxes()[hole] = last;
                l->index[l->cell_of(last->hash)] = hole;
            }
            empty = l->size == 0;
            break;
        }
        case node_kind::crowd: {
            auto* const c = static_cast<crowd*>(at);
            const auto hole = static_cast<std::uint32_t>(c->position(key));
            taken = box_ref(c->boxes()[hole]);
            --c->size;
            for (std::uint32_t i = hole; i < c->size; ++i) c->boxes()[i] = c->boxes()[i + 1];
            empty = c->size == 0;
            break;
        }
    }
    if (empty) {
        free_node(at);
        at = nullptr;
    }
    return taken;
}

}  // namespace coheir::context::detail
