// What spawns tasks, waits for them and looks at them: wherever memory runs out in it, the caller gets
// std::bad_alloc, in its task or through the join, no wake-up is lost, and all other tasks go on.
#include "faults/memory.hpp"
#ifndef COHEIR_TEST_CANNOT_COUNT

#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "faults/world.hpp"

namespace {

namespace context = coheir::context;
using coheir::options, coheir::spawn_policy, coheir::task;
using test::long_text, test::numbers, test::short_of_memory, test::world;
using namespace std::chrono_literals;

[[gnu::noinline]] task<int> one() { co_return 1; }
[[gnu::noinline]] task<std::string> text_after(int milliseconds) {
    co_await coheir::sleep_for(std::chrono::milliseconds(milliseconds));
    context::set("own", milliseconds);
    co_return context::get("text", "") + std::to_string(milliseconds);
}
[[gnu::noinline]] task<int> keys_seen() {
    const std::size_t before = context::capture().size();
    context::set("own", numbers{{1, 2, 3}});
    co_return static_cast<int>(before);
}

/// Spawns a child by a policy, and gives how many keys that sees.
template <class Policy>
task<int> seen_by_child(world& w, const Policy& policy) {
    const short_of_memory now(w.fails);
    const auto handle = coheir::spawn(keys_seen(), spawn_policy(policy));
    co_return co_await handle;
}
int visible() { return static_cast<int>(context::capture().size()); }

/// Has the other scheduler run while the task waits.
task<> run_other(world& w) {
    for (int i = 0; i < 3; ++i) {
        w.other.run_until_idle();
        co_await coheir::yield();
    }
}

context::child one_more(const context::view& parent) {
    context::child made = parent.shared();
    made.set("one more", 1);
    made.update<numbers>("list", [](numbers& n) { n.all.push_back(4); });
    made.erase("text");
    context::child copy = parent.copied();
    copy.set("one more", made.get("one more", 0));
    return copy;
}

/// Waits for ever in two waits, so that it takes two requests to stop.
task<> wait_for_ever() { co_await coheir::sleep_for(coheir::duration::max()); }
task<> wait_twice() {
    try {
        co_await coheir::sleep_for(coheir::duration::max());
    } catch (const coheir::task_cancelled&) {
    }
    co_await coheir::sleep_for(coheir::duration::max());
}
template <class Handle>
task<> expect_cancelled(world& w, Handle handle) {
    try {
        w.expect(handle.done(), "it has not ended");
        co_await std::move(handle);
    } catch (const coheir::task_cancelled&) {
        co_return;
    }
    w.expect(false, "it was not stopped");
}
/// What copies a context that has a value which cannot be copied: where no copy is made, none is frozen.
template <class F>
void copies_what_can_only_be_moved(world& w, F copy) {
    context::set("only", std::make_unique<int>(1));
    try {
        const short_of_memory now(w.fails);
        copy(w);
    } catch (const std::bad_alloc&) {
        w.expect(context::update<std::unique_ptr<int>>("only", [](std::unique_ptr<int>& p) { ++*p; }),
                 "the value is gone");
        context::erase("only");
        throw;
    }
    context::erase("only");
}

[[gnu::noinline]] task<int> counts(int& ran) { co_return ++ran; }
std::vector<task<int>> two_that_count(int& ran) {
    std::vector<task<int>> tasks;
    tasks.push_back(counts(ran));
    tasks.push_back(counts(ran));
    return tasks;
}
/// What waits for two tasks, of which so many run, starts both, or none: they may refer to what goes with the
/// block that waits.
template <class F>
task<> starts_both_or_none(world& w, F wait_for_two, int all = 2) {
    int ran = 0;
    std::exception_ptr error;
    try {
        const short_of_memory now(w.fails);
        co_await wait_for_two(ran);
    } catch (...) {
        error = std::current_exception();
    }
    w.expect(ran == 0 || ran == all, "it has not waited for what it started");
    const int ran_before = ran;
    for (int i = 0; i < 3; ++i) co_await coheir::yield();
    w.expect(ran == ran_before, "a task runs for which nobody waits");
    if (error) std::rethrow_exception(error);
}

const std::vector<test::operation> spawning{
    {"await a coroutine",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         w.expect(co_await one() == 1, "not its result");
     }},
    {"spawn a copy with a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w,
                                       [](world&) { coheir::spawn(one(), spawn_policy::copying).detach(); });
         co_return;
     }},
    {"capture a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w, [](world& in) {
             const context::snapshot taken = context::capture();
             in.expect(taken.contains("only"), "it was left out");
         });
         co_return;
     }},
    {"with_timeout of a copy with a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w, [](world&) { static_cast<void>(coheir::with_timeout(one(), 1h)); });
         co_return;
     }},
    {"with_timeout by a policy that changes what is shared",
     [](world& w) -> task<> {
         w.loop.set_policy([](const context::view& parent) {
             context::child made = parent.shared();
             made.set("changed", 1);
             return made;
         });
         try {
             const short_of_memory now(w.fails);
             static_cast<void>(coheir::with_timeout(one(), 1h));
         } catch (const std::bad_alloc&) {
             w.expect(!context::contains("changed"), "a spawn that failed has changed the context");
             throw;
         }
         context::erase("changed");
         co_return;
     }},
    {"spawn a copy by a policy of one's own with a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w, [](world&) {
             const auto copies = [](const context::view& parent) {
                 context::child made = parent.copied();
                 made.set("own", numbers{{1, 2, 3}});
                 return made;
             };
             coheir::spawn(one(), options(copies)).detach();
         });
         co_return;
     }},
    {"spawn onto another scheduler a copy with a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w, [](world& in) { in.other.spawn(one()).detach(); });
         w.other.run_until_idle();
         co_return;
     }},
    {"hand over a copy with a value that cannot be copied",
     [](world& w) -> task<> {
         copies_what_can_only_be_moved(w, [](world& in) { in.other.remote().spawn(one()).detach(); });
         w.other.run_until_idle();
         co_return;
     }},
    {"spawn by the scheduler's policy, and join",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto handle = coheir::spawn(one());
         w.expect(co_await handle == 1, "not its result");
     }},
    {"spawn copying",
     [](world& w) -> task<> {
         const int seen = co_await seen_by_child(w, spawn_policy::copying);
         w.expect(seen == visible(), "the child sees other keys");
     }},
    {"spawn chained",
     [](world& w) -> task<> {
         const int seen = co_await seen_by_child(w, spawn_policy::chained);
         w.expect(seen == visible(), "the child sees other keys");
     }},
    {"spawn shared",
     [](world& w) -> task<> {
         const int before = visible();
         const int seen = co_await seen_by_child(w, spawn_policy::shared);
         w.expect(seen == before && context::contains("own"), "the child sees other keys");
     }},
    {"spawn isolated",
     [](world& w) -> task<> {
         const int seen = co_await seen_by_child(w, spawn_policy::isolated);
         w.expect(seen == 0, "the child sees keys");
     }},
    {"spawn by a policy of one's own",
     [](world& w) -> task<> {
         const int seen = co_await seen_by_child(w, one_more);
         w.expect(seen == visible() + 1, "the child sees other keys");
     }},
    {"spawn with all options",
     [](world& w) -> task<> {
         const context::snapshot here = context::capture();
         int seen = 0;
         {
             const short_of_memory now(w.fails);
             options how = options()
                               .policy(spawn_policy::chained)
                               .name("a name that is too long to be kept without memory of its own")
                               .context(here)
                               .deadline(w.loop.now() + 1s);
             const auto handle = coheir::spawn(keys_seen(), how);
             seen = co_await handle;
         }
         w.expect(seen == visible(), "the child sees other keys");
     }},
    {"a task that fails",
     [](world& w) -> task<> {
         const auto fail = []() -> task<> {
             context::set("own", 1);
             throw std::runtime_error("a message that is too long to be kept without memory of its own");
             co_return;
         };
         const short_of_memory now(w.fails);
         const auto handle = coheir::spawn(fail());
         try {
             co_await handle;
         } catch (const std::runtime_error&) {
             co_return;
         }
         w.expect(false, "no exception");
     }},
};

