// Values that throw wherever they can, and whose destructors use the context: whatever is done with one, its
// n-th refusal reaches the caller, the contexts around are as before, and nothing is lost.
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <functional>
#include <future>
#include <memory>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "faults/world.hpp"

namespace {

namespace context = coheir::context;
using coheir::options, coheir::spawn_policy, coheir::task;
using test::world;

/// Throws a refusal wherever it may, when a failure strikes.
class hostile {
public:
    explicit hostile(int n) : value_(checked(n)) {}
    hostile(const hostile& other) : value_(checked(*other.value_)) {}
    hostile(hostile&& other) : value_(checked(*other.value_)) {}  // leaves the other what it was
    hostile& operator=(const hostile& other) {
        refuse();
        *value_ = *other.value_;
        return *this;
    }
    hostile& operator=(hostile&& other) { return *this = other; }
    ~hostile() { use_context(); }

    int value() const noexcept { return *value_; }
    void set(int n) noexcept { *value_ = n; }
    bool operator==(const hostile&) const { throw test::refusal(); }
    friend std::ostream& operator<<(std::ostream& out, const hostile& h) {
        refuse();
        out << *h.value_;
        refuse();
        return out;
    }

    static inline test::failure* refuses = nullptr;
    static void refuse() {
        if (refuses && refuses->strikes()) throw test::refusal();
    }

private:
    static std::unique_ptr<int> checked(int n) {
        refuse();
        return std::make_unique<int>(n);
    }
    /// Changes the context, and leaves it as it was; outside of tasks, and inside update, that is refused.
    void use_context() const noexcept {
        try {
            const context::scoped dying("dying", *value_);
            context::set("dying", context::get("dying", 0) + static_cast<int>(context::capture().size()));
            context::erase("dying");
        } catch (const coheir::error&) {
        }
    }

    std::unique_ptr<int> value_;
};

class refusing {
public:
    explicit refusing(test::failure& by) noexcept { hostile::refuses = &by; }
    ~refusing() { hostile::refuses = nullptr; }
    refusing(const refusing&) = delete;
    refusing& operator=(const refusing&) = delete;
};

/// The same, shown by a formatter.
struct formatted : hostile {
    using hostile::hostile;
};

/// The same, and it cannot be copied.
struct unique : hostile {
    using hostile::hostile;
    unique(unique&&) = default;
};

}  // namespace

template <>
struct coheir::context::formatter<formatted> {
    static void write(std::ostream& out, const formatted& f) {
        hostile::refuse();
        static_cast<void>(context::get<hostile>("hostile"));
        out << "formatted " << f.value();
        hostile::refuse();
    }
};
template <>
struct std::hash<hostile> {
    std::size_t operator()(const hostile&) const { throw test::refusal(); }
};

namespace {

inline constexpr context::key<hostile> other{"other"};

void set_hostile() {
    context::set("hostile", hostile(1));
    context::set("formatted", formatted(2));
}
int value_of(const char* name) {
    const auto* const found = context::find<hostile>(name);
    return found ? found->value() : 0;
}
const auto add_ten = [](hostile& h) { h.set(h.value() + 10); };

/// A child that reads, sets and updates.
task<int> changes() {
    context::set("new", context::get<hostile>("hostile").value_or(hostile(7)));
    context::update<hostile>("new", add_ten);
    context::set("hostile", hostile(3));
    context::update<hostile>("hostile", add_ten);
    co_return value_of("new") + value_of("hostile");
}
task<> updates() {
    context::update<hostile>("hostile", add_ten);
    co_return;
}
task<hostile> give(int n) {
    co_await coheir::yield();
    co_return hostile(n);
}
task<> parent_of_changes(int& seen) {
    const auto child = coheir::spawn(changes(), spawn_policy::chained);
    context::set("hostile", hostile(4));
    co_await coheir::yield();
    seen = co_await child;
}

context::child with_changes(const context::view& parent) {
    context::child made = parent.copied();
    made.set("new", parent.get<hostile>("hostile").value());
    made.update<hostile>("new", add_ten);
    return made;
}
context::child with_shared_changes(const context::view& parent) {
    context::child made = parent.shared();
    made.erase("formatted");
    made.set("new", hostile(3));
    made.update<hostile>("new", add_ten);
    return made;
}

const std::vector<test::operation> changing{
    {"set by copy",
     [](world& w) -> task<> {
         const hostile source(5);
         {
             const refusing now(w.fails);
             context::set("new", source);
         }
         w.expect(value_of("new") == 5, "it is not set");
         co_return;
     }},
    {"set by move, over another",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             context::set("hostile", hostile(5));
         }
         w.expect(value_of("hostile") == 5, "it is not set");
         co_return;
     }},
    {"set a typed key from what makes a value",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             context::set(other, 5);
         }
         w.expect(value_of("other") == 5, "it is not set");
         co_return;
     }},
    {"set what cannot be copied",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             context::set("unique", unique(5));
         }
         w.expect(context::find<unique>("unique")->value() == 5, "it is not set");
         co_return;
     }},
    {"set from what throws when it is converted",
     [](world& w) -> task<> {
         struct source {
             operator hostile() const { return hostile(5); }  // NOLINT: implicit
         };
         {
             const refusing now(w.fails);
             context::set(other, source());
         }
         w.expect(value_of("other") == 5, "it is not set");
         co_return;
     }},
    {"update",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             context::update<hostile>("hostile", add_ten);
         }
         w.expect(value_of("hostile") == 11, "it is not updated");
         co_return;
     }},
    {"erase and clear",
     [](world& w) -> task<> {
         context::set("new", hostile(5));
         {
             const refusing now(w.fails);
             context::erase("new");
             static_cast<void>(hostile(1));  // the only one that can refuse
         }
         context::clear();
         w.expect(value_of("new") == 0, "it is still there");
         co_return;
     }},
    {"a value for the length of a block",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         {
             const refusing now(w.fails);
             const context::scoped outer("hostile", hostile(5));
             const context::scoped inner("hostile", hostile(6));
             context::set("hostile", hostile(7));
         }
         w.expect(context::dump() == before, "the context is not as before");
         co_return;
     }},
};

