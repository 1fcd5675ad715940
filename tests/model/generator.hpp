#pragma once
// Makes a random program of a seed: the same on every machine.

#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>

#include "program.hpp"

namespace model {

class generator {
public:
    explicit generator(std::uint64_t seed) : random_(seed) {}

    program make() {
        program made;
        made.main = random_policy(way::shared);
        made.other = random_policy(way::shared);
        if (one_in(3)) made.pace = 1 + below(3);
        made.mirrored = one_in(4);
        left_ = 10 + below(40);
        made.root = task_body(0);
        return made;
    }

private:
    static constexpr std::size_t deepest = 5;

    std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
    bool one_in(std::size_t n) { return below(n) == 0; }
    int fresh_number() { return ++last_number_; }

    policy random_policy(way first) {
        static constexpr std::array common{way::shared, way::copying, way::chained, way::isolated};
        policy made{one_in(4) ? static_cast<way>(below(way_names.size())) : common[below(4)], fresh_number()};
        if (first == way::by_scheduler && one_in(3)) made.how = first;
        if (made.how < first || (made.how == way::refusing && first != way::by_scheduler))
            made.how = way::copying;
        return made;
    }

    body task_body(std::size_t depth) {
        body made;
        made.result = fresh_number();
        const std::size_t length = depth == 0 ? 4 + below(9) : 1 + below(depth < 3 ? 6 : 3);
        while (made.steps.size() < length && left_ > 0) {
            --left_;
            made.steps.push_back(random_step(depth));
        }
        return made;
    }

    op random_op() {
        static const int total = [] {
            int sum = 0;
            for (const traits& t : all_traits) sum += t.weight;
            return sum;
        }();
        auto at = static_cast<int>(below(static_cast<std::size_t>(total)));
        for (const traits& t : all_traits)
            if ((at -= t.weight) < 0) return t.what;
        return op::get;
    }

    step random_step(std::size_t depth) {
        step made;
        do made.what = random_op();
        while (depth >= deepest && (has(made, 'b') || has(made, 'B')));
        // The rest is drawn whether it is needed or not.
        made.catches = one_in(3) ? catching::nothing : one_in(4) ? catching::everything : catching::errors;
        if (made.what == op::fail) made.catches = catching::nothing;
        made.key = one_in(5) ? 3 + below(2) : below(3);
        made.written = static_cast<form>(below(3));
        made.of = static_cast<kind>(below(4));
        if (one_in(2)) made.of = kind::number;
        if (made.written == form::typed) made.of = kind::number;
        made.number = fresh_number();
        made.handle = below(handle_slots);
        made.other_handle = below(handle_slots);
        made.slot = below(2);
        made.by = random_policy(way::by_scheduler);
        made.time = static_cast<int>(below(4));
        made.elsewhere = !one_in(3);
        if (has(made, 'b')) made.bodies.push_back(task_body(depth + 1));
        if (has(made, 'B')) add_several(made, depth);
        return made;
    }

    // A range of one sort, or two of any.
    void add_several(step& made, std::size_t depth) {
        const bool are_two = one_in(2);
        const auto sort = static_cast<body::source>(below(5) < 3 ? 0 : 1 + below(2));
        const std::size_t count = are_two ? 2 : 1 + below(3);
        while (made.bodies.size() < count) {
            const auto from = are_two ? static_cast<body::source>(below(3)) : sort;
            body part = from == body::source::task ? task_body(depth + 1) : body();
            part.from = from;
            part.handle = below(handle_slots);
            made.bodies.push_back(std::move(part));
        }
    }

    std::mt19937_64 random_;
    std::size_t left_ = 0;
    int last_number_ = 0;
};

}  // namespace model
