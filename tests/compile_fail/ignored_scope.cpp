// A scope without a name ends at once, so the compiler warns.
// error: give it a name
#include <coheir/context.hpp>

#pragma GCC diagnostic error "-Wunused-result"
#ifdef __clang__
#pragma GCC diagnostic error "-Wunused-value"
#endif

namespace context = coheir::context;

void body(const context::snapshot& taken) {
#ifdef FIXED
    const context::enter open(taken);
    const context::scoped value("key", 1);
#else
    context::enter{taken};
    context::scoped{"key", 1};
#endif
}
