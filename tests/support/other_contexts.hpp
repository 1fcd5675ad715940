#pragma once
// Calls functions where a context is current that has nothing to do with the scheduler under test.

#include <coheir/coheir.hpp>

namespace test {

/// Calls f in plain code that has a context of its own.
template <class F>
void in_plain_code_with_a_context(F&& f) {
    coheir::context::detail::owner owner;
    owner.context = coheir::context::detail::chained_onto(nullptr);
    coheir::context::detail::installed installed;
    installed.point_to(&owner);
    coheir::context::set("who", "plain code");
    f();
}

/// Calls f in a task of a scheduler of its own.
template <class F>
void in_a_task_of_another_scheduler(F&& f) {
    struct body {
        static coheir::task<> run(F& what) {
            coheir::context::set("who", "another scheduler");
            what();
            co_return;
        }
    };
    coheir::scheduler other;
    other.run(body::run(f));
}

}  // namespace test
