// One side: an executable, or a plug-in.
#include "side.hpp"

#include <coheir/context.hpp>
#include <coheir/scheduler.hpp>

#include <string>

namespace {

namespace context = coheir::context;

bool finds() {
    const std::string* const user = context::find<std::string>("user");
    return user && *user == "ada";
}
bool gets() { return context::get("user", "nobody") == "ada"; }

coheir::task<bool> child() { co_return finds(); }
bool inherits() {
    coheir::scheduler loop;
    return loop.run(child());
}

coheir::task<> root(void (*f)()) {
    context::set("user", "ada");
    f();
    co_return;
}
void with_user(void (*f)()) {
    coheir::scheduler loop;
    loop.run(root(f));
}

}  // namespace

const side* side_of_file() {
    static constexpr side here{&with_user, &finds, &gets, &inherits};
    return &here;
}
