// coheir_endurance WHAT COUNT: runs one of the programs. 1, and a message, where a promise is broken.
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "endurance.hpp"

int main(int argc, char** argv) {
    struct program {
        std::string_view name;
        void (*run)(long long);
    };
    constexpr program programs[] = {
        {"hops", endurance::hops},     {"wakeups", endurance::wakeups},   {"fairness", endurance::fairness},
        {"growth", endurance::growth}, {"flooding", endurance::flooding}, {"sleeps", endurance::sleeps},
    };
    const long long count = argc == 3 ? std::atoll(argv[2]) : 0;
    for (const program& p : programs) {
        if (count <= 0 || p.name != argv[1]) continue;
        try {
            p.run(count);
            return 0;
        } catch (const std::exception& broken) {
            std::fprintf(stderr, "coheir_endurance %s: %s\n", argv[1], broken.what());
            return 1;
        }
    }
    std::fputs("usage: coheir_endurance hops|wakeups|fairness|sleeps|growth|flooding COUNT\n", stderr);
    return 2;
}
