#pragma once
// Changing the values of a level: set, update, erase and clear.

#include <utility>

#include "slot.hpp"

namespace coheir::context::detail {

[[noreturn]] COHEIR_COLD inline void throw_null_text(const char* operation, const key_name& key) {
    throw usage_error(std::string("coheir::context::") + operation + ": key " +
                      coheir::detail::quoted(key.text()) + ": the text is a null pointer");
}

/// Refuses what makes no T without a slip. Throws usage_error for a null pointer as a text.
template <class T, class V>
COHEIR_INLINE void require_value(const std::remove_reference_t<V>& value, const key_name& key,
                                 const char* operation) {
    static_assert(makes_value<T, V>, "context: this value does not make one of the type that the key holds");
    if constexpr (std::is_same_v<T, std::string> && std::is_pointer_v<std::decay_t<V>>) {
        const char* const text = value;
        if (!text) [[unlikely]]
            throw_null_text(operation, key);
    }
}

/// Puts a new value in a level, and returns the one that was there. Throws as assign does.
template <class T, class V>
box_ref replace(level& to, const key_name& key, const provenance& made, V&& value,
                const char* operation = "set") {
    detail::require_value<T, V>(value, key, operation);
    box_ref fresh(detail::make_box<T>(name_for_set<T>(to, key, operation), made, std::forward<V>(value)));
    // The user's code that made the value may have changed what is set, and the text that was the name.
    if constexpr (!is_made_quietly<T, V>) {
        const key_name kept(fresh->key(), key.hash(), fresh->name_is_static, key.bits());
        fresh->take_flags_of(name_for_set<T>(to, kept, operation));
    }
    box_ref replaced = to.own.put(std::move(fresh));
    to.changed();
    return replaced;
}

/// Sets a key of a level. Throws context_busy, frozen_key, key_conflict, std::bad_alloc, and what making the
/// value throws; then nothing has changed. The value that was there is destroyed last.
template <class T, class V>
void assign(level& to, const key_name& key, const provenance& made, V&& value) {
    detail::require_value<T, V>(value, key, "set");
    require_idle(to, "changed by set");
    if constexpr (assigned_in_place<T> && is_plain_source<T, V>) {
        if (box* const b = to.own.find_exclusive(key);
            b && (b->bits & key.bits()) == key.bits() && holds<T>(*b)) {
            value_in<T>(*b) = std::forward<V>(value);
            b->set = made;
            return;
        }
    }
    const box_ref replaced = detail::replace<T>(to, key, made, std::forward<V>(value));
}

inline bool erase(level& from, const key_name& key) {
    require_idle(from, "changed by erase");
    if (from.own.flags() & frozen_bit) throw_if_frozen(from.own.find(key), "erase");
    const box_ref erased = from.own.take(key);
    if (erased) from.changed();
    return static_cast<bool>(erased);
}

inline void clear(level& l) {
    require_idle(l, "cleared");
    if (l.own.flags() & frozen_bit) throw_if_any_frozen(l.own, "clear");
    const map cleared = std::exchange(l.own, map());
    l.changed();
}

template <class T>
[[noreturn]] COHEIR_COLD void throw_bad_type(const box& held) {
    throw bad_value_type(held.key(), coheir::detail::type_name<T>(), held.type->name);
}

/// Marks two levels while a value is being changed in place.
class update_mark {
public:
    update_mark(level& a, level& b) noexcept : a_(&a), b_(&b) { ++a_->updates, ++b_->updates; }
    ~update_mark() { --a_->updates, --b_->updates; }
    update_mark(const update_mark&) = delete;
    update_mark& operator=(const update_mark&) = delete;

private:
    level_ref a_, b_;
};

/// Calls f(T&) on the visible value of a key, in the level that holds it, after making it that level's
/// own. False if the key is missing. Throws context_busy, bad_value_type, not_copyable, std::bad_alloc
/// and what the copy throws, before f is called; and what f throws.
template <class T, class F>
bool update(level& context, const key_name& key, const provenance& made, F&& f) {
    require_idle(context, "updated");
    for (level* holder = &context; holder; holder = holder->parent()) {
        const box* const found = holder->own.find(key);
        if (!found || (found->bits & local_bit && holder != &context)) continue;
        require_idle(*holder, "updated");
        if (found->bits & frozen_bit) throw_if_frozen(found, "update");
        if (!holds<T>(*found)) throw_bad_type<T>(*found);
        box_ref replaced;  // outlives the mark: its destructor may use the context
        const update_mark mark(context, *holder);
        box* exclusive = holder->own.find_exclusive(key);
        if (exclusive && exclusive->frozen_by_copy) exclusive = nullptr;
        if (!exclusive) {
            if (!found->type->clone || found->frozen_by_copy)
                throw not_copyable(found->key(), found->type->name, found->frozen_by_copy);
            box_ref clone(found->type->clone(*found));
            exclusive = clone.get();
            replaced = holder->own.put(std::move(clone));
            holder->changed();
        }
        exclusive->set = made;
        std::forward<F>(f)(value_in<T>(*exclusive));
        return true;
    }
    return false;
}

}  // namespace coheir::context::detail
