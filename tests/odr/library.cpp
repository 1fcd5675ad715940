// One of two shared libraries that both include everything, with hidden visibility: COHEIR_TEST_LIBRARY is
// its name.
#include "library.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace COHEIR_TEST_LIBRARY {

coheir::task<> ends() { co_return; }
coheir::task<> fails() {
    co_await coheir::yield();
    throw std::runtime_error("failed");
}
coheir::task<> sleeps() { co_await coheir::sleep_for(std::chrono::hours(1)); }
coheir::task<> set_user(std::string to) {
    coheir::context::set("user", to);
    co_return;
}
coheir::task<std::string> user() { co_return coheir::context::get("user", "nobody"); }

coheir::task<std::string> outcome_of(coheir::task<> work) {
    try {
        co_await std::move(work);
    } catch (const std::runtime_error& e) {
        co_return e.what();
    }
    co_return "ended";
}

std::string run(coheir::task<> work) {
    coheir::scheduler loop;
    try {
        loop.run(std::move(work));
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "ended";
}

std::vector<std::uint64_t> numbers_of_tasks() {
    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < 3; ++i) {
        coheir::scheduler loop;
        numbers.push_back(loop.spawn(ends()).id());
        numbers.push_back(loop.remote().spawn(ends()).id());
        loop.run_until_idle();
    }
    return numbers;
}

}  // namespace COHEIR_TEST_LIBRARY
