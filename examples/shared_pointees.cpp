// A deep copy copies values. What a value points at is no part of it.
#include <coheir/coheir.hpp>

#include <iostream>
#include <memory>
#include <vector>

namespace context = coheir::context;

// [tasks]
coheir::task<> child() {
    ++**context::find<std::shared_ptr<int>>("hits");  // the pointee, which all share
    context::update<std::vector<int>>("seats", [](auto& s) { s.push_back(14); });  // the child's own copy
    co_return;
}

coheir::task<> parent() {
    context::set("hits", std::make_shared<int>(0));
    context::set("seats", std::vector<int>{12, 13});
    co_await coheir::spawn(child());  // copying
    std::cout << **context::find<std::shared_ptr<int>>("hits") << " hits, "
              << context::find<std::vector<int>>("seats")->size() << " seats\n";
}
// [/tasks]

int main() {
    coheir::scheduler loop;
    loop.run(parent());
}

// Output:
// 1 hits, 2 seats
