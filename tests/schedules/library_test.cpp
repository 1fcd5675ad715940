// What threads hand to a scheduler, and take from it, in all interleavings of two or three of them with at
// most two interruptions; with as many as COHEIR_INTERRUPTIONS says, if it is set.
#include "schedules/schedules.hpp"
//
#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <catch2/catch.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "support/counted.hpp"

namespace {

using coheir::task;
using test::counted;
using bodies = std::vector<std::function<void()>>;
namespace context = coheir::context;

std::size_t interruptions() {
    const char* const said = std::getenv("COHEIR_INTERRUPTIONS");
    return said ? std::strtoul(said, nullptr, 10) : 2;
}

/// Explores the threads of a World, which is made anew for each interleaving. All that was made of `counted`
/// must be gone with it.
template <class World>
std::size_t explore() {
    std::unique_ptr<World> world;
    std::optional<test::counted_balance> balance;
    const std::size_t count = test::schedules::explore(
        [&] {
            balance.emplace();
            world = std::make_unique<World>();
            return world->threads();
        },
        [&] {
            world->check();
            world.reset();
            if (!balance->is_even()) FAIL("something was destroyed twice, or never");
        },
        interruptions());
    WARN(count << " interleavings");
    return count;
}

/// Ends a run() from elsewhere.
class gate {
public:
    task<> wait() {
        co_await coheir::callback<>([this](coheir::resolver<void> resolve) { opener_.emplace(resolve); });
    }
    /// Any thread: goes on when wait() has begun.
    void await_begin() const {
        test::schedules::step_when([this] { return opener_.has_value(); });
    }
    void open() {
        await_begin();
        (*opener_)();
    }

private:
    std::optional<coheir::resolver<void>> opener_;
};

}  // namespace

namespace {

/// A loop that falls asleep, two who wake it.
struct woken {
    coheir::scheduler loop;
    gate end;
    int ran = 0;
    bool has_timer = false;

    static task<> sleeps() { co_await coheir::sleep_for(std::chrono::hours(24)); }
    bodies threads() {
        if (has_timer) {
            loop.spawn(sleeps()).detach();
            loop.run_ready();
        }
        return {[this] { loop.run(end.wait()); },
                [this, to = loop.remote()] { to.post([this, c = counted()] { ++ran; }); },
                [this] { end.open(); }};
    }
    void check() {
        loop.run_ready();
        if (ran != 1) FAIL("a post did not arrive, or twice");
    }
};
struct woken_before_a_timer : woken {
    woken_before_a_timer() { has_timer = true; }
};

/// One closes what another posts to.
struct closed {
    coheir::scheduler loop;
    gate end;
    int ran = 0, accepted = 0, refused = 0;

    bodies threads() {
        return {[this] { loop.run(end.wait()); },
                [this, to = loop.remote()] {
                    for (int i = 0; i < 2; ++i) try {
                            to.post([this, c = counted()] { ++ran; });
                            if (refused > 0) FAIL("accepted after it was refused");
                            ++accepted;
                        } catch (const coheir::scheduler_closed&) {
                            ++refused;
                        }
                    end.open();
                },
                [this, to = loop.remote()] {
                    end.await_begin();  // no loop is begun that is closed
                    to.close();
                }};
    }
    void check() {
        loop.run_until_idle();
        if (ran != accepted || accepted + refused != 2) FAIL("what was accepted did not run");
    }
};

/// One works until another closes it, and then goes.
struct worked_for {
    std::optional<coheir::scheduler> loop{std::in_place};
    std::optional<coheir::remote> to = loop->remote();
    int ran = 0, accepted = 0;

    bodies threads() {
        return {[this] {
                    loop->run_until_closed();
                    loop.reset();
                },
                [this] {
                    const coheir::remote its = *std::exchange(to, std::nullopt);  // nobody else keeps it
                    try {
                        its.post([this, c = counted()] { ++ran; });
                        ++accepted;
                    } catch (const coheir::scheduler_closed&) {
                    }
                },
                [&of = *loop] { of.close(); }};
    }
    void check() {
        if (ran != accepted) FAIL("what was accepted did not run");
    }
};

/// One destroys what another posts and submits to.
struct destroyed {
    std::optional<coheir::scheduler> loop{std::in_place};
    std::future<int> submitted;
    bool refused = false;
    static inline std::size_t refusals, results, ends;

