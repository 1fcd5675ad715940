// Code that sleeps is tested on a clock that is moved by hand: nobody waits.
#include <coheir/coheir.hpp>

#include <chrono>
#include <iostream>

using namespace std::chrono_literals;

coheir::task<int> poll(int& polls) {
    while (++polls < 5) co_await coheir::sleep_for(15min);
    co_return polls;
}

// [run]
void an_hour_passes_at_once() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    const coheir::time_point start = clock.now();
    int polls = 0;
    loop.run(poll(polls));  // the clock jumps to each deadline
    const auto passed = std::chrono::duration_cast<std::chrono::minutes>(clock.now() - start);
    std::cout << polls << " polls in " << passed.count() << " minutes\n";
}
// [/run]

// [steps]
void step_by_step() {
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    int polls = 0;
    const auto polling = loop.spawn(poll(polls));
    loop.run_ready();  // runs what is ready now, and never waits
    clock.advance(14min);
    loop.run_ready();
    std::cout << "after 14 minutes: " << polls << '\n';
    clock.advance(1min);
    loop.run_ready();
    std::cout << "after 15 minutes: " << polls << '\n';
}
// [/steps]

int main() {
    an_hour_passes_at_once();
    step_by_step();
}

// Output:
// 5 polls in 60 minutes
// after 14 minutes: 1
// after 15 minutes: 2
