// Copies are made when somebody changes a shared value in place; so that is where a copy's exception comes.
#include <coheir/coheir.hpp>

#include <iostream>
#include <stdexcept>

namespace context = coheir::context;

class connection_pool {
public:
    connection_pool() = default;
    connection_pool(connection_pool&&) = default;
    connection_pool(const connection_pool&) { throw std::runtime_error("out of connections"); }
    void resize(int size) { size_ = size; }
    int size() const { return size_; }

private:
    int size_ = 4;
};

// [tasks]
coheir::task<> child() {
    std::cout << "inherited: " << context::find<connection_pool>("pool")->size() << '\n';  // no copy
    try {
        context::update<connection_pool>("pool", [](auto& pool) { pool.resize(8); });  // a copy first
    } catch (const std::runtime_error& error) {
        std::cout << "update: " << error.what() << '\n';
    }
    std::cout << "unchanged: " << context::find<connection_pool>("pool")->size() << '\n';
    co_return;
}

coheir::task<> parent() {
    context::set("pool", connection_pool());
    co_await coheir::spawn(child());  // copying: copies nothing yet, so nothing fails here
}
// [/tasks]

int main() {
    coheir::scheduler loop;
    loop.run(parent());
}

// Output:
// inherited: 4
// update: out of connections
// unchanged: 4
