// Two shared libraries with hidden visibility, and this program: what tasks made in one end with is
// understood in the others, no two tasks have one number, and there is one current context.
#include <chrono>
#include <cstdio>
#include <set>
#include <string>
#include <utility>

#include "library.hpp"

namespace {

int failures = 0;
void check(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "not so: %s\n", what);
    ++failures;
}
coheir::task<> check_awaits() {
    check(co_await first::outcome_of(second::ends()) == "ended", "first awaits a task of second");
    check(co_await second::outcome_of(first::ends()) == "ended", "second awaits a task of first");
    check(co_await first::outcome_of(second::fails()) == "failed", "first catches what second throws");
    const auto spawned = coheir::spawn(second::ends());
    co_await spawned;
    co_await coheir::when_all(first::ends(), second::ends());
    co_await first::set_user("ada");
    const std::string user = co_await second::user();
    check(user == "ada", "second reads what first has set");
}

}  // namespace

int main() {
    check(first::run(second::ends()) == "ended", "first runs a task of second");
    check(second::run(first::ends()) == "ended", "second runs a task of first");
    check(second::run(first::fails()) == "failed", "second gets what a task of first throws");
    coheir::scheduler loop;
    loop.run(check_awaits());
    std::set<std::uint64_t> numbers{loop.spawn(first::ends()).id()};
    for (const std::uint64_t n : first::numbers_of_tasks()) check(numbers.insert(n).second, "its own number");
    for (const std::uint64_t n : second::numbers_of_tasks())
        check(numbers.insert(n).second, "its own number");
    loop.spawn(first::sleeps()).detach();
    loop.run_ready();
    check(loop.tasks().at(0).wakes_at() > loop.now() + std::chrono::minutes(59), "when first's task wakes");
    return failures == 0 ? 0 : 1;
}
