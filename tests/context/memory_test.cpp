// What allocates memory, and what does not; and that nothing has changed where there is none.

// clang's thread sanitizer brings an operator new that cannot be replaced: nothing can be counted there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COHEIR_TEST_CANNOT_COUNT
#endif
#endif
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"
#include "support/policies.hpp"

// ---- every operator new of this program, counted, and failing on request

namespace {

thread_local std::size_t allocations = 0;         // of this thread
thread_local std::size_t left = ~std::size_t{0};  // how many more may succeed
std::atomic<long long> live{0};                   // of all threads

[[gnu::noinline]] void* allocate(std::size_t size) noexcept {
    ++allocations;
    if (left == 0) return nullptr;
    --left;
    ++live;
    return std::malloc(size == 0 ? 1 : size);
}
[[gnu::noinline]] void deallocate(void* memory) noexcept {
    live -= memory != nullptr;
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* const memory = allocate(size)) return memory;
    throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size); }
void operator delete(void* memory) noexcept { deallocate(memory); }
void operator delete(void* memory, std::size_t) noexcept { deallocate(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { deallocate(memory); }

namespace {

namespace context = coheir::context;
using coheir::spawn_policy;
using test::actor;
using test::as;

inline constexpr context::key<int> answer{"answer"};

template <class F>
std::size_t allocations_of(F&& f) {
    const std::size_t before = allocations;
    f();
    return allocations - before;
}

// Without recycled memory, as under sanitizers, there is one allocation for each object that needs one.
constexpr bool recycles = COHEIR_RECYCLE_MEMORY;

std::string name(int i) { return "the name of a key that is long, number " + std::to_string(i); }

/// Two levels, with as many keys in each as asked for, and perhaps a copy that shares them.
struct family {
    actor lower;
    actor upper;
    std::optional<actor> copy;

    family(int keys, bool shared) : upper(lower.heir(spawn_policy::chained)) {
        for (actor* const who : {&lower, &upper})
            as(*who, [&] {
                for (int i = 0; i < keys; ++i) context::set(name(i), test::counted(i));
            });
        if (shared) copy = upper.heir(spawn_policy::copying);
    }

    /// What every context shows for every key, -1 for none.
    [[nodiscard]] std::vector<int> shown() const {
        std::vector<int> all;
        for (const actor* const who : {&lower, &upper, copy ? &*copy : &lower})
            for (int i = 0; i < 64; ++i) {
                const auto* const found = context::detail::find_visible(&who->level(), name(i));
                all.push_back(found ? context::detail::value_in<test::counted>(*found).value : -1);
            }
        return all;
    }
};

/// Runs something with no memory after the first, the second … allocation: until it succeeds, nothing may
/// have changed.
template <class F>
void changes_nothing_without_memory(F f) {
    const test::counted_balance balance;
    for (const int keys : {0, 1, 4, 16, 17, 60}) {
        for (const bool shared : {false, true}) {
            bool done = false;
            for (std::size_t may_succeed = 0; !done; ++may_succeed) {
                CAPTURE(keys, shared, may_succeed);
                REQUIRE(may_succeed < 1000);
                family all(keys, shared);
                const std::vector<int> before = all.shown();
                left = may_succeed;
                try {
                    f(all);
                    done = true;
                } catch (const std::bad_alloc&) {
                }
                left = ~std::size_t{0};
                if (!done) REQUIRE(all.shown() == before);
                // It goes on as if nothing had been.
                as(all.upper, [] { context::set(name(61), test::counted(61)); });
                REQUIRE(all.shown()[64 + 61] == 61);
            }
            REQUIRE(balance.is_even());
        }
    }
}

}  // namespace

TEST_CASE("looking up allocates nothing", "[memory]") {
    std::vector<actor> chain(1);
    const std::string dynamic = "key 7";
    as(chain.front(), [] {
        context::set(answer, 42);
        for (int i = 0; i < 50; ++i) context::set("key " + std::to_string(i), i);
    });
    for (int i = 0; i < 10; ++i) chain.push_back(chain.back().heir(spawn_policy::chained));
    for (actor& who : chain) {
        const test::acting now(who);
        const auto look = [&] {
            int sum = 0;
            for (int i = 0; i < 100; ++i)
                sum += context::get(answer, 0) + *context::find<int>("answer") +
                       *context::find<int>(dynamic) + context::contains("missing") +
                       context::contains(dynamic);
            return sum;
        };
        CHECK(look() == 100 * (42 + 42 + 7 + 1));  // a chain may remember, after this
        CHECK(allocations_of(look) == 0);
    }
}

TEST_CASE("set and update of a number in place allocate nothing", "[memory]") {
    actor who;
    const test::acting now(who);
    context::set(answer, 1);
    context::set("text", std::string(100, 'x'));
    const auto change = [] {
        for (int i = 0; i < 100; ++i) {
            context::set(answer, i);
            context::set("answer", i);
            context::set("text", "y");
            context::update(answer, [](int& n) { ++n; });
        }
    };
    CHECK(allocations_of(change) == 0);
}

TEST_CASE("copying and capturing a context allocate the same for one key as for thousands", "[memory]") {
    std::vector<std::size_t> copying, capturing, chaining;
    for (const int keys : {1, 100, 3000}) {
        actor who;
        as(who, [&] {
            for (int i = 0; i < keys; ++i) context::set(name(i), i);
        });
        copying.push_back(allocations_of([&] { static_cast<void>(who.heir(spawn_policy::copying)); }));
        capturing.push_back(allocations_of([&] { static_cast<void>(who.capture()); }));
        chaining.push_back(allocations_of([&] { static_cast<void>(who.heir(spawn_policy::chained)); }));
    }
    for (const auto& counts : {copying, capturing, chaining}) {
        CAPTURE(counts);
        CHECK((counts[0] == counts[1] || recycles));  // the first may find no recycled memory
        CHECK(counts[1] == counts[2]);
    }
    CHECK(copying.back() <= 1);
    CHECK(capturing.back() == 0);
}

TEST_CASE("a chained child takes one allocation, and a bound call what is said of it", "[memory]") {
    actor parent;
    as(parent, [] { context::set(name(1), 1); });
    const auto call_in = [](const actor& who) {
        const context::snapshot captured = who.capture();
        return allocations_of([&] { captured.run([] {}); });
    };
    actor first = parent.heir(spawn_policy::chained);  // now the parent has what those chained onto it share
    as(first, [] { context::set(name(2), 2); });
    const std::size_t more = allocations_of([&] { static_cast<void>(parent.heir(spawn_policy::chained)); });
    const std::size_t alone = call_in(parent), chained = call_in(first);
    CAPTURE(more, alone, chained);
    CHECK((recycles ? more <= 1 : more == 1));
    CHECK((recycles ? alone <= 2 : alone == 2));
    CHECK((recycles ? chained <= 6 : chained == 6));
}

TEST_CASE("set without memory changes nothing", "[memory][failure]") {
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.upper);
        context::set(name(62), test::counted(62));
    });
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.upper);
        context::set(name(0), test::counted(100));
    });
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.lower);
        context::set(name(3), test::counted(100));
    });
}

