// Values: what get, set, find, contains, erase and clear do, with values of any type.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/actor.hpp"
#include "support/counted.hpp"

namespace context = coheir::context;

namespace {

inline constexpr context::key<std::string> user{"user"};

struct alignas(64) over_aligned {
    bool operator==(const over_aligned&) const = default;
    int value = 0;
};
struct large {
    bool operator==(const large&) const = default;
    std::array<int, 5000> values{};
};
struct empty {
    bool operator==(const empty&) const = default;
};
struct without_default {
    explicit without_default(int v) : value(v) {}
    bool operator==(const without_default&) const = default;
    int value;
};
struct not_assignable {
    bool operator==(const not_assignable&) const = default;
    const std::string value;  // NOLINT: that is what it is about
};
struct move_only {
    explicit move_only(int v) : value(v) {}
    move_only(move_only&&) = default;
    move_only& operator=(move_only&&) = default;
    bool operator==(const move_only&) const = default;
    int value;
};
struct alignas(128) over_aligned_move_only {
    explicit over_aligned_move_only(int v) : value(std::make_unique<int>(v)) {}
    bool operator==(const over_aligned_move_only& other) const { return *value == *other.value; }
    std::unique_ptr<int> value;
};
enum class color : std::uint8_t { red, green };

using string_to_int = std::map<std::string, int>;
using string_and_int = std::pair<std::string, int>;
using characters = std::array<char, 300>;

template <class T>
T make(int n) {
    if constexpr (std::is_same_v<T, std::vector<int>> || std::is_same_v<T, std::vector<over_aligned>> ||
                  std::is_same_v<T, std::vector<bool>>)
        return T(static_cast<std::size_t>(n));
    else if constexpr (std::is_constructible_v<T, int> || std::is_enum_v<T>)
        return static_cast<T>(n);
    else if constexpr (std::is_same_v<T, std::string>)
        return std::string(static_cast<std::size_t>(n) * 40, 'x');
    else if constexpr (std::is_same_v<T, not_assignable>)
        return {std::string(static_cast<std::size_t>(n) * 40, 'x')};
    else if constexpr (std::is_same_v<T, large>)
        return {{n}};
    else if constexpr (std::is_same_v<T, over_aligned>)
        return {n};
    else if constexpr (std::is_same_v<T, std::unique_ptr<std::string>>)
        return std::make_unique<std::string>("x");
    else if constexpr (std::is_same_v<T, string_to_int>)
        return {{"x", n}};
    else if constexpr (std::is_same_v<T, string_and_int>)
        return {"x", n};
    else
        return T{};
}

int plus_one(int n) { return n + 1; }

template <class F>
std::string message_of(F&& f) {
    try {
        f();
    } catch (const coheir::error& e) {
        return e.what();
    }
    return "nothing was thrown";
}

// The box of a key: who set it, and where.
const context::detail::box& box_of(const test::actor& who, context::key_name key) {
    return *context::detail::find_visible(&who.level(), key);
}

}  // namespace

TEST_CASE("a key that is set is there, others are not", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("answer", 42);
    CHECK(context::get<int>("answer") == 42);
    CHECK(context::get<int>("answer", 1) == 42);
    CHECK(context::get("answer", 1) == 42);
    CHECK(*context::find<int>("answer") == 42);
    CHECK(context::contains("answer"));

    CHECK(context::get<int>("question") == std::nullopt);
    CHECK(context::get<int>("question", 1) == 1);
    CHECK(context::get("question", 1) == 1);
    CHECK(context::find<int>("question") == nullptr);
    CHECK_FALSE(context::contains("question"));
    CHECK_FALSE(context::erase("question"));
    CHECK_FALSE(context::update<int>("question", [](int&) { FAIL("called for a missing key"); }));
    CHECK_FALSE(context::contains("question"));
}

TEST_CASE("get gives the types that its arguments say", "[value]") {
    const std::string_view view = "x";
    static_assert(std::is_same_v<decltype(context::get<int>("k")), std::optional<int>>);
    static_assert(std::is_same_v<decltype(context::get<long>("k", 1)), long>);
    static_assert(std::is_same_v<decltype(context::get("k", 1)), int>);
    static_assert(std::is_same_v<decltype(context::get("k", "x")), std::string>);
    static_assert(std::is_same_v<decltype(context::get("k", view)), std::string>);
    static_assert(std::is_same_v<decltype(context::get<std::string>("k", "x")), std::string>);
    static_assert(std::is_same_v<decltype(context::get<std::string>("k", view)), std::string>);
    test::actor who;
    const test::acting now(who);
    CHECK(context::get("k", view) == "x");
    CHECK(context::get<long>("k", 1) == 1);
    CHECK(context::get<std::vector<int>>("k", std::vector{1, 2}) == std::vector{1, 2});
    CHECK(*context::get("k", std::make_shared<int>(3)) == 3);
}