const std::vector<test::operation> waiting{
    {"sleep",
     [](world& w) -> task<> {
         const auto before = w.loop.now();
         {
             const short_of_memory now(w.fails);
             co_await coheir::sleep_for(1ms);
             co_await coheir::sleep_until(before + 2ms);
         }
         w.expect(w.loop.now() == before + 2ms, "it did not sleep");
     }},
    {"a callback",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         auto start = [](auto resolve) { resolve(long_text); };
         w.expect(co_await coheir::callback<std::string>(start) == long_text, "not its result");
     }},
    {"when_all",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto [a, b] = co_await coheir::when_all(text_after(2), text_after(1));
         w.expect(a.back() == '2' && b.back() == '1', "not their results");
     }},
    {"when_all of a range",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         std::vector<task<std::string>> range;
         for (int i = 0; i < 3; ++i) range.push_back(text_after(i));
         const auto results = co_await coheir::when_all(std::move(range));
         w.expect(results.size() == 3 && results[2].back() == '2', "not their results");
     }},
    {"when_all_settled",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto [a, b] = co_await coheir::when_all_settled(text_after(2), one());
         w.expect(a.value().back() == '2' && b.value() == 1, "not their results");
     }},
    {"when_all_settled of a range",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         std::vector<task<std::string>> range;
         for (int i = 0; i < 3; ++i) range.push_back(text_after(i));
         const auto results = co_await coheir::when_all_settled(std::move(range));
         w.expect(results.size() == 3 && results[2].value().back() == '2', "not their results");
     }},
    {"when_any",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto first = co_await coheir::when_any(text_after(2), text_after(1));
         w.expect(first.index() == 1 && std::get<1>(first).back() == '1', "not its result");
     }},
    {"when_any of handles",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         std::vector<coheir::join_handle<std::string>> handles;
         for (int i = 3; i > 0; --i) handles.push_back(coheir::spawn(text_after(i)));
         const auto [index, text] = co_await coheir::when_any(std::move(handles));
         w.expect(index == 2 && text.back() == '1', "not its result");
     }},
    {"with_timeout",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const std::string text = co_await coheir::with_timeout(text_after(1), 2ms);
         w.expect(text.back() == '1', "not its result");
     }},
    {"with_timeout, too late",
     [](world& w) -> task<> {
         const std::size_t tasks = w.loop.tasks().size();
         try {
             const short_of_memory now(w.fails);
             co_await coheir::with_timeout(text_after(1000), 2ms);
         } catch (const coheir::timeout_error&) {
             co_return;
         } catch (const std::bad_alloc&) {
             w.expect(w.loop.tasks().size() == tasks, "its task runs on, without a limit");
             throw;
         }
         w.expect(false, "it was not too late");
     }},
    {"with_timeout of a handle",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto handle = coheir::spawn(text_after(1));
         const std::string& text = co_await coheir::with_timeout(handle, 2ms);
         w.expect(text.back() == '1', "not its result");
     }},
    {"with_timeout of a handle, too late",
     [](world& w) -> task<> {
         std::optional<coheir::join_handle<std::string>> handle;
         std::exception_ptr without_memory;
         try {
             const short_of_memory now(w.fails);
             handle = coheir::spawn(text_after(1000));
             static_cast<void>(co_await coheir::with_timeout(*handle, 2ms));
             w.expect(false, "it was not too late");
         } catch (const coheir::timeout_error&) {
         } catch (const std::bad_alloc&) {
             without_memory = std::current_exception();
         }
         if (handle) {
             co_await coheir::yield();
             w.expect(handle->done(), "its task runs on, without a limit");
         }
         if (without_memory) std::rethrow_exception(without_memory);
     }},
    {"when_all starts both or none",
     [](world& w) -> task<> {
         const auto both = [](int& ran) -> task<> { co_await coheir::when_all(counts(ran), counts(ran)); };
         co_await starts_both_or_none(w, both);
     }},
    {"when_all of a range starts both or none",
     [](world& w) -> task<> {
         const auto both = [](int& ran) -> task<> { co_await coheir::when_all(two_that_count(ran)); };
         co_await starts_both_or_none(w, both);
     }},
    {"when_any of a range starts both or none",
     [](world& w) -> task<> {
         const auto both = [](int& ran) -> task<> { co_await coheir::when_any(two_that_count(ran)); };
         co_await starts_both_or_none(w, both, 1);  // which ends first
     }},
    {"when_all_settled starts both or none",
     [](world& w) -> task<> {
         const auto both = [](int& ran) -> task<> {
             co_await coheir::when_all_settled(counts(ran), counts(ran));
         };
         co_await starts_both_or_none(w, both);
     }},
    {"with_timeout of when_all starts both or none",
     [](world& w) -> task<> {
         const auto both = [](int& ran) -> task<> {
             co_await coheir::with_timeout(coheir::when_all(counts(ran), counts(ran)), 1h);
         };
         co_await starts_both_or_none(w, both);
     }},
    {"with_timeout of when_all",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto [a, b] = co_await coheir::with_timeout(coheir::when_all(one(), text_after(1)), 2ms);
         w.expect(a == 1 && b.back() == '1', "not their results");
     }},
    {"with_deadline",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const std::string text = co_await coheir::with_deadline(w.loop.now() + 2ms, text_after(1));
         w.expect(text.back() == '1', "not its result");
     }},
    {"timeout_scope, too late",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto block = []() -> task<> { co_await coheir::sleep_for(1h); };
         try {
             co_await coheir::timeout_scope(1ms, block);
         } catch (const coheir::timeout_error&) {
             co_return;
         }
         w.expect(false, "it was not too late");
     }},
    {"shield",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const std::string text = co_await coheir::shield(text_after(1));
         w.expect(text.back() == '1', "not its result");
     }},
    {"a task group",
     [](world& w) -> task<> {
         const short_of_memory now(w.fails);
         const auto block = [](coheir::task_group& group) -> task<std::string> {
             group.spawn(text_after(2));
             group.spawn(text_after(1), options().name(std::string(100, 'n')));
             const auto third = coheir::spawn(text_after(3));
             group.add(third);
             co_return co_await third;
         };
         const std::string text = co_await coheir::with_task_group(block);
         w.expect(text.back() == '3', "not its result");
     }},
};

