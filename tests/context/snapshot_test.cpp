// Snapshots: immutable wholes, on any thread, for as long as one likes.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/small_stack.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::snapshot;
using test::actor;
using test::as;

namespace {

using numbers = std::vector<int>;
using names = std::vector<std::string>;
inline constexpr context::key<int> answer{"answer"};

}  // namespace

TEST_CASE("a snapshot shows what its context showed when it was taken, whatever happens then", "[snapshot]") {
    std::optional<actor> who(std::in_place);
    as(*who, [] {
        context::set("number", 1);
        context::set("text", "one");
        context::set("list", numbers{1});
        context::set("unique", std::make_unique<int>(1));
    });
    const snapshot taken = who->capture();
    const auto check = [&] {
        CHECK(taken.keys() == names{"list", "number", "text", "unique"});
        CHECK(taken.size() == 4);
        CHECK(taken.get<int>("number") == 1);
        CHECK(taken.get("text", "") == "one");
        CHECK(*taken.find<numbers>("list") == numbers{1});
        CHECK(**taken.find<std::unique_ptr<int>>("unique") == 1);
    };
    as(*who, [] {
        context::set("number", 2);
        context::set("text", "two");
        context::set("new", 2);
    });
    check();
    as(*who, [] {
        context::update<int>("number", [](int& n) { n = 3; });
        context::update<numbers>("list", [](numbers& values) { values.push_back(3); });
        context::set("unique", std::make_unique<int>(3));
    });
    check();
    as(*who, [] { context::erase("text"); });
    check();
    as(*who, [] { context::clear(); });
    check();
    who.reset();
    check();
}

TEST_CASE("a snapshot of a chain is a whole, and its levels change no more", "[snapshot]") {
    actor lower;
    as(lower, [] {
        context::set("a", 1);
        context::set("b", 1);
    });
    actor upper = lower.heir(spawn_policy::chained);
    as(upper, [] {
        context::set("b", 2);
        context::set("c", 2);
    });
    const snapshot taken = upper.capture();
    as(lower, [] {
        context::set("a", 9);
        context::set("new", 9);
        context::update<int>("b", [](int& n) { n = 9; });
    });
    as(upper, [] { context::clear(); });
    CHECK(taken.keys() == names{"a", "b", "c"});
    CHECK(taken.size() == 3);
    CHECK(taken.get("a", 0) == 1);
    CHECK(taken.get("b", 0) == 2);
    CHECK(taken.get("c", 0) == 2);
}

TEST_CASE("a snapshot is read like a context", "[snapshot]") {
    actor who;
    as(who, [] {
        context::set(answer, 42);
        context::set("text", "x");
    });
    const snapshot taken = who.capture();
    CHECK(taken.get(answer) == 42);
    CHECK(taken.get(answer, 1) == 42);
    CHECK(taken.get(answer.or_default(1)) == 42);
    CHECK(taken.get<int>(std::string("answer")) == 42);
    CHECK(*taken.find(answer) == 42);
    CHECK(taken.contains(answer));
    CHECK(taken.contains("text"));
    CHECK_FALSE(taken.contains("missing"));
    CHECK(taken.get<int>("missing") == std::nullopt);
    CHECK(taken.get("missing", "y") == "y");
    CHECK(taken.find<int>("missing") == nullptr);
    CHECK(taken.find<int>("text") == nullptr);
    CHECK_THROWS_AS(taken.get<int>("text"), coheir::bad_value_type);
    CHECK_THROWS_AS(taken.get("text", 1), coheir::bad_value_type);
    static constexpr context::key<int> text{"text"};
    CHECK_THROWS_AS(taken.get(text), coheir::bad_value_type);
    CHECK_THROWS_AS(taken.get(text.or_default(1)), coheir::bad_value_type);
}

TEST_CASE("an empty snapshot shows nothing", "[snapshot]") {
    for (const snapshot& empty :
         {snapshot(), actor().capture(), actor().heir(spawn_policy::chained).capture()}) {
        CHECK(empty.empty());
        CHECK(empty.size() == 0);  // NOLINT: both
        CHECK(empty.keys().empty());
        CHECK_FALSE(empty.contains("k"));
        CHECK(empty.get<int>("k") == std::nullopt);
    }
}

