#pragma once
// What the two source files of the namesakes test share.

#include <string>
#include <vector>

struct shared_type {
    int value;
};

/// Sets values in the current context, and gives the keys of those whose types no other file knows.
std::vector<std::string> set_in_another_source_file();
