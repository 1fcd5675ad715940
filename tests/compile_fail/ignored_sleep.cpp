// Sleeping without co_await does not sleep, so the compiler warns.
// error: co_await it
#include <coheir/coheir.hpp>

#include <chrono>

#pragma GCC diagnostic error "-Wunused-result"

coheir::task<> body() {
#ifdef FIXED
    co_await coheir::sleep_for(std::chrono::seconds(1));
#else
    coheir::sleep_for(std::chrono::seconds(1));
    co_return;
#endif
}
