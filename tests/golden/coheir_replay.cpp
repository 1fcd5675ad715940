// coheir_replay FILE…: replays programs that asyncio has run and compares what they log, line for line.
//
// A file is a run of blocks: `program N`, `policy P`, the bodies (`coroutine I` from 0, the root task, on)
// and the expected `trace`; operations and log lines are indented, and `end` closes each list. A log line
// begins with TASK.COROUTINE: tasks are numbered in the order of their spawning, from the root's 0.
//
// Every program is replayed on every engine that this build has (contract/loops.hpp).
//
// Exit status: 0 where no program differs, 1 where one does, 2 where there was nothing sound to replay.
#include <coheir/coheir.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <exception>
#include <fstream>
#include <iostream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "contract/loops.hpp"

namespace context = coheir::context;

namespace {

using string_list = std::vector<std::string>;

enum class verb { set, list, append, get, dump, clear, yield, spawn, await, join, raise };

struct operation {
    verb what{};
    std::string key{};
    std::string value{};
    std::size_t index = 0;                         // of the body to run, or of the child to join
    std::optional<coheir::spawn_policy> policy{};  // nothing: the scheduler's
};

using body = std::vector<operation>;

struct program {
    std::size_t number;
    coheir::spawn_policy policy;
    std::vector<body> bodies{};
    string_list trace{};
    std::size_t trace_place = 0;  // line of the file that holds the trace's first line
};

// Reads a file of programs. Throws, naming the place, at the first line that makes no sense.
class program_reader {
public:
    explicit program_reader(const std::string& path) : path_(path), file_(path) {}

    std::vector<program> read_all() {
        std::vector<program> programs;
        while (next_line())
            if (!line_.empty()) programs.push_back(read_program());
        if (!file_.eof()) throw std::runtime_error(path_ + ": cannot be read");
        if (programs.empty()) throw std::runtime_error(path_ + ": holds no program");
        return programs;
    }

private:
    program read_program();
    operation parse_operation(std::string_view text) const;

    bool next_line() {
        if (!std::getline(file_, line_)) return false;
        if (line_.ends_with('\r')) line_.pop_back();
        ++line_number_;
        return true;
    }

    void require_line() {
        if (!next_line()) fail("the file ends inside a program");
    }

    // The next line of an indented block; nothing at its `end`.
    std::optional<std::string_view> indented_line() {
        require_line();
        if (line_ == "end") return std::nullopt;
        if (!line_.starts_with("  ")) fail("expected an indented line or: end");
        return std::string_view(line_).substr(2);
    }

    // What follows `keyword` on the current line.
    std::string_view operand_of(std::string_view keyword) const {
        std::string_view rest = line_;
        if (take_word(rest) != keyword) fail("expected: " + std::string(keyword));
        return rest;
    }

    static std::string_view take_word(std::string_view& text) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        return word;
    }

    coheir::spawn_policy parse_policy(std::string_view name) const {
        if (name == "shared") return coheir::spawn_policy::shared;
        if (name == "copying") return coheir::spawn_policy::copying;
        if (name == "chained") return coheir::spawn_policy::chained;
        fail("unknown policy");
    }

    std::size_t parse_number(std::string_view digits) const {
        std::size_t number = 0;
        const char* const last = digits.data() + digits.size();
        const auto [stop, error] = std::from_chars(digits.data(), last, number);
        if (error != std::errc{} || stop != last) fail("expected a number");
        return number;
    }

    // Bodies do not branch, so that an operation that cannot work shows before anything runs.
    void check_indices(const body& operations, std::size_t bodies) const {
        std::size_t spawned = 0;
        for (const operation& op : operations) {
            const std::size_t choices = op.what == verb::join ? spawned : bodies;
            if (op.index >= choices) fail("a body above names a coroutine or a child that is not there");
            if (op.what == verb::spawn) ++spawned;
        }
    }

    [[noreturn]] void fail(const std::string& why) const {
        throw std::runtime_error(path_ + ":" + std::to_string(line_number_) + ": " + why);
    }

    std::string path_;
    std::ifstream file_;
    std::string line_;
    std::size_t line_number_ = 0;
};

program program_reader::read_program() {
    const std::size_t number = parse_number(operand_of("program"));
    require_line();
    program read{.number = number, .policy = parse_policy(operand_of("policy"))};

    for (require_line(); line_ != "trace"; require_line()) {
        if (parse_number(operand_of("coroutine")) != read.bodies.size()) fail("coroutines out of order");
        body& operations = read.bodies.emplace_back();
        while (const auto text = indented_line()) operations.push_back(parse_operation(*text));
    }
    if (read.bodies.empty()) fail("a program without a coroutine");
    for (const body& operations : read.bodies) check_indices(operations, read.bodies.size());

    read.trace_place = line_number_ + 1;
    while (const auto text = indented_line()) read.trace.emplace_back(*text);
    return read;
}

operation program_reader::parse_operation(std::string_view text) const {
    // The operands: K key, V value, P policy, I index.
    static const std::map<std::string_view, std::pair<verb, std::string_view>> forms{
        {"set", {verb::set, "KV"}},   {"list", {verb::list, "KV"}},   {"append", {verb::append, "KV"}},
        {"get", {verb::get, "K"}},    {"dump", {verb::dump, ""}},     {"clear", {verb::clear, ""}},
        {"yield", {verb::yield, ""}}, {"spawn", {verb::spawn, "PI"}}, {"await", {verb::await, "I"}},
        {"join", {verb::join, "I"}},  {"raise", {verb::raise, ""}},
    };
    const auto found = forms.find(take_word(text));
    if (found == forms.end()) fail("unknown operation");

    const auto& [what, operands] = found->second;
    operation parsed{.what = what};
    for (const char operand : operands) {
        const std::string_view word = operand == 'V' ? std::exchange(text, {}) : take_word(text);
        if (word.empty()) fail("an operand is missing");
        if (operand == 'K') parsed.key = word;
        if (operand == 'V') parsed.value = word;
        if (operand == 'P' && word != "default") parsed.policy = parse_policy(word);
        if (operand == 'I') parsed.index = parse_number(word);
    }
    if (!text.empty()) fail("an operand too many");
    return parsed;
}