TEST_CASE("snapshots are copied, moved and assigned", "[snapshot]") {
    const test::counted_balance balance;
    {
        actor who;
        as(who, [] { context::set("k", test::counted(1)); });
        snapshot first = who.capture();
        const snapshot copy = first;
        as(who, [] { context::set("k", test::counted(2)); });
        snapshot second = who.capture();
        CHECK(balance.live() == 2);
        std::swap(first, second);
        CHECK(first.find<test::counted>("k")->value == 2);
        CHECK(second.find<test::counted>("k")->value == 1);
        const snapshot& same = first;
        first = same;
        CHECK(first.find<test::counted>("k")->value == 2);
        const snapshot moved = std::move(first);
        CHECK(first.empty());  // NOLINT: it says so
        CHECK(moved.find<test::counted>("k")->value == 2);
        CHECK(copy.find<test::counted>("k") == second.find<test::counted>("k"));
        first = copy;
        CHECK(first.size() == 1);
    }
    CHECK(balance.is_even());
}

TEST_CASE("a snapshot keeps its values alive, and no longer than it lives itself", "[snapshot]") {
    const test::counted_balance balance;
    std::optional<snapshot> taken;
    {
        actor lower;
        as(lower, [] { context::set("a", test::counted(1)); });
        actor upper = lower.heir(spawn_policy::chained);
        as(upper, [] { context::set("b", test::counted(2)); });
        taken = upper.capture();
    }
    CHECK(balance.live() == 2);
    CHECK(taken->find<test::counted>("a")->value == 1);
    CHECK(taken->find<test::counted>("b")->value == 2);
    taken.reset();
    CHECK(balance.is_even());
}

// ---- values that hold contexts that hold values …

namespace {

/// A context whose value is a snapshot of a context whose value is …
actor with_nested_snapshots(int depth) {
    actor who;
    const test::acting now(who);
    context::set("counted", test::counted(0));
    for (int i = 0; i < depth; ++i) {
        context::set("previous", who.capture());
        if (i % 1000 == 0) context::set("counted", test::counted(i));
    }
    return who;
}

/// A value that owns a context, as a handle does, whose value owns a context …
actor with_nested_owners(int depth) {
    auto inner = std::make_shared<actor>();
    for (int i = 0; i < depth; ++i) {
        auto outer = std::make_shared<actor>(i % 2 == 0 ? inner->heir(spawn_policy::chained) : actor());
        as(*outer, [&] {
            context::set("inner", std::move(inner));
            if (i % 1000 == 0) context::set("counted", test::counted(i));
        });
        inner = std::move(outer);
    }
    actor who;
    as(who, [&] { context::set("inner", std::move(inner)); });
    return who;
}

}  // namespace

