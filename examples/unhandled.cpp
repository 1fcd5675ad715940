// An exception that nobody receives is not lost: the scheduler's handler is told.
#include <coheir/coheir.hpp>

#include <iostream>
#include <stdexcept>

coheir::task<> refresh() {
    co_await coheir::yield();
    throw std::runtime_error("the cache server does not answer");
}

coheir::task<> serve() {
    coheir::spawn(refresh(), coheir::options{}.name("refresh")).detach();  // nobody will join it
    co_return;
}

int main() {
    coheir::scheduler loop;
    // [handler]
    loop.on_unhandled([](const coheir::unhandled& lost) {  // the default prints one line to stderr
        std::cout << "task " << lost.name() << " failed: " << lost.what() << '\n';
    });
    // [/handler]
    loop.run(serve());
    loop.run_until_idle();
}

// Output:
// task refresh failed: the cache server does not answer