const std::vector<test::operation> stopping{
    {"a stop token, and a request to stop",
     [](world& w) -> task<> {
         const auto wait = []() -> task<bool> {
             const std::stop_token token = coheir::this_task::stop_token();
             try {
                 co_await coheir::sleep_for(1h);
             } catch (const coheir::task_cancelled&) {
                 co_return token.stop_requested();
             }
             co_return false;
         };
         const short_of_memory now(w.fails);
         const auto handle = coheir::spawn(wait());
         co_await coheir::yield();
         handle.request_stop();
         w.expect(co_await handle, "the token was not told");
     }},
    {"a stop source",
     [](world& w) -> task<> {
         const auto wait = []() -> task<> { co_await coheir::sleep_for(10ms); };
         const short_of_memory now(w.fails);
         const auto handle = coheir::spawn(wait());
         std::stop_source source = handle.stop_source();
         co_await coheir::yield();
         source.request_stop();
         try {
             co_await handle;
         } catch (const coheir::task_cancelled&) {
             co_return;
         }
         w.expect(false, "it was not stopped");
     }},
};

// What must not fail: all that it takes was made before.
const std::vector<test::operation> without_asking{
    {"requests to stop a task of another scheduler",
     [](world& w) -> task<> {
         auto handle = w.other.remote().spawn(wait_twice());
         co_await coheir::spawn(run_other(w));
         for (int i = 0; i < 2; ++i) {
             {
                 const short_of_memory now(w.fails);
                 handle.request_stop();
                 handle.request_stop();  // with the one before
             }
             w.expect(!handle.done(), "it ended by one request");
             co_await coheir::spawn(run_other(w));
         }
         co_await expect_cancelled(w, std::move(handle));
     }},
    {"a request to stop that a waiting task hands on to another scheduler",
     [](world& w) -> task<> {
         auto wait = [](coheir::remote_handle<> handle) -> task<> { co_await std::move(handle); };
         auto handle = w.other.remote().spawn(wait_for_ever());
         auto awaits = coheir::spawn(wait(std::move(handle)));
         co_await coheir::spawn(run_other(w));
         {
             const short_of_memory now(w.fails);
             awaits.request_stop();
         }
         co_await coheir::spawn(run_other(w));
         co_await expect_cancelled(w, std::move(awaits));
     }},
    {"a time limit for a task of another scheduler is over",
     [](world& w) -> task<> {
         auto wait = [](coheir::remote_handle<> handle) -> task<> {
             co_await coheir::with_timeout(std::move(handle), 10ms);
         };
         auto handle = w.other.remote().spawn(wait_for_ever());
         auto awaits = coheir::spawn(wait(std::move(handle)));
         co_await coheir::spawn(run_other(w));
         w.clock.advance(10ms);
         {
             const short_of_memory now(w.fails);
             co_await coheir::yield();
             co_await coheir::yield();
         }
         co_await coheir::spawn(run_other(w));
         try {
             w.expect(awaits.done() && w.other.tasks().empty(), "it was left running");
             co_await std::move(awaits);
         } catch (const coheir::timeout_error&) {
             co_return;
         }
         w.expect(false, "it was not stopped");
     }},
};