TEST_CASE("set overwrites, with a value of the same or another type", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("k", 1);
    context::set("k", 2);
    CHECK(context::get<int>("k") == 2);
    context::set("k", "text");
    CHECK(context::get<std::string>("k") == "text");
    context::set("k", std::string("a text that is too long for the small string optimisation"));
    context::set("k", "short");
    CHECK(context::get<std::string>("k") == "short");
    context::set("k", std::vector{1, 2, 3});
    CHECK(context::get<std::vector<int>>("k") == std::vector{1, 2, 3});
    context::set("k", 3.5);
    CHECK(context::get<double>("k") == 3.5);
    CHECK(who.capture().keys() == std::vector<std::string>{"k"});
}

TEST_CASE("erase removes one key, clear removes all", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("a", 1);
    context::set("b", "text");
    context::set("c", std::vector{1});
    CHECK(context::erase("b"));
    CHECK_FALSE(context::contains("b"));
    CHECK_FALSE(context::erase("b"));
    CHECK(who.capture().keys() == std::vector<std::string>{"a", "c"});
    context::clear();
    CHECK(who.capture().empty());
    context::clear();
    context::set("a", 2);
    CHECK(context::get<int>("a") == 2);
}

TEST_CASE("a value of another type than the one asked for is an error, but for find", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("user", std::vector<double>{1.5});
    CHECK_THROWS_AS(context::get<int>("user"), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get<int>("user", 1), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get("user", 1), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get("user", "x"), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get(user), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get(user, "x"), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get(user.or_default("x")), coheir::bad_value_type);
    CHECK_THROWS_AS(context::update<int>("user", [](int&) { FAIL("called"); }), coheir::bad_value_type);
    CHECK_THROWS_AS(context::update(user, [](std::string&) { FAIL("called"); }), coheir::bad_value_type);
    CHECK(context::find<int>("user") == nullptr);
    CHECK(context::find(user) == nullptr);
    CHECK(context::contains("user"));
    CHECK(context::get<std::vector<double>>("user") == std::vector<double>{1.5});
    CHECK(context::erase("user"));
}

TEST_CASE("the error about a type names the key and both types", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("user", std::vector<double>{});
    for (const std::string& message : {message_of([] { static_cast<void>(context::get<int>("user")); }),
                                       message_of([] { context::update<int>("user", [](int&) {}); })}) {
        CHECK_THAT(message, Catch::Contains("'user'") && Catch::Contains("as int") &&
                                Catch::Contains("holds std::vector<double"));
    }
    context::set("user", "text");
    CHECK_THAT(message_of([] { static_cast<void>(context::get<color>("user")); }),
               Catch::Contains("color") && Catch::Contains("holds std::string"));
}

TEST_CASE("types are told apart by more than their size", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("k", 1);
    CHECK_THROWS_AS(context::get<unsigned>("k"), coheir::bad_value_type);
    CHECK_THROWS_AS(context::get<std::optional<int>>("k"), coheir::bad_value_type);
    context::set("k", 1L);
    CHECK_THROWS_AS(context::get<long long>("k"), coheir::bad_value_type);
    context::set("k", std::make_shared<int>(1));
    CHECK_THROWS_AS(context::get<std::shared_ptr<const int>>("k"), coheir::bad_value_type);
}

TEST_CASE("text in any form is stored as std::string", "[value]") {
    test::actor who;
    const test::acting now(who);
    char buffer[] = "text";
    const char* const pointer = buffer;
    std::string string = "text";
    const auto check = [] {
        CHECK(context::get<std::string>("k") == "text");
        context::clear();
    };
    context::set("k", "text"), check();
    context::set("k", buffer), check();
    context::set("k", &buffer[0]), check();
    context::set("k", pointer), check();
    context::set("k", std::string_view("text")), check();
    context::set("k", string), check();
    context::set("k", std::as_const(string)), check();
    context::set("k", std::move(string)), check();
    context::set(user, "x");
    buffer[0] = 'n';
    context::set(user, buffer);
    buffer[0] = 't';
    CHECK(context::get(user) == "next");  // a copy
}

