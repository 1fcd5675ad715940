#pragma once
// What random programs are made of: plain data, a tree of steps, which can be printed.

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace model {

inline constexpr std::array<const char*, 5> keys{"a", "b", "c", "own", "once"};
inline constexpr std::size_t secret_key = 2;    // typed, it is shown to nobody
inline constexpr std::size_t local_key = 3;     // typed, it is never inherited
inline constexpr std::size_t frozen_key = 4;    // typed, it is set once
inline constexpr std::size_t handle_slots = 4;  // of each scheduler
inline constexpr std::size_t remote_slots = 2, snapshot_slots = 2, resolver_slots = 2, event_slots = 2,
                             future_slots = 2;

enum class kind { number, text, list, unique };  // of values
enum class form { literal, text, typed };        // of keys
enum class catching { nothing, errors, everything };

/// How a context is inherited; the last six are functions, which set `a` to a number, or update some key.
enum class way {
    by_scheduler,
    shared,
    copying,
    chained,
    isolated,
    shared_and_set,
    copied_and_set,
    chained_and_set,
    selected,
    refusing,
    updated
};
inline constexpr std::array<const char*, 11> way_names{
    "scheduler",      "shared",          "copying",  "chained",  "isolated", "shared_and_set",
    "copied_and_set", "chained_and_set", "selected", "refusing", "updated"};

struct policy {
    way how{};
    int number = 0;

    /// What `updated` is made of, and changes.
    [[nodiscard]] way base() const {
        static constexpr std::array bases{way::shared, way::copying, way::chained};
        return bases[static_cast<std::size_t>(number) % bases.size()];
    }
    [[nodiscard]] std::size_t key() const { return static_cast<std::size_t>(number) / 3 % keys.size(); }
    [[nodiscard]] kind of() const {
        return number % 2 == 0 ? kind::number : static_cast<kind>(number / 2 % 4);
    }
};

// clang-format off
enum class op {
    get, get_number, contains, origin, dump, set, update, update_throws, update_busy, erase, clear, scoped, guard,
    capture, look, enter, bind,
    spawn, spawn_from, spawn_until, await, fail, yield, sleep, sleep_until, join, take, copy, drop, inspect,
    shield, shield_task, all, settled, any,
    limit_task, limit_handle, limit_taken, limit_sleep, limit_block, until_task, deadline,
    stop, stop_by_source, is_stopped, group, group_spawn, group_add, group_stop, group_size,
    callback, resolve, resolve_error, drop_resolver, wait_event, set_event,
    remote_spawn, remote_join, remote_take, remote_stop, remote_drop, submit, future, run_on, post, set_policy, close
};
// clang-format on

struct step;

/// One that is spawned, awaited or, in when_all and its kin, waited for.
struct body {
    enum class source { task, handle, taken_handle } from = source::task;
    std::size_t handle = 0;
    int result = 0;
    std::vector<step> steps;
};

struct step {
    op what{};
    catching catches{};
    std::size_t key = 0;
    form written{};
    kind of{};
    int number = 0;
    std::size_t handle = 0, other_handle = 0;
    std::size_t slot = 0;  // of a snapshot, a remote handle or a resolver
    policy by{};
    int time = 0;  // in ms
    bool elsewhere = false;
    std::vector<body> bodies{};
};

struct program {
    policy main{}, other{};   // of the two schedulers
    std::size_t pace = ~0UL;  // how many tasks run before the other scheduler has its turn
    bool mirrored = false;    // whether a mirror follows `a`
    body root{};
};

/// What an operation is called, and what it needs: k key, v value, n number, h handle, o other handle,
/// s slot (of a snapshot, a remote handle, a resolver, an event or a future), p policy, t time, e elsewhere
/// or here, b body, B several; and how often it comes.
struct traits {
    op what;
    const char* name;
    const char* operands;
    int weight;
};

inline constexpr std::array all_traits{
    traits{op::get, "get", "k", 12},
    traits{op::get_number, "get_number", "k", 3},
    traits{op::contains, "contains", "k", 2},
    traits{op::origin, "origin", "k", 4},
    traits{op::dump, "dump", "", 6},
    traits{op::set, "set", "kv", 20},
    traits{op::update, "update", "kv", 10},
    traits{op::update_throws, "update_throws", "kv", 2},
    traits{op::update_busy, "update_busy", "kvhpb", 2},
    traits{op::erase, "erase", "k", 4},
    traits{op::clear, "clear", "", 3},
    traits{op::scoped, "scoped", "kvb", 5},
    traits{op::guard, "guard", "kb", 3},
    traits{op::capture, "capture", "s", 3},
    traits{op::look, "look", "s", 3},
    traits{op::enter, "enter", "skvhpb", 3},
    traits{op::bind, "bind", "kve", 2},
    traits{op::spawn, "spawn", "hpb", 24},
    traits{op::spawn_from, "spawn_from", "shpb", 3},
    traits{op::spawn_until, "spawn_until", "thpb", 2},
    traits{op::await, "await", "b", 5},
    traits{op::fail, "fail", "n", 4},
    traits{op::yield, "yield", "", 12},
    traits{op::sleep, "sleep", "t", 10},
    traits{op::sleep_until, "sleep_until", "t", 2},
    traits{op::join, "join", "h", 10},
    traits{op::take, "take", "h", 5},
    traits{op::copy, "copy", "ho", 3},
    traits{op::drop, "drop", "h", 3},
    traits{op::inspect, "inspect", "h", 4},
    traits{op::shield, "shield", "h", 3},
    traits{op::shield_task, "shield_task", "b", 3},
    traits{op::all, "all", "B", 6},
    traits{op::settled, "settled", "B", 4},
    traits{op::any, "any", "B", 6},
    traits{op::limit_task, "limit_task", "tb", 4},
    traits{op::limit_handle, "limit_handle", "th", 3},
    traits{op::limit_taken, "limit_taken", "th", 2},
    traits{op::limit_sleep, "limit_sleep", "tn", 2},
    traits{op::limit_block, "limit_block", "tb", 5},
    traits{op::until_task, "until_task", "tb", 2},
    traits{op::deadline, "deadline", "", 3},
    traits{op::stop, "stop", "h", 10},
    traits{op::stop_by_source, "stop_by_source", "h", 3},
    traits{op::is_stopped, "is_stopped", "", 2},
    traits{op::group, "group", "b", 4},
    traits{op::group_spawn, "group_spawn", "pb", 5},
    traits{op::group_add, "group_add", "h", 2},
    traits{op::group_stop, "group_stop", "", 1},
    traits{op::group_size, "group_size", "", 1},
    traits{op::callback, "callback", "s", 4},
    traits{op::resolve, "resolve", "sn", 4},
    traits{op::resolve_error, "resolve_error", "sn", 2},
    traits{op::drop_resolver, "drop_resolver", "s", 1},
    traits{op::wait_event, "wait_event", "s", 6},
    traits{op::set_event, "set_event", "sn", 6},
    traits{op::remote_spawn, "remote_spawn", "sepb", 5},
    traits{op::remote_join, "remote_join", "s", 4},
    traits{op::remote_take, "remote_take", "s", 3},
    traits{op::remote_stop, "remote_stop", "s", 3},
    traits{op::remote_drop, "remote_drop", "s", 1},
    traits{op::submit, "submit", "sepb", 3},
    traits{op::future, "future", "s", 2},
    traits{op::run_on, "run_on", "eb", 3},
    traits{op::post, "post", "ehb", 3},
    traits{op::set_policy, "set_policy", "p", 2},
    traits{op::close, "close", "e", 1},
};

static_assert([] {
    for (std::size_t i = 0; i < all_traits.size(); ++i)
        if (static_cast<std::size_t>(all_traits[i].what) != i) return false;
    return all_traits.back().what == op::close;
}());
constexpr const traits& traits_of(op what) { return all_traits[static_cast<std::size_t>(what)]; }
inline bool has(const step& s, char operand) {
    return std::string_view(traits_of(s.what).operands).find(operand) != std::string_view::npos;
}

// ---- as text

inline std::string text_of(const policy& by) {
    const std::string name = way_names[static_cast<std::size_t>(by.how)];
    return by.how < way::shared_and_set ? name : name + "(" + std::to_string(by.number) + ")";
}

/// A value as both sides show it.
inline std::string text_of(kind of, const std::string& content) {
    switch (of) {
        case kind::number: return content;
        case kind::text: return "'" + content + "'";
        case kind::list: return "[" + content + "]";
        case kind::unique: return "<" + content + ">";
    }
    return {};
}

inline std::string text_of(const step& s) {
    std::string text = traits_of(s.what).name;
    for (const char operand : std::string_view(traits_of(s.what).operands)) {
        if (operand == 'k')
            text += std::string(" ") + keys[s.key] + (s.written == form::typed ? " (typed)" : "");
        if (operand == 'v') text += " " + text_of(s.of, std::to_string(s.number));
        if (operand == 'n') text += " " + std::to_string(s.number);
        if (operand == 'h') text += " handle " + std::to_string(s.handle);
        if (operand == 'o') text += " to handle " + std::to_string(s.other_handle);
        if (operand == 's') text += " slot " + std::to_string(s.slot);
        if (operand == 'p') text += " by " + text_of(s.by);
        if (operand == 't') text += " " + std::to_string(s.time) + "ms";
        if (operand == 'e') text += s.elsewhere ? " there" : " here";
    }
    if (s.catches == catching::errors) text += ", catching errors";
    if (s.catches == catching::everything) text += ", catching everything";
    return text;
}

inline std::string text_of(const body& b, const std::string& indent);

inline std::string text_of(const std::vector<step>& steps, const std::string& indent) {
    std::string text;
    for (const step& s : steps) {
        text += indent + text_of(s) + "\n";
        for (const body& b : s.bodies) text += text_of(b, indent + "  ");
    }
    return text;
}

inline std::string text_of(const body& b, const std::string& indent) {
    if (b.from == body::source::handle) return indent + "handle " + std::to_string(b.handle) + "\n";
    if (b.from == body::source::taken_handle)
        return indent + "handle " + std::to_string(b.handle) + ", moved in\n";
    return indent + "body with result " + std::to_string(b.result) + "\n" + text_of(b.steps, indent + "  ");
}

inline std::string text_of(const program& p) {
    std::string text = "main by " + text_of(p.main) + ", other by " + text_of(p.other);
    if (p.pace != ~0UL) text += ", " + std::to_string(p.pace) + " a turn";
    if (p.mirrored) text += ", a mirrored";
    return text + "\n" + text_of(p.root, "");
}

}  // namespace model
