#pragma once
// What a slot demands of a change: that frozen values stay, that flags are kept, that typed keys agree.

#include <cstdint>
#include <string>
#include <string_view>

#include "../../error.hpp"
#include "level.hpp"
#include "place_text.hpp"

namespace coheir::context::detail {

/// "main.cpp:12 by task #3".
inline std::string place_text(const provenance& of) {
    return of.task == 0 ? place_text(of.where)
                        : place_text(of.where) + " by task #" + std::to_string(of.task);
}

COHEIR_COLD inline void throw_if_frozen(const box* b, const char* operation) {
    if (b && b->bits & frozen_bit) throw frozen_key(operation, b->key(), place_text(b->set));
}

/// Throws frozen_key if a value in a map is frozen.
COHEIR_COLD inline void throw_if_any_frozen(const map& in, const char* operation) {
    in.for_each([&](const box& b) { throw_if_frozen(&b, operation); });
}

[[noreturn]] COHEIR_COLD inline void throw_in_scope(std::string_view key) {
    throw usage_error("coheir::context::set: key " + coheir::detail::quoted(key) +
                      " cannot be frozen inside a scope of it, which changes it at its end");
}

/// Throws usage_error where a value is to be frozen that a scope will change at its end.
COHEIR_COLD inline void require_no_scope(const level& l, const key_name& key) {
    for (const open_scope* s = l.kin->scopes; s; s = s->older)
        if (s->is_for(key.hash(), key.text()) && !has_ended(*s)) throw_in_scope(key.text());
}

/// The same where all values of a level are to be replaced by others.
inline void require_no_scope(const level& l, const map& others) {
    if (!l.kin || !(others.flags() & frozen_bit)) return;
    for (const open_scope* s = l.kin->scopes; s; s = s->older) {
        const box* const b = others.find(key_name(s->name, s->hash, false));
        if (b && b->bits & frozen_bit && !has_ended(*s)) throw_in_scope(s->name);
    }
}

/// The value below a level that a new one of this key would cover, if it has flags; locals are not inherited.
inline const box* flagged_below(const level& l, const key_name& key) noexcept {
    const level* const below = l.parent();
    if (!below || l.kin->family->flags == 0) [[likely]]
        return nullptr;
    const box* const found = walk(below, key);
    return found && found->bits & all_flags ? found : nullptr;
}

/// The name for a new value of a key in a level, with the flags that it must have: see flag. A name that
/// lives as long as the program is kept, and found by its address. Throws frozen_key and key_conflict.
template <class T>
key_name name_for_set(const level& to, const key_name& key, const char* operation) {
    const box* const own = to.own.find(key);
    if (key.bits() & frozen_bit && to.kin) require_no_scope(to, key);
    const box* const known = own ? own : flagged_below(to, key);
    if (!known) return key;
    throw_if_frozen(known, operation);
    const bool typed = key.bits() & all_declared;
    const bool is_declared = (known->bits & all_declared) > all_flags;
    slot_bits bits = (key.bits() | known->bits) & all_flags;
    if (typed) {
        const bool agree = key.bits() == known->bits && holds<T>(*known);
        if (is_declared && !agree)
            throw key_conflict(key.text(), coheir::detail::type_name<T>(), flag_names(key.bits()),
                               known->type->name, flag_names(known->bits));
        bits = declared_bits(static_cast<flag>(bits));
    } else if (is_declared && holds<T>(*known)) {
        bits = known->bits;
    }
    bits |= open_bit;
    return own && own->name_is_static ? key_name(own->key(), own->hash, true, bits)
                                      : key_name(key.text(), key.hash(), key.is_static(), bits);
}

}  // namespace coheir::context::detail
