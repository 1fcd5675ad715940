// Whatever keys, values and names of tasks are, what the library shows of them is printable, bounded, and
// without secrets: dumps, origins, lists of tasks, messages of errors.
#include <coheir/coheir.hpp>

#include <cstddef>
#include <cstdint>
#include <exception>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "fuzz/input.hpp"

namespace context = coheir::context;

namespace {

constexpr context::key<std::string> token{"token", context::flag::secret};
constexpr context::key<std::string> issuer{"issuer", context::flag::frozen};

void check(std::string_view shown) {
    fuzz::require_lines(shown);
    fuzz::require(shown.find(fuzz::secret_mark) == std::string_view::npos, "a secret was shown", shown);
}

coheir::spawn_policy policy(unsigned number) {
    switch (number) {
        case 0: return coheir::spawn_policy::shared;
        case 1: return coheir::spawn_policy::copying;
        case 2: return coheir::spawn_policy::chained;
        default: return coheir::spawn_policy::isolated;
    }
}

void change(fuzz::input& in, unsigned operation) {
    const std::string name = in.text();
    switch (operation) {
        case 0: return context::set(name, in.text());
        case 1: return context::set(name, static_cast<int>(in.number_below(256)));
        case 2: return context::set(token, std::string(fuzz::secret_mark) + in.text());
        case 3: return context::set(issuer, in.text());
        case 4: return void(context::get<int>(name));
        case 5: return void(context::get<std::string>(name));
        case 6: return void(context::erase(name));
        case 7:
            return void(context::update<std::string>(name, [&](std::string& s) { s += '+' + in.text(); }));
        case 8: return context::clear();
        default:
            if (const auto from = context::origin(name)) check(from->text());
            return check(context::dump());
    }
}

coheir::task<> fail(std::string what) {
    throw std::runtime_error(what);
    co_return;
}

coheir::task<> run(coheir::scheduler& loop, fuzz::input& in) {
    while (!in.is_empty()) {
        const unsigned operation = in.number_below(15);
        if (operation < 10) {
            try {
                change(in, operation);
            } catch (const coheir::error& error) {
                check(error.what());
            }
            continue;
        }
        if (operation == 14) {
            auto named = coheir::options{}.name(in.text());
            coheir::spawn(fail(in.text()), std::move(named)).detach();
            co_await coheir::yield();
            continue;
        }
        auto how = coheir::options{}.name(in.text()).policy(policy(operation - 10));
        const auto child = coheir::spawn(run(loop, in), std::move(how));
        for (const coheir::task_info& info : loop.tasks()) {
            check(info.description());
            check(context::dump(info.context()));
        }
        co_await child;
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    fuzz::input in(data, size);
    if (in.has_mark()) return 0;
    coheir::manual_clock clock;
    coheir::scheduler loop{policy(in.number_below(4)), clock};
    loop.on_unhandled([](const coheir::unhandled& u) {
        check(u.message());
        check(context::dump(u.context()));
    });
    loop.spawn(run(loop, in), coheir::options{}.name(in.text())).detach();
    loop.run_ready();
    std::ostringstream tree;
    loop.dump(tree);
    check(tree.str());
    loop.run_until_idle();
    return 0;
}