const std::vector<test::operation> looking{
    {"the list of tasks",
     [](world& w) -> task<> {
         std::vector<coheir::task_info> tasks;
         {
             const short_of_memory now(w.fails);
             tasks = w.loop.tasks();
         }
         w.expect(tasks.size() >= 2, "not all tasks");
         co_return;
     }},
    {"a dump of the tasks",
     [](world& w) -> task<> {
         const std::string expected = w.loop.dump();
         std::string dump;
         {
             const short_of_memory now(w.fails);
             dump = w.loop.dump();
         }
         w.expect(dump == expected, "not all is shown");
         co_return;
     }},
};

const std::vector<test::operation> elsewhere{
    {"spawn onto another scheduler",
     [](world& w) -> task<> {
         const auto other = coheir::spawn(run_other(w));
         std::string text;
         {
             const short_of_memory now(w.fails);
             auto handle = w.other.remote().spawn(
                 text_after(0), options().name("a name that is too long to be kept without memory"));
             text = co_await std::move(handle);
         }
         w.expect(text.back() == '0', "not its result");
         co_await other;
     }},
    {"spawn chained onto another scheduler, in place",
     [](world& w) -> task<> {
         int seen = 0;
         {
             const short_of_memory now(w.fails);
             auto handle = w.other.remote().spawn(keys_seen(), spawn_policy::chained);
             w.other.run_until_idle();
             seen = co_await handle;
         }
         w.expect(seen == visible(), "the child sees other keys");
     }},
    {"a function of another scheduler's",
     [](world& w) -> task<> {
         const auto other = coheir::spawn(run_other(w));
         std::string text;
         {
             const short_of_memory now(w.fails);
             auto here = w.other.remote();
             text = co_await coheir::run_on(here, [] { return context::get("text", ""); });
         }
         w.expect(text == long_text, "not its result");
         co_await other;
     }},
    {"submit",
     [](world& w) -> task<> {
         std::string text;
         {
             const short_of_memory now(w.fails);
             auto future = w.other.submit(text_after(0));
             w.other.run_until_idle();
             text = future.get();
         }
         w.expect(text.back() == '0', "not its result");
         co_return;
     }},
};

