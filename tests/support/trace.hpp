#pragma once
// Small tasks that write down what they do, in the order they do it.

#include <coheir/coheir.hpp>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace test {

using trace = std::vector<std::string>;

inline coheir::task<> note(trace& t, std::string what) {
    t.push_back(std::move(what));
    co_return;
}

/// "a1", "a2", … with a yield after each.
inline coheir::task<> note_steps(trace& t, std::string name, int steps) {
    for (int i = 1; i <= steps; ++i) {
        t.push_back(name + std::to_string(i));
        co_await coheir::yield();
    }
}

inline coheir::task<> note_after(trace& t, std::string what, coheir::duration time) {
    co_await coheir::sleep_for(time);
    t.push_back(std::move(what));
}

/// Fails after some yields.
inline coheir::task<> fail_after(int yields, std::string what) {
    for (int i = 0; i < yields; ++i) co_await coheir::yield();
    throw std::runtime_error(what);
}

/// Gives a value after some yields.
template <class T>
coheir::task<T> give_after(int yields, T value) {
    for (int i = 0; i < yields; ++i) co_await coheir::yield();
    co_return value;
}

}  // namespace test