struct raised : std::exception {};  // what the operation `raise` throws

// One run of one program on a scheduler of its own.
class replay {
public:
    explicit replay(const program& source) : source_(source) {}

    template <class Loop>
    string_list run() {
        Loop loop(source_.policy);
        loop.on_unhandled([](const coheir::unhandled&) {});  // a task that nobody joins fails unseen
        try {
            loop.run(call(0, 0));
            loop.run_until_idle();
        } catch (const std::exception& error) {
            log_.push_back(std::string("the root task threw: ") + error.what());
        }
        return std::move(log_);
    }

private:
    coheir::task<> call(std::size_t task, std::size_t index) {
        const std::string self = std::to_string(task) + "." + std::to_string(index) + " ";
        std::vector<coheir::join_handle<void>> children;

        for (const operation& op : source_.bodies[index]) {
            if (op.what == verb::raise) throw raised{};
            if (op.what == verb::yield) {
                co_await coheir::yield();
            } else if (op.what == verb::spawn) {
                children.push_back(spawn(op));
            } else if (op.what == verb::await) {
                try {
                    co_await call(task, op.index);
                } catch (const raised&) {
                    log_.push_back(self + "await " + std::to_string(op.index) + " raised");
                }
            } else if (op.what == verb::join) {
                const std::string join = self + "join " + std::to_string(op.index);
                try {
                    co_await children[op.index];
                    log_.push_back(join + " done");
                } catch (const raised&) {
                    log_.push_back(join + " raised");
                }
            } else if (const auto logged = use_context(op)) {
                log_.push_back(self + *logged);
            }
        }
        log_.push_back(self + "end");
    }

    coheir::join_handle<void> spawn(const operation& op) {
        const std::size_t task = ++last_task_;
        if (!op.policy) return coheir::spawn(call(task, op.index));
        return coheir::spawn(call(task, op.index), coheir::options{}.policy(*op.policy));
    }

    // Does an operation that only concerns the context. Returns what it logs, if anything.
    static std::optional<std::string> use_context(const operation& op) {
        if (op.what == verb::set) context::set(op.key, op.value);
        if (op.what == verb::list) context::set(op.key, string_list{op.value});
        if (op.what == verb::clear) return context::clear(), "clear";
        if (op.what == verb::append) return "append " + op.key + " " + append(op);
        if (op.what == verb::get) return "get " + op.key + " " + shown(op.key);
        if (op.what == verb::dump)
            return "dump a=" + shown("a") + " b=" + shown("b") + " c=" + shown("c") + " d=" + shown("d");
        return std::nullopt;
    }

    static std::string append(const operation& op) {
        if (context::find<string_list>(op.key) == nullptr) return "not-a-list";
        context::update<string_list>(op.key, [&op](string_list& list) { list.push_back(op.value); });
        return shown(op.key);
    }

    static std::string shown(const std::string& key) {
        if (!context::contains(key)) return "none";
        const auto* list = context::find<string_list>(key);
        if (list == nullptr) return context::get<std::string>(key).value();
        std::string text;
        for (const std::string& item : *list) text += (text.empty() ? "[" : ",") + item;
        return text + "]";
    }

    const program& source_;
    string_list log_;
    std::size_t last_task_ = 0;
};

// Replays the program; prints the first difference, if any, and tells whether there was one.
template <class Loop>
bool differs(const std::string& path, const program& source) {
    const string_list got = replay(source).run<Loop>();
    const auto [expected_line, got_line] =
        std::mismatch(source.trace.begin(), source.trace.end(), got.begin(), got.end());
    if (expected_line == source.trace.end() && got_line == got.end()) return false;

    const auto at = static_cast<std::size_t>(got_line - got.begin());
    const std::string expected = expected_line == source.trace.end() ? "(no more lines)" : *expected_line;
    std::cout << path << ":" << source.trace_place + at << ": program " << source.number << ", trace line "
              << at + 1 << ", on " << Loop::name << "\n  expected: " << expected
              << "\n  got:      " << (got_line == got.end() ? "(no more lines)" : *got_line) << '\n';
    return true;
}

template <class... Loops>
class engines {
public:
    static constexpr std::size_t count = sizeof...(Loops);
    // How many of them differ.
    static std::size_t differing(const std::string& path, const program& source) {
        return (std::size_t{differs<Loops>(path, source)} + ...);
    }
};
using every_engine = engines<CONTRACT_LOOPS>;

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 2) throw std::runtime_error("usage: coheir_replay FILE...");

    std::size_t total = 0;
    std::size_t differing = 0;
    for (const std::string& path : string_list(argv + 1, argv + argc))
        for (const program& source : program_reader(path).read_all()) {
            total += every_engine::count;
            differing += every_engine::differing(path, source);
        }
    std::cout << every_engine::count << " engines, " << total << " programs, " << differing << " differ\n";
    return differing == 0 ? 0 : 1;
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 2;
}
