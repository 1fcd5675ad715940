#pragma once
// The nodes that a map is made of.
//
// A leaf holds up to 16 boxes behind an index of 64 cells. The multiplier that places hashes in the
// index is chosen so that no two keys of the leaf meet: a look-up reads one cell and compares one
// key, and an empty cell proves that the key is absent. A full leaf becomes a branch over sixteen
// leaves. Keys whose 64 bits of hash are all the same share a crowd, sorted by name. Multipliers
// come from addresses, so that nobody outside can choose names that meet.

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

#include "../../detail/memory.hpp"
#include "value.hpp"

namespace coheir::context::detail {

enum class node_kind : std::uint8_t { leaf, branch, crowd };

/// What a root knows of the map, and nobody else needs.
struct root_info {
    std::uint32_t users = 0;    // the maps of one scheduler that have this root; 0 in other nodes
    std::uint32_t total = 0;    // boxes in all
    bool has_unfrozen = false;  // a value that the next copy freezes has been put in
    slot_bits flags = 0;        // of all values that have been put in
};

struct node {
    explicit node(node_kind k) noexcept : kind(k) {}
    bool unshared() const noexcept { return shares.load(std::memory_order_acquire) == 1; }

    std::atomic<std::uint32_t> shares{1};
    root_info whole;
    node_kind kind;
    std::uint32_t size = 0;        // boxes in a leaf or crowd
    std::uint32_t capacity = 0;    // of a leaf or crowd
    std::uint64_t multiplier = 0;  // see leaf and branch
};

// An odd multiplier that depends on an address: spread by the finaliser of SplitMix64 (Steele, Lea and
// Flood, 2014).
inline std::uint64_t multiplier_from(std::uint64_t seed) noexcept {
    seed += 0x9e3779b97f4a7c15;
    seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
    seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
    return (seed ^ (seed >> 31)) | 1;
}

struct leaf : node {
    static constexpr std::uint32_t most = 16;
    static constexpr unsigned cells = 64;
    static constexpr std::uint8_t empty = 0xff;

    explicit leaf(std::uint32_t boxes_at_most) noexcept : node(node_kind::leaf) {
        capacity = boxes_at_most;
        for (auto& cell : index) cell = empty;
    }
    static std::size_t bytes(std::uint32_t capacity) noexcept {
        return sizeof(leaf) + capacity * sizeof(box*);
    }
    box** boxes() noexcept { return reinterpret_cast<box**>(this + 1); }
    box* const* boxes() const noexcept { return reinterpret_cast<box* const*>(this + 1); }
    std::size_t cell_of(std::uint64_t hash) const noexcept {
        return static_cast<std::size_t>((hash * multiplier) >> 58);
    }

    /// Where a key's box is, or -1.
    int position(const key_name& key) const noexcept {
        const std::uint8_t at = index[cell_of(key.hash())];
        return at != empty && boxes()[at]->is_named(key) ? at : -1;
    }

    std::uint8_t index[cells];
};

struct branch : node {
    static constexpr unsigned width = 16;

    branch() noexcept : node(node_kind::branch) {}

    /// The way to a hash from the root, four bits a step: all branches of a tree have one multiplier, so that
    /// a step waits for the node alone. Different hashes part after sixteen steps at the latest; by a
    /// multiplier that nobody knows, few go the same way for long (Dietzfelbinger and others, 1997).
    static std::uint64_t path_of(std::uint64_t hash, std::uint64_t multiplier) noexcept {
        return hash * multiplier;
    }
    static std::size_t step(std::uint64_t path) noexcept { return static_cast<std::size_t>(path >> 60); }
    static std::uint64_t below(std::uint64_t path, unsigned steps = 1) noexcept { return path << 4 * steps; }

    node* children[width] = {};
};

struct crowd : node {
    explicit crowd(std::uint32_t boxes_at_most) noexcept : node(node_kind::crowd) {
        capacity = boxes_at_most;
    }
    static std::size_t bytes(std::uint32_t capacity) noexcept {
        return sizeof(crowd) + capacity * sizeof(box*);
    }
    box** boxes() noexcept { return reinterpret_cast<box**>(this + 1); }
    box* const* boxes() const noexcept { return reinterpret_cast<box* const*>(this + 1); }

