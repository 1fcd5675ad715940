// Whoever completes an await, however and wherever: the task goes on in its own context, and the completing
// side keeps its own. One body over all policies, kinds of awaitable, ways to complete and completing sides.
#include <coheir/coheir.hpp>

#include <catch2/catch.hpp>

#include <array>
#include <coroutine>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/foreign_lazy.hpp"
#include "support/other_contexts.hpp"
#include "support/whereabouts.hpp"

namespace context = coheir::context;
using test::in_a_task_of_another_scheduler;
using test::in_plain_code_with_a_context;
using test::whereabouts;

namespace {

using handle = std::coroutine_handle<>;

// ---- what a cell of the matrix is

enum class answer { nothing, yes, no, own_handle, noop, other_handle };  // of await_suspend
enum class form { temporary, named, member, free };                      // of the awaitable
enum class completion {
    ready,
    inline_,
    later,
    other_thread,
    throws_in_ready,
    throws_in_suspend,
    throws_in_resume
};
enum class side { plain_code, other_scheduler, sibling };  // who completes

constexpr std::array completions{
    std::pair{completion::ready, "ready"},
    std::pair{completion::inline_, "inline"},
    std::pair{completion::later, "later"},
    std::pair{completion::other_thread, "other thread"},
    std::pair{completion::throws_in_ready, "throws in await_ready"},
    std::pair{completion::throws_in_suspend, "throws in await_suspend"},
    std::pair{completion::throws_in_resume, "throws in await_resume"},
};
constexpr std::array sides{
    std::pair{side::plain_code, "plain code"},
    std::pair{side::other_scheduler, "a task of another scheduler"},
    std::pair{side::sibling, "another task of the same scheduler"},
};

// ---- the operation and who completes it

// A foreign operation: it is awaited once, and notes where its parts run.
class operation {
public:
    operation(completion c, side s, bool hands_over) : completion_(c), side_(s), hands_over_(hands_over) {}
    operation(const operation&) = delete;
    operation& operator=(const operation&) = delete;
    ~operation() { join(); }

    // ---- for the awaiter

    bool ready() {
        in_task.push_back(whereabouts());
        if (completion_ == completion::throws_in_ready) throw std::runtime_error("thrown");
        return completion_ == completion::ready;
    }
    void start(handle h) {
        in_task.push_back(whereabouts());
        waiting_ = h;
        switch (completion_) {
            case completion::throws_in_suspend:
                waiting_ = {};
                on_the_side([] { throw std::runtime_error("thrown"); });
                break;
            case completion::later: return;
            case completion::other_thread: thread_ = std::thread([this] { complete(); }); return;
            default: complete();
        }
        in_task.push_back(whereabouts());
    }
    int finish() {
        join();
        in_task.push_back(whereabouts());
        if (completion_ == completion::throws_in_resume) throw std::runtime_error("thrown");
        return 42;
    }

    // ---- for who completes it

    bool is_pending() const { return completion_ == completion::later && waiting_; }
    void complete() {
        on_the_side([this] { resume(); });
    }
    /// Where the side's context is current already.
    void complete_here() {
        on_side_before = whereabouts();
        resume();
        on_side_after = whereabouts();
    }

    std::vector<std::string> in_task;
    std::string on_side_before;
    std::string on_side_after;

private:
    template <class F>
    void on_the_side(F what) {
        const auto noting = [this, &what] {
            on_side_before = whereabouts();
            const note_at_exit after(on_side_after);
            what();
        };
        side_ == side::plain_code ? in_plain_code_with_a_context(noting)
                                  : in_a_task_of_another_scheduler(noting);
    }
    void resume() {
        if (hands_over_) std::exchange(waiting_, {}).resume();
    }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    struct note_at_exit {
        explicit note_at_exit(std::string& to) : in(to) {}
        note_at_exit(const note_at_exit&) = delete;
        note_at_exit& operator=(const note_at_exit&) = delete;
        ~note_at_exit() { in = whereabouts(); }
        std::string& in;
    };

    completion completion_;
    side side_;
    bool hands_over_;  // else the task goes on because await_suspend says so
    handle waiting_;
    std::thread thread_;
};

// ---- the awaitables

template <answer A>
class awaiter {
public:
    explicit awaiter(operation& of) : of_(of) {}
    awaiter(awaiter&&) noexcept = default;
    ~awaiter() {
        if (suspended_) of_.in_task.push_back(whereabouts());  // in the frame
    }

