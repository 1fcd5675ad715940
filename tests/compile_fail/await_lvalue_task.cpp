// A task is awaited once, and that takes it: a named one is moved.
// error: co_await takes a task: say co_await std::move\(task\)
#include <coheir/coheir.hpp>

#include <utility>

coheir::task<int> answer() { co_return 42; }

coheir::task<int> body() {
    auto t = answer();
#ifdef FIXED
    co_return co_await std::move(t);
#else
    co_return co_await t;
#endif
}
