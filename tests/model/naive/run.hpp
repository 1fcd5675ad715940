#pragma once
// What a program must do. Behind this nothing of coheir is included.

#include <string>
#include <vector>

#include "../program.hpp"

namespace model::naive {

struct outcome {
    std::vector<std::string> log{};  // what happens, a line for each event
    bool scopes_overlap = false;     // of one key, where the library ends the program
    bool is_endless = false;         // tasks of two schedulers wait for each other, and are asked to stop
};

outcome run(const program& p);

}  // namespace model::naive