    bool await_ready() { return of_.ready(); }
    auto await_suspend(handle h) {
        of_.start(h);
        suspended_ = true;
        if constexpr (A == answer::yes || A == answer::no) return A == answer::yes;
        if constexpr (A == answer::own_handle) return h;
        if constexpr (A == answer::noop) return handle(std::noop_coroutine());
    }
    int await_resume() { return of_.finish(); }

private:
    operation& of_;
    bool suspended_ = false;
};

// A foreign coroutine that awaits the operation: its handle is what await_suspend returns.
template <>
class awaiter<answer::other_handle> {
public:
    explicit awaiter(operation& of) : of_(of), body_(wait(of)) {}

    bool await_ready() { return of_.ready(); }
    auto await_suspend(handle h) { return body_.await_suspend(h); }
    int await_resume() {
        body_.await_resume();
        return of_.finish();
    }

private:
    struct inner {
        operation& of;
        bool await_ready() const noexcept { return false; }
        void await_suspend(handle h) const { of.start(h); }
        void await_resume() const noexcept {}
    };
    struct destroyed_while_pending {
        explicit destroyed_while_pending(operation& o) : of(o) {}
        destroyed_while_pending(const destroyed_while_pending&) = delete;
        destroyed_while_pending& operator=(const destroyed_while_pending&) = delete;
        ~destroyed_while_pending() {
            if (of.is_pending()) of.in_task.push_back(whereabouts());
        }
        operation& of;
    };
    static test::foreign_lazy wait(operation& of) {
        const destroyed_while_pending at_exit(of);
        of.in_task.push_back(whereabouts());
        co_await inner{of};
        co_return 1;
    }

    operation& of_;
    test::foreign_lazy body_;
};

template <answer A>
struct with_member {
    operation& of;
    awaiter<A> operator co_await() && { return awaiter<A>(of); }
};
template <answer A>
struct with_free {
    operation& of;
};
template <answer A>
awaiter<A> operator co_await(with_free<A> it) {
    return awaiter<A>(it.of);
}

template <answer A, form F>
coheir::task<int> await_it(operation& of) {
    if constexpr (F == form::temporary) {
        co_return co_await awaiter<A>(of);
    } else if constexpr (F == form::named) {
        awaiter<A> named(of);
        co_return co_await named;
    } else if constexpr (F == form::member) {
        with_member<A> named{of};
        co_return co_await std::move(named);
    } else {
        const with_free<A> named{of};
        co_return co_await named;
    }
}

struct kind {
    std::string_view name;
    coheir::task<int> (*await)(operation&);
    bool hands_over;  // gives the handle to who completes it
};

template <answer A>
void add_forms(std::vector<kind>& to, std::string_view name) {
    constexpr bool hands_over = A != answer::no && A != answer::own_handle;
    to.push_back({name, &await_it<A, form::temporary>, hands_over});
    to.push_back({name, &await_it<A, form::named>, hands_over});
    to.push_back({name, &await_it<A, form::member>, hands_over});
    to.push_back({name, &await_it<A, form::free>, hands_over});
}

std::vector<kind> kinds() {
    std::vector<kind> all;
    add_forms<answer::nothing>(all, "void");
    add_forms<answer::yes>(all, "true");
    add_forms<answer::no>(all, "false");
    add_forms<answer::own_handle>(all, "own handle");
    add_forms<answer::noop>(all, "noop");
    add_forms<answer::other_handle>(all, "a foreign coroutine's handle");
    return all;
}

// ---- the tasks

context::child copied_and_changed(const context::view& parent) {
    context::child made = parent.copied();
    made.set("changed by the policy", true);
    return made;
}

std::vector<std::pair<std::string_view, coheir::spawn_policy>> policies() {
    return {{"shared", coheir::spawn_policy::shared},
            {"copying", coheir::spawn_policy::copying},
            {"chained", coheir::spawn_policy::chained},
            {"isolated", coheir::spawn_policy::isolated},
            {"one's own", copied_and_changed}};
}

struct notes {
    std::vector<std::string> of_task;
    int result = 0;
    bool threw = false;
};

class notes_at_exit {
public:
    explicit notes_at_exit(notes& to) : to_(&to) {}
    notes_at_exit(notes_at_exit&& other) noexcept : to_(std::exchange(other.to_, nullptr)) {}
    ~notes_at_exit() {
        if (to_) to_->of_task.push_back(whereabouts());
    }

private:
    notes* to_;
};

coheir::task<> subject(const kind& k, operation& of, bool sets, notes& to,
                       [[maybe_unused]] notes_at_exit parameter) {
    if (sets) context::set("who", "subject");
    const notes_at_exit at_exit(to);
    to.of_task.push_back(whereabouts());
    try {
        to.result = co_await k.await(of);
        to.of_task.push_back(whereabouts());
    } catch (const std::runtime_error&) {
        to.threw = true;
        to.of_task.push_back(whereabouts());
    }
    to.of_task.push_back(whereabouts());
}

coheir::task<> parent_of(coheir::task<> child, const coheir::spawn_policy& policy, bool sets) {
    if (sets) context::set("who", "parent");
    auto joined = coheir::spawn(std::move(child), coheir::options{}.policy(policy));
    co_await std::move(joined);
}

coheir::task<> sibling(operation& of) {
    context::set("who", "sibling");
    while (!of.is_pending()) co_await coheir::yield();
    of.complete_here();
}

coheir::task<> join(coheir::join_handle<void> joined) { co_await std::move(joined); }

// ---- the check

bool throws(completion c) {
    return c == completion::throws_in_ready || c == completion::throws_in_suspend ||
           c == completion::throws_in_resume;
}

bool is_possible(const kind& k, completion c, side s) {
    if (!k.hands_over && (c == completion::later || c == completion::other_thread)) return false;
    if (s == side::sibling) return c == completion::later;  // else it would have to run at the same time
    return true;
}

void check(const coheir::spawn_policy& policy, const kind& k, completion c, side s, bool sets) {
    operation of(c, s, k.hands_over);
    notes found;
    {
        coheir::scheduler loop(policy);
        auto root = loop.spawn(parent_of(subject(k, of, sets, found, notes_at_exit(found)), policy, sets));
        if (s == side::sibling)
            loop.spawn(sibling(of), coheir::options{}.policy(coheir::spawn_policy::isolated)).detach();
        while (loop.run_ready()) {
        }
        if (of.is_pending()) of.complete();
        loop.run(join(std::move(root)));
    }
    REQUIRE(whereabouts() == test::nowhere);
    REQUIRE(found.threw == throws(c));
    REQUIRE(found.result == (throws(c) ? 0 : 42));

    REQUIRE(found.of_task.size() == 5);
    const std::string expected = found.of_task.front();
    REQUIRE(expected.starts_with("task "));
    REQUIRE(expected.ends_with(sets ? ", subject" : ", nobody set"));
    for (const std::string& place : found.of_task) REQUIRE(place == expected);
    REQUIRE(!of.in_task.empty());
    for (const std::string& place : of.in_task) REQUIRE(place == expected);
    REQUIRE(of.on_side_before == of.on_side_after);
    REQUIRE(of.on_side_before != expected);
    REQUIRE(of.on_side_before.empty() == (c == completion::ready || c == completion::throws_in_ready));
}

}  // namespace