    bodies threads() {
        const auto to = loop->remote();
        return {[this] {
                    loop->run_until_idle();
                    loop.reset();
                },
                [this, to] {
                    try {
                        to.post([c = counted()] {});
                        submitted = to.submit([](counted c) -> task<int> { co_return c.value; }(counted(7)));
                    } catch (const coheir::scheduler_closed&) {
                        refused = true;
                    }
                }};
    }
    void check() {
        if (refused) return void(++refusals);
        if (submitted.wait_for(std::chrono::seconds(0)) != std::future_status::ready) FAIL("a future hangs");
        try {
            if (submitted.get() != 7) FAIL("another result");
            ++results;
        } catch (const coheir::scheduler_closed&) {
            ++ends;
        }
    }
};

/// Two callbacks come, while their task is asked to stop.
struct called_back {
    coheir::scheduler loop;
    std::optional<coheir::resolver<counted>> resolver;
    int got = 0, stopped = 0, taken = 0;

    task<> waits() {
        context::set("c", counted());
        try {
            const counted result =
                co_await coheir::callback<counted>([this](auto resolve) { resolver.emplace(resolve); });
            got = result.value;
        } catch (const coheir::task_cancelled&) {
            ++stopped;
        }
    }
    task<> stops() {
        const auto waiting = coheir::spawn(waits());
        co_await coheir::yield();
        co_await coheir::yield();
        waiting.request_stop();
        co_await waiting;
    }
    bodies threads() {
        return {[this] { loop.run(stops()); }, [this] { call(1); }, [this] { call(2); }};
    }
    void call(int with) {
        test::schedules::step_when([this] { return resolver.has_value(); });
        if (auto mine = *resolver; mine(counted(with))) taken += with;
    }
    void check() {
        // One call counts, and the task gets its result, or else is stopped.
        if (taken > 2 || got != taken || (got > 0) == (stopped > 0)) FAIL("it ended never, or twice");
    }
};

/// A callback comes while the scheduler of its task is destroyed.
struct called_too_late {
    std::optional<coheir::scheduler> loop{std::in_place};
    std::optional<coheir::resolver<counted>> resolver;

    task<> waits() {
        const counted here;
        co_await coheir::callback<counted>([this](auto resolve) { resolver.emplace(resolve); });
    }
    bodies threads() {
        loop->spawn(waits()).detach();
        loop->run_ready();
        return {[this] {
                    loop->run_ready();
                    loop.reset();
                },
                [this] {
                    (*resolver)(counted(1));
                    resolver.reset();
                }};
    }
    void check() {}
};

/// One is asked to stop while its scheduler ends, and has left the remote of that as its result.
struct asked_too_late {
    struct result {
        counted c;
        coheir::remote of;
    };
    std::optional<coheir::scheduler> loop{std::in_place};
    std::optional<coheir::remote_handle<result>> handle;

    static task<result> leaves(result r) { co_return r; }
    bodies threads() {
        handle.emplace(loop->remote().spawn(leaves({counted(), loop->remote()})));
        return {[this] {
                    loop->run_until_idle();
                    loop.reset();
                },
                [this] {
                    handle->request_stop();
                    handle.reset();
                }};
    }
    void check() {}
};

/// A task waits for one on another scheduler, or is stopped while it does.
struct joined {
    coheir::scheduler here, there;
    gate end;
    std::optional<coheir::remote_handle<int>> handle;
    int results = 0, cancelled = 0;
    bool stops_waiter = false;

    task<int> child(counted c) {
        co_await coheir::yield();
        co_return c.value;
    }
    task<> waits() {
        handle.emplace(there.remote().spawn(child(counted(7))));
        try {
            if (co_await *handle != 7) FAIL("another result");
            ++results;
        } catch (const coheir::task_cancelled&) {
            ++cancelled;
        }
    }
    task<> starts() {
        const auto waiting = coheir::spawn(waits());
        co_await coheir::yield();
        co_await coheir::yield();
        if (stops_waiter) waiting.request_stop();
        co_await waiting;
        handle.reset();
        end.open();
    }
    bodies threads() {
        return {[this] { here.run(starts()); }, [this] { there.run(end.wait()); }};
    }
    void check() {
        here.run_until_idle();
        there.run_until_idle();
        if (results + cancelled != 1) FAIL("it ended never, or twice");
        if (cancelled && !stops_waiter) FAIL("nobody had asked");
    }
};
struct joined_and_stopped : joined {
    joined_and_stopped() { stops_waiter = true; }
};

/// A task is asked to stop from elsewhere, at any moment, and again when it has gone on.
struct stopped {
    coheir::scheduler here, there;
    gate end;
    bool begun = false;
    int caught = 0, cancelled = 0;

