// get() gives a copy: what cannot be copied is looked at by find().
// error: get\(\) returns a copy, and this type cannot be copied: use find\(\)
#include <coheir/coheir.hpp>

#include <memory>

namespace context = coheir::context;

coheir::task<int> body() {
    context::set("key", std::make_unique<int>(1));
#ifdef FIXED
    const auto* const value = context::find<std::unique_ptr<int>>("key");
#else
    const auto value = context::get<std::unique_ptr<int>>("key");
#endif
    co_return **value;
}