/// Whether the task of a future ended with its scheduler.
template <class T>
bool is_closed(std::future<T>& of) {
    try {
        of.get();
    } catch (const coheir::scheduler_closed&) {
        return true;
    }
    return false;
}

const std::vector<test::plain_operation> outside{
    {"a scheduler",
     [](world& w) {
         const short_of_memory now(w.fails);
         coheir::scheduler made;
         made.on_unhandled([](const coheir::unhandled&) {});
         made.on_wakeup([] {});
         made.set_policy(one_more);
         w.expect(made.run(one()) == 1, "not the result");
     }},
    {"run",
     [](world& w) {
         const short_of_memory now(w.fails);
         w.expect(w.loop.run(text_after(1)).back() == '1', "not the result");
     }},
    {"spawn",
     [](world& w) {
         const short_of_memory now(w.fails);
         const auto handle = w.loop.spawn(one(), options().name(std::string(100, 'n')));
         w.loop.run_ready();
         w.expect(handle.done(), "it has not run");
     }},
    {"post",
     [](world& w) {
         {
             const short_of_memory now(w.fails);
             const auto count = [&w, held = long_text] { ++w.counted; };
             w.loop.post(count);
             w.loop.remote().post(count);
         }
         w.loop.run_ready();
         w.expect(w.counted == 2, "they have not run");
     }},
    {"post what runs out of memory, which the handler gets",
     [](world& w) {
         const short_of_memory now(w.fails);
         w.loop.post([] { context::snapshot().bind([held = long_text] { return held; })(); });
         w.loop.run_ready();
     }},
    {"submit",
     [](world& w) {
         const short_of_memory now(w.fails);
         auto future = w.loop.remote().submit(text_after(1), options().name(std::string(100, 'n')));
         w.loop.run_until_idle();
         w.expect(future.get().back() == '1', "not its result");
     }},
    {"submit what has no name and no options",
     [](world& w) {
         const short_of_memory now(w.fails);
         auto future = w.loop.submit(one());
         w.loop.run_until_idle();
         w.expect(future.get() == 1, "not its result");
     }},
    {"a task for a scheduler that goes before it arrives",
     [](world& w) {
         const short_of_memory now(w.fails);
         auto goes = std::make_unique<coheir::scheduler>();
         auto future = goes->submit(one());
         goes = nullptr;
         w.expect(is_closed(future), "no exception");
     }},
    {"a task for a scheduler that goes before it ends",
     [](world& w) {
         const short_of_memory now(w.fails);
         auto goes = std::make_unique<coheir::scheduler>();
         auto future = goes->submit(text_after(1000));
         goes->run_ready();
         goes = nullptr;
         w.expect(is_closed(future), "no exception");
     }},
    {"a mirror",
     [](world& w) {
         static constexpr context::key<std::string> text{"text"};
         int entered = 0;
         coheir::scheduler mirrored(spawn_policy::copying, w.clock);
         const auto work = []() -> task<> {
             context::set(text, long_text);
             co_await coheir::yield();
         };
         {
             const short_of_memory now(w.fails);
             mirrored.mirror(
                 text, [&entered](const std::string&) { ++entered; }, [] {});
             mirrored.run(work());
         }
         w.expect(entered == 1, "it was not entered");
     }},
    {"the message of what nobody has handled",
     [](world& w) {
         const coheir::unhandled of(std::make_exception_ptr(std::runtime_error(long_text)), 1, long_text, {});
         const short_of_memory now(w.fails);
         w.expect(of.message().size() > long_text.size(), "not all is said");
     }},
};

}  // namespace

TEST_CASE("spawning without memory", "[faults][memory]") { test::try_all(spawning); }
TEST_CASE("waiting without memory", "[faults][memory]") { test::try_all(waiting); }
TEST_CASE("stopping without memory", "[faults][memory]") { test::try_all(stopping); }
TEST_CASE("stopping tasks of other schedulers asks for no memory", "[faults][memory]") {
    for (const test::operation& row : without_asking) {
        INFO(row.name);
        test::failure f(1, true);
        world w(f, test::shapes[0]);
        const test::verdict v = w.try_in_task(row.act);
        if (v.wrong) FAIL_CHECK(v.wrong);
        CHECK(v.succeeded);
        CHECK_FALSE(f.met());
    }
}
TEST_CASE("looking at tasks without memory", "[faults][memory]") { test::try_all(looking); }
TEST_CASE("tasks of other schedulers without memory", "[faults][memory]") { test::try_all(elsewhere); }
TEST_CASE("a scheduler from outside without memory", "[faults][memory]") { test::try_all(outside); }

#endif
