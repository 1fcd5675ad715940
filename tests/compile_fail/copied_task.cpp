// A task is run once, so it cannot be copied.
// error: deleted (function|copy constructor).*coheir::task<int>
#include <coheir/coheir.hpp>

#include <utility>

coheir::task<int> answer() { co_return 42; }

coheir::task<int> body() {
    auto t = answer();
#ifdef FIXED
    auto other = std::move(t);
#else
    auto other = t;
#endif
    co_return co_await std::move(other);
}
