#pragma once
// The box of one value: its type, its key, where it was set, and how many contexts share it.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <source_location>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../../detail/memory.hpp"
#include "../../detail/type_identity.hpp"
#include "../../detail/type_name.hpp"
#include "key_name.hpp"
#include "show.hpp"

namespace coheir::context::detail {

struct box;

/// What can be done with a value whose type is known at run time only.
struct value_type {
    std::string_view name;
    coheir::detail::identity id;     // tells the type also where another shared library describes it
    bool quiet;                      // destroying it runs no code of the user's
    box* (*clone)(const box&);       // null where the type cannot be copied
    void (*destroy)(box&) noexcept;  // the value, and the box's memory
    void (*show)(const box&, std::ostream&) = nullptr;  // null where only the type is shown
};

/// Where a change was made, and by which task (0: by none).
struct provenance {
    std::source_location where;
    std::uint64_t task = 0;
};

/// A value as contexts hold it. The count is atomic since snapshots carry boxes to other threads; what
/// else it says is changed only while one context alone can reach it.
struct box {
    box(const key_name& key, const value_type& of, const provenance& made) noexcept
        : type(&of), hash(key.hash()), set(made), name_size(static_cast<std::uint32_t>(key.text().size())),
          name(key.text().data()), name_is_static(key.is_static()) {
        take_flags_of(key);
    }
    box(const box&) = delete;
    box& operator=(const box&) = delete;

    /// Before others can reach it.
    void take_flags_of(const key_name& key) noexcept {
        bits = key.bits() & frozen_bit ? key.bits() & static_cast<slot_bits>(~open_bit) : key.bits();
    }

    std::string_view key() const noexcept { return {name, name_size}; }
    key_name key_as_name() const noexcept { return {key(), hash, name_is_static, bits}; }
    bool is_named(const key_name& other) const noexcept {
        return hash == other.hash() && key() == other.text();
    }

    // Whether one owner alone holds the box; what others did with it before they let go has happened.
    bool unshared() const noexcept { return shares.load(std::memory_order_acquire) == 1; }

    const value_type* type;
    std::uint64_t hash;
    provenance set;
    std::atomic<std::uint32_t> shares{1};
    std::uint32_t name_size;
    const char* name;  // static, or kept behind the value
    bool name_is_static;
    slot_bits bits;               // its flags
    bool frozen_by_copy = false;  // cannot be copied, and a copy of its context has been made
};

template <class T>
struct box_of : box {
    static_assert(std::is_nothrow_destructible_v<T>,
                  "coheir::context: the destructor of a value must not throw: contexts go where nobody could "
                  "be told");

