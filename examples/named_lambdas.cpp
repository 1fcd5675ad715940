// A lambda that captures a string or the like gets a name before it goes into a co_await expression.
#include <coheir/coheir.hpp>

#include <cstddef>
#include <iostream>
#include <string>
#include <utility>

coheir::task<> show_length(std::string url) {
    // [named]
    auto start = [url](auto resolve) { resolve(url.size()); };
    const std::size_t length = co_await coheir::callback<std::size_t>(std::move(start));
    // [/named]
    std::cout << url << ": " << length << '\n';
}

int main() {
    coheir::scheduler loop;
    loop.run(show_length("https://example.org/index"));
}

// Output:
// https://example.org/index: 25
