// A task that nobody awaits does nothing, so the compiler warns.
// error: a task does nothing until it is awaited, spawned or run
#include <coheir/coheir.hpp>

#pragma GCC diagnostic error "-Wunused-result"

coheir::task<> work() { co_return; }

coheir::task<> body() {
#ifdef FIXED
    co_await work();
#else
    work();
    co_return;
#endif
}
