// What changes, copies, shows and takes along contexts: wherever memory runs out in it, the caller gets
// std::bad_alloc, and nothing has changed.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <catch2/catch.hpp>

#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "faults/world.hpp"
#include "support/child_process.hpp"

namespace {

namespace context = coheir::context;
using coheir::options, coheir::spawn_policy, coheir::task;
using test::long_text, test::numbers, test::short_of_memory, test::world;

inline constexpr context::key<std::string> secret{"the secret", context::flag::secret};
inline constexpr context::key<int> local{"the local number", context::flag::local};
inline constexpr context::key<int> frozen{"the frozen number", context::flag::frozen};

int visible(const context::snapshot& in) { return static_cast<int>(in.size()); }
int visible() { return visible(context::capture()); }

const std::vector<test::operation> changes{
    {"set a new key",
     [](world& w) -> task<> {
         {
             const short_of_memory now(w.fails);
             context::set("new", 1);
         }
         w.expect(context::get("new", 0) == 1, "the key is not set");
         co_return;
     }},
    {"set a key with a name made at run time",
     [](world& w) -> task<> {
         const std::string name = "a name that must be kept with the value, whatever that is";
         {
             const short_of_memory now(w.fails);
             context::set(name, numbers{});
         }
         w.expect(context::contains(name), "the key is not set");
         co_return;
     }},
    {"set twenty keys, as far as that goes, and take them back",
     [](world& w) -> task<> {
         std::vector<std::string> names;
         for (int i = 0; i < 20; ++i) names.push_back("new " + std::to_string(i));
         try {
             const short_of_memory now(w.fails);
             for (const std::string& name : names) context::set(name, 1);
         } catch (const std::bad_alloc&) {
             for (const std::string& name : names) context::erase(name);
             throw;
         }
         for (const std::string& name : names) w.expect(context::contains(name), "a key is not set");
         co_return;
     }},
    {"set a value that is aligned to more than operator new does",
     [](world& w) -> task<> {
         struct alignas(64) aligned {
             int value;
         };
         {
             const short_of_memory now(w.fails);
             context::set("aligned", aligned{1});
         }
         w.expect(context::find<aligned>("aligned")->value == 1, "the key is not set");
         co_return;
     }},
    {"set text over text",
     [](world& w) -> task<> {
         {
             const short_of_memory now(w.fails);
             context::set("text", "another text that is longer than the one that was there before this one");
         }
         w.expect(context::get("text", "") != long_text, "the text is not set");
         co_return;
     }},
    {"set a value of another type",
     [](world& w) -> task<> {
         {
             const short_of_memory now(w.fails);
             context::set("text", numbers{{1, 2}});
         }
         w.expect(context::find<numbers>("text"), "the value is not set");
         co_return;
     }},
    {"set keys with flags",
     [](world& w) -> task<> {
         try {
             const short_of_memory now(w.fails);
             context::set(secret, long_text);
             context::set(local, 1);
             context::set(frozen, 1);
         } catch (const std::bad_alloc&) {
             context::erase(secret);
             context::erase(local);
             throw;
         }
         w.expect(context::get(frozen, 0) == 1, "a key is not set");
         co_return;
     }},
    {"update a value",
     [](world& w) -> task<> {
         {
             const short_of_memory now(w.fails);
             context::update<numbers>("list", [](numbers& n) { std::swap(n.all[0], n.all[2]); });
         }
         w.expect(context::find<numbers>("list")->all[0] == 3, "the list is not changed");
         co_return;
     }},
    {"erase keys of one's own",
     [](world& w) -> task<> {
         context::set("own", numbers{});
         try {
             const context::snapshot sharer = context::capture();
             const short_of_memory now(w.fails);
             context::erase("own");
         } catch (const std::bad_alloc&) {
             w.expect(context::contains("own"), "the key is gone");
             context::erase("own");
             throw;
         }
         w.expect(!context::contains("own"), "the key is still there");
         co_return;
     }},
    {"a value for the length of a block",
     [](world& w) -> task<> {
         const std::string name = "a name that must be kept with the scope, whatever its value is";
         const std::string before = context::dump();
         const auto scope = [&](auto inside) {
             const short_of_memory now(w.fails);
             const context::scoped text("text", 1);
             const context::scoped list(name, numbers{});
             inside();
         };
         scope([&] { context::set(name, 2); });
         w.expect(context::dump() == before, "the values are not restored");
         co_return;
     }},
};

const std::vector<test::operation> looks{
    {"get copies",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         w.expect(context::get("text", "") == long_text, "not the text");
         w.expect(context::get<numbers>("list")->all.size() == 3, "not the list");
         co_return;
     }},
    {"a value of another type than it is asked for as",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         try {
             static_cast<void>(context::get<int>("text"));
         } catch (const coheir::bad_value_type&) {
             co_return;
         }
         w.expect(false, "no exception");
     }},
    {"the names of all keys",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         const short_of_memory now(w.fails);
         w.expect(static_cast<int>(here.keys().size()) == visible(here), "not all names");
         co_return;
     }},
    {"a dump",
     [](world& w) -> task<> {
         const std::string expected = context::dump();
         std::string dump;
         {
             const short_of_memory now(w.fails);
             dump = context::dump();
         }
         w.expect(dump == expected, "not all is shown");
         co_return;
     }},
    {"a dump of a snapshot, line by line",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         std::size_t size = 0;
         {
             const short_of_memory now(w.fails);
             context::dump(here, [&](std::string_view line) { size += line.size() + 1; });
         }
         w.expect(size == context::dump(here).size(), "not all is shown");
         co_return;
     }},
    {"the origin of a value",
     [](world& w) -> task<> {
         const std::string expected = context::origin("text")->text();
         std::string text;
         {
             const short_of_memory now(w.fails);
             text = context::origin("text")->text();
         }
         w.expect(text == expected, "another origin");
         co_return;
     }},
};

