// Dropping a handle detaches the task: that is said, not forgotten.
// error: await the handle, keep it, or say .detach\(\)
#include <coheir/coheir.hpp>

#pragma GCC diagnostic error "-Wunused-result"

coheir::task<> work() { co_return; }

coheir::task<> body() {
#ifdef FIXED
    coheir::spawn(work()).detach();
#else
    coheir::spawn(work());
#endif
    co_return;
}
