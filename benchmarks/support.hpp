#pragma once
// What our own rows share: contexts of a given size, and a task to measure in.

#include <coheir/coheir.hpp>

#include <string>

#include "measure.hpp"

namespace bench {

namespace context = coheir::context;

inline constexpr context::key<int> answer{"answer"};

/// Fills the current context with `keys` keys, one of which is the answer.
inline void fill(int keys) {
    for (int i = 0; i < keys - 1; ++i) context::set("some_key_" + std::to_string(i), std::string(24, 'x'));
    context::set(answer, 42);
}

// The loops are in ordinary functions, which a task calls: that is where contexts are read.
template <class F>
[[gnu::noinline]] void call(F& f) {
    f();
}
template <class F>
coheir::task<> calling(F& f) {
    call(f);
    co_return;
}

/// Calls f() in a task whose context has `keys` keys, on a fresh thread.
template <class F>
void in_task(int keys, F f) {
    afresh([&] {
        coheir::scheduler loop;
        auto body = [&] {
            fill(keys);
            call(f);
        };
        loop.run(calling(body));
    });
}

}  // namespace bench
