// coheir_model [--programs N] [--seed S] [--verbose]: runs random programs with the library, and compares
// what happens with what the documentation says, as a naive reference does it.
//
// A program that differs is made small and printed with its seed. Exit status: 0 where none differs.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "generator.hpp"
#include "naive/run.hpp"
#include "on_coheir.hpp"
#include "program.hpp"
#include "shrinker.hpp"

namespace {

using namespace model;

struct comparison {
    naive::outcome expected{};
    std::vector<std::string> got{};
    [[nodiscard]] bool is_left_out() const { return expected.scopes_overlap || expected.is_endless; }
    [[nodiscard]] bool differs() const { return !is_left_out() && expected.log != got; }
};

comparison compare(const program& p) {
    comparison made;
    made.expected = naive::run(p);
    if (!made.is_left_out()) made.got = on_coheir(p).run();
    return made;
}

void print_difference(const program& p) {
    const comparison made = compare(p);
    std::cout << text_of(p) << "what happens:\n";
    for (std::size_t i = 0; i < std::max(made.expected.log.size(), made.got.size()); ++i) {
        const std::string expected = i < made.expected.log.size() ? made.expected.log[i] : "(no more lines)";
        const std::string got = i < made.got.size() ? made.got[i] : "(no more lines)";
        std::cout << "  " << got << '\n';
        if (expected == got) continue;
        std::cout << "  expected: " << expected << '\n';
        break;
    }
}

/// How often each operation was there, and how often it did something.
class coverage {
public:
    void add(const program& p, const std::vector<std::string>& trace) {
        add(p.root.steps);
        for (const std::string& line : trace) {
            const std::size_t at = line.find(": ") + 2;
            const std::string_view word = std::string_view(line).substr(at, line.find(' ', at) - at);
            for (const traits& t : all_traits)
                if (word == t.name) {
                    const bool threw = line.find(" threw ", at) != std::string::npos;
                    ++(threw ? threw_ : done_)[static_cast<std::size_t>(t.what)];
                }
        }
    }
    void print() const {
        std::cout << "operation          written      done     threw\n";
        for (const traits& t : all_traits) {
            const auto at = static_cast<std::size_t>(t.what);
            std::cout << std::left << std::setw(16) << t.name << std::right << std::setw(10) << written_[at]
                      << std::setw(10) << done_[at] << std::setw(10) << threw_[at] << '\n';
        }
    }

private:
    void add(const std::vector<step>& steps) {
        for (const step& s : steps) {
            ++written_[static_cast<std::size_t>(s.what)];
            for (const body& b : s.bodies) add(b.steps);
        }
    }
    std::array<std::size_t, all_traits.size()> written_{}, done_{}, threw_{};
};

std::uint64_t current_seed = 0;  // for when the library ends the program

void say_seed(int signal) {
    std::cout << "seed " << current_seed << ": ended by signal " << signal << std::endl;
    std::_Exit(3);
}

std::uint64_t number_in(std::string_view text) {
    std::uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || stop != text.data() + text.size())
        throw std::invalid_argument("not a number: " + std::string(text));
    return number;
}

int run(const std::vector<std::string>& arguments) {
    std::uint64_t programs = 5'000, seed = 1;
    bool is_verbose = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i] == "--verbose")
            is_verbose = true;
        else if (i + 1 < arguments.size() && arguments[i] == "--programs")
            programs = number_in(arguments[++i]);
        else if (i + 1 < arguments.size() && arguments[i] == "--seed")
            seed = number_in(arguments[++i]);
        else
            throw std::invalid_argument("usage: coheir_model [--programs N] [--seed S] [--verbose]");
    }

    coverage covered;
    std::uint64_t differing = 0, overlapping = 0, endless = 0;
    for (std::uint64_t i = 0; i < programs; ++i) {
        current_seed = seed + i;
        const program p = generator(current_seed).make();
        const comparison made = compare(p);
        overlapping += made.expected.scopes_overlap;
        endless += made.expected.is_endless;
        if (is_verbose) covered.add(p, made.expected.log);
        if (!made.differs()) continue;
        if (++differing > 3) continue;
        std::cout << "seed " << current_seed << ":\n";
        print_difference(shrink(p, [](const program& smaller) { return compare(smaller).differs(); }));
    }
    if (is_verbose) covered.print();
    if (is_verbose)
        std::cout << "left out: " << overlapping << " whose scopes of one key overlap, " << endless
                  << " whose requests to stop go round and round\n";
    std::cout << programs << " programs, " << differing << " differ\n";
    return differing == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
    std::signal(SIGABRT, say_seed);
    std::signal(SIGSEGV, say_seed);
    return run(std::vector<std::string>(argv + 1, argv + argc));
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