    /// The first position whose name is not less than `name`.
    std::uint32_t lower_bound(std::string_view name) const noexcept {
        std::uint32_t first = 0, count = size;
        while (count > 0) {
            const std::uint32_t half = count / 2;
            if (boxes()[first + half]->key() < name)
                first += half + 1, count -= half + 1;
            else
                count = half;
        }
        return first;
    }
    int position(const key_name& key) const noexcept {
        const std::uint32_t at = lower_bound(key.text());
        return at < size && boxes()[at]->is_named(key) ? static_cast<int>(at) : -1;
    }
};

/// A number for the multiplier of a new node: nobody outside the process knows its addresses.
template <class Node>
void choose_multiplier(Node& n) noexcept {
    n.multiplier = multiplier_from(reinterpret_cast<std::uintptr_t>(&n) ^ n.multiplier);
}

inline leaf* make_leaf(std::uint32_t capacity) {
    leaf* const made = ::new (coheir::detail::allocate(leaf::bytes(capacity))) leaf(capacity);
    choose_multiplier(*made);
    return made;
}
/// With the multiplier of its tree; for a root, with one of its own.
inline branch* make_branch(std::uint64_t multiplier = 0) {
    branch* const made = ::new (coheir::detail::allocate(sizeof(branch))) branch;
    made->multiplier = multiplier;
    if (multiplier == 0) choose_multiplier(*made);
    return made;
}
inline crowd* make_crowd(std::uint32_t capacity) {
    return ::new (coheir::detail::allocate(crowd::bytes(capacity))) crowd(capacity);
}

inline void free_node(node* n) noexcept {
    switch (n->kind) {
        case node_kind::leaf: return coheir::detail::deallocate(n, leaf::bytes(n->capacity));
        case node_kind::branch: return coheir::detail::deallocate(n, sizeof(branch));
        case node_kind::crowd: return coheir::detail::deallocate(n, crowd::bytes(n->capacity));
    }
}

/// Calls f(box&) for each box below a node. The depth of a tree is logarithmic.
template <class F>
void for_each_box(const node* n, F&& f) {
    if (!n) return;
    if (n->kind == node_kind::branch) {
        for (const node* const child : static_cast<const branch*>(n)->children) for_each_box(child, f);
    } else {
        box* const* const boxes = n->kind == node_kind::leaf ? static_cast<const leaf*>(n)->boxes()
                                                             : static_cast<const crowd*>(n)->boxes();
        for (std::uint32_t i = 0; i < n->size; ++i) f(*boxes[i]);
    }
}

inline void share(node& n) noexcept { n.shares.fetch_add(1, std::memory_order_relaxed); }

/// Lets go of one share of a node, and of what is below if it was the last.
inline void release(node* n) noexcept {
    if (!n || n->shares.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (n->kind == node_kind::branch) {
        for (node* const child : static_cast<branch*>(n)->children) release(child);
    } else {
        for_each_box(n, [](box& b) { release(&b); });
    }
    free_node(n);
}

/// The box of a key below a node that is no branch, or the root of its tree; or null. Never throws, allocates
/// nothing.
inline box* find_below(const node* n, const key_name& key) noexcept {
    if (!n) return nullptr;
    std::uint64_t path = branch::path_of(key.hash(), n->multiplier);
    for (; n->kind == node_kind::branch; path = branch::below(path)) {
        n = static_cast<const branch*>(n)->children[branch::step(path)];
        if (!n) return nullptr;
    }
    if (n->kind == node_kind::leaf) {
        const auto* const l = static_cast<const leaf*>(n);
        const std::uint8_t at = l->index[l->cell_of(key.hash())];
        if (at == leaf::empty) return nullptr;
        box* const b = l->boxes()[at];
        return b->name == key.text().data() && key.is_static() ? b : b->is_named(key) ? b : nullptr;
    }
    const auto* const c = static_cast<const crowd*>(n);
    const int at = c->position(key);
    return at < 0 ? nullptr : c->boxes()[at];
}

// ---- changing nodes: all of these give a node that the caller alone reaches

/// A copy of a leaf or crowd with room for `capacity` boxes. Where the caller alone reaches the old one,
/// its boxes move and it is freed; otherwise the two share them.
template <class Node>
Node* regrown(Node* old, std::uint32_t capacity, Node* (*make)(std::uint32_t), bool alone) {
    Node* const grown = make(capacity);
    grown->size = old->size;
    if constexpr (std::is_same_v<Node, leaf>) {
        grown->multiplier = old->multiplier;
        for (unsigned i = 0; i < leaf::cells; ++i) grown->index[i] = old->index[i];
    }
    for (std::uint32_t i = 0; i < old->size; ++i) {
        grown->boxes()[i] = old->boxes()[i];
        if (!alone) share(*grown->boxes()[i]);
    }
    if (alone) free_node(old);
    return grown;
}

/// A copy of one node, with room for `capacity` boxes; see regrown.
inline node* regrown(node* old, std::uint32_t capacity, bool alone) {
    switch (old->kind) {
        case node_kind::leaf: return regrown(static_cast<leaf*>(old), capacity, &make_leaf, alone);
        case node_kind::crowd: return regrown(static_cast<crowd*>(old), capacity, &make_crowd, alone);
        case node_kind::branch: break;
    }
    branch* const copy = make_branch(old->multiplier);
    for (unsigned i = 0; i < branch::width; ++i) {
        copy->children[i] = static_cast<branch*>(old)->children[i];
        if (copy->children[i]) share(*copy->children[i]);
    }
    return copy;
}

/// Places every box of a leaf in its index, by its multiplier or another one. False if none was found
/// by which no two keys meet.
inline bool place_all(leaf& l) noexcept {
    constexpr int attempts = 64;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        for (auto& cell : l.index) cell = leaf::empty;
        std::uint32_t placed = 0;
        for (; placed < l.size; ++placed) {
            auto& cell = l.index[l.cell_of(l.boxes()[placed]->hash)];
            if (cell != leaf::empty) break;
            cell = static_cast<std::uint8_t>(placed);
        }
        if (placed == l.size) return true;
        choose_multiplier(l);
    }
    return false;
}

}  // namespace coheir::context::detail