TEST_CASE("names that meet in the map are set without memory: those that are there stay",
          "[memory][failure]") {
    for (const std::size_t keys : {1u, 2u, 3u, 8u, 15u, 16u, 17u}) {
        std::vector<std::string> names;
        for (std::size_t i = 0; i <= keys; ++i) names.push_back(name(static_cast<int>(i)));
        // The last has the hash of the first: no leaf has a place for both.
        const auto key = [&](std::size_t i) {
            return context::key_name(names[i], 0x9e37'79b9'7f4a'7c15 * (i % keys + 1), false);
        };
        bool done = false;
        for (std::size_t may_succeed = 0; !done; ++may_succeed) {
            CAPTURE(keys, may_succeed);
            REQUIRE(may_succeed < 1000);
            actor who;
            const test::acting now(who);
            for (std::size_t i = 0; i < keys; ++i) context::set(key(i), static_cast<int>(i));
            left = may_succeed;
            try {
                context::set(key(keys), static_cast<int>(keys));
                done = true;
            } catch (const std::bad_alloc&) {
            }
            left = ~std::size_t{0};
            for (std::size_t i = 0; i < keys; ++i) REQUIRE(context::get(key(i), -1) == static_cast<int>(i));
            REQUIRE(context::contains(key(keys)) == done);
        }
    }
}

TEST_CASE("update, erase and clear without memory change nothing", "[memory][failure]") {
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.upper);
        context::update<test::counted>(name(0), [](test::counted& value) { value.value = 100; });
    });
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.upper);
        context::erase(name(0));
    });
    changes_nothing_without_memory([](family& all) {
        const std::string key = name(3);
        const test::acting now(all.lower);
        context::erase(key);
    });
    changes_nothing_without_memory([](family& all) {
        const test::acting now(all.upper);
        context::clear();
    });
}

