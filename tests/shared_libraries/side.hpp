#pragma once
// What an executable and its plug-ins do with contexts, each by its own copy of the library's code.

struct side {
    void (*with_user)(void (*f)());  // calls f in a task, in whose context there is a user
    // Whether the user is seen:
    bool (*finds)();
    bool (*gets)();
    bool (*inherits)();  // by a task that is spawned
};

extern "C" [[gnu::visibility("default")]] const side* side_of_file();
