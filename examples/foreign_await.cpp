// Awaitables of other libraries work in tasks: the context is the task's own again after the await.
#include <coheir/coheir.hpp>

#include <coroutine>
#include <iostream>
#include <utility>

namespace context = coheir::context;

// [event]
class event {  // somebody else's: it resumes whoever awaits it, right inside set()
public:
    void set() {
        is_set_ = true;
        if (waiting_) std::exchange(waiting_, {}).resume();
    }
    bool await_ready() const noexcept { return is_set_; }
    void await_suspend(std::coroutine_handle<> waiting) noexcept { waiting_ = waiting; }
    void await_resume() const noexcept {}

private:
    std::coroutine_handle<> waiting_;
    bool is_set_ = false;
};

coheir::task<> wait_for(event& ready) {
    context::set("who", "the waiting task");
    co_await ready;
    std::cout << "resumed: " << context::get("who", "?") << '\n';
}

coheir::task<> give(event& ready) {
    context::set("who", "the task that sets");
    ready.set();  // puts the other task in the queue, and returns
    std::cout << "set: " << context::get("who", "?") << '\n';
    co_return;
}
// [/event]

coheir::task<> both(event& ready) { co_await coheir::when_all(wait_for(ready), give(ready)); }

int main() {
    event ready;
    coheir::scheduler loop;
    loop.run(both(ready));
}

// Output:
// set: the task that sets
// resumed: the waiting task
