// One side sets a value and calls another, which reads it: it sees it, or the program ends with a message.
// Says so where another thing happens than is expected:
//     PROGRAM local|global BETWEEN_PROGRAM_AND_PLUGIN BETWEEN_PLUGINS FIRST.so SECOND.so
// Expected is `one` current context, a `message` about these two, `either`, or that the plug-ins are
// `refused`. With COHEIR_TEST_WITHOUT the program itself is no side.
#include <dlfcn.h>

#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include "side.hpp"
#include "support/child_process.hpp"

namespace {

struct file {
    std::string name;  // as in messages
    const side* at = nullptr;
};

int failures = 0;
bool (*reads)() = nullptr;
void read() { std::fputs(reads() ? "one" : "none", stderr); }
void read_on_other_thread() { std::thread(&read).join(); }

void check(const file& sets, const file& gets, std::string_view expected) {
    for (const auto how : {&side::finds, &side::gets, &side::inherits}) {
        reads = gets.at->*how;
        const test::child_outcome seen = test::in_child_process([&] { sets.at->with_user(&read); });
        const bool is_one = seen.errors == "one" && !seen.aborted;
        if (is_one && (expected == "one" || expected == "either")) continue;
        std::string text = "coheir: fatal: no context is current in ";
        if (expected == "message") text += gets.name + ", but one is in " + sets.name + ": ";
        const bool is_message = seen.errors.starts_with(text) && seen.aborted;
        if (is_message && (expected == "message" || expected == "either")) continue;
        std::fprintf(stderr, "%s called by %s: not %.*s, but: %s\n", gets.name.c_str(), sets.name.c_str(),
                     static_cast<int>(expected.size()), expected.data(), seen.errors.c_str());
        ++failures;
    }
    reads = gets.at->finds;
    const std::string elsewhere =
        test::in_child_process([&] { sets.at->with_user(&read_on_other_thread); }).errors;
    if (elsewhere == "none" || expected == "either") return;
    std::fprintf(stderr, "on another thread: not none, but: %s\n", elsewhere.c_str());
    ++failures;
}

file open_plugin(const char* path, bool global) {
    void* const plugin = dlopen(path, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
    if (!plugin) return {dlerror()};
    return {path, reinterpret_cast<decltype(&side_of_file)>(dlsym(plugin, "side_of_file"))()};
}

}  // namespace

int main(int, char** arguments) {
#ifndef COHEIR_TEST_WITHOUT
    if (side_of_file()->finds()) return 1;  // it remembers that there was no other copy of anything
#endif
    const bool global = std::string_view(arguments[1]) == "global";
    const file first = open_plugin(arguments[4], global);
    const file second = open_plugin(arguments[5], global);
    if (!first.at) {
        std::fprintf(stderr, "%s\n", first.name.c_str());
        return std::string_view(arguments[3]) == "refused" ? 0 : 1;
    }
    check(first, second, arguments[3]);
    check(second, first, arguments[3]);
#ifndef COHEIR_TEST_WITHOUT
    const file program{"the executable", side_of_file()};
    check(program, first, arguments[2]);
    check(first, program, arguments[2]);
#endif
    return failures == 0 ? 0 : 1;
}
