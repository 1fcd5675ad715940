#pragma once
// What a dump says of the task that made a change: the layer of tasks tells, by the number.

#include <cstdint>
#include <string>

#include "../../detail/globals.hpp"
#include "../../detail/quoted.hpp"
#include "place_text.hpp"
#include "task_facts.hpp"

namespace coheir::context::detail {

/// "task #7 'poller', spawned at main.cpp:3" while it lives, "task #7 (ended)" after; of another scheduler's,
/// or while none runs here, "task #7".
inline std::string task_text(std::uint64_t number) {
    std::string text = "task #" + std::to_string(number);
    task_facts facts;
    const task_directory* const running = coheir::detail::on_this_thread().running;
    if (running && running->find(number, facts)) {
        if (!facts.name.empty()) text += ' ' + coheir::detail::quoted(facts.name);
        text += ", spawned at " + place_text(facts.spawned_at);
    } else if (running && running->had(number)) {
        text += " (ended)";
    }
    return text;
}

}  // namespace coheir::context::detail
