// The tasks of a range are started once, and that takes them: a named range is moved.
// error: when_all and its kin take tasks: say std::move\(task\), or std::move of the range
#include <coheir/coheir.hpp>

#include <utility>
#include <vector>

coheir::task<> body(std::vector<coheir::task<>> named) {
#ifdef FIXED
    static_cast<void>(co_await coheir::when_any(std::move(named)));
#else
    static_cast<void>(co_await coheir::when_any(named));
#endif
}
