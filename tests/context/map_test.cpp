// The map of one level: against std::map, with copies that share, and with hashes that collide.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdint>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/counted.hpp"

namespace {

using coheir::context::key_name;
namespace detail = coheir::context::detail;
using reference = std::map<std::string, int>;

/// Names, and the hash that each of them has here.
struct names {
    std::vector<std::pair<std::string, std::uint64_t>> all;
    [[nodiscard]] key_name at(std::size_t i) const { return {all[i].first, all[i].second, false}; }
    [[nodiscard]] std::size_t size() const { return all.size(); }
};

template <class Hash>
names make_names(std::size_t count, Hash hash) {
    names made;
    for (std::size_t i = 0; i < count; ++i) made.all.emplace_back("name " + std::to_string(i), hash(i));
    return made;
}

detail::box_ref make_box(const key_name& key, int value) {
    return detail::box_ref(detail::make_box<test::counted>(key, {}, value));
}
int value_of(const detail::box& b) { return detail::value_in<test::counted>(b).value; }

/// Whether a map and the reference say the same, about names that are there and names that are not.
template <class Map>
bool agrees(const Map& map, const reference& expected, const names& keys) {
    if (map.size() != expected.size() || map.empty() != expected.empty()) return false;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const detail::box* const found = map.find(keys.at(i));
        const auto there = expected.find(keys.all[i].first);
        if ((found != nullptr) != (there != expected.end())) return false;
        if (found && (value_of(*found) != there->second || found->key() != there->first)) return false;
    }
    std::set<std::string> visited;
    map.for_each([&](const detail::box& b) { visited.emplace(b.key()); });
    std::size_t calls = 0;
    map.for_each([&](const detail::box&) { ++calls; });
    return visited.size() == expected.size() && calls == expected.size();
}

/// Random puts, takes and changes in place on a few maps that are copies of each other.
class random_maps {
public:
    random_maps(const names& keys, unsigned seed) : keys_(keys), random_(seed), live_(5), frozen_(3) {}

    void step() {
        auto& [map, expected] = live_[random(live_.size())];
        const key_name key = keys_.at(random(keys_.size()));
        const std::string name(key.text());
        const int value = static_cast<int>(random(1'000'000));
        switch (random(20)) {
            case 0: live_[random(live_.size())] = {map, expected}; break;
            case 1: frozen_[random(frozen_.size())] = {detail::frozen_map(map), expected}; break;
            case 2: {
                const auto& [frozen, then] = frozen_[random(frozen_.size())];
                live_[random(live_.size())] = {frozen.thawed(), then};
                break;
            }
            case 3:
                if (random(20) == 0) map = detail::map(), expected.clear();
                break;
            case 4:
            case 5:
            case 6:
            case 7:
            case 8:
            case 9: {
                const bool was_there = expected.erase(name) > 0;
                const detail::box_ref taken = map.take(key);
                if (static_cast<bool>(taken) != was_there) FAIL("take gave a box, or none, wrongly");
                break;
            }
            case 10:
            case 11:
                if (detail::box* const b = map.find_exclusive(key)) {
                    detail::value_in<test::counted>(*b).value = value;
                    expected.at(name) = value;
                }
                break;
            default: {
                const bool was_there = expected.contains(name);
                const detail::box_ref replaced = map.put(make_box(key, value));
                if (static_cast<bool>(replaced) != was_there) FAIL("put replaced a box, or none, wrongly");
                expected[name] = value;
            }
        }
    }

    [[nodiscard]] bool all_agree() const {
        for (const auto& [map, expected] : live_)
            if (!agrees(map, expected, keys_)) return false;
        for (const auto& [map, expected] : frozen_)
            if (!agrees(map, expected, keys_)) return false;
        return true;
    }

private:
    std::size_t random(std::size_t below) { return random_() % below; }

    const names& keys_;
    std::mt19937 random_;
    std::vector<std::pair<detail::map, reference>> live_;
    std::vector<std::pair<detail::frozen_map, reference>> frozen_;
};

void compare_with_reference(const names& keys, int steps, unsigned seeds = 3) {
    for (unsigned seed = 1; seed <= seeds; ++seed) {
        const test::counted_balance balance;
        {
            random_maps maps(keys, seed);
            for (int i = 0; i < steps; ++i) {
                maps.step();
                if (i % (steps / 100) == 0) REQUIRE(maps.all_agree());
            }
            REQUIRE(maps.all_agree());
        }
        REQUIRE(balance.is_even());
    }
}

}  // namespace

TEST_CASE("maps and their copies agree with std::map, for any number of keys", "[map]") {
    for (const std::size_t count : {1U, 2U, 4U, 5U, 15U, 16U, 17U, 18U, 40U, 130U}) {
        CAPTURE(count);
        const names keys =
            make_names(count, [](std::size_t i) { return detail::hash_name("name " + std::to_string(i)); });
        compare_with_reference(keys, 2000);
    }
}

