// A function that awaits returns a task: the compiler looks for what else it could be.
// error: unable to find the promise type for this coroutine|has no member named 'promise_type'
#include <coheir/coheir.hpp>

coheir::task<int> work();

#ifdef FIXED
coheir::task<int> body() { co_return co_await work(); }
#else
int body() { return co_await work(); }
#endif