    task<> sleeps(counted) {
        begun = true;
        try {
            co_await coheir::sleep_for(coheir::duration::max());
        } catch (const coheir::task_cancelled&) {
            ++caught;
        }
        co_await coheir::sleep_for(coheir::duration::max());
    }
    task<> stops() {
        auto handle = there.remote().spawn(sleeps(counted()));
        test::schedules::step_when([this] { return begun; });
        handle.request_stop();
        handle.request_stop();  // perhaps with the one before
        test::schedules::step_when([this] { return caught == 1; });
        if (!handle.done()) handle.request_stop();
        try {
            co_await std::move(handle);
        } catch (const coheir::task_cancelled&) {
            ++cancelled;
        }
        end.open();
    }
    bodies threads() {
        return {[this] { here.run(stops()); }, [this] { there.run(end.wait()); }};
    }
    void check() {
        if (caught != 1 || cancelled != 1) FAIL("it was not stopped");
    }
};

/// One that waits for a task of another scheduler is asked to stop, again and again: the last request
/// arrives.
struct handed_on {
    coheir::scheduler here, there;
    gate end;
    bool begun = false, is_last = false;
    int cancelled = 0;

    task<> ends_at_the_last(counted) {
        begun = true;
        for (bool ends = false; !ends;) {
            try {
                co_await coheir::sleep_for(coheir::duration::max());
            } catch (const coheir::task_cancelled&) {
                ends = is_last;
            }
        }
    }
    task<> waits() {
        auto handle = there.remote().spawn(ends_at_the_last(counted()));
        try {
            co_await std::move(handle);
        } catch (const coheir::task_cancelled&) {
            ++cancelled;
        }
    }
    task<> asks() {
        const auto waiting = coheir::spawn(waits());
        co_await coheir::yield();
        test::schedules::step_when([this] { return begun; });
        waiting.request_stop();
        waiting.request_stop();
        is_last = true;
        waiting.request_stop();
        co_await waiting;
        end.open();
    }
    bodies threads() {
        return {[this] { here.run(asks()); }, [this] { there.run(end.wait()); }};
    }
    void check() {
        if (cancelled != 1) FAIL("it was not stopped");
    }
};

/// The last handle goes while the task fails.
struct dropped {
    coheir::scheduler there;
    gate end;
    std::optional<coheir::remote_handle<void>> handle;
    int reported = 0;

    task<> fails(counted) {
        co_await coheir::yield();
        throw std::runtime_error("nobody receives it");
    }
    bodies threads() {
        there.on_unhandled([this](const coheir::unhandled&) { ++reported; });
        handle.emplace(there.remote().spawn(fails(counted())));
        return {[this] { there.run(end.wait()); },
                [this] {
                    handle.reset();
                    end.open();
                }};
    }
    void check() {
        there.run_until_idle();
        if (reported != 1) FAIL("an exception was reported never, or twice");
    }
};

}  // namespace

TEST_CASE("in every schedule a loop is woken, and what is posted arrives once", "[schedules]") {
    CHECK(explore<woken>() > 100);
}
TEST_CASE("in every schedule a loop that waits for a timer is woken", "[schedules]") {
    CHECK(explore<woken_before_a_timer>() > 100);
}
TEST_CASE("in every schedule what is accepted before a close runs, and nothing is accepted after",
          "[schedules]") {
    CHECK(explore<closed>() > 100);
}
TEST_CASE("in every schedule a loop works until it is closed, and wakes up for that", "[schedules]") {
    CHECK(explore<worked_for>() > 100);
}
TEST_CASE("in every schedule what meets the end of a scheduler is refused, or ends with it", "[schedules]") {
    destroyed::refusals = destroyed::results = destroyed::ends = 0;
    CHECK(explore<destroyed>() > 10);
    CHECK(destroyed::refusals > 0);
    CHECK(destroyed::results > 0);
    CHECK(destroyed::ends > 0);
}
TEST_CASE("in every schedule a callback and a request to stop end a wait once", "[schedules]") {
    CHECK(explore<called_back>() > 10);
}
TEST_CASE("in every schedule a callback may meet the end of its scheduler", "[schedules]") {
    CHECK(explore<called_too_late>() > 10);
}
TEST_CASE("in every schedule a request to stop may meet the end of its scheduler", "[schedules]") {
    CHECK(explore<asked_too_late>() > 10);
}
TEST_CASE("in every schedule a task gets the result of one on another scheduler", "[schedules]") {
    CHECK(explore<joined>() > 100);
}
TEST_CASE("in every schedule such a task is stopped, or gets the result", "[schedules]") {
    CHECK(explore<joined_and_stopped>() > 100);
}
TEST_CASE("in every schedule a task of another scheduler is stopped as often as it is asked to",
          "[schedules]") {
    CHECK(explore<stopped>() > 50);
}
TEST_CASE("in every schedule the last of the requests arrives that a waiting task hands on", "[schedules]") {
    CHECK(explore<handed_on>() > 50);
}
TEST_CASE("in every schedule the exception that nobody receives is reported once", "[schedules]") {
    CHECK(explore<dropped>() > 10);
}
