#pragma once
// Contexts as the documentation describes them: maps, copied eagerly, on a chain of maps.

#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "../program.hpp"

namespace model::naive {

/// What is thrown in the reference, by its name.
struct thrown {
    std::string what;
};
inline const char* const cancelled = "cancelled";

struct value {
    kind of{};
    std::string content{};
    bool is_local = false, is_frozen = false, is_secret = false;
    int set_by = 0;        // the number of the task that has set or updated it
    bool is_kept = false;  // it cannot be copied, and its context has been

    bool operator==(const value&) const = default;
};

struct scope_of_key;

/// One level of a context.
struct level {
    std::map<std::size_t, value> own{};
    std::shared_ptr<level> below{};
    int updates = 0;                            // that are at work on a value here
    std::vector<const scope_of_key*> scopes{};  // open, the newest last
};
using level_ref = std::shared_ptr<level>;

inline level_ref over(level_ref below) {
    auto made = std::make_shared<level>();
    made->below = std::move(below);
    return made;
}

// ---- looking

/// In which level a key is found, from one on; null where it is missing. Local values are not inherited.
inline level* holder_of(level* from, std::size_t key, bool is_inherited = false) {
    for (level* l = from; l; l = l->below.get(), is_inherited = true)
        if (const auto found = l->own.find(key);
            found != l->own.end() && !(is_inherited && found->second.is_local))
            return l;
    return nullptr;
}
inline value* find(const level_ref& in, std::size_t key) {
    level* const holder = holder_of(in.get(), key);
    return holder ? &holder->own.at(key) : nullptr;
}

inline std::string text_of(const value* found) { return found ? text_of(found->of, found->content) : "-"; }

/// Who has made a value. It is the context's own if it is on its own level, and a task's if that has made it.
inline std::string text_of_origin(const level_ref& in, std::size_t key, std::optional<int> task) {
    const value* const found = find(in, key);
    if (!found) return "-";
    const bool is_own = in->own.contains(key) && (!task || found->set_by == *task);
    return std::to_string(found->set_by) + (is_own ? ", own" : ", inherited");
}
/// All keys that a task's context shows, or a snapshot, in the order of their names.
inline std::string text_of_dump(const level_ref& in, std::optional<int> task) {
    static constexpr std::array sorted{0UL, 1UL, 2UL, 4UL, 3UL};
    std::string text;
    for (const std::size_t key : sorted)
        if (const value* const found = find(in, key))
            text += std::string(" ") + keys[key] + (found->is_secret ? " redacted " : " ") +
                    text_of_origin(in, key, task);
    return text;
}

/// All keys that a context shows.
inline std::string text_of(const level_ref& in) {
    std::string text;
    for (std::size_t key = 0; key < keys.size(); ++key)
        if (const value* const found = find(in, key))
            text += (text.empty() ? "" : " ") + std::string(keys[key]) + "=" + text_of(found);
    return text.empty() ? "nothing" : text;
}

// ---- copying

inline void require_idle(const level_ref& in) {
    if (in && in->updates > 0) throw thrown{"context_busy"};
}

/// A copy of every level, without local values. What cannot be copied is kept as it is there.
inline level_ref unfinished_copy_of(const level_ref& in) {
    for (level* l = in.get(); l; l = l->below.get())
        if (l->updates > 0) throw thrown{"context_busy"};
    if (!in) return over(nullptr);
    auto copy = over(in->below ? unfinished_copy_of(in->below) : nullptr);
    for (auto [key, v] : in->own) {
        if (v.is_local) continue;
        v.is_kept |= v.of == kind::unique;
        copy->own.emplace(key, v);
    }
    return copy;
}
/// And here, from when there is a copy.
inline void keep_what_was_copied(const level_ref& in) {
    for (level* l = in.get(); l; l = l->below.get())
        for (auto& [key, v] : l->own) v.is_kept |= v.of == kind::unique && !v.is_local;
}
inline level_ref copy_of(const level_ref& in) {
    level_ref copy = unfinished_copy_of(in);
    keep_what_was_copied(in);
    return copy;
}

/// What an onlooker sees: no local values, and none that only one context may hold.
inline level_ref look_at(const level_ref& in) {
    for (level* l = in.get(); l; l = l->below.get())
        if (l->updates > 0) return over(nullptr);
    auto seen = over(nullptr);
    for (std::size_t key = 0; key < keys.size(); ++key)
        if (const level* const holder = holder_of(in.get(), key, true)) {
            const value& found = holder->own.at(key);
            if (found.of != kind::unique || found.is_kept) seen->own.emplace(key, found);
        }
    return seen;
}

// ---- changing

/// The value of a block, which ends with it. False at the end where scopes of one key overlap: the program
/// would be ended.
struct scope_of_key {
    std::size_t key;
    level_ref in;
    bool had_value = false;
    value before{};

    bool close() {
        const auto newest = std::find_if(in->scopes.rbegin(), in->scopes.rend(),
                                         [this](const scope_of_key* s) { return s->key == key; });
        const bool in_order = *newest == this;
        in->scopes.erase(std::find(in->scopes.begin(), in->scopes.end(), this));
        in->own.erase(key);
        if (had_value) in->own.emplace(key, before);
        return in_order;
    }
};

inline void set(const level_ref& in, std::size_t key, form written, kind of, const std::string& content,
                int by) {
    require_idle(in);
    const bool is_typed = written == form::typed;
    if (is_typed && key == frozen_key)
        for (const scope_of_key* s : in->scopes)
            if (s->key == key) throw thrown{"usage_error"};
    value made{of,
               content,
               is_typed && key == local_key,
               is_typed && key == frozen_key,
               is_typed && key == secret_key,
               by};
    if (const value* const known = find(in, key)) {
        if (known->is_frozen) throw thrown{"frozen_key"};
        made.is_local |= known->is_local;
        made.is_secret |= known->is_secret;
    }
    in->own.insert_or_assign(key, made);
}

/// Calls f(value&) where a value can be changed in place; false where there is none.
template <class F>
bool update(const level_ref& in, std::size_t key, kind of, int by, F&& f) {
    require_idle(in);
    level* const holder = holder_of(in.get(), key);
    if (!holder) return false;
    if (holder->updates > 0) throw thrown{"context_busy"};
    value& found = holder->own.at(key);
    if (found.is_frozen) throw thrown{"frozen_key"};
    if (found.of != of) throw thrown{"bad_value_type"};
    if (found.is_kept) throw thrown{"not_copyable"};
    ++in->updates, ++holder->updates;
    found.set_by = by;
    try {
        f(found);
    } catch (...) {
        --in->updates, --holder->updates;
        throw;
    }
    --in->updates, --holder->updates;
    return true;
}

inline bool erase(const level_ref& in, std::size_t key) {
    require_idle(in);
    const auto own = in->own.find(key);
    if (own == in->own.end()) return false;
    if (own->second.is_frozen) throw thrown{"frozen_key"};
    in->own.erase(own);
    return true;
}

inline void clear(const level_ref& in) {
    require_idle(in);
    for (const auto& [key, v] : in->own)
        if (v.is_frozen) throw thrown{"frozen_key"};
    in->own.clear();
}

inline void open(scope_of_key& scope, form written, kind of, const std::string& content, int by) {
    require_idle(scope.in);
    if (written == form::typed && scope.key == frozen_key) throw thrown{"usage_error"};
    const auto own = scope.in->own.find(scope.key);
    scope.had_value = own != scope.in->own.end();
    if (scope.had_value) scope.before = own->second;
    set(scope.in, scope.key, written, of, content, by);
    scope.in->scopes.push_back(&scope);
}

}  // namespace model::naive