TEST_CASE("maps of thousands of keys agree with std::map", "[map][slow]") {
    const names keys =
        make_names(3000, [](std::size_t i) { return detail::hash_name("name " + std::to_string(i)); });
    compare_with_reference(keys, 20000, 1);
}

TEST_CASE("maps agree with std::map when hashes are all the same", "[map][collisions]") {
    compare_with_reference(make_names(3, [](std::size_t) { return 0; }), 1000);
    compare_with_reference(make_names(100, [](std::size_t) { return 0; }), 4000);
    compare_with_reference(make_names(40, [](std::size_t) { return ~std::uint64_t{0}; }), 4000);
}

TEST_CASE("maps agree with std::map when many names share few hashes", "[map][collisions][slow]") {
    compare_with_reference(make_names(40, [](std::size_t i) { return i / 2; }), 4000);
    compare_with_reference(make_names(200, [](std::size_t i) { return i % 3; }), 4000);
    compare_with_reference(make_names(200, [](std::size_t i) { return i == 0 ? 1 : 0; }), 4000);
    compare_with_reference(make_names(300, [](std::size_t i) { return i < 250 ? i : 7; }), 4000);
}

TEST_CASE("maps agree with std::map when hashes differ in few bits", "[map][collisions][slow]") {
    compare_with_reference(make_names(200, [](std::size_t i) { return i; }), 4000);
    compare_with_reference(make_names(200, [](std::size_t i) { return std::uint64_t{i} << 56; }), 4000);
    compare_with_reference(make_names(200, [](std::size_t i) { return std::uint64_t{i} << 32; }), 4000);
    compare_with_reference(make_names(64, [](std::size_t i) { return std::uint64_t{1} << i; }), 4000);
}

namespace {

/// By Newton's iteration: each step doubles the bits that are right.
std::uint64_t inverse_of(std::uint64_t multiplier) {
    std::uint64_t inverse = multiplier;
    for (int i = 0; i < 5; ++i) inverse *= 2 - multiplier * inverse;
    REQUIRE(multiplier * inverse == 1);
    return inverse;
}
/// How many nodes a look-up passes, at most.
int depth_of(const detail::node* n) {
    if (!n) return 0;
    int below = 0;
    if (n->kind == detail::node_kind::branch)
        for (const detail::node* const child : static_cast<const detail::branch*>(n)->children)
            below = std::max(below, depth_of(child));
    return 1 + below;
}

}  // namespace

TEST_CASE("names that go the same way through all branches but the last are told apart",
          "[map][collisions]") {
    // As only somebody could choose them who knows the multiplier of the branches.
    detail::map map;
    reference expected;
    names keys = make_names(40, [](std::size_t i) { return i * 0x9e3779b97f4a7c15; });
    const auto put = [&](std::size_t i) {
        map.put(make_box(keys.at(i), static_cast<int>(i)));
        expected[keys.all[i].first] = static_cast<int>(i);
    };
    for (std::size_t i = 0; i < 40; ++i) put(i);
    REQUIRE(map.root()->kind == detail::node_kind::branch);
    const std::uint64_t multiplier = map.root()->multiplier;
    const std::uint64_t inverse = inverse_of(multiplier);
    const std::uint64_t way = 0xc0ffee5555555500;
    for (std::uint64_t i = 0; i < 30; ++i)
        keys.all.emplace_back("one way " + std::to_string(i), (way + i) * inverse);
    // Two of these are namesakes of one by their hash: they part from the others at the last step of all.
    for (const char* const namesake : {"first", "second"}) keys.all.emplace_back(namesake, way * inverse);
    for (std::size_t i = 40; i < keys.size(); ++i) put(i);
    CHECK(agrees(map, expected, keys));
    const detail::map copy = map;
    const reference then = expected;
    for (std::size_t i = keys.size(); i-- > 20;) {
        CHECK(map.take(keys.at(i)));
        expected.erase(keys.all[i].first);
    }
    CHECK(agrees(map, expected, keys));
    CHECK(agrees(copy, then, keys));
}

TEST_CASE("names that were chosen to meet in one map are spread in another", "[map][collisions]") {
    const names few = make_names(40, [](std::size_t i) { return i * 0x9e3779b97f4a7c15; });
    detail::map one, other;
    for (std::size_t i = 0; i < few.size(); ++i) {
        one.put(make_box(few.at(i), 0));
        other.put(make_box(few.at(i), 0));
    }
    const std::uint64_t multiplier = one.root()->multiplier;
    CHECK(other.root()->multiplier != multiplier);
    const names chosen = make_names(1000, [inverse = inverse_of(multiplier)](std::size_t i) {
        return (0xc0ffee5555555000 + i) * inverse;
    });
    for (std::size_t i = 0; i < chosen.size(); ++i) {
        one.put(make_box(chosen.at(i), 0));
        other.put(make_box(chosen.at(i), 0));
    }
    CHECK(depth_of(one.root()) > 10);
    CHECK(depth_of(other.root()) < 6);
}

