// The inbox in all interleavings of three threads.
#include "schedules/schedules.hpp"
//
#include <coheir/detail/inbox.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "support/numbered_nodes.hpp"

using coheir::detail::inbox;
using test::numbered;
using test::numbers;
using test::numbers_in;
using test::taken_from;
using until = inbox::until;

namespace {

/// Two threads that push two nodes each, one that takes twice, and perhaps one that closes.
struct world {
    inbox box;
    std::vector<std::unique_ptr<numbered>> nodes;
    std::vector<int> taken;
    int firsts = 0, refusals = 0, takes_with_something = 0;

    void push(int number) {
        nodes.push_back(std::make_unique<numbered>(number));
        count(box.push(*nodes.back(), until::closed));
    }
    /// As a mailbox does it: only who may be the first takes a share in it.
    void push_onto_others_first(int number, until end = until::closed) {
        nodes.push_back(std::make_unique<numbered>(number));
        numbered& mine = *nodes.back();
        inbox::pushed how = box.push_onto_others(mine, end);
        if (how == inbox::pushed::first) how = box.push(mine, end);
        count(how);
    }
    void count(inbox::pushed how) {
        switch (how) {
            case inbox::pushed::first: ++firsts; break;
            case inbox::pushed::refused: ++refusals; break;
            case inbox::pushed::onto_others: break;
        }
    }
    void take_last() {
        coheir::detail::ready_queue last;
        box.take_last_into(last);
        taken = numbers_in(last);
    }
    void take() {
        const auto got = taken_from(box);
        takes_with_something += !got.empty();
        taken.insert(taken.end(), got.begin(), got.end());
    }
    bool in_order(int first, int second) const {
        const auto at = [&](int number) { return std::find(taken.begin(), taken.end(), number); };
        return at(second) == taken.end() || at(first) < at(second);
    }
};

using bodies = std::vector<std::function<void()>>;

/// Explores threads(world), each time in a new world, of which is_right(world) tells whether it went well.
template <class Threads, class IsRight>
std::size_t explore(Threads threads, IsRight is_right) {
    std::unique_ptr<world> w;
    const auto begin = [&] {
        w = std::make_unique<world>();
        w->nodes.reserve(4);
        return bodies(threads(*w));
    };
    return test::schedules::explore(begin, [&] {
        if (!is_right(*w)) FAIL("an interleaving that goes wrong");
    });
}

}  // namespace

TEST_CASE(
    "in every interleaving all that is pushed arrives, once and in order, and each filling is told once",
    "[inbox][schedules]") {
    std::size_t split_takes = 0;
    const auto threads = [](world& w) {
        return bodies{[&] { w.push(1), w.push(2); }, [&] { w.push(3); }, [&] { w.take(); }};
    };
    const auto count = explore(threads, [&](world& w) {
        split_takes += !w.taken.empty() && w.taken.size() < 3;
        w.take();
        return w.taken.size() == 3 && w.in_order(1, 2) && w.firsts == w.takes_with_something &&
               w.refusals == 0 && w.box.empty();
    });
    CHECK(count > 100);
    CHECK(split_takes > 10);
}

TEST_CASE("in every interleaving what is pushed behind others, or else first, arrives",
          "[inbox][schedules]") {
    const auto threads = [](world& w) {
        return bodies{[&] { w.push_onto_others_first(1); }, [&] { w.push_onto_others_first(2); },
                      [&] { w.take(); }};
    };
    const auto count = explore(threads, [](world& w) {
        w.take();
        return w.taken.size() == 2 && w.firsts == w.takes_with_something && w.box.empty();
    });
    CHECK(count > 100);
}

TEST_CASE("in every interleaving with a close, what was not refused arrives, and nothing after the refusal",
          "[inbox][schedules]") {
    std::size_t refusals = 0;
    const auto threads = [](world& w) {
        return bodies{[&] { w.push(1), w.push(2); }, [&] { w.box.close(); }, [&] { w.take(), w.take(); }};
    };
    const auto count = explore(threads, [&](world& w) {
        refusals += static_cast<std::size_t>(w.refusals);
        w.take();
        const bool first_refused = w.refusals == 2;
        const auto expected = first_refused ? numbers{} : w.refusals == 1 ? numbers{1} : numbers{1, 2};
        numbered late(9);
        return w.taken == expected && w.firsts == w.takes_with_something && w.box.closed() &&
               w.box.push(late, until::closed) == inbox::pushed::refused;
    });
    CHECK(count > 100);
    CHECK(refusals > 10);
}

TEST_CASE("in every interleaving with the last take, all that it does not take is refused",
          "[inbox][schedules]") {
    std::size_t refusals = 0;
    const auto threads = [](world& w) {
        const auto push = [&](int number) { w.push_onto_others_first(number, until::gone); };
        return bodies{[=] { push(1), push(2); }, [=] { push(3); }, [&] { w.take_last(); }};
    };
    const auto count = explore(threads, [&](world& w) {
        refusals += static_cast<std::size_t>(w.refusals);
        return w.taken.size() + static_cast<std::size_t>(w.refusals) == 3 && w.in_order(1, 2) &&
               w.box.empty() && w.box.closed();
    });
    CHECK(count > 100);
    CHECK(refusals > 10);
}
