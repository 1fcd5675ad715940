// A snapshot is an immutable whole of a context, to look at and to start tasks from.
#include <coheir/coheir.hpp>

#include <iostream>

namespace context = coheir::context;

coheir::task<> work() {
    const int attempt = context::get("attempt", 0) + 1;
    context::set("attempt", attempt);
    std::cout << "attempt " << attempt << '\n';
    co_return;
}

coheir::task<> twice() {
    // [start]
    const auto first = coheir::spawn(work());
    co_await first;
    const context::snapshot left_by_first = first.context();
    const auto second = coheir::spawn(work(), coheir::options{}.context(left_by_first));
    co_await second;
    // [/start]
    std::cout << "still " << left_by_first.get("attempt", 0) << '\n';
}

int main() {
    coheir::scheduler loop;
    loop.run(twice());
}

// Output:
// attempt 1
// attempt 2
// still 1
