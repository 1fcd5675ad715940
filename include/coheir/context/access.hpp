#pragma once
// The current context: get, set, find, update, contains, erase and clear, from any function.

#include <optional>
#include <source_location>
#include <utility>

#include "detail/current.hpp"
#include "detail/read.hpp"
#include "key.hpp"

namespace coheir::context {

namespace detail {

[[noreturn]] COHEIR_COLD inline void throw_no_context(const char* operation, const char* name,
                                                      std::size_t size) {
    throw no_current_context(operation, {name, size});
}

/// A look-up where nobody is current: null, or the end of the program.
COHEIR_COLD inline const box* find_nowhere() noexcept {
    coheir::detail::require_no_split();
    return nullptr;
}

/// The rest of a look-up whose first probe did not hit.
COHEIR_NOINLINE inline const box* find_further(const level* context, const char* name, std::uint64_t hash,
                                               std::size_t size) noexcept {
    return find_visible(context, key_name({name, size}, hash, true));
}

/// The current context's value of a key whose name lives as long as the program, or null. Most look-ups hit
/// in the first leaf, by the address of the name. One call, never inlined (see current()), with its arguments
/// in registers and no call of its own but the last: any other would make it save registers.
COHEIR_EXPORT COHEIR_NOINLINE inline const box* find_current(const char* name, std::uint64_t hash,
                                                             std::size_t size) noexcept {
    const owner* const who = slot().current;
    if (!who) [[unlikely]]
        return find_nowhere();
    const level* const context = who->context.get();
    const node* n = context->own.root();
    if (!n) [[unlikely]]
        return find_further(context, name, hash, size);
    if (n->kind != node_kind::leaf) [[unlikely]] {  // the probe stands twice: it costs less than a jump back
        std::uint64_t path = branch::path_of(hash, n->multiplier);
        for (;; path = branch::below(path)) {
            if (n->kind != node_kind::branch) [[unlikely]]
                return find_further(context, name, hash, size);
            n = static_cast<const branch*>(n)->children[branch::step(path)];
            if (!n) [[unlikely]]
                return find_further(context, name, hash, size);
            if (n->kind == node_kind::leaf) [[likely]]
                break;
        }
        const auto* const l = static_cast<const leaf*>(n);
        const std::uint8_t at = l->index[l->cell_of(hash)];
        if (at == leaf::empty) [[unlikely]]
            return find_further(context, name, hash, size);
        const box* const found = l->boxes()[at];
        if (found->name != name) [[unlikely]]
            return find_further(context, name, hash, size);
        return found;
    }
    const auto* const l = static_cast<const leaf*>(n);
    if (const std::uint8_t at = l->index[l->cell_of(hash)]; at != leaf::empty) [[likely]] {
        const box* const found = l->boxes()[at];
        if (found->name == name) [[likely]]
            return found;
    } else if (!context->kin) {
        return nullptr;
    }
    return find_further(context, name, hash, size);
}

/// The same for a name that is hashed at run time.
COHEIR_NOINLINE inline const box* find_current_text(const char* name, std::uint64_t hash,
                                                    std::size_t size) noexcept {
    const owner* const who = current();
    return who ? find_visible(who->context.get(), key_name({name, size}, hash, false)) : nullptr;
}

/// The current context's value of a key; null where it is missing, or no context is current.
COHEIR_INLINE const box* find_current(const key_name& key) noexcept {
    const std::string_view name = key.text();
    return key.is_static() ? find_current(name.data(), key.hash(), name.size())
                           : find_current_text(name.data(), key.hash(), name.size());
}

/// The same, but throws no_current_context.
COHEIR_INLINE const box* look_up_current(const char* operation, const key_name& key) {
    const box* const found = find_current(key);
    if (!found && !current()) [[unlikely]]
        throw_no_context(operation, key.text().data(), key.text().size());
    return found;
}

COHEIR_INLINE owner& require_current(const char* operation, const key_name& key) {
    owner* const who = current();
    if (!who) [[unlikely]]
        throw_no_context(operation, key.text().data(), key.text().size());
    return *who;
}

}  // namespace detail

/// A copy of the value of a key in the current context, or nothing where the key is missing.
/// Throws no_current_context outside a task, bad_value_type where the value is no T, and what T's copy
/// constructor throws.
template <class T>
[[nodiscard]] COHEIR_INLINE std::optional<T> get(key_name key) {
    return detail::get_from<T>(detail::look_up_current("get", key));
}
template <class T>
[[nodiscard]] COHEIR_INLINE std::optional<T> get(const key<T>& key) {
    return detail::get_from<T>(detail::look_up_current("get", key.name()));
}

/// The same with a value for where the key is missing; without T, its type is that of the fallback, and
/// a literal makes it std::string. Throws as get does, and usage_error for a null pointer as a text.
template <class T = void, class F>
[[nodiscard]] COHEIR_INLINE detail::asked_t<T, F> get(key_name key, F&& fallback) {
    return detail::get_from<detail::asked_t<T, F>>(detail::look_up_current("get", key), key,
                                                   std::forward<F>(fallback));
}
template <class T, class F>
[[nodiscard]] COHEIR_INLINE T get(const key<T>& key, F&& fallback) {
    return detail::get_from<T>(detail::look_up_current("get", key.name()), key.name(),
                               std::forward<F>(fallback));
}
template <class T>
[[nodiscard]] COHEIR_INLINE T get(const key_with_default<T>& key) {
    return detail::get_from<T>(detail::look_up_current("get", key.plain().name()), key.plain().name(),
                               key.fallback());
}

/// The value itself, without a copy; null where the key is missing, holds another type, or no context is
/// current. Valid until the task next suspends or changes this key; changing other keys, copying the
/// context and spawning move nothing. Never throws.
template <class T>
[[nodiscard]] COHEIR_INLINE const T* find(key_name key) noexcept {
    return detail::find_in<T>(detail::find_current(key));
}
template <class T>
[[nodiscard]] COHEIR_INLINE const T* find(const key<T>& key) noexcept {
    return detail::find_in<T>(detail::find_current(key.name()));
}

/// Whether the current context shows the key, with a value of any type. Throws no_current_context.
[[nodiscard]] COHEIR_INLINE bool contains(key_name key) {
    return detail::look_up_current("contains", key) != nullptr;
}
template <class T>
[[nodiscard]] COHEIR_INLINE bool contains(const key<T>& key) {
    return detail::look_up_current("contains", key.name()) != nullptr;
}

/// Sets a key in the current context, whatever it held. Text is stored as std::string, other values as
/// they are, by copy or move. The value that was there is destroyed last.
/// Throws no_current_context, context_busy inside update, std::bad_alloc, and what making the value
/// throws; then nothing has changed.
template <class V>
void set(key_name key, V&& value, std::source_location where = std::source_location::current()) {
    detail::owner& who = detail::require_current("set", key);
    detail::assign<stored_t<V>>(*who.context, key, {where, who.task}, std::forward<V>(value));
}
template <class T, class V>
void set(const key<T>& key, V&& value, std::source_location where = std::source_location::current()) {
    detail::owner& who = detail::require_current("set", key.name());
    detail::assign<T>(*who.context, key.name(), {where, who.task}, std::forward<V>(value));
}

/// Changes the visible value of a key in place: calls f(T&). The value is made the context's own first
/// (copied, where copies of the context share it); under `chained`, an inherited value is the parent's
/// and is changed there. False where the key is missing. Inside f nothing may change, copy, capture or
/// spawn from this context (context_busy). If f throws, the value stays as f left it.
/// Throws no_current_context, context_busy, bad_value_type, not_copyable, std::bad_alloc, and what the
/// copy throws; then nothing has changed and f was not called.
template <class T, class F>
bool update(key_name key, F&& f, std::source_location where = std::source_location::current()) {
    detail::owner& who = detail::require_current("update", key);
    return detail::update<T>(*who.context, key, {where, who.task}, std::forward<F>(f));
}
template <class T, class F>
bool update(const key<T>& key, F&& f, std::source_location where = std::source_location::current()) {
    detail::owner& who = detail::require_current("update", key.name());
    return detail::update<T>(*who.context, key.name(), {where, who.task}, std::forward<F>(f));
}

/// Removes a key from the current context's own level; true if it was there. Under `chained` this
/// uncovers what the parent has. Throws no_current_context, context_busy, std::bad_alloc.
inline bool erase(key_name key) { return detail::erase(*detail::require_current("erase", key).context, key); }
template <class T>
bool erase(const key<T>& key) {
    return detail::erase(*detail::require_current("erase", key.name()).context, key.name());
}

/// Removes all keys of the current context's own level. Throws no_current_context, context_busy.
inline void clear() {
    detail::owner* const who = detail::current();
    if (!who) throw no_current_context("clear");
    detail::clear(*who->context);
}

}  // namespace coheir::context