TEST_CASE("set copies what may be used on, and moves what may not", "[value]") {
    test::actor who;
    const test::acting now(who);
    std::vector<int> values{1, 2, 3};
    const int* const data = values.data();
    context::set("copied", values);
    CHECK(values.size() == 3);
    CHECK(context::find<std::vector<int>>("copied")->data() != data);
    context::set("moved", std::move(values));
    CHECK(context::find<std::vector<int>>("moved")->data() == data);
}

TEST_CASE("get gives a copy, find the value itself", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("k", std::vector{1});
    auto copy = context::get<std::vector<int>>("k");
    copy->push_back(2);
    CHECK(context::get<std::vector<int>>("k") == std::vector{1});
    const auto* const found = context::find<std::vector<int>>("k");
    context::update<std::vector<int>>("k", [](auto& values) { values.push_back(3); });
    CHECK(*found == std::vector{1, 3});
}

TEMPLATE_TEST_CASE("a value of any type can be stored", "[value]", bool, char, int, double, color, void*,
                   std::string, std::vector<int>, std::vector<over_aligned>, string_to_int, string_and_int,
                   std::optional<int>, characters, std::shared_ptr<int>, std::unique_ptr<std::string>,
                   over_aligned, over_aligned_move_only, large, empty, without_default, not_assignable,
                   move_only, std::chrono::milliseconds, std::vector<bool>) {
    constexpr bool copyable = std::is_copy_constructible_v<TestType>;
    test::actor who;
    const test::acting now(who);
    const std::string name = "a key that is no literal";
    for (int n = 1; n <= 3; ++n) {
        context::set("k", make<TestType>(n));
        context::set(name, make<TestType>(n));
        CHECK(context::contains("k"));
        for (const auto* const found : {context::find<TestType>("k"), context::find<TestType>(name)}) {
            REQUIRE(found);
            CHECK(reinterpret_cast<std::uintptr_t>(found) % alignof(TestType) == 0);
            if constexpr (!std::is_same_v<TestType, std::unique_ptr<std::string>> &&
                          !std::is_same_v<TestType, std::shared_ptr<int>>)
                CHECK((*found == make<TestType>(n)));
        }
        if constexpr (copyable) {
            CHECK(context::get<TestType>("k").has_value());
            CHECK((context::get<TestType>("k", make<TestType>(9)) == *context::find<TestType>("k")));
            const test::actor heir = who.heir(coheir::spawn_policy::copying);
            CHECK(context::update<TestType>("k", [](TestType&) {}));  // a clone
            CHECK((*context::find<TestType>("k") == *heir.capture().find<TestType>("k")));
            CHECK(reinterpret_cast<std::uintptr_t>(context::find<TestType>("k")) % alignof(TestType) == 0);
        }
        CHECK(context::update<TestType>("k", [](TestType&) {}));
    }
    CHECK(context::erase("k"));
    CHECK(context::find<TestType>("k") == nullptr);
    context::clear();
}

TEST_CASE("functions, and contexts themselves, are values too", "[value]") {
    test::actor who;
    const test::acting now(who);
    context::set("function", plus_one);
    CHECK((*context::find<int (*)(int)>("function"))(1) == 2);
    context::set("std::function", std::function<int(int)>([](int n) { return n * 2; }));
    CHECK(context::get<std::function<int(int)>>("std::function").value()(4) == 8);
    context::set("snapshot", who.capture());
    CHECK(context::get<context::snapshot>("snapshot").value().keys() ==
          std::vector<std::string>{"function", "std::function"});
}

TEST_CASE("a container of what cannot be copied is stored, and frozen by a copy like its elements",
          "[value]") {
    using container = std::vector<std::unique_ptr<int>>;
    test::actor who;
    const test::acting now(who);
    container made;
    made.push_back(std::make_unique<int>(1));
    context::set("k", std::move(made));
    CHECK(context::update<container>("k", [](container& c) { c.push_back(std::make_unique<int>(2)); }));
    CHECK(*context::find<container>("k")->back() == 2);
    const context::snapshot copy = who.capture();
    CHECK_THROWS_AS(context::update<container>("k", [](container&) {}), coheir::not_copyable);
    CHECK(copy.find<container>("k")->size() == 2);
    context::set("map", std::map<std::string, std::unique_ptr<int>>());
    CHECK(context::contains("map"));
}

TEST_CASE("a value that cannot be made leaves what was there", "[value]") {
    struct fragile {
        explicit fragile(int v) : value(v) {}
        fragile(const fragile&) { throw std::runtime_error("no copy today"); }
        int value = 0;
    };
    test::actor who;
    const test::acting now(who);
    const fragile unused(1);
    context::set("k", 1);
    CHECK_THROWS_WITH(context::set("k", unused), "no copy today");
    CHECK_THROWS_WITH(context::set("new", unused), "no copy today");
    CHECK(context::get<int>("k") == 1);
    CHECK_FALSE(context::contains("new"));
    CHECK(who.capture().size() == 1);
}

