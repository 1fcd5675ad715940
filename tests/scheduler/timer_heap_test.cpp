// The heap of timers against a sorted map that does the same slowly.
#include <coheir/detail/timers.hpp>

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using coheir::detail::timer_heap;
using coheir::detail::timer_node;
using time_point = timer_heap::time_point;

namespace {

// How much memory a heap holds is nobody else's business; an explicit instantiation may look at it.
template <auto Member>
struct peek {
    friend std::size_t capacity_of(const timer_heap& heap) { return (heap.*Member).capacity(); }
};
std::size_t capacity_of(const timer_heap& heap);
template struct peek<&timer_heap::entries_>;

/// A heap and a map that are told the same.
class pair_of_queues {
public:
    explicit pair_of_queues(std::uint32_t made = 0) : heap_(made) {}
    void add(time_point deadline) {
        nodes_.push_back(std::make_unique<timer_node>());
        heap_.add(*nodes_.back(), deadline);
        map_.emplace(deadline, nodes_.back().get());  // behind its equals
        REQUIRE(nodes_.back()->place != timer_node::nowhere);
    }
    void remove_any(std::mt19937& random) {
        std::uniform_int_distribution<std::size_t> any(0, map_.size() - 1);
        const auto at = std::next(map_.begin(), static_cast<std::ptrdiff_t>(any(random)));
        heap_.remove(*at->second);
        REQUIRE(at->second->place == timer_node::nowhere);
        map_.erase(at);
    }
    void pop() {
        REQUIRE(heap_.next_deadline() == map_.begin()->first);
        timer_node& popped = heap_.pop();
        REQUIRE(&popped == map_.begin()->second);
        REQUIRE(popped.place == timer_node::nowhere);
        map_.erase(map_.begin());
    }
    bool empty() const {
        REQUIRE(heap_.empty() == map_.empty());
        return map_.empty();
    }
    std::size_t size() const { return map_.size(); }
    const timer_heap& heap() const { return heap_; }

private:
    timer_heap heap_;
    std::multimap<time_point, timer_node*> map_;
    std::vector<std::unique_ptr<timer_node>> nodes_;
};

}  // namespace

TEST_CASE("the heap gives timers by deadline and equal ones as they came, whatever is cancelled",
          "[timers]") {
    const auto seed = GENERATE(range(1u, 21u));
    const int deadlines = GENERATE(1, 5, 1'000'000);  // how many there are to choose from
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> deadline(0, deadlines - 1);
    std::uniform_int_distribution<int> action(0, 99);
    pair_of_queues queues;
    for (const int adding : {70, 20, 60, 5}) {  // grows, shrinks, grows, empties
        for (int i = 0; i < 500; ++i) {
            const int what = action(random);
            if (queues.empty() || what < adding)
                queues.add(time_point(deadline(random) * 1ns));
            else if (what % 2)
                queues.remove_any(random);
            else
                queues.pop();
        }
    }
    while (!queues.empty()) queues.pop();
}

TEST_CASE("equal timers come as they came also where the numbers of timers start again", "[timers]") {
    const std::uint32_t left = GENERATE(0u, 1u, 7u, 50u);
    pair_of_queues queues(~std::uint32_t{0} - left);
    for (int i = 0; i < 100; ++i) queues.add(time_point((i * 7 % 3) * 1ns));
    while (!queues.empty()) queues.pop();
}

TEST_CASE("the heap takes the earliest and the latest time there is", "[timers]") {
    pair_of_queues queues;
    queues.add(time_point::max());
    queues.add(time_point());
    queues.add(time_point::min());
    queues.add(time_point::max());
    queues.add(time_point::min());
    while (!queues.empty()) queues.pop();
}

TEST_CASE("the heap gives memory back when it is used again after a burst", "[timers]") {
    const bool popped = GENERATE(true, false);
    std::mt19937 random(1);
    pair_of_queues queues;
    for (int i = 0; i < 5000; ++i) queues.add(time_point((i * 7919 % 5003) * 1ns));
    const auto largest = capacity_of(queues.heap());
    CHECK(largest >= 5000);
    while (queues.size() > 100) popped ? queues.pop() : queues.remove_any(random);
    CHECK(capacity_of(queues.heap()) == largest);  // not while time passes
    for (int i = 0; i < 4; ++i) queues.add(time_point(i * 1ns));
    CHECK(capacity_of(queues.heap()) <= 1024);
    while (!queues.empty()) queues.pop();
}

TEST_CASE("the heap does not give memory back and take it again with every timer", "[timers]") {
    pair_of_queues queues;
    for (int i = 0; i < 4096; ++i) queues.add(time_point(i * 1ns));
    int changes = 0;
    auto last = capacity_of(queues.heap());
    const auto note_change = [&] { changes += std::exchange(last, capacity_of(queues.heap())) != last; };
    while (queues.size() > 1) {
        queues.pop(), note_change();
        queues.add(time_point(1s)), note_change();
        queues.pop(), note_change();
    }
    CHECK(changes <= 4);
}
