// Types whose namespace has functions of the library's own names, which take everything: none of them is
// called.

#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <coroutine>
#include <ostream>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace context = coheir::context;
using namespace std::chrono_literals;

namespace greedy {

// Taken where argument-dependent look-up finds it and it fits better, or as well.
#define GREEDY(name)                              \
    template <class A, class... B>                \
    void name(A&&, B&&...) = delete;              \
    template <class T, class A>                   \
    void name(const T&, A&&) = delete;            \
    template <class T, class A, class B>          \
    void name(A&&, B&&) = delete;                 \
    template <class T, class A, class B, class C> \
    void name(A&&, B&&, C&&) = delete;

GREEDY(adopt)
GREEDY(as_duration)
GREEDY(assign)
GREEDY(await_it)
GREEDY(await_within)
GREEDY(call)
GREEDY(call_within)
GREEDY(callback)
GREEDY(capture)
GREEDY(copy_of)
GREEDY(deadline_in)
GREEDY(deallocate_box)
GREEDY(derive)
GREEDY(derive_context)
GREEDY(descend)
GREEDY(describe)
GREEDY(description)
GREEDY(destroy)
GREEDY(end_wait)
GREEDY(enter)
GREEDY(erase)
GREEDY(fields_of)
GREEDY(find)
GREEDY(find_in)
GREEDY(find_visible)
GREEDY(for_each_visible)
GREEDY(forward)
GREEDY(get)
GREEDY(get_awaiter)
GREEDY(get_from)
GREEDY(hand_over)
GREEDY(handed)
GREEDY(hand_on)
GREEDY(holds)
GREEDY(is_empty)
GREEDY(link_of)
GREEDY(look_at_result)
GREEDY(make)
GREEDY(make_box)
GREEDY(move)
GREEDY(note_failure)
GREEDY(never_ran)
GREEDY(outcome_of)
GREEDY(own)
GREEDY(pack)
GREEDY(promise_of)
GREEDY(quoted)
GREEDY(receive)
GREEDY(receive_no_value)
GREEDY(refuse_join)
GREEDY(release)
GREEDY(replace)
GREEDY(require_joinable)
GREEDY(require_task)
GREEDY(require_value)
GREEDY(rethrow)
GREEDY(run)
GREEDY(run_on)
GREEDY(set)
GREEDY(shield)
GREEDY(show)
GREEDY(shown)
GREEDY(spawn)
GREEDY(spawn_timed)
GREEDY(start)
GREEDY(submit)
GREEDY(take)
GREEDY(take_result)
GREEDY(text_of)
GREEDY(unpack)
GREEDY(update)
GREEDY(value_in)
GREEDY(value_text)
GREEDY(wait)
GREEDY(when_all)
GREEDY(when_all_settled)
GREEDY(when_any)
GREEDY(with_deadline)
GREEDY(with_timeout)
#undef GREEDY

struct value {
    explicit value(int of) : number(of) {}
    void operator&() const = delete;  // nor is the address that a type gives taken for where it is
    friend bool operator==(const value& a, const value& b) { return a.number == b.number; }
    friend std::ostream& operator<<(std::ostream& out, const value& shown) { return out << shown.number; }
    int number;
};

struct name {
    operator std::string_view() const { return "greedy"; }
};

struct operation {
    bool await_ready() const noexcept { return false; }
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
    value await_resume() const { return value(3); }
};

struct policy {
    context::child operator()(const context::view& parent) const {
        context::child made = parent.copied();
        made.set(name(), value(4));
        made.update<value>(name(), updater());
        return made;
    }
    struct updater {
        void operator()(value& v) const { ++v.number; }
    };
};

struct function {
    value operator()() const { return value(7); }
};
struct starter {
    template <class Resolver>
    void operator()(Resolver done) const {
        done(value(8));
    }
};
struct coroutine {
    coheir::task<value> operator()() const { co_return value(10); }
};
struct block {
    coheir::task<value> operator()(coheir::task_group& group) const {
        group.spawn(coroutine()());
        co_return value(11);
    }
};
struct handler {
    void operator()(const coheir::unhandled&) const {}
};
void handle_in(coheir::scheduler& loop, int& calls) {
    loop.on_unhandled([&calls](const coheir::unhandled&) { ++calls; });
    loop.on_wakeup([&calls] { ++calls; });
    loop.on_wakeup({});
}

}  // namespace greedy