TEST_CASE("a value, or its key, may be taken from the value that it replaces", "[value]") {
    test::actor who;
    const test::acting now(who);
    const std::string text = "a text that is too long for the small string optimisation";
    context::set("k", text);
    context::set("k", *context::find<std::string>("k"));
    CHECK(context::get<std::string>("k") == text);
    context::set("k", std::string_view(*context::find<std::string>("k")).substr(7));
    CHECK(context::get<std::string>("k") == text.substr(7));
    context::set("k", context::find<std::string>("k")->c_str() + 5);
    CHECK(context::get<std::string>("k") == text.substr(12));

    context::set("v", std::vector<std::string>{text, "x"});
    context::set("v", context::find<std::vector<std::string>>("v")->front());
    CHECK(context::get<std::string>("v") == text);

    context::set(text, text);  // the value is its own name
    context::set(*context::find<std::string>(text), 1);
    CHECK(context::get<int>(text) == 1);
    context::set(text, text);
    CHECK(context::erase(*context::find<std::string>(text)));
    CHECK_FALSE(context::contains(text));
    context::set(text, std::vector{text});
    CHECK(context::erase(context::find<std::vector<std::string>>(text)->front()));
    CHECK_FALSE(context::contains(text));
}

TEST_CASE("a value may be made of the text that is its name, which is gone then", "[value]") {
    test::actor who;
    const test::acting now(who);
    for (const std::string name : {"short", "a name that is too long for the small string optimisation"}) {
        std::string moved = name;
        context::set(moved, std::move(moved));
        CHECK(context::get<std::string>(name) == name);
        CHECK(who.capture().keys() == std::vector{name});
        context::set(name, 1);
        moved = name;
        context::set(moved, std::move(moved));  // over a value of another type
        CHECK(context::get<std::string>(name) == name);
        CHECK(who.capture().size() == 1);

        struct named {
            std::string name;
        };
        named holder{name};
        context::set(holder.name, std::move(holder));
        REQUIRE(context::find<named>(name));
        CHECK(context::find<named>(name)->name == name);
        CHECK(who.capture().size() == 1);
        {
            moved = name;
            const context::scoped inside(moved, std::move(moved));
            CHECK(context::get<std::string>(name) == name);
        }
        CHECK(context::find<named>(name));
        CHECK(context::erase(name));
        {
            moved = name;
            const context::scoped inside(moved, std::move(moved));
            CHECK(context::get<std::string>(name) == name);
        }
        CHECK(who.capture().empty());
    }
}

TEST_CASE("a fallback that is a null pointer as a text is refused by name, where it is needed", "[value]") {
    test::actor who;
    const test::acting now(who);
    const char* const none = nullptr;
    CHECK_THROWS_WITH(context::get("k", none), "coheir::context::get: key 'k': the text is a null pointer");
    CHECK_THROWS_AS(who.capture().get("k", none), coheir::usage_error);
    CHECK_THROWS_AS(context::get(context::key<std::string>{"typed"}, none), coheir::usage_error);
    context::set("k", "there");
    CHECK(context::get("k", none) == "there");
}

