// Other threads hand work in through a remote handle, which may outlive the scheduler.
#include <coheir/coheir.hpp>

#include <iostream>
#include <thread>
#include <vector>

int main() {
    coheir::scheduler loop;
    int total = 0;
    // [post]
    const coheir::remote remote = loop.remote();
    {
        std::vector<std::jthread> threads;
        for (int i = 1; i <= 4; ++i)
            threads.emplace_back([remote, &total, i] {
                remote.post([&total, i] { total += i; });  // runs on the loop's thread: no lock
            });
    }
    loop.run_until_idle();
    std::cout << "total " << total << '\n';

    loop.close();
    try {
        remote.post([] {});
    } catch (const coheir::scheduler_closed&) {
        std::cout << "closed\n";
    }
    // [/post]
}

// Output:
// total 10
// closed
