// Random programs on levels: the same with merging, without it, and in a model made of plain maps.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/merging.hpp"

namespace {

namespace context = coheir::context;
using coheir::spawn_policy;

// ---- what programs are made of

constexpr std::size_t slots = 8;  // contexts at once
constexpr std::size_t snapshots = 2;
constexpr std::array<context::key_name, 10> literals{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"};
constexpr std::size_t keys = literals.size();

enum class kind { number, text, list, unique };
constexpr int kinds = 4;

enum class way {
    shared,
    copying,
    chained,
    isolated,
    shared_and_set,
    copied_and_cleared,
    chained_and_set,
    throwing
};

enum class action { spawn, relay, drop, set, update, erase, clear, capture, thaw };

struct step {
    action what;
    std::size_t who, to;  // slots, or a snapshot
    std::size_t key;
    bool by_literal;
    way how;
    kind of;
    int value;
    std::size_t reader;  // a slot that is looked at afterwards
};

step random_step(std::mt19937& random) {
    const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
    static constexpr std::array actions{action::spawn,  action::spawn,   action::spawn, action::spawn,
                                        action::relay,  action::relay,   action::drop,  action::set,
                                        action::set,    action::set,     action::set,   action::update,
                                        action::update, action::erase,   action::erase, action::update,
                                        action::clear,  action::capture, action::thaw};
    static constexpr std::array ways{way::chained,        way::chained,
                                     way::chained,        way::chained,
                                     way::chained,        way::chained,
                                     way::chained,        way::chained,
                                     way::chained,        way::chained_and_set,
                                     way::shared,         way::copying,
                                     way::shared_and_set, way::copied_and_cleared,
                                     way::isolated,       way::throwing,
                                     way::throwing};
    return {actions[below(actions.size())],
            below(slots),
            below(slots),
            below(keys),
            below(2) == 0,
            ways[below(ways.size())],
            static_cast<kind>(below(kinds)),
            static_cast<int>(below(1000)),
            below(slots)};
}

/// The first slot from one on, round about, that has a context, so that few steps go to waste.
template <class Slots>
std::size_t live_slot(const Slots& all, std::size_t from) {
    for (std::size_t i = 0; i < slots; ++i)
        if (all[(from + i) % slots]) return (from + i) % slots;
    return from;
}

/// What can be seen of a value.
struct seen {
    bool operator==(const seen&) const = default;
    int of = -1;  // its kind, -1 where the key is missing
    int value = 0;
};
using trace = std::vector<seen>;

// ---- the library

class unique_number {
public:
    explicit unique_number(int v) : value(v) { ++live; }
    unique_number(unique_number&& other) noexcept : value(other.value) { ++live; }
    ~unique_number() { --live; }
    int value;
    inline static int live = 0;
};
using list = std::vector<std::string>;

template <class Where>
void set_in(Where&& set, kind of, int value) {
    switch (of) {
        case kind::number: return set(value);
        case kind::text: return set(std::to_string(value));
        case kind::list: return set(list{"x", std::to_string(value)});
        case kind::unique: return set(unique_number(value));
    }
}

template <class Map>
seen look(const Map& in, const context::key_name& key) {
    if (const int* const number = in.template find<int>(key)) return {0, *number};
    if (const auto* const text = in.template find<std::string>(key)) return {1, std::stoi(*text)};
    if (const auto* const values = in.template find<list>(key)) return {2, std::stoi(values->back())};
    if (const auto* const unique = in.template find<unique_number>(key)) return {3, unique->value};
    return {};
}

struct current_context {  // so that `look` can read it like a snapshot
    template <class T>
    const T* find(const context::key_name& key) const {
        return context::find<T>(key);
    }
};

class library {
public:
    void run(const step& s) {
        const auto before = addresses(s.reader);
        const bool moves = act(s);
        const auto after = addresses(s.reader);
        if (moves) return;
        for (std::size_t k = 0; k < keys; ++k)
            if (before[k] != after[k] && !(changes_key(s.what) && k == s.key)) FAIL("a value has moved");
    }

    void look_at(std::size_t slot, bool by_literal) {
        if (!slots_[slot]) return;
        const test::acting now(*slots_[slot]);
        for (std::size_t k = 0; k < keys; ++k) {
            const std::string name(literals[k].text());
            const context::key_name key = by_literal ? literals[k] : context::key_name(name);
            seen_.push_back(look(current_context(), key));
            if (context::contains(key) != (seen_.back().of >= 0)) FAIL("contains and find differ");
        }
    }
    void look_at_snapshot(std::size_t s) {
        if (!snapshots_[s]) return;
        std::size_t count = 0;
        for (const context::key_name& key : literals) {
            seen_.push_back(look(*snapshots_[s], key));
            count += seen_.back().of >= 0;
        }
        if (snapshots_[s]->size() != count || snapshots_[s]->keys().size() != count) FAIL("a wrong size");
    }

    [[nodiscard]] const trace& has_seen() const { return seen_; }
    [[nodiscard]] bool is_short() const {
        std::vector<test::actor> alive;
        for (const auto& who : slots_)
            if (who) alive.push_back(who->heir(spawn_policy::shared));
        return alive.empty() || test::count_levels(alive) < 3 * alive.size();
    }

private:
    static bool changes_key(action a) {
        return a == action::set || a == action::update || a == action::erase || a == action::spawn ||
               a == action::relay;
    }

    std::array<const context::detail::box*, keys> addresses(std::size_t slot) const {
        std::array<const context::detail::box*, keys> found{};
        for (std::size_t k = 0; slots_[slot] && k < keys; ++k)
            found[k] = context::detail::find_visible(&slots_[slot]->level(), literals[k]);
        return found;
    }

    // True where the reader's values may be at other places afterwards.
    bool act(const step& s) {
        const std::string name(literals[s.key].text());
        const context::key_name key = s.by_literal ? literals[s.key] : context::key_name(name);
        std::optional<test::actor>& who = slots_[live_slot(slots_, s.who)];
        switch (s.what) {
            case action::thaw:
                if (!snapshots_[s.who % snapshots]) return true;
                thaw(s, *snapshots_[s.who % snapshots]);
                return s.reader == s.to;
            case action::drop: who.reset(); return true;
            default: break;
        }
        if (!who) return who.emplace(), true;
        switch (s.what) {
            case action::spawn:
                if (std::optional<test::actor> heir = spawn(*who, s, key)) slots_[s.to] = std::move(*heir);
                return s.reader == s.to;
            case action::relay:
                if (std::optional<test::actor> heir = spawn(*who, s, key)) who = std::move(*heir);
                return s.reader == live_slot(slots_, s.who);
            case action::capture: snapshots_[s.to % snapshots] = who->capture(); return false;
            default: break;
        }
        const test::acting now(*who);
        switch (s.what) {
            case action::set: {
                const auto set = [&](auto&& value) {
                    context::set(key, std::forward<decltype(value)>(value));
                };
                set_in(set, s.of, s.value);
                return false;
            }
            case action::update: seen_.push_back({10, update(key, s.of, s.value)}); return false;
            case action::erase: seen_.push_back({11, context::erase(key)}); return false;
            default: context::clear(); return true;
        }
    }

    static int update(const context::key_name& key, kind of, int value) {
        try {
            switch (of) {
                case kind::number: return context::update<int>(key, [&](int& n) { n = value; });
                case kind::text:
                    return context::update<std::string>(key,
                                                        [&](auto& text) { text = std::to_string(value); });
                case kind::list:
                    return context::update<list>(key, [&](auto& l) { l.push_back(std::to_string(value)); });
                case kind::unique:
                    return context::update<unique_number>(key, [&](auto& unique) { unique.value = value; });
            }
        } catch (const coheir::bad_value_type&) {
            return 2;
        } catch (const coheir::not_copyable&) {
            return 3;
        }
        return 4;
    }

    static std::optional<test::actor> spawn(test::actor& from, const step& s, const context::key_name& key) {
        switch (s.how) {
            case way::shared: return from.heir(spawn_policy::shared);
            case way::copying: return from.heir(spawn_policy::copying);
            case way::chained: return from.heir(spawn_policy::chained);
            case way::isolated: return from.heir(spawn_policy::isolated);
            default: break;
        }
        const spawn_policy own = [&](const context::view& parent) {
            context::child made = s.how == way::shared_and_set || s.how == way::throwing ? parent.shared()
                                  : s.how == way::chained_and_set                        ? parent.chained()
                                                                                         : parent.copied();
            if (s.how == way::copied_and_cleared) made.clear();
            if (s.how == way::throwing) made.erase(key);
            const auto set = [&](auto&& value) { made.set(key, std::forward<decltype(value)>(value)); };
            set_in(set, s.of, s.value);
            if (s.how == way::throwing) throw std::runtime_error("refused");
            return made;
        };
        try {
            return from.heir(own);
        } catch (const std::runtime_error&) {
            return std::nullopt;
        }
    }

    void thaw(const step& s, const context::snapshot& from) {
        const bool chained = s.how == way::chained;
        slots_[s.to] = test::actor(context::detail::policy_access::derive(
            chained ? spawn_policy::chained : spawn_policy::copying, from));
    }

    std::array<std::optional<test::actor>, slots> slots_{test::actor()};
    std::array<std::optional<context::snapshot>, snapshots> snapshots_;
    trace seen_;
};

// ---- the model

struct model_value {
    kind of;
    int value;
    bool frozen = false;
};
struct model_level {
    std::map<std::size_t, model_value> own;
    std::shared_ptr<model_level> parent;
};
using model_ref = std::shared_ptr<model_level>;

/// A deep copy of every level. What cannot be copied is frozen in both.
model_ref deep_copy(const model_ref& from) {
    if (!from) return nullptr;
    for (auto& [key, value] : from->own) value.frozen |= value.of == kind::unique;
    return std::make_shared<model_level>(model_level{from->own, deep_copy(from->parent)});
}

class model {
public:
    void run(const step& s) {
        if (s.what == action::thaw) {
            const model_ref& from = snapshots_[s.who % snapshots];
            if (!from) return;
            const model_ref copy = deep_copy(from);
            slots_[s.to] = s.how == way::chained ? over(copy) : copy;
            return;
        }
        model_ref& who = slots_[live_slot(slots_, s.who)];
        if (s.what == action::drop) return who.reset();
        if (!who) {
            who = over(nullptr);
            return;
        }
        switch (s.what) {
            case action::spawn:
                if (const model_ref heir = spawn(who, s)) slots_[s.to] = heir;
                break;
            case action::relay:
                if (const model_ref heir = spawn(who, s)) who = heir;
                break;
            case action::capture: snapshots_[s.to % snapshots] = deep_copy(who); break;
            case action::set: who->own.insert_or_assign(s.key, model_value{s.of, s.value}); break;
            case action::update: seen_.push_back({10, update(who, s)}); break;
            case action::erase: seen_.push_back({11, static_cast<int>(who->own.erase(s.key))}); break;
            case action::clear: who->own.clear(); break;
            default: break;
        }
    }

    void look_at(std::size_t slot, bool) { look(slots_[slot]); }
    void look_at_snapshot(std::size_t s) { look(snapshots_[s]); }
    [[nodiscard]] const trace& has_seen() const { return seen_; }

private:
    static model_ref over(const model_ref& parent) {
        return std::make_shared<model_level>(model_level{{}, parent});
    }
    static model_value* find(const model_ref& from, std::size_t key) {
        for (model_level* l = from.get(); l; l = l->parent.get())
            if (const auto found = l->own.find(key); found != l->own.end()) return &found->second;
        return nullptr;
    }
    static int update(const model_ref& who, const step& s) {
        model_value* const found = find(who, s.key);
        if (!found) return 0;
        if (found->of != s.of) return 2;
        if (found->frozen) return 3;
        found->value = s.value;
        return 1;
    }
    static model_ref spawn(const model_ref& from, const step& s) {
        const auto with_value = [&](const model_ref& made) {
            made->own.insert_or_assign(s.key, model_value{s.of, s.value});
            return made;
        };
        switch (s.how) {
            case way::shared: return from;
            case way::copying: return deep_copy(from);
            case way::chained: return over(from);
            case way::isolated: return over(nullptr);
            case way::shared_and_set: return with_value(from);
            case way::chained_and_set: return with_value(over(from));
            case way::copied_and_cleared: {
                const model_ref copy = deep_copy(from);
                copy->own.clear();
                return with_value(copy);
            }
            case way::throwing: break;
        }
        return nullptr;
    }
    void look(const model_ref& from) {
        if (!from) return;
        for (std::size_t k = 0; k < keys; ++k) {
            const model_value* const found = find(from, k);
            seen_.push_back(found ? seen{static_cast<int>(found->of), found->value} : seen{});
        }
    }

    std::array<model_ref, slots> slots_{over(nullptr)};
    std::array<model_ref, snapshots> snapshots_;
    trace seen_;
};

template <class World>
trace run(World& world, const std::vector<step>& program) {
    for (const step& s : program) {
        world.run(s);
        world.look_at(s.reader, s.by_literal);
        if (s.what == action::capture || s.what == action::thaw) world.look_at_snapshot(s.to % snapshots);
    }
    for (std::size_t slot = 0; slot < slots; ++slot) world.look_at(slot, slot % 2 == 0);
    for (std::size_t s = 0; s < snapshots; ++s) world.look_at_snapshot(s);
    return world.has_seen();
}

void compare(unsigned first_seed, unsigned last_seed, std::size_t length) {
    for (unsigned seed = first_seed; seed <= last_seed; ++seed) {
        std::mt19937 random(seed);
        std::vector<step> program;
        while (program.size() < length) program.push_back(random_step(random));

        model naive;
        const trace expected = run(naive, program);
        for (const bool merging : {true, false}) {
            const test::merging_is now(merging);
            library real;
            const trace got = run(real, program);
            if (got != expected) {
                CAPTURE(seed, merging);
                FAIL("a program differs from the model");
            }
            if (merging && !real.is_short()) {
                CAPTURE(seed);
                FAIL("chains are too long");
            }
        }
        if (unique_number::live != 0) {
            CAPTURE(seed);
            FAIL("values were not destroyed, or twice");
        }
    }
}

}  // namespace

TEST_CASE("random programs give the same with merging, without it and in the model",
          "[level][random][slow]") {
    compare(1, 5'000, 60);
}
TEST_CASE("random programs 5001 to 10000 give the same", "[level][random][slow]") {
    compare(5'001, 10'000, 60);
}
TEST_CASE("random programs 10001 to 15000 give the same", "[level][random][slow]") {
    compare(10'001, 15'000, 60);
}
TEST_CASE("random programs 15001 to 20000 give the same", "[level][random][slow]") {
    compare(15'001, 20'000, 60);
}

TEST_CASE("long random programs give the same with merging, without it and in the model",
          "[level][random][slow]") {
    compare(100'001, 100'005, 20'000);
}