TEST_CASE("a value's own operator for its address is not asked", "[value]") {
    struct odd {
        odd* operator&() { return nullptr; }
        const odd* operator&() const { return nullptr; }
        int number;
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", odd{1});
    REQUIRE(context::find<odd>("k"));
    CHECK(context::get<odd>("k")->number == 1);
}

TEST_CASE("every value is destroyed exactly once", "[value]") {
    const test::counted_balance balance;
    {
        test::actor who;
        const test::acting now(who);
        context::set("a", test::counted(1));
        context::set("a", test::counted(2));
        context::set("b", std::vector<test::counted>(3));
        context::set("c", test::counted(3));
        CHECK(balance.live() == 5);
        context::erase("b");
        CHECK(balance.live() == 2);
        context::set("c", 1);
        CHECK(balance.live() == 1);
        const context::snapshot copy = who.capture();
        context::clear();
        CHECK(balance.live() == 1);
        context::set("a", test::counted(4));
    }
    CHECK(balance.is_even());
}

TEST_CASE("where no context is current, everything but find says so and names the key", "[value]") {
    const std::string key = "request_id";
    const auto says = [](const char* function, auto&& f) {
        CHECK_THROWS_AS(f(), coheir::no_current_context);
        CHECK_THAT(message_of(f),
                   Catch::Contains("'request_id'") && Catch::Contains(std::string("::") + function));
    };
    static constexpr context::key<int> typed{"request_id"};
    says("get", [] { static_cast<void>(context::get<int>("request_id")); });
    says("get", [] { static_cast<void>(context::get<int>("request_id", 1)); });
    says("get", [] { static_cast<void>(context::get("request_id", 1)); });
    says("get", [&] { static_cast<void>(context::get<int>(key)); });
    says("get", [] { static_cast<void>(context::get(typed)); });
    says("get", [] { static_cast<void>(context::get(typed, 1)); });
    says("get", [] { static_cast<void>(context::get(typed.or_default(1))); });
    says("set", [] { context::set("request_id", 1); });
    says("set", [&] { context::set(key, 1); });
    says("set", [] { context::set(typed, 1); });
    says("update", [] { context::update<int>("request_id", [](int&) {}); });
    says("update", [] { context::update(typed, [](int&) {}); });
    says("contains", [] { static_cast<void>(context::contains("request_id")); });
    says("contains", [&] { static_cast<void>(context::contains(key)); });
    says("contains", [] { static_cast<void>(context::contains(typed)); });
    says("erase", [] { context::erase("request_id"); });
    says("erase", [] { context::erase(typed); });
    CHECK_THROWS_AS(context::clear(), coheir::no_current_context);
    CHECK_THAT(message_of([] { context::clear(); }), Catch::Contains("::clear"));
    CHECK(context::find<int>("request_id") == nullptr);
    CHECK(context::find<int>(key) == nullptr);
    CHECK(context::find(typed) == nullptr);
}

TEST_CASE("contexts are current one inside the other", "[value]") {
    test::actor outer, inner;
    as(outer, [&] {
        context::set("k", "outer");
        as(inner, [&] {
            CHECK_FALSE(context::contains("k"));
            context::set("k", "inner");
            const test::acting nobody(nullptr);
            CHECK_THROWS_AS(context::contains("k"), coheir::no_current_context);
        });
        CHECK(context::get<std::string>("k") == "outer");
    });
    CHECK(inner.capture().get<std::string>("k") == "inner");
    CHECK_THROWS_AS(context::contains("k"), coheir::no_current_context);
}

TEST_CASE("every change remembers where it was made and by whom", "[value]") {
    test::actor first;
    test::actor second = first.heir(coheir::spawn_policy::shared);
    const auto check = [&](std::uint_least32_t line, const test::actor& by) {
        const context::detail::provenance& made = box_of(first, "k").set;
        CHECK(made.where.line() == line);
        CHECK(std::string_view(made.where.file_name()).ends_with("value_test.cpp"));
        CHECK(made.task == by.number());
    };
    as(first, [] { context::set("k", 1); });
    check(__LINE__ - 1, first);
    as(second, [] { context::set("k", 2); });
    check(__LINE__ - 1, second);
    as(first, [] { context::set("k", "text"); });
    check(__LINE__ - 1, first);
    as(second, [] { context::update<std::string>("k", [](std::string&) {}); });
    check(__LINE__ - 1, second);
    const test::actor copy = first.heir(coheir::spawn_policy::copying);
    const auto line_of_copy = box_of(copy, "k").set.where.line();
    as(first, [] { context::update<std::string>("k", [](std::string&) {}); });
    check(__LINE__ - 1, first);
    CHECK(box_of(copy, "k").set.where.line() == line_of_copy);
    CHECK(box_of(copy, "k").set.task == second.number());

    static constexpr context::key<int> typed{"k"};
    as(second, [] { context::set(typed, 3); });
    check(__LINE__ - 1, second);
    as(first, [] { context::update(typed, [](int&) {}); });
    check(__LINE__ - 1, first);
    const auto elsewhere = std::source_location::current();
    as(second, [&] { context::set("k", 4, elsewhere); });
    check(elsewhere.line(), second);
}

TEST_CASE("a copy constructor may use the context that it is copied from", "[value]") {
    struct nosy {
        nosy() = default;
        nosy(const nosy&) {
            context::set("copies", context::get("copies", 0) + 1);
            context::erase("k");
        }
        nosy(nosy&&) = default;
        std::string text = "a text that is too long for the small string optimisation";
    };
    test::actor who;
    const test::acting now(who);
    context::set("k", nosy());
    const auto copy = context::get<nosy>("k");
    CHECK(copy.has_value());
    CHECK(context::get<int>("copies") == 1);
    CHECK_FALSE(context::contains("k"));
}
