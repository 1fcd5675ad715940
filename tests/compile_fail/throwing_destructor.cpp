// Contexts go where nobody could be told what a destructor throws.
// error: the destructor of a value must not throw
#include <coheir/coheir.hpp>

struct value {
#ifdef FIXED
    ~value() {}
#else
    ~value() noexcept(false) {}
#endif
};

void body() { coheir::context::set("name", value()); }