    template <class... Args>
    box_of(const key_name& key, const value_type& of, const provenance& made, Args&&... args)
        : box(key, of, made), value(std::forward<Args>(args)...) {}
    T value;
};

/// Whether a T can be copied. Standard containers and pairs say so
/// whatever they hold, so their elements are asked.
template <class T>
constexpr bool is_copyable() noexcept {
    if constexpr (!std::is_copy_constructible_v<T>)
        return false;
    else if constexpr (requires {
                           typename T::value_type;
                           typename T::allocator_type;
                       })
        return std::is_same_v<T, typename T::value_type> || is_copyable<typename T::value_type>();
    else if constexpr (requires {
                           typename T::first_type;
                           typename T::second_type;
                       })
        return is_copyable<std::remove_const_t<typename T::first_type>>() &&
               is_copyable<typename T::second_type>();
    else
        return true;
}

/// Values that are overwritten in place: no code of the user's runs when they are assigned.
template <class T>
inline constexpr bool assigned_in_place = (std::is_trivially_copyable_v<T> && std::is_copy_assignable_v<T> &&
                                           std::is_copy_constructible_v<T>) ||
                                          std::is_same_v<T, std::string>;

/// Values that such a T is assigned from without running code of the user's.
template <class T, class V>
inline constexpr bool is_plain_source = std::is_same_v<std::remove_cvref_t<V>, T> ||
                                        (std::is_arithmetic_v<T> &&
                                         std::is_arithmetic_v<std::remove_cvref_t<V>>) ||
                                        (std::is_same_v<T, std::string> &&
                                         std::is_same_v<stored_t<V>, std::string>);

/// Making a T of such a value runs no code of the user's.
template <class T, class V>
inline constexpr bool is_made_quietly = std::is_trivially_constructible_v<T, V> ||
                                        (std::is_same_v<T, std::string> &&
                                         std::is_same_v<stored_t<V>, std::string>);

inline constexpr std::size_t alignment_of_new = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

inline void* allocate_box(std::size_t size, std::size_t alignment) {
    if (alignment > alignment_of_new) return ::operator new (size, std::align_val_t{alignment});
    return coheir::detail::allocate(size);
}
inline void deallocate_box(void* memory, std::size_t size, std::size_t alignment) noexcept {
    if (alignment > alignment_of_new) return ::operator delete (memory, std::align_val_t{alignment});
    coheir::detail::deallocate(memory, size);
}

// A name that is not static is copied behind the value; one zero longer for debuggers.
template <class T>
std::size_t box_size(std::size_t name_size, bool name_is_static) noexcept {
    return sizeof(box_of<T>) + (name_is_static ? 0 : name_size + 1);
}

template <class T>
COHEIR_INLINE const value_type& value_type_of() noexcept;

/// Makes a box. Throws std::bad_alloc, and what making the T throws.
template <class T, class... Args>
box_of<T>* make_box(const key_name& key, const provenance& made, Args&&... args) {
    const std::string_view name = key.text();
    const std::size_t size = box_size<T>(name.size(), key.is_static());
    void* const memory = allocate_box(size, alignof(box_of<T>));
    const char* kept = name.data();
    if (!key.is_static()) {  // copied first: the value may be made of the text that is the name
        char* const copy = static_cast<char*>(memory) + sizeof(box_of<T>);
        std::memcpy(copy, name.data(), name.size());
        copy[name.size()] = '\0';
        kept = copy;
    }
    try {
        return ::new (memory)
            box_of<T>(key_name({kept, name.size()}, key.hash(), key.is_static(), key.bits()),
                      value_type_of<T>(), made, std::forward<Args>(args)...);
    } catch (...) {
        deallocate_box(memory, size, alignof(box_of<T>));
        throw;
    }
}

template <class T>
void destroy_box_of(box& erased) noexcept {
    auto& dying = static_cast<box_of<T>&>(erased);
    const std::size_t size = box_size<T>(dying.name_size, dying.name_is_static);
    dying.~box_of<T>();
    detail::deallocate_box(&dying, size, alignof(box_of<T>));
}

template <class T>
box* clone_box_of(const box& erased) {
    return detail::make_box<T>(erased.key_as_name(), erased.set, static_cast<const box_of<T>&>(erased).value);
}

template <class T>
void show_box_of(const box& erased, std::ostream& out) {
    detail::show<T>(static_cast<const box_of<T>&>(erased).value, out);
}

template <class T>
constexpr value_type describe() noexcept {
    value_type type{coheir::detail::type_name<T>(), coheir::detail::type_identity<T>(),
                    std::is_trivially_destructible_v<T> || std::is_same_v<T, std::string>, nullptr,
                    &destroy_box_of<T>};
    if constexpr (is_copyable<T>()) type.clone = &clone_box_of<T>;
    if constexpr (is_shown<T>) type.show = &show_box_of<T>;
    return type;
}

template <class T>
COHEIR_EXPORT inline constexpr value_type value_type_constant = describe<T>();

template <class T>
COHEIR_INLINE const value_type& value_type_of() noexcept {
    return value_type_constant<T>;
}

/// Whether a box holds a T, by the address of the type's description alone: false may be wrong.
template <class T>
COHEIR_INLINE bool surely_holds(const box& b) noexcept {
    return b.type == &value_type_of<T>();
}

/// Whether a box holds a T: by the address of the type's description; on a miss by what is the same in all
/// shared libraries.
template <class T>
COHEIR_INLINE bool holds(const box& b) noexcept {
    return surely_holds<T>(b) || coheir::detail::same_type(b.type->id, value_type_of<T>().id);
}

template <class T>
COHEIR_INLINE const T& value_in(const box& b) noexcept {
    return static_cast<const box_of<T>&>(b).value;
}
template <class T>
COHEIR_INLINE T& value_in(box& b) noexcept {
    return static_cast<box_of<T>&>(b).value;
}

inline void share(box& b) noexcept { b.shares.fetch_add(1, std::memory_order_relaxed); }

// A value's destructor can drop the last snapshot of a context, which destroys values, which … : the
// boxes that come to die meanwhile wait here until the first one is done.
struct dying_boxes {
    box* next = nullptr;
    bool active = false;
};
COHEIR_EXPORT inline constinit thread_local dying_boxes dying;

/// While it lives, the destructors of values wait.
class deaths_deferred {
public:
    COHEIR_NOINLINE deaths_deferred() noexcept : outermost_(!std::exchange(dying.active, true)) {}
    COHEIR_NOINLINE ~deaths_deferred() {
        if (!outermost_) return;
        dying_boxes& mine = dying;
        while (box* const b = mine.next) {
            mine.next = const_cast<box*>(reinterpret_cast<const box*>(b->name));
            b->type->destroy(*b);
        }
        mine.active = false;
    }
    deaths_deferred(const deaths_deferred&) = delete;
    deaths_deferred& operator=(const deaths_deferred&) = delete;

private:
    const bool outermost_;
};

COHEIR_COLD inline void destroy_loud(box& b) noexcept {
    const deaths_deferred others;
    // The name's pointer is no longer needed once the key is not: the size and flag tell its memory.
    b.name = reinterpret_cast<const char*>(std::exchange(dying.next, &b));
}

/// Lets go of a box, and destroys the value if nobody else holds it.
inline void release(box* b) noexcept {
    if (b->shares.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (b->type->quiet)
        b->type->destroy(*b);
    else
        destroy_loud(*b);
}

/// The owner of one share of a box.
class box_ref {
public:
    box_ref() = default;
    explicit box_ref(box* owned) noexcept : box_(owned) {}
    box_ref(box_ref&& other) noexcept : box_(std::exchange(other.box_, nullptr)) {}
    box_ref& operator=(box_ref&& other) noexcept {
        box_ref taken(std::move(other));
        std::swap(box_, taken.box_);
        return *this;
    }
    ~box_ref() {
        if (box_) release(box_);
    }
    static box_ref shared(box& b) noexcept {
        share(b);
        return box_ref(&b);
    }

    box* get() const noexcept { return box_; }
    box& operator*() const noexcept { return *box_; }
    box* operator->() const noexcept { return box_; }
    explicit operator bool() const noexcept { return box_ != nullptr; }
    box* take() noexcept { return std::exchange(box_, nullptr); }

private:
    box* box_ = nullptr;
};

}  // namespace coheir::context::detail
