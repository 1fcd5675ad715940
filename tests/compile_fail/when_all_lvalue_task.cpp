// A task is started once, and that takes it: a named one is moved.
// error: when_all and its kin take tasks: say std::move\(task\)
#include <coheir/coheir.hpp>

#include <utility>

coheir::task<> work();

coheir::task<> body() {
    auto named = work();
#ifdef FIXED
    co_await coheir::when_all(std::move(named), work());
#else
    co_await coheir::when_all(named, work());
#endif
}
