// The end of a task as other threads see it, in every interleaving.
#include "schedules/schedules.hpp"
//
#include <coheir/detail/completion.hpp>

#include <catch2/catch.hpp>

#include <cstddef>
#include <functional>
#include <optional>
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
    std::optional<completion::answer> answer;
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
                                         w->answer = w->end.wait(w->w);
                                         w->result_seen = w->result_written;
                                     }};
        },
        [&] {
            const bool waits = w->answer == completion::answer::waits;
            told += waits, seen += !waits;
            if (w->w.tellings != (waits ? 1 : 0)) FAIL("told never or twice");
            if (!waits && (w->answer != completion::answer::ended || !w->result_seen)) FAIL("no result");
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
                                         if (w->end.wait(w->w) != completion::answer::waits) return w->drop();
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
                                         if (w->end.wait(w->w) == completion::answer::waits)
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

TEST_CASE("a completion takes one waiter at a time", "[remote]") {
    completion end;
    waiter first, second;
    CHECK(end.wait(first) == completion::answer::waits);
    CHECK(end.wait(second) == completion::answer::taken);
    CHECK(end.withdraw(first));
    CHECK(end.wait(second) == completion::answer::waits);
    CHECK_FALSE(end.done());
    end.complete();
    CHECK(end.done());
    CHECK(first.tellings == 0);
    CHECK(second.tellings == 1);
    CHECK(end.wait(first) == completion::answer::ended);
}
