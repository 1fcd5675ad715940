#pragma once
// Runs a function in a child process, for what ends the program or writes to stderr.

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace test {

struct child_outcome {
    std::string errors;    // what it wrote to stderr
    bool aborted = false;  // by std::terminate, as by std::abort
    int status = -1;       // its exit status; 0 if the function returned
};

/// Only where this process has one thread.
template <class F>
child_outcome in_child_process(F&& f) {
    std::array<int, 2> ends{};
    if (pipe(ends.data()) != 0) throw std::runtime_error("pipe failed");
    std::fflush(nullptr);
    const pid_t child = fork();
    if (child < 0) throw std::runtime_error("fork failed");
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (!std::freopen("/dev/null", "w", stdout)) _exit(125);
        const rlimit no_core{0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        std::signal(SIGABRT, SIG_DFL);  // the test framework's handler is not for here
        f();
        std::fflush(stderr);
        _exit(0);
    }
    close(ends[1]);
    child_outcome outcome;
    std::array<char, 4096> buffer{};
    for (ssize_t size; (size = read(ends[0], buffer.data(), buffer.size())) > 0;)
        outcome.errors.append(buffer.data(), static_cast<std::size_t>(size));
    close(ends[0]);
    int status = 0;
    waitpid(child, &status, 0);
    outcome.aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
    return outcome;
}

}  // namespace test
