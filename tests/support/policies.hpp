#pragma once
// The policies, for tests that hold for several of them.

#include <coheir/context.hpp>

#include <vector>

namespace test {

struct policy {
    const char* name;
    coheir::spawn_policy is;
    bool sees_later_changes = false;  // of the spawner's, by the child
    bool changes_spawner = false;     // what the child sets
    bool inherits = true;
};

/// The library's four, and the same four written as one's own.
inline std::vector<policy> all_policies() {
    using coheir::spawn_policy;
    using coheir::context::child;
    using coheir::context::view;
    return {{"shared", spawn_policy::shared, true, true},
            {"copying", spawn_policy::copying},
            {"chained", spawn_policy::chained, true},
            {"isolated", spawn_policy::isolated, false, false, false},
            {"one's own, shared", [](const view& parent) { return parent.shared(); }, true, true},
            {"one's own, copied", [](const view& parent) { return parent.copied(); }},
            {"one's own, chained", [](const view& parent) { return parent.chained(); }, true},
            {"one's own, empty", [](const view&) { return child{}; }, false, false, false}};
}

}  // namespace test