const std::vector<test::operation> copies{
    {"capture",
     [](world& w) -> task<> {
         const int all = visible();
         context::snapshot here;
         {
             const short_of_memory now(w.fails);
             here = context::capture();
         }
         w.expect(visible(here) == all, "not all is captured");
         co_return;
     }},
    {"capture where a value is local",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         {
             const context::scoped hidden(local, 1);
             const short_of_memory now(w.fails);
             const context::snapshot here = context::capture();
             w.expect(here.contains("text") && !here.contains(local), "the wrong values are captured");
         }
         w.expect(context::dump() == before, "the context is not as before");
         co_return;
     }},
    {"enter a snapshot, and change it there",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         {
             const short_of_memory now(w.fails);
             here.run([] {
                 context::set("text", 1);
                 context::set("new", 1);
                 context::clear();
             });
         }
         w.expect(context::get("text", "") == long_text, "the change has come out");
         co_return;
     }},
    {"bind, and call",
     [](world& w) -> task<> {
         std::string text;
         {
             const short_of_memory now(w.fails);
             text = context::bind([] { return context::get("text", ""); })();
         }
         w.expect(text == long_text, "not the text");
         co_return;
     }},
};

}  // namespace

TEST_CASE("changes of a context without memory", "[faults][memory]") { test::try_all(changes); }
TEST_CASE("looking at a context without memory", "[faults][memory]") { test::try_all(looks); }
TEST_CASE("taking a context along without memory", "[faults][memory]") { test::try_all(copies); }

namespace {

/// Ends a scope where there is no memory, after the context was shared with a copy, or not.
test::child_outcome end_of_a_scope_without_memory(bool shared) {
    static constexpr context::key<int> number{"number"};
    return test::in_child_process([=] {
        context::snapshot().run([=] {
            context::set(number, 1);
            std::optional<context::scoped> covers;
            covers.emplace(number, 2);
            const context::snapshot copy = shared ? context::capture() : context::snapshot();
            test::failure always(1, true);
            const short_of_memory now(always);
            covers.reset();
            if (context::get(number) != 1) std::_Exit(1);
        });
    });
}

}  // namespace

TEST_CASE("a scope ends without memory, but where its context was copied: that ends the program",
          "[faults][memory]") {
    CHECK(end_of_a_scope_without_memory(false).status == 0);
    const test::child_outcome shared = end_of_a_scope_without_memory(true);
    CHECK(shared.aborted);
    CHECK(
        shared.errors.starts_with("coheir: fatal: context::scoped: no memory is left to restore a value\n"));
}

#endif
