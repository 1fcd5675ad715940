// What get() is to give where the key is missing must make a value of the key's type.
// error: this fallback does not make a value of the type that is asked for
#include <coheir/context.hpp>

inline constexpr coheir::context::key<int> retries{"retries"};

int body() {
#ifdef FIXED
    return coheir::context::get(retries, 3);
#else
    return coheir::context::get(retries, "three");
#endif
}
