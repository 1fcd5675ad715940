// The end of a task as other threads see it, in every interleaving.
#include "schedules/schedules.hpp"
//
#include <coheir/detail/completion.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

namespace {

using coheir::detail::completion;
using body = std::function<void()>;

struct waiter : coheir::detail::remote_waiter {
    waiter() {
        told = [](coheir::detail::remote_waiter& w) noexcept {
            auto& self = static_cast<waiter&>(w);
            test::schedules::step();
            if (self.gone) self.touched_when_gone = true;
            ++self.tellings;
        };
    }
    int tellings = 0;
    bool gone = false;
    bool touched_when_gone = false;
};

/// One task, one who has its handle.
struct world {
    completion end;
    waiter w;
    bool result_written = false;
    bool result_seen = false;
    std::optional<bool> waits;
    int releases = 0;
    int reports = 0;
    int receipts = 0;

    // What the task's scheduler does at a failure: it keeps the error for the handle, or lets go of it.
    void finish() {
        result_written = true;
        end.complete();
        if (end.settle()) release();
    }
    void release() {
        ++releases;
        if (end.receive()) ++reports;
    }
    void drop() {
        if (end.drop()) release();
    }
};

}  // namespace

TEST_CASE("in every interleaving of a wait and the end, the waiter is told once or sees the end",
          "[remote][schedules]") {
    std::optional<world> w;
    std::size_t told = 0, seen = 0;
    const auto count = test::schedules::explore(
        [&] {
            w.emplace();
            return std::vector<body>{[&] { w->finish(); },
                                     [&] {
                                         w->waits = w->end.wait(w->w);
                                         w->result_seen = w->result_written;
                                     }};
        },
        [&] {
            const bool waits = w->waits.value();
            told += waits, seen += !waits;
            if (w->w.tellings != (waits ? 1 : 0)) FAIL("told never or twice");
            if (!waits && !w->result_seen) FAIL("no result");
            if (!w->end.done()) FAIL("not done");
        });
    CHECK(count >= 4);
    CHECK(told > 0);
    CHECK(seen > 0);
}

TEST_CASE("in every interleaving of the end and a waiter that goes away, nobody touches it afterwards",
          "[remote][schedules]") {
    std::optional<world> w;
    std::size_t told = 0, withdrawn = 0;
    bool back = false;
    const auto count = test::schedules::explore(
        [&] {
            w.emplace();
            back = false;
            return std::vector<body>{[&] { w->finish(); },
                                     [&] {
                                         if (!w->end.wait(w->w)) return w->drop();
                                         back = w->end.withdraw(w->w);
                                         w->w.gone = true;
                                         if (!back) w->end.give_back();
                                         w->drop();
                                     }};
        },
        [&] {
            told += static_cast<std::size_t>(w->w.tellings), withdrawn += back;
            if (w->w.touched_when_gone) FAIL("touched after it had gone");
            if (back && w->w.tellings != 0) FAIL("told after it had withdrawn");
            if (w->releases != 1) FAIL("the failed task is released never or twice");
            if (w->reports != 1) FAIL("the exception, which nobody received, is reported never or twice");
        });
    CHECK(count > 20);
    CHECK(told > 0);
    CHECK(withdrawn > 0);
}

TEST_CASE("in every interleaving an exception is received by the one who waits, and not reported",
          "[remote][schedules]") {
    std::optional<world> w;
    const auto count = test::schedules::explore(
        [&] {
            w.emplace();
            return std::vector<body>{[&] { w->finish(); },
                                     [&] {
                                         if (w->end.wait(w->w))
                                             test::schedules::step_when([&] { return w->w.tellings == 1; });
                                         w->end.receive();
                                         w->drop();
                                     }};
        },
        [&] {
            if (w->releases != 1) FAIL("the failed task is released never or twice");
            if (w->reports != 0) FAIL("an exception that was received is reported");
        });
    CHECK(count > 5);
}

TEST_CASE("in every interleaving one await is let in at a time, and sees what the one before has left",
          "[remote][schedules]") {
    std::optional<world> w;
    int takes = 0, refusals = 0;
    bool inside = false;
    std::size_t both = 0, one = 0;
    const auto count = test::schedules::explore(
        [&] {
            w.emplace();
            takes = refusals = 0;
            const auto await = [&] {
                if (!w->end.begin_await()) return void(++refusals);
                waiter mine;
                if (w->end.wait(mine)) test::schedules::step_when([&] { return mine.tellings == 1; });
                if (!w->result_written) FAIL("no result");
                if (std::exchange(inside, true)) FAIL("two look at the result at once");
                test::schedules::step();
                inside = false;
                ++takes;
                if (mine.tellings == 1) static_cast<void>(w->end.withdraw(mine));  // until it is left alone
                w->end.end_await();
            };
            return std::vector<body>{[&] { w->finish(); }, await, await};
        },
        [&] {
            if (takes + refusals != 2 || takes == 0) FAIL("an await was lost");
            (takes == 2 ? both : one) += 1;
        });
    CHECK(count > 20);
    CHECK(both > 0);
    CHECK(one > 0);
}

TEST_CASE("a completion tells the one who waits at its end", "[remote]") {
    completion end;
    waiter first, second;
    CHECK(end.begin_await());
    CHECK_FALSE(end.begin_await());
    CHECK(end.wait(first));
    CHECK(end.withdraw(first));
    end.end_await();
    CHECK(end.begin_await());
    CHECK(end.wait(second));
    CHECK_FALSE(end.done());
    end.complete();
    CHECK(end.done());
    CHECK(first.tellings == 0);
    CHECK(second.tellings == 1);
    end.end_await();
    CHECK(end.begin_await());
    CHECK_FALSE(end.wait(first));
}
