// A callback can be awaited in a coheir::task only.
// error: coroutine_of_a_coheir_task
#include <coheir/coheir.hpp>

#include "their_task.hpp"

#ifdef FIXED
using awaiting_task = coheir::task<>;
#else
using awaiting_task = their_task;
#endif

awaiting_task body() {
    co_await coheir::callback<int>([](coheir::resolver<int>) {});
}
