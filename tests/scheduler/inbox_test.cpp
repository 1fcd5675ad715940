// The inbox alone: in a single thread, and with real threads.
#include <coheir/detail/inbox.hpp>

#include <catch2/catch.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <thread>
#include <vector>

#include "support/numbered_nodes.hpp"

using coheir::detail::inbox;
using coheir::detail::ready_node;
using coheir::detail::ready_queue;
using test::numbered;
using test::numbers;
using test::taken_from;
using until = inbox::until;

TEST_CASE("an inbox gives everything in the order of arrival, once", "[inbox]") {
    inbox box;
    CHECK(box.empty());
    CHECK(taken_from(box).empty());
    numbered one(1), two(2), three(3);
    CHECK(box.push(one, until::closed) == inbox::pushed::first);
    CHECK_FALSE(box.empty());
    CHECK(box.push(two, until::closed) == inbox::pushed::onto_others);
    CHECK(box.push(three, until::gone) == inbox::pushed::onto_others);
    CHECK(taken_from(box) == numbers{1, 2, 3});
    CHECK(box.empty());
    CHECK(taken_from(box).empty());
    CHECK(box.push(two, until::gone) == inbox::pushed::first);
    CHECK(box.push(one, until::closed) == inbox::pushed::onto_others);
    CHECK(taken_from(box) == numbers{2, 1});
}

TEST_CASE("an inbox can be pushed to only if something is in it", "[inbox]") {
    inbox box;
    numbered one(1), two(2), three(3), going_on(4), refused(5);
    CHECK(box.push_onto_others(one, until::closed) == inbox::pushed::first);
    CHECK(box.push_onto_others(one, until::gone) == inbox::pushed::first);
    CHECK(box.empty());
    box.push(one, until::closed);
    CHECK(box.push_onto_others(two, until::closed) == inbox::pushed::onto_others);
    CHECK(box.push_onto_others(three, until::gone) == inbox::pushed::onto_others);
    box.close();
    CHECK(box.push_onto_others(refused, until::closed) == inbox::pushed::refused);
    CHECK(box.push_onto_others(going_on, until::gone) == inbox::pushed::onto_others);
    CHECK(taken_from(box) == numbers{1, 2, 3, 4});
    CHECK(box.push_onto_others(refused, until::closed) == inbox::pushed::refused);
    CHECK(box.push_onto_others(one, until::gone) == inbox::pushed::first);
    CHECK(box.empty());
}

TEST_CASE("an inbox puts what it gives behind what is in the queue", "[inbox]") {
    inbox box;
    numbered one(1), two(2), three(3);
    ready_queue queue;
    queue.push(three);
    box.push(one, until::closed);
    box.push(two, until::closed);
    box.take_into(queue);
    CHECK(static_cast<numbered*>(queue.pop())->number == 3);
    CHECK(static_cast<numbered*>(queue.pop())->number == 1);
    CHECK(static_cast<numbered*>(queue.pop())->number == 2);
    CHECK(queue.pop() == nullptr);
}

TEST_CASE("a closed inbox refuses new work, keeps what it has, and takes tasks that go on", "[inbox]") {
    inbox box;
    numbered before(1), refused(2), going_on(3), again(4);
    CHECK_FALSE(box.closed());
    box.push(before, until::closed);
    box.close();
    CHECK(box.closed());
    CHECK_FALSE(box.empty());
    CHECK(box.push(refused, until::closed) == inbox::pushed::refused);
    CHECK(box.push(going_on, until::gone) == inbox::pushed::onto_others);
    CHECK(taken_from(box) == numbers{1, 3});
    CHECK(box.empty());
    CHECK(box.closed());
    CHECK(box.push(refused, until::closed) == inbox::pushed::refused);
    CHECK(box.push(again, until::gone) == inbox::pushed::first);
    box.close();
    CHECK(taken_from(box) == numbers{4});
}

TEST_CASE("four threads push a hundred thousand nodes each, and one takes them", "[inbox][threads]") {
    constexpr std::size_t pushers = 4;
    constexpr int pushes = 100'000;
    inbox box;
    std::atomic<int> firsts{0};
    std::vector<std::thread> threads;
    for (std::size_t pusher = 0; pusher < pushers; ++pusher)
        threads.emplace_back([&, pusher] {
            for (int i = 0; i < pushes; ++i)
                if (box.push(*new numbered(i, pusher), until::closed) == inbox::pushed::first)
                    firsts.fetch_add(1);
        });
    std::vector<int> next(pushers, 0);
    int total = 0, filled = 0;
    bool in_order = true;
    while (total < static_cast<int>(pushers) * pushes) {
        ready_queue queue;
        box.take_into(queue);
        filled += !queue.empty();
        while (ready_node* const node = queue.pop()) {
            const std::unique_ptr<numbered> owned(static_cast<numbered*>(node));
            in_order = in_order && next[owned->pusher] == owned->number;
            next[owned->pusher] = owned->number + 1;
            ++total;
        }
    }
    for (auto& thread : threads) thread.join();
    CHECK(in_order);
    CHECK(firsts.load() == filled);
    CHECK(box.empty());
}