TEST_CASE("after every kind of await a task is in its own context, and who completed it in his",
          "[foreign][matrix][threads]") {
    for (const auto& [policy_name, policy] : policies())
        for (const kind& k : kinds())
            for (const auto& [c, completion_name] : completions)
                for (const auto& [s, side_name] : sides)
                    for (const bool sets : {false, true}) {
                        if (!is_possible(k, c, s)) continue;
                        INFO(policy_name << "; await_suspend gives " << k.name << "; " << completion_name
                                         << "; completed by " << side_name << "; context "
                                         << (sets ? "set" : "empty"));
                        check(policy, k, c, s, sets);
                    }
}

TEST_CASE(
    "while the frames of a suspended task are destroyed, its context is current, after, what was before",
    "[foreign][matrix]") {
    for (const auto& [policy_name, policy] : policies())
        for (const kind& k : kinds())
            for (const auto& [destroyer, destroyer_name] : sides)
                for (const bool sets : {false, true}) {
                    if (!k.hands_over || destroyer == side::sibling) continue;
                    INFO(policy_name << "; await_suspend gives " << k.name << "; destroyed by "
                                     << destroyer_name << "; context " << (sets ? "set" : "empty"));
                    operation of(completion::later, side::plain_code, true);
                    notes found;
                    std::optional<coheir::scheduler> loop(policy);
                    loop->spawn(parent_of(subject(k, of, sets, found, notes_at_exit(found)), policy, sets))
                        .detach();
                    while (loop->run_ready()) {
                    }
                    REQUIRE(found.of_task.size() == 1);
                    REQUIRE(of.is_pending());
                    const std::size_t noted = of.in_task.size();

                    const auto destroy = [&loop] {
                        const std::string before = whereabouts();
                        loop.reset();
                        REQUIRE(whereabouts() == before);
                    };
                    destroyer == side::plain_code ? in_plain_code_with_a_context(destroy)
                                                  : in_a_task_of_another_scheduler(destroy);
                    REQUIRE(found.of_task.size() == 3);
                    REQUIRE(of.in_task.size() > noted);
                    for (const std::string& place : found.of_task) REQUIRE(place == found.of_task[0]);
                    for (const std::string& place : of.in_task) REQUIRE(place == found.of_task[0]);
                }
}