TEST_CASE("a name with the hash of another is not taken for it", "[map][collisions]") {
    detail::map map;
    map.put(make_box({"one", 1, false}, 1));
    CHECK(map.find({"one", 1, false}));
    CHECK_FALSE(map.find({"two", 1, false}));
    CHECK_FALSE(map.find({"", 1, false}));
    CHECK_FALSE(map.find({"one", 2, false}));
    CHECK_FALSE(map.take({"two", 1, false}));
    CHECK(map.size() == 1);
    map.put(make_box({"two", 1, false}, 2));
    CHECK(value_of(*map.find({"one", 1, false})) == 1);
    CHECK(value_of(*map.find({"two", 1, false})) == 2);
    CHECK_FALSE(map.find({"three", 1, false}));
}

TEST_CASE("boxes keep their addresses while maps grow, shrink and are copied", "[map]") {
    const names keys =
        make_names(500, [](std::size_t i) { return detail::hash_name("name " + std::to_string(i)); });
    detail::map map;
    std::vector<const detail::box*> boxes;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        map.put(make_box(keys.at(i), static_cast<int>(i)));
        boxes.push_back(map.find(keys.at(i)));
    }
    detail::map copy = map;
    const detail::frozen_map frozen(map);
    for (std::size_t i = 0; i < keys.size(); i += 2) map.take(keys.at(i));
    copy.put(make_box({"another", 1, false}, 1));
    for (std::size_t i = 0; i < keys.size(); ++i) {
        REQUIRE(map.find(keys.at(i)) == (i % 2 == 1 ? boxes[i] : nullptr));
        REQUIRE(copy.find(keys.at(i)) == boxes[i]);
        REQUIRE(frozen.find(keys.at(i)) == boxes[i]);
    }
}

TEST_CASE("a box may be changed in place only while one map alone reaches it", "[map]") {
    for (const std::size_t count : {1U, 16U, 17U, 300U}) {
        CAPTURE(count);
        const names keys =
            make_names(count, [](std::size_t i) { return detail::hash_name("name " + std::to_string(i)); });
        const auto exclusive = [&](detail::map& map) {
            std::size_t yes = 0;
            for (std::size_t i = 0; i < keys.size(); ++i) yes += map.find_exclusive(keys.at(i)) != nullptr;
            return yes;
        };
        detail::map map;
        for (std::size_t i = 0; i < keys.size(); ++i) map.put(make_box(keys.at(i), 1));
        CHECK(exclusive(map) == count);
        {
            detail::map copy = map;
            CHECK(exclusive(map) == 0);
            CHECK(exclusive(copy) == 0);
            copy.put(make_box(keys.at(0), 2));  // one of its own
            CHECK(exclusive(copy) == 1);
            CHECK(exclusive(map) <= 1);  // the copy may still share what is around it
        }
        CHECK(exclusive(map) == count);
        {
            const detail::frozen_map frozen(map);
            CHECK(exclusive(map) == 0);
            const detail::frozen_map again = frozen;
            detail::map thawed = again.thawed();
            CHECK(exclusive(thawed) == 0);
        }
        CHECK(exclusive(map) == count);
        const detail::map moved = std::move(map);
        CHECK(moved.size() == count);
    }
}

TEST_CASE("copying a map copies no values and no nodes", "[map]") {
    const test::counted_balance balance;
    const names keys =
        make_names(1000, [](std::size_t i) { return detail::hash_name("name " + std::to_string(i)); });
    detail::map map;
    for (std::size_t i = 0; i < keys.size(); ++i) map.put(make_box(keys.at(i), 1));
    const detail::map copy = map;
    CHECK(copy.root() == map.root());
    CHECK(balance.live() == 1000);
    map.put(make_box(keys.at(0), 2));
    CHECK(balance.live() == 1001);
    CHECK(value_of(*copy.find(keys.at(0))) == 1);
}

TEST_CASE("the current context finds names whose hashes are all one, or end alike", "[map]") {
    const std::uint64_t hash_of_all = GENERATE(std::uint64_t{0}, std::uint64_t{0x1234'5678'9abc'def0});
    const bool is_static = GENERATE(false, true), others_too = GENERATE(false, true);
    constexpr std::size_t count = 40;
    const names keys = make_names(count, [&](std::size_t i) {
        return others_too && i % 2 == 1 ? hash_of_all ^ (std::uint64_t{i} << 8) : hash_of_all;
    });
    const auto key = [&](std::size_t i) {
        return key_name(keys.all[i].first, keys.all[i].second, is_static);
    };
    const coheir::context::snapshot empty;
    empty.run([&] {
        for (std::size_t i = 0; i < count; ++i) {
            CHECK(coheir::context::find<int>(key(i)) == nullptr);
            coheir::context::set(key(i), static_cast<int>(i));
            for (std::size_t j = 0; j <= i; ++j)
                CHECK(coheir::context::get(key(j), -1) == static_cast<int>(j));
        }
    });
}