namespace {

coheir::task<greedy::value> gives(int number) { co_return greedy::value(number); }
coheir::task<const greedy::value&> refers(const greedy::value& to) { co_return to; }

coheir::task<> uses_everything() {
    using greedy::value;
    context::set("k", value(1));
    context::set(greedy::name(), value(2));
    CHECK(context::get<value>("k")->number == 1);
    CHECK(context::get("k", value(0)).number == 1);
    CHECK(context::get("none", value(5)).number == 5);
    CHECK(context::find<value>("k")->number == 1);
    context::update<value>("k", greedy::policy::updater());
    CHECK(context::capture().get<value>("k")->number == 2);
    {
        const context::scoped inside("k", value(9));
        CHECK(context::find<value>("k")->number == 9);
    }
    CHECK(context::dump().find('2') != std::string::npos);
    CHECK(context::capture().run(greedy::function()).number == 7);
    CHECK(context::bind(greedy::function())().number == 7);

    auto operated = co_await greedy::operation();
    CHECK(operated.number == 3);
    auto called_back = co_await coheir::callback<value>(greedy::starter());
    CHECK(called_back.number == 8);
    auto given = co_await gives(1);
    CHECK(given.number == 1);
    const value referred(6);
    auto reference = co_await refers(referred);
    CHECK(reference.number == 6);
    const auto child = coheir::spawn(gives(2), coheir::options(greedy::policy()));
    auto joined = co_await child;
    CHECK(joined.number == 2);
    CHECK(child.context().get<value>("greedy")->number == 5);
    auto joined_reference = co_await coheir::spawn(refers(referred));
    CHECK(joined_reference.number == 6);
    auto all = co_await coheir::when_all(gives(1), gives(2));
    CHECK(std::get<0>(all).number == 1);
    const auto [settled, other] = co_await coheir::when_all_settled(gives(1), refers(referred));
    CHECK(settled.value().number == 1);
    CHECK(other.value().number == 6);
    auto any = co_await coheir::when_any(gives(1));
    CHECK(std::get<0>(any).number == 1);
    std::vector<coheir::task<value>> several;
    several.push_back(gives(1));
    auto range = co_await coheir::when_all(std::move(several));
    CHECK(range.size() == 1);
    auto in_time = co_await coheir::with_timeout(gives(1), 1h);
    CHECK(in_time.number == 1);
    auto handle_in_time = co_await coheir::with_timeout(child, 1h);
    CHECK(handle_in_time.number == 2);
    auto operated_in_time = co_await coheir::with_timeout(greedy::operation(), 1h);
    CHECK(operated_in_time.number == 3);
    auto scoped = co_await coheir::timeout_scope(1h, gives(1));
    CHECK(scoped.number == 1);
    auto scoped_coroutine = co_await coheir::timeout_scope(1h, greedy::coroutine());
    CHECK(scoped_coroutine.number == 10);
    auto grouped = co_await coheir::with_task_group(greedy::block());
    CHECK(grouped.number == 11);
    auto shielded = co_await coheir::shield(child);
    CHECK(shielded.number == 2);
}

}  // namespace

TEST_CASE("functions of the library's names beside a user's types are not called", "[names]") {
    coheir::scheduler loop(greedy::policy{});
    int calls = 0;
    greedy::handle_in(loop, calls);
    loop.on_unhandled(greedy::handler());
    loop.post(greedy::function());
    loop.run(uses_everything());

    coheir::scheduler other;
    const coheir::remote there = other.remote();
    there.post(greedy::function());
    auto future = there.submit(gives(1));
    auto handle = there.spawn(gives(2), coheir::options(greedy::policy()));
    const auto waits = [](coheir::remote to, coheir::remote_handle<greedy::value> of) -> coheir::task<> {
        auto taken = co_await std::move(of);
        CHECK(taken.number == 2);
        auto ran_there = co_await coheir::run_on(to, greedy::function());
        CHECK(ran_there.number == 7);
    };
    auto waiting = loop.spawn(waits(there, std::move(handle)));
    while (!waiting.done()) {
        loop.run_until_idle();
        other.run_until_idle();
    }
    CHECK(future.get().number == 1);
}
