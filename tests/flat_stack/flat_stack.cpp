// The stack stays flat however many awaits, tasks or foreign completions follow each other, and however deep
// the awaits are nested: a million of each on a thread with a stack of 256 KiB. Needs no test framework, so
// that it builds quickly in many modes; .ci/flat_stack runs them.
#include <coheir/coheir.hpp>

#include <coroutine>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/foreign_lazy.hpp"
#include "support/small_stack.hpp"

namespace {

constexpr int million = 1'000'000;

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "flat_stack: this does not hold: %s\n", what);
    std::exit(1);
}

// ---- awaits of tasks

coheir::task<int> one() { co_return 1; }

coheir::task<int> awaits_in_a_loop() {
    int sum = 0;
    for (int i = 0; i < million; ++i) sum += co_await one();
    co_return sum;
}

coheir::task<int> nested_awaits(int depth) {
    if (depth == 0) co_return 0;
    const int below = co_await nested_awaits(depth - 1);
    co_return below + 1;
}

// The same, and every level throws on what the one below has thrown.
coheir::task<> nested_throws(int depth) {
    if (depth == 0) throw depth;
    co_await nested_throws(depth - 1);
}

coheir::task<int> catches_nested_throws() {
    try {
        co_await nested_throws(10'000);  // unwinding takes microseconds
    } catch (int thrown) {
        co_return thrown;
    }
    co_return -1;
}

// ---- tasks that wait for each other

coheir::task<int> joins_its_successor(int left, bool last_ends) {
    if (left == 0 && !last_ends) co_await std::suspend_always();  // nobody resumes it
    if (left == 0) co_return 0;
    auto successor = coheir::spawn(joins_its_successor(left - 1, last_ends));
    const int after = co_await std::move(successor);
    co_return after + 1;
}

coheir::task<int> joins_its_predecessor(coheir::join_handle<int> predecessor) {
    const int before = co_await std::move(predecessor);
    co_return before + 1;
}

// Here the first ends first, and its end goes through all the others.
coheir::task<int> spawns_a_chain() {
    auto last = coheir::spawn(one());
    for (int i = 1; i < million; ++i) last = coheir::spawn(joins_its_predecessor(std::move(last)));
    co_return co_await std::move(last);
}

// ---- foreign awaitables that complete inside await_suspend

struct resumes_inline {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> h) const { h.resume(); }
    int await_resume() const noexcept { return 1; }
};

struct resumes_inline_and_suspends : resumes_inline {
    bool await_suspend(std::coroutine_handle<> h) const {
        h.resume();
        return true;
    }
};

struct does_not_suspend : resumes_inline {
    bool await_suspend(std::coroutine_handle<>) const noexcept { return false; }
};

struct returns_own_handle : resumes_inline {
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> h) const noexcept { return h; }
};

// A lazy coroutine of another library: transfers into itself and, at its end, back.
test::foreign_lazy lazily() { co_return 1; }

template <class Awaitable>
Awaitable make() {
    return {};
}

template <class Awaitable>
coheir::task<int> foreign_awaits(Awaitable (*make_one)()) {
    int sum = 0;
    for (int i = 0; i < million; ++i) sum += co_await make_one();
    co_return sum;
}

// ---- destruction

// Destroyed in the order 0, 1, 2 …, where 0 is the innermost.
class destroyed_in_order {
public:
    explicit destroyed_in_order(int place) noexcept : place_(place) {}
    destroyed_in_order(const destroyed_in_order&) = delete;
    destroyed_in_order& operator=(const destroyed_in_order&) = delete;
    ~destroyed_in_order() {
        require(place_ == next, "the frames of an await chain are destroyed leaf first");
        ++next;
    }
    static inline int next = 0;

private:
    const int place_;
};

coheir::task<int> suspended_leaf(int depth) {
    const destroyed_in_order guard(depth);
    if (depth == 0)
        co_await std::suspend_always();  // nobody resumes it
    else
        co_await suspended_leaf(depth - 1);
    co_return 0;
}

// ---- all of them

void destroys_suspended_awaits() {
    destroyed_in_order::next = 0;
    {
        coheir::scheduler loop;
        auto handle = loop.spawn(suspended_leaf(million));
        while (loop.run_ready()) {
        }
        require(!handle.done(), "the chain is suspended");
        require(destroyed_in_order::next == 0, "the chain is whole");
    }
    require(destroyed_in_order::next == million + 1, "every frame is destroyed");
}

void destroys_tasks_that_join() {
    coheir::scheduler loop;
    auto handle = loop.spawn(joins_its_successor(million, false));
    while (loop.run_ready()) {
    }
    require(!handle.done(), "the tasks wait for each other");
}

int run(coheir::task<int> work) {
    coheir::scheduler loop;
    return loop.run(std::move(work));
}

void run_all() {
    require(run(awaits_in_a_loop()) == million, "awaits in a loop");
    require(run(nested_awaits(million)) == million, "nested awaits");
    require(run(catches_nested_throws()) == 0, "an exception through nested awaits");
    require(run(joins_its_successor(million, true)) == million, "tasks joined by the one before");
    require(run(spawns_a_chain()) == million, "tasks joined by the one after");
    require(run(foreign_awaits(make<resumes_inline>)) == million, "foreign, void");
    require(run(foreign_awaits(make<resumes_inline_and_suspends>)) == million, "foreign, true");
    require(run(foreign_awaits(make<does_not_suspend>)) == million, "foreign, false");
    require(run(foreign_awaits(make<returns_own_handle>)) == million, "foreign, own handle");
    require(run(foreign_awaits(lazily)) == million, "foreign, another handle");
    destroys_suspended_awaits();
    destroys_tasks_that_join();
}

}  // namespace

int main() { test::on_small_stack(run_all); }
