// A key's type is the one that is stored.
// error: a key's type is what is stored: std::string for text, no reference, no const
#include <coheir/context.hpp>

#include <string>

#ifdef FIXED
inline constexpr coheir::context::key<std::string> user{"user"};
#else
inline constexpr coheir::context::key<const char*> user{"user"};
#endif

void body() { coheir::context::set(user, "ada"); }
