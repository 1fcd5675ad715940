#pragma once
// Who is current here, as text: which task, and what its context shows for the key "who".

#include <coheir/coheir.hpp>

#include <string>

namespace test {

inline const std::string nowhere = "no task, no context";

inline std::string whereabouts() {
    std::string text = "no task";
    if (coheir::this_task::exists()) text = "task " + std::to_string(coheir::this_task::id());
    try {
        return text + ", " + coheir::context::get("who", "nobody set");
    } catch (const coheir::no_current_context&) {
        return text + ", no context";
    }
}

}  // namespace test
