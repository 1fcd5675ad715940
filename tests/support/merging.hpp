#pragma once
// Switches the merging of levels off, for tests that show that nobody can tell.

#include <coheir/context.hpp>

namespace test {

class merging_is {
public:
    explicit merging_is(bool on) { coheir::context::detail::merging = on; }
    ~merging_is() { coheir::context::detail::merging = true; }
    merging_is(const merging_is&) = delete;
    merging_is& operator=(const merging_is&) = delete;
};

}  // namespace test
