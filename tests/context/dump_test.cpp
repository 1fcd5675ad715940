// Where values come from: origin, dump, and how values are shown.

#include <coheir/context.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "support/actor.hpp"
#include "support/policies.hpp"

namespace context = coheir::context;
using coheir::spawn_policy;
using context::flag;
using test::actor;
using test::as;

namespace shown {

struct point {
    int x, y;
};
struct streamed {
    int n;
};
std::ostream& operator<<(std::ostream& out, const streamed& s) { return out << "streamed " << s.n; }
struct both {};
std::ostream& operator<<(std::ostream& out, const both&) { return out << "by its operator"; }
struct failing {};
std::ostream& operator<<(std::ostream&, const failing&) { throw std::runtime_error("no"); }
struct endless {};
std::ostream& operator<<(std::ostream& out, const endless&) {
    for (int i = 0; i < 100'000; ++i) out << "0123456789" << 'x';
    return out;
}
struct meddling {};
std::ostream& operator<<(std::ostream& out, const meddling&) {
    if (context::detail::current()) {
        context::clear();
        context::set("meddled", 1);
    }
    return out << "meddling";
}
std::string refusal;  // of the last update by this:
struct updating {};
std::ostream& operator<<(std::ostream& out, const updating&) {
    try {
        context::update<std::unique_ptr<int>>("unique", [](std::unique_ptr<int>& p) { *p = 2; });
    } catch (const coheir::not_copyable& e) {
        refusal = e.what();
    }
    return out;
}
struct silent {};
enum class color { red, blue };

}  // namespace shown

// [formatter]
template <>
struct coheir::context::formatter<shown::point> {
    static void write(std::ostream& out, const shown::point& p) { out << p.x << '/' << p.y; }
};
// [/formatter]
template <>
struct coheir::context::formatter<shown::both> {
    static void write(std::ostream& out, const shown::both&) { out << "by its formatter"; }
};

namespace {

/// What a dump shows for a value, without where it comes from.
template <class V>
std::string shown_as(V&& value) {
    actor who;
    return as(who, [&] {
        context::set("k", std::forward<V>(value));
        const std::string all = context::dump();
        REQUIRE(all.starts_with("k = "));
        return all.substr(4, all.rfind(" (own; ") - 4);
    });
}

std::string place(unsigned line) { return "dump_test.cpp:" + std::to_string(line); }

}  // namespace

TEST_CASE("values are shown by a formatter, as what they are, or by their operator", "[dump]") {
    using namespace std::chrono_literals;
    CHECK(shown_as(5) == "5");
    CHECK(shown_as(-5L) == "-5");
    CHECK(shown_as(std::uint8_t{65}) == "65");
    CHECK(shown_as('c') == "c");
    CHECK(shown_as(1.5) == "1.5");
    CHECK(shown_as(true) == "true");
    CHECK(shown_as(false) == "false");
    CHECK(shown_as("text") == "'text'");
    CHECK(shown_as("") == "''");
    CHECK(shown_as(5ns) == "5ns");
    CHECK(shown_as(5us) == "5us");
    CHECK(shown_as(5ms) == "5ms");
    CHECK(shown_as(5s) == "5s");
    CHECK(shown_as(5min) == "5min");
    CHECK(shown_as(5h) == "5h");
    CHECK(shown_as(std::chrono::duration<int, std::ratio<1, 30>>(2)) == "2[1/30]s");
    CHECK(shown_as(shown::point{1, 2}) == "1/2");
    CHECK(shown_as(shown::streamed{3}) == "streamed 3");
    CHECK(shown_as(shown::both{}) == "by its formatter");
    CHECK(shown_as(shown::color::blue) == "shown::color(1)");
}

TEST_CASE("of other values the type is shown, and of pointers no address", "[dump]") {
    CHECK(shown_as(shown::silent{}) == "<shown::silent>");
    CHECK(shown_as(std::vector<int>{1}).starts_with("<std::vector<int"));
    CHECK(shown_as(std::make_unique<int>(1)).starts_with("<std::unique_ptr<int"));
    CHECK(shown_as(std::make_shared<int>(1)).starts_with("<std::shared_ptr<int"));
    int n = 0;
    CHECK(shown_as(&n).find('*') != std::string::npos);
}

TEST_CASE("what is shown is escaped and bounded, and failing to show one value leaves the others", "[dump]") {
    CHECK(shown_as("a\n\x1b[31m\t'\\") == R"('a\x0a\x1b[31m\x09\'\\')");
    CHECK(shown_as(std::string("a\0b", 3)) == R"('a\x00b')");
    CHECK(shown_as(std::string(1000, 'a')) == "'" + std::string(128, 'a') + "...'");
    CHECK(shown_as(shown::endless{}).size() == 131);
    context::detail::bounded_text<100> bounded;
    bounded.out() << shown::endless{};
    CHECK(bounded.text().size() == 100);
    CHECK(shown_as(shown::failing{}) == "<shown::failing, which failed to be shown>");
    actor who;
    as(who, [] {
        context::set(std::string("key\nwith\x7f control"), 1);
        context::set(std::string(1000, 'k'), 1);
        context::set("failing", shown::failing{});
        context::set("z", 1);
        const std::string all = context::dump();
        CHECK_THAT(all, Catch::Contains(R"(key\x0awith\x7f control = 1)"));
        CHECK_THAT(all, Catch::Contains(std::string(128, 'k') + "... = 1"));
        CHECK_THAT(all, Catch::Contains("z = 1"));
    });
}

TEST_CASE("what shows a value may change the context", "[dump]") {
    actor who;
    as(who, [] {
        context::set("a", shown::meddling{});
        context::set("b", "still here, long enough to be elsewhere");
        const std::string all = context::dump();
        CHECK_THAT(all, Catch::Contains("a = meddling") && Catch::Contains("b = 'still here"));
        CHECK(context::contains("meddled"));
        CHECK_FALSE(context::contains("b"));
    });
}

TEST_CASE("where a dump is written to, values that cannot be copied may be updated", "[dump]") {
    actor who;
    as(who, [] {
        context::set("unique", std::make_unique<int>(1));
        context::set("other", 1);
        int lines = 0;
        context::dump([&](std::string_view) {
            ++lines;
            CHECK(context::update<std::unique_ptr<int>>("unique", [](std::unique_ptr<int>& p) { ++*p; }));
        });
        CHECK(lines == 2);
        CHECK(**context::find<std::unique_ptr<int>>("unique") == 3);
    });
}

TEST_CASE("while values are shown, the reason why one cannot be updated is that", "[dump]") {
    actor who;
    as(who, [] {
        context::set("unique", std::make_unique<int>(1));
        context::set("shown", shown::updating{});
        static_cast<void>(context::dump());
        CHECK_THAT(shown::refusal, Catch::Contains("'unique' cannot be updated now") &&
                                       Catch::Contains("being shown") && !Catch::Contains("has been copied"));
        CHECK(**context::find<std::unique_ptr<int>>("unique") == 1);
        CHECK(context::update<std::unique_ptr<int>>("unique", [](std::unique_ptr<int>& p) { *p = 2; }));
        static_cast<void>(context::capture());
        static_cast<void>(context::dump());
        CHECK_THAT(shown::refusal, Catch::Contains("has been copied"));
    });
}

TEST_CASE("a dump has one line a key, sorted, with where each was set, as a text or line by line", "[dump]") {
    actor who;
    as(who, [&] {
        context::set("b", 1);
        context::set("a", 2);
        const unsigned line = __LINE__ - 1;
        const std::string by = ", by task #" + std::to_string(who.number());
        CHECK(context::dump() ==
              "a = 2 (own; " + place(line) + by + ")\n" + "b = 1 (own; " + place(line - 1) + by + ")\n");
        std::vector<std::string> lines;
        context::dump([&](std::string_view text) { lines.emplace_back(text); });
        CHECK(lines == std::vector<std::string>{"a = 2 (own; " + place(line) + by + ")",
                                                "b = 1 (own; " + place(line - 1) + by + ")"});
        const context::snapshot taken = context::capture();
        CHECK(context::dump(taken) == context::dump());
        CHECK(context::dump(context::snapshot()).empty());
    });
}

TEST_CASE("without a context, origin and dump say so", "[dump]") {
    CHECK_THROWS_AS(context::dump(), coheir::no_current_context);
    CHECK_THROWS_AS(context::dump([](std::string_view) {}), coheir::no_current_context);
    CHECK_THROWS_AS(context::origin("k"), coheir::no_current_context);
    CHECK_THROWS_WITH(context::origin("k"), Catch::Contains("origin") && Catch::Contains("'k'"));
}

TEST_CASE("origin tells where and by whom a value was set or last updated", "[dump]") {
    static constexpr context::key<int> number{"number"};
    actor who;
    as(who, [&] {
        CHECK_FALSE(context::origin(number));
        context::set(number, 1);
        const unsigned line = __LINE__ - 1;
        CHECK(context::origin("number")->where().line() == line);
        CHECK(std::string_view(context::origin(number)->where().file_name()).ends_with("dump_test.cpp"));
        CHECK(context::origin(number)->task() == who.number());
        CHECK(context::origin(number)->is_own());
        context::update(number, [](int& n) { ++n; });
        CHECK(context::origin(number)->where().line() == line + 6);
        context::set("number", 3);
        CHECK(context::origin(number)->where().line() == line + 8);
        const context::scoped n{number, 4};
        CHECK(context::origin(number)->where().line() == line + 10);
        const context::snapshot taken = context::capture();
        CHECK(context::origin(taken, number)->where().line() == line + 10);
        CHECK_FALSE(context::origin(taken, "missing"));
        CHECK(context::origin(number)->text() ==
              place(line + 10) + ", by task #" + std::to_string(who.number()));
    });
}

TEST_CASE("a value is inherited where another task set it, whatever the policy", "[dump]") {
    for (const test::policy& policy : test::all_policies()) {
        if (!policy.inherits) continue;
        INFO(policy.name);
        actor parent;
        as(parent, [] {
            context::set("a", 1);
            context::set("b", 1);
        });
        actor child = parent.heir(policy.is);
        as(child, [&] {
            context::set("b", 2);
            context::set("c", 2);
            CHECK_FALSE(context::origin("a")->is_own());
            CHECK(context::origin("a")->task() == parent.number());
            CHECK(context::origin("b")->is_own());
            CHECK(context::origin("b")->task() == child.number());
            CHECK(context::origin("c")->is_own());
            CHECK_THAT(context::dump(), Catch::Contains("a = 1 (inherited; ") &&
                                            Catch::Contains("b = 2 (own; ") &&
                                            Catch::Contains("c = 2 (own; "));
        });
    }
}

TEST_CASE("no output of any kind shows a secret value", "[dump][flags]") {
    static constexpr context::key<std::string> token{"token", flag::secret};
    static constexpr context::key<int> pin{"pin", flag::secret | flag::frozen};
    static constexpr context::key<shown::streamed> object{"object", flag::secret};
    std::string seen;
    const auto caught = [&](auto&& f) {
        try {
            f();
            FAIL("nothing was thrown");
        } catch (const std::exception& error) {
            (seen += error.what()) += '\n';
        }
    };
    actor parent;
    as(parent, [] {
        context::set(token, "hunter2");
        context::set(pin, 424242);
        context::set(object, shown::streamed{424242});
    });
    for (const test::policy& policy : test::all_policies()) {
        actor child = parent.heir(policy.is);
        as(child, [&] {
            const std::string all = context::dump();
            seen += all;
            if (policy.inherits)
                CHECK_THAT(all, Catch::Contains("token = <redacted>") &&
                                    Catch::Contains("pin = <redacted>") &&
                                    Catch::Contains("object = <redacted>"));
            context::dump([&](std::string_view line) { seen += line; });
            seen += context::dump(context::capture());
            if (!policy.inherits) return;
            seen += context::origin(token)->text();
            context::set("token", "hunter2");  // by string
            seen += context::dump();
            context::update<std::string>("token", [](std::string& text) { text += "hunter2"; });
            seen += context::dump();
            caught([] { static_cast<void>(context::get<int>("token")); });
            caught([] { context::update<int>("token", [](int&) {}); });
            caught([] { context::set("pin", 1); });
            caught([] { context::update<int>("pin", [](int&) {}); });
            static constexpr context::key<int> other_token{"token"};
            caught([] { context::set(other_token, 1); });
            caught([] { const context::scoped p{"pin", 1}; });
            caught([] { const context::scoped t{other_token, 1}; });
        });
    }
    CHECK_THAT(seen, !Catch::Contains("hunter2") && !Catch::Contains("424242"));
    CHECK(seen.size() > 1000);
}