TEST_CASE("values that hold snapshots of contexts, 200000 deep, are destroyed on a small stack",
          "[snapshot][deep][slow]") {
    const test::counted_balance balance;
    for (int how = 0; how < 6; ++how) {
        CAPTURE(how);
        test::on_small_stack([&] {
            std::optional<actor> who(with_nested_snapshots(200'000));
            switch (how) {
                case 0: who.reset(); break;
                case 1: as(*who, [] { context::clear(); }); break;
                case 2: as(*who, [] { context::set("previous", 1); }); break;
                case 3: as(*who, [] { context::erase("previous"); }); break;
                case 4: {
                    std::optional<snapshot> last(who->capture());
                    who.reset();
                    last.reset();
                    break;
                }
                default: {
                    actor heir = who->heir(spawn_policy::chained);
                    who.reset();
                    as(heir,
                       [] { context::update<snapshot>("previous", [](snapshot& s) { s = snapshot(); }); });
                }
            }
        });
        CHECK(balance.is_even());
    }
}

TEST_CASE("values that own contexts, 200000 deep, are destroyed on a small stack", "[snapshot][deep][slow]") {
    const test::counted_balance balance;
    for (const bool by_clear : {false, true}) {
        test::on_small_stack([&] {
            actor who = with_nested_owners(200'000);
            if (by_clear) as(who, [] { context::clear(); });
        });
        CHECK(balance.is_even());
    }
}

// ---- other threads

namespace {

/// Hands things to other threads; empty ones tell them to end.
template <class T>
class channel {
public:
    void send(std::optional<T> message) {
        const std::lock_guard lock(mutex_);
        messages_.push_back(std::move(message));
        arrived_.notify_one();
    }
    std::optional<T> receive() {
        std::unique_lock lock(mutex_);
        arrived_.wait(lock, [&] { return !messages_.empty(); });
        std::optional<T> first = std::move(messages_.front());
        messages_.pop_front();
        return first;
    }

private:
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::deque<std::optional<T>> messages_;
};

/// Every round sets all values of a context to its number: in place, by new values, by updates.
void write_round(int round) {
    context::set("number", round);
    context::set("text", std::to_string(round));
    context::set("large text", std::string(100, ' ') + std::to_string(round));
    if (!context::update<numbers>("list", [=](numbers& values) { values.push_back(round); }))
        context::set("list", numbers{round});
    context::set("unique", std::make_unique<int>(round));
    context::set("even", round % 2 == 0);
    context::set("key " + std::to_string(round % 40), round);
    if (round % 50 == 0) context::clear(), write_round(round + 1);
}

template <class Map>
bool is_one_round(const Map& map) {
    const int round = *map.template find<int>("number");
    const bool counted = map.keys().size() == map.size();
    return counted && map.template get<std::string>("text") == std::to_string(round) &&
           map.template find<std::string>("large text")->ends_with(" " + std::to_string(round)) &&
           map.template find<numbers>("list")->back() == round &&
           **map.template find<std::unique_ptr<int>>("unique") == round &&
           map.template get<bool>("even") == (round % 2 == 0) &&
           map.template get<int>("key " + std::to_string(round % 40)) == round;
}

/// What a thread does with a snapshot: reads it, copies it, and makes contexts of its own out of it.
bool use(const snapshot& taken, int n) {
    bool right = is_one_round(taken);
    const snapshot copy = taken;
    right &= is_one_round(copy);
    const auto& policy = n % 2 == 0 ? spawn_policy::copying : spawn_policy::chained;
    actor mine(context::detail::policy_access::derive(policy, taken));
    right &= is_one_round(mine.capture());
    as(mine, [&] { write_round(1'000'000 + n); });
    right &= is_one_round(mine.capture());
    as(mine, [] {
        context::update<std::string>("text", [](std::string& text) { text += "!"; });
        context::clear();
    });
    return right && is_one_round(taken);
}

}  // namespace

TEST_CASE("snapshots are used and dropped on other threads while their context changes",
          "[snapshot][threads]") {
    constexpr int rounds = 1500;
    constexpr int threads = 3;
    const test::counted_balance balance;
    std::atomic<bool> right = true;
    {
        channel<snapshot> to_threads;
        std::vector<std::thread> all;
        for (int t = 0; t < threads; ++t)
            all.emplace_back([&] {
                int n = 0;
                std::deque<snapshot> kept;  // some are dropped late
                while (const std::optional<snapshot> taken = to_threads.receive()) {
                    if (!use(*taken, ++n)) right = false;
                    kept.push_back(*taken);
                    if (kept.size() > 20) kept.pop_front();
                }
                for (const snapshot& last : kept)
                    if (!is_one_round(last)) right = false;
            });
        actor lower;
        actor who = lower.heir(spawn_policy::chained);
        for (int round = 1; round <= rounds; ++round) {
            as(round % 3 == 0 ? lower : who, [&] { context::set("counted", test::counted(round)); });
            as(who, [&] { write_round(round); });
            to_threads.send(who.capture());
            if (round % 10 == 0) who = who.heir(spawn_policy::chained);
            if (round % 100 == 0) who = who.heir(spawn_policy::copying);
            // Sharing ends on some other thread: after that, values are changed in place again.
            as(who, [&] { context::update<numbers>("list", [](numbers& values) { values.reserve(8); }); });
        }
        for (int t = 0; t < threads; ++t) to_threads.send(std::nullopt);
        for (std::thread& t : all) t.join();
    }
    CHECK(right);
    CHECK(balance.is_even());
}

TEST_CASE("the last share of a value may go on any thread", "[snapshot][threads]") {
    const test::counted_balance balance;
    for (int i = 0; i < 300; ++i) {
        actor who;
        as(who, [] {
            context::set("k", test::counted(0));
            context::set("list", numbers(10));
        });
        std::optional<snapshot> taken(who.capture());
        std::thread other([mine = *taken]() mutable {
            const bool there = mine.contains("k");
            mine = snapshot();
            static_cast<void>(there);
        });
        taken.reset();
        // In place if the thread is done already, in a clone if not.
        as(who, [] {
            for (int n = 0; n < 20; ++n)
                context::update<numbers>("list", [&](numbers& values) { values.front() = n; });
            context::set("k", test::counted(1));
            context::erase("k");
        });
        other.join();
        if (!who.capture().contains("list")) FAIL("the list is gone");
    }
    CHECK(balance.is_even());
}