const std::vector<test::operation> reading{
    {"get by copy",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         w.expect(context::get<hostile>("hostile")->value() == 1, "not the value");
         co_return;
     }},
    {"get with a fallback",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         w.expect(context::get("missing", hostile(5)).value() == 5, "not the fallback");
         w.expect(context::get("hostile", hostile(5)).value() == 1, "not the value");
         co_return;
     }},
    {"get by a key with a fallback",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         w.expect(context::get(other.or_default(5)).value() == 5, "not the fallback");
         co_return;
     }},
    {"get from a snapshot",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         const refusing now(w.fails);
         w.expect(here.get<hostile>("hostile")->value() == 1, "not the value");
         co_return;
     }},
    {"a dump, which says so of the value",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         std::string dump;
         try {
             const refusing now(w.fails);
             dump = context::dump();
         } catch (const test::refusal&) {
             w.expect(false, "the other keys are not shown");
         }
         const bool is_said = dump.find("which failed to be shown") != dump.npos;
         w.expect(dump == before || (w.fails.met() && is_said), "not all is shown");
         w.expect(dump.find("text = ") != dump.npos, "other keys are missing");
         co_return;
     }},
};

const std::vector<test::operation> inheriting{
    {"a copying child that changes values",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         {
             const refusing now(w.fails);
             const auto child = coheir::spawn(changes(), spawn_policy::copying);
             w.expect(co_await child == 24, "the child sees other values");
         }
         w.expect(context::dump() == before, "the context is not as before");
     }},
    {"a copying child that updates",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         {
             const refusing now(w.fails);
             const auto child = coheir::spawn(updates(), spawn_policy::copying);
             co_await child;
         }
         w.expect(context::dump() == before, "the context is not as before");
     }},
    {"a chained child that updates its parent's value",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             const auto child = coheir::spawn(updates(), spawn_policy::chained);
             co_await child;
         }
         w.expect(value_of("hostile") == 11, "it is not updated");
     }},
    {"chained levels that are merged when their tasks end",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         int seen = 0;
         {
             const refusing now(w.fails);
             const auto child = coheir::spawn(parent_of_changes(seen), spawn_policy::chained);
             co_await child;
         }
         w.expect(seen == 13 + 14, "the grandchild sees other values");
         w.expect(context::dump() == before, "the context is not as before");
     }},
    {"a policy that changes a copy",
     [](world& w) -> task<> {
         const std::string before = context::dump();
         {
             const refusing now(w.fails);
             const auto child = coheir::spawn(changes(), spawn_policy(with_changes));
             w.expect(co_await child == 24, "the child sees other values");
         }
         w.expect(context::dump() == before, "the context is not as before");
     }},
    {"a policy that changes what it shares",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             auto child = coheir::spawn(give(1), spawn_policy(with_shared_changes));
             child.detach();
         }
         w.expect(value_of("new") == 13 && !context::contains("formatted"), "the changes are missing");
         co_return;
     }},
    {"a policy that is hostile itself",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         const hostile captured(1);
         const spawn_policy policy([captured](const context::view& parent) {
             hostile::refuse();
             return parent.copied();
         });
         const auto child = coheir::spawn(changes(), policy);
         w.expect(co_await child == 24, "the child sees other values");
     }},
    {"a child of a snapshot",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         {
             const refusing now(w.fails);
             const auto child =
                 coheir::spawn(changes(), options().policy(spawn_policy::chained).context(here));
             w.expect(co_await child == 24, "the child sees other values");
         }
         w.expect(here.find<hostile>("hostile")->value() == 1, "the snapshot has changed");
     }},
    {"a snapshot that is entered and changed",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         {
             const refusing now(w.fails);
             here.run([] {
                 context::update<hostile>("hostile", add_ten);
                 context::set("hostile", hostile(5));
             });
         }
         w.expect(here.find<hostile>("hostile")->value() == 1, "the snapshot has changed");
         co_return;
     }},
    {"a function that is bound",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         const auto f = context::bind([h = hostile(5)] { return hostile(value_of("hostile") + h.value()); });
         const auto copy = f;
         w.expect(copy().value() == 6, "not its result");
         co_return;
     }},
    {"a mirror, whose errors go to the handler",
     [](world& w) -> task<> {
         coheir::scheduler mirrored(spawn_policy::copying, w.clock);
         mirrored.on_unhandled([&w](const coheir::unhandled&) { ++w.counted; });
         const auto work = []() -> task<> {
             for (int i = 1; i <= 3; ++i) {
                 context::set(other, hostile(i));
                 co_await coheir::yield();
             }
         };
         int entered = 0, left = 0;
         {
             const refusing now(w.fails);
             mirrored.mirror(
                 other, [&entered](hostile copy) { entered += copy.value(); }, [&left] { ++left; });
             mirrored.run(work());
         }
         w.expect((entered == 6 && left == 3) || w.counted > 0, "a mirror was not entered");
         co_return;
     }},
};

