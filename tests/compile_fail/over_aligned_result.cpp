// Compilers do not align coroutine frames for over-aligned results.
// error: compilers do not align coroutine frames for such a result
#include <coheir/coheir.hpp>

#include <memory>

struct alignas(64) wide {
    int value = 0;
};

#ifdef FIXED
coheir::task<std::unique_ptr<wide>> make() { co_return std::make_unique<wide>(); }
#else
coheir::task<wide> make() { co_return wide(); }
#endif

coheir::task<int> body() {
    const auto made = co_await make();
#ifdef FIXED
    co_return made->value;
#else
    co_return made.value;
#endif
}
