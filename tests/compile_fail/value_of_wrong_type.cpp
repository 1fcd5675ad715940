// A value must make one of the key's type.
// error: this value does not make one of the type that the key holds
#include <coheir/context.hpp>

inline constexpr coheir::context::key<int> retries{"retries"};

void body() {
#ifdef FIXED
    coheir::context::set(retries, 3);
#else
    coheir::context::set(retries, "three");
#endif
}