const std::vector<test::operation> giving{
    {"a result, awaited in place",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         const hostile result = co_await give(5);
         w.expect(result.value() == 5, "not the result");
     }},
    {"a result, joined",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         auto handle = coheir::spawn(give(5));
         const int looked_at = (co_await handle).value();
         const hostile taken = co_await std::move(handle);
         w.expect(looked_at == 5 && taken.value() == 5, "not the result");
     }},
    {"results of when_all",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         const auto handle = coheir::spawn(give(3));
         const auto [a, b, c] = co_await coheir::when_all(give(1), give(2), handle);
         w.expect(a.value() + b.value() + c.value() == 6, "not the results");
     }},
    {"results of when_all of a range",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         std::vector<task<hostile>> range;
         for (int i = 1; i <= 3; ++i) range.push_back(give(i));
         const std::vector<hostile> all = co_await coheir::when_all(std::move(range));
         w.expect(all[0].value() + all[1].value() + all[2].value() == 6, "not the results");
     }},
    {"outcomes",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         auto [a, b] = co_await coheir::when_all_settled(give(1), give(2));
         w.expect(std::move(a).value().value() + b.value().value() == 3, "not the results");
     }},
    {"the result of when_any",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         const auto first = co_await coheir::when_any(give(1), give(2));
         w.expect(std::get<0>(first).value() == 1, "not the result");
     }},
    {"the result of a limited task, and of a block",
     [](world& w) -> task<> {
         using namespace std::chrono_literals;
         const auto block = [](coheir::task_group& group) -> task<hostile> {
             group.spawn(give(1));
             co_return co_await give(2);
         };
         const refusing now(w.fails);
         const hostile limited = co_await coheir::with_timeout(give(1), 1s);
         const hostile of_block = co_await coheir::with_task_group(block);
         w.expect(limited.value() + of_block.value() == 3, "not the results");
     }},
    {"what a callback gives",
     [](world& w) -> task<> {
         auto start = [](auto resolve) { resolve(5); };
         const refusing now(w.fails);
         const hostile result = co_await coheir::callback<hostile>(start);
         w.expect(result.value() == 5, "not the result");
     }},
    {"a result from another scheduler",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         auto handle = w.other.remote().spawn(give(5));
         w.other.run_until_idle();
         const int looked_at = (co_await handle).value();
         const hostile taken = co_await std::move(handle);
         w.expect(looked_at == 5 && taken.value() == 5, "not the result");
     }},
    {"a future",
     [](world& w) -> task<> {
         const refusing now(w.fails);
         auto future = w.other.submit(give(5));
         w.other.run_until_idle();
         w.expect(future.get().value() == 5, "not the result");
         co_return;
     }},
    {"functions that are posted",
     [](world& w) -> task<> {
         {
             const refusing now(w.fails);
             const hostile captured(5);
             w.other.post([&w, captured] { w.counted += captured.value(); });
             w.other.remote().post([&w, captured] { w.counted += captured.value(); });
         }
         w.other.run_until_idle();
         w.expect(w.counted == 10, "they have not run");
         co_return;
     }},
    {"handlers and mirrors that are hostile themselves",
     [](world& w) -> task<> {
         const hostile captured(5);
         coheir::scheduler made(spawn_policy::copying, w.clock);
         {
             const refusing now(w.fails);
             made.on_unhandled([captured](const coheir::unhandled&) {});
             made.on_wakeup([captured] {});
             made.mirror(
                 other, [captured](const hostile&) {}, [captured] {});
         }
         w.expect(made.run(give(1)).value() == 1, "not the result");
         co_return;
     }},
};

}  // namespace

TEST_CASE("setting and changing hostile values", "[faults][hostile]") {
    test::try_all(changing, set_hostile);
}
TEST_CASE("reading hostile values", "[faults][hostile]") { test::try_all(reading, set_hostile); }
TEST_CASE("inheriting hostile values", "[faults][hostile]") { test::try_all(inheriting, set_hostile); }
TEST_CASE("giving hostile results", "[faults][hostile]") { test::try_all(giving, set_hostile); }