TEST_CASE("a spawn or a snapshot without memory changes nothing", "[memory][failure]") {
    for (const test::policy& policy : test::all_policies()) {
        CAPTURE(policy.name);
        changes_nothing_without_memory([&](family& all) {
            const actor heir = all.upper.heir(policy.is);
            const actor deep = heir.heir(policy.is).heir(policy.is);
        });
    }
    changes_nothing_without_memory([](family& all) {
        const context::snapshot taken = all.upper.capture();
        const actor copy(context::detail::policy_access::derive(spawn_policy::copying, taken));
        const actor over(context::detail::policy_access::derive(spawn_policy::chained, taken));
    });
    const auto change = [](const context::view& parent) {
        context::child made = parent.shared();
        made.set(name(0), test::counted(100));
        made.erase(name(1));
        made.set(name(62), test::counted(62));
        static_cast<void>(made.capture());
        return made;
    };
    changes_nothing_without_memory([&](family& all) { const actor heir = all.upper.heir(change); });
}

TEST_CASE("a merge without memory does not happen, and nobody can tell", "[memory][failure]") {
    const test::counted_balance balance;
    for (const int below : {0, 3, 30}) {
        for (const int above : {0, 3, 30}) {
            for (std::size_t may_succeed = 0; may_succeed < 30; ++may_succeed) {
                CAPTURE(below, above, may_succeed);
                std::optional<actor> lower(std::in_place);
                std::optional<actor> upper(lower->heir(spawn_policy::chained));
                actor top = upper->heir(spawn_policy::chained);
                as(*lower, [&] {
                    for (int i = 0; i < below; ++i) context::set(name(i), test::counted(i));
                });
                as(*upper, [&] {
                    for (int i = 0; i < above; ++i) context::set(name(i + 2), test::counted(100 + i));
                });
                const auto shown = [&] {
                    std::vector<int> all;
                    for (int i = 0; i < 40; ++i) {
                        const auto* const found = context::detail::find_visible(&top.level(), name(i));
                        all.push_back(found ? context::detail::value_in<test::counted>(*found).value : -1);
                    }
                    return all;
                };
                const std::vector<int> before = shown();
                left = may_succeed;
                lower.reset();
                upper.reset();
                left = ~std::size_t{0};
                REQUIRE(shown() == before);
                const std::size_t keys = top.capture().size();
                actor next = top.heir(spawn_policy::chained);
                top = std::move(next);  // another chance to merge
                REQUIRE(shown() == before);
                REQUIRE(top.capture().size() == keys);
            }
        }
    }
    CHECK(balance.is_even());
}

TEST_CASE("what is freed at the end of a thread, after its recycled memory, goes back, too",
          "[memory][threads]") {
    struct late {
        std::optional<context::snapshot> kept;
        ~late() { kept.reset(); }
    };
    const long long before = live;
    std::thread([] {
        static thread_local late at_end;  // made first, so it goes last
        at_end.kept.emplace();
        const context::enter scope{context::snapshot()};
        for (int i = 0; i < 40; ++i) context::set(name(i), i);
        *at_end.kept = context::capture();
    }).join();
    CHECK(live == before);
}

TEST_CASE("find far down a chain needs no memory", "[memory][failure]") {
    std::vector<actor> chain(1);
    as(chain.front(), [] { context::set("k", 1); });
    for (int i = 0; i < 10; ++i) chain.push_back(chain.back().heir(spawn_policy::chained));
    int found = 0;
    as(chain.back(), [&] {
        left = 0;
        for (int i = 0; i < 10; ++i) found += *context::find<int>("k") + (context::find<int>("x") ? 1 : 0);
        left = ~std::size_t{0};
    });
    CHECK(found == 10);
}

#endif
