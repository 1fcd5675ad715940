// A task can be awaited in a coheir::task only, and the compiler says so.
// error: coroutine_of_a_coheir_task
#include <coheir/coheir.hpp>

#include "their_task.hpp"

#ifdef FIXED
using awaiting_task = coheir::task<>;
#else
using awaiting_task = their_task;
#endif

coheir::task<> ours() { co_return; }

awaiting_task body() { co_await ours(); }
