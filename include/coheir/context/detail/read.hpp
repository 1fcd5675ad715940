#pragma once
// Reading values: what get, find and contains mean, for whatever can look a key up.

#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "../../detail/sort.hpp"
#include "change.hpp"

namespace coheir::context::detail {

template <class T>
concept copyable_value = is_copyable<T>();

/// A copy of the value in a box. A copy constructor of the user's may change the context: the box is held
/// meanwhile.
template <copyable_value T>
COHEIR_INLINE T copy_of(const box& b) {
    if constexpr (std::is_trivially_copyable_v<T> || std::is_same_v<T, std::string>) {
        return value_in<T>(b);
    } else {
        const box_ref held = box_ref::shared(const_cast<box&>(b));
        return value_in<T>(b);
    }
}

/// What get<T> returns for what a look-up found. Throws bad_value_type.
template <class T>
COHEIR_INLINE std::optional<T> get_from(const box* found) {
    static_assert(copyable_value<T>, "get() returns a copy, and this type cannot be copied: use find()");
    if (!found) return std::nullopt;
    if (!holds<T>(*found)) [[unlikely]]
        throw_bad_type<T>(*found);
    return std::optional<T>(copy_of<T>(*found));
}

/// The same, or the fallback. Throws usage_error for a null pointer as a text.
template <class T, class F>
COHEIR_INLINE T get_from(const box* found, const key_name& key, F&& fallback) {
    static_assert(makes_value<T, F>,
                  "context: this fallback does not make a value of the type that is asked for");
    static_assert(copyable_value<T>, "get() returns a copy, and this type cannot be copied: use find()");
    if (!found) {
        detail::require_value<T, F>(fallback, key, "get");
        return T(std::forward<F>(fallback));
    }
    if (!holds<T>(*found)) [[unlikely]]
        throw_bad_type<T>(*found);
    return copy_of<T>(*found);
}

template <class T>
COHEIR_INLINE const T* find_in(const box* found) noexcept {
    return found && holds<T>(*found) ? __builtin_addressof(value_in<T>(*found)) : nullptr;
}

/// T, or where it is left out the type that the fallback would be stored as.
template <class T, class F>
using asked_t =
    typename std::conditional_t<std::is_void_v<T>, stored<std::decay_t<F>>, std::type_identity<T>>::type;

/// Whether a look-up in this kind of context never throws.
template <class Derived>
inline constexpr bool never_throws = true;

/// The reading half of everything that shows a context: `Derived` has `const box* look_up(key_name)` and
/// `void for_each_visible(f)`, which calls f(const box&) once for each visible key.
template <class Derived>
class readable {
public:
    /// A copy of the value, or nothing where the key is missing. Throws bad_value_type.
    template <class T>
    [[nodiscard]] std::optional<T> get(key_name key) const {
        return get_from<T>(self().look_up(key));
    }
    template <class T>
    [[nodiscard]] std::optional<T> get(const key<T>& key) const {
        return get_from<T>(self().look_up(key.name()));
    }

    /// A copy of the value, or the fallback where the key is missing. Throws bad_value_type, and usage_error
    /// for a null pointer as a text.
    template <class T = void, class F>
    [[nodiscard]] asked_t<T, F> get(key_name key, F&& fallback) const {
        return detail::get_from<asked_t<T, F>>(self().look_up(key), key, std::forward<F>(fallback));
    }
    template <class T, class F>
    [[nodiscard]] T get(const key<T>& key, F&& fallback) const {
        return detail::get_from<T>(self().look_up(key.name()), key.name(), std::forward<F>(fallback));
    }
    template <class T>
    [[nodiscard]] T get(const key_with_default<T>& key) const {
        return detail::get_from<T>(self().look_up(key.plain().name()), key.plain().name(), key.fallback());
    }

    /// The value itself, or null where the key is missing or holds another type. Throws only what every use
    /// throws: that of a child that was moved from.
    template <class T>
    [[nodiscard]] const T* find(key_name key) const noexcept(never_throws<Derived>) {
        return find_in<T>(self().look_up(key));
    }
    template <class T>
    [[nodiscard]] const T* find(const key<T>& key) const noexcept(never_throws<Derived>) {
        return find_in<T>(self().look_up(key.name()));
    }

    [[nodiscard]] bool contains(key_name key) const { return self().look_up(key) != nullptr; }
    template <class T>
    [[nodiscard]] bool contains(const key<T>& key) const {
        return self().look_up(key.name()) != nullptr;
    }

    /// The names of all visible keys, sorted.
    [[nodiscard]] std::vector<std::string> keys() const {
        std::vector<std::string> names;
        self().for_each_visible([&](const box& b) { names.emplace_back(b.key()); });
        coheir::detail::sort(names, [](const std::string& a, const std::string& b) { return a < b; });
        return names;
    }

    /// How many keys are visible. Counts them.
    [[nodiscard]] std::size_t size() const {
        std::size_t count = 0;
        self().for_each_visible([&](const box&) { ++count; });
        return count;
    }
    [[nodiscard]] bool empty() const { return size() == 0; }

private:
    const Derived& self() const noexcept { return static_cast<const Derived&>(*this); }
};

}  // namespace coheir::context::detail
