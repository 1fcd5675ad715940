// Values that cannot be copied are inherited too, and frozen by the first copy of their context.
#include <coheir/coheir.hpp>

#include <iostream>
#include <memory>
#include <utility>
#include <vector>

namespace context = coheir::context;

// [wrapped]
class buffers {  // cannot be copied, and says so by declaring its move constructor
public:
    buffers() = default;
    buffers(buffers&&) = default;
    void add(int size) { all_.push_back(std::make_unique<char[]>(static_cast<std::size_t>(size))); }
    std::size_t count() const { return all_.size(); }

private:
    std::vector<std::unique_ptr<char[]>> all_;
};
// [/wrapped]

coheir::task<> child() {
    std::cout << "child: " << context::find<buffers>("buffers")->count() << " buffers\n";
    co_return;
}

coheir::task<> parent() {
    // [frozen]
    context::set("buffers", buffers());
    context::update<buffers>("buffers", [](buffers& own) { own.add(1024); });

    co_await coheir::spawn(child());  // copying: parent and child now share the value
    try {
        context::update<buffers>("buffers", [](buffers& own) { own.add(1024); });
    } catch (const coheir::not_copyable&) {
        std::cout << "parent: frozen\n";
    }
    context::set("buffers", buffers());  // a new value is this context's own again
    // [/frozen]
    std::cout << context::update<buffers>("buffers", [](buffers& own) { own.add(1024); }) << '\n';
}

int main() {
    coheir::scheduler loop;
    std::cout << std::boolalpha;
    loop.run(parent());
}

// Output:
// child: 1 buffers
// parent: frozen
// true
