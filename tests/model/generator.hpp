#pragma once
// Makes a random program of a seed: the same on every machine.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <utility>
#include <vector>

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
        left_ = 10 + below(90);
        made.root = task_body(0, false);
        return made;
    }

private:
    static constexpr std::size_t deepest = 5;
    static constexpr std::array joins{op::join, op::take, op::shield, op::limit_handle};

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

    body task_body(std::size_t depth, bool in_group) {
        body made;
        made.result = fresh_number();
        const std::size_t length = depth == 0 ? 6 + below(15) : 1 + below(depth < 3 ? 8 : 4);
        while (made.steps.size() < length && left_ > 0) {
            --left_;
            made.steps.push_back(random_step(depth, in_group));
            if (one_in(40)) add_circle(made.steps);
        }
        if (depth > 0 && one_in(6)) made.steps.push_back(plain_step(op::fail));
        return made;
    }

    step plain_step(op what, std::size_t handle = 0) {
        step made;
        made.what = what;
        made.number = fresh_number();
        made.handle = handle;
        made.time = static_cast<int>(below(4));
        return made;
    }
    /// Two tasks that wait for each other, and a request to stop.
    void add_circle(std::vector<step>& steps) {
        const std::size_t one = below(handle_slots),
                          other = (one + 1 + below(handle_slots - 1)) % handle_slots;
        for (const auto& [handle, awaited] : {std::pair(one, other), std::pair(other, one)}) {
            steps.push_back(plain_step(op::spawn, handle));
            steps.back().bodies.emplace_back();
            steps.back().bodies.back().steps.push_back(plain_step(joins[below(joins.size())], awaited));
        }
        steps.push_back(plain_step(op::yield));
        steps.push_back(plain_step(op::stop, one));
    }

    /// Often what goes on with something that has been begun.
    op random_op(bool in_group) {
        static constexpr std::array remote_joins{op::remote_join, op::remote_take, op::remote_stop};
        if (!used_handles_.empty() && one_in(10)) return one_in(4) ? op::stop : joins[below(joins.size())];
        if (has_remotes_ && one_in(12)) return remote_joins[below(remote_joins.size())];
        if (has_futures_ && one_in(12)) return op::future;
        if (has_callbacks_ && one_in(8)) return one_in(4) ? op::resolve_error : op::resolve;
        static constexpr std::array in_groups{op::group_add, op::group_stop, op::group_size};
        if (in_group && one_in(3)) return one_in(5) ? in_groups[below(in_groups.size())] : op::group_spawn;
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

    /// Something to wait for, to resolve or to look at should be there in most cases.
    bool is_wanted(const step& s, std::size_t depth, bool in_group) {
        if (s.what >= op::group_spawn && s.what <= op::group_size && !in_group) return one_in(16);
        const bool needs_handle = has(s, 'h') && !has(s, 'b');
        if (depth >= deepest && (has(s, 'b') || has(s, 'B'))) return false;
        if (needs_handle && used_handles_.empty()) return one_in(8);
        if (!has(s, 's') || has(s, 'b')) return true;
        const bool is_remote = s.what >= op::remote_spawn && s.what <= op::remote_drop;
        const bool needs_resolver = s.what >= op::resolve && s.what <= op::drop_resolver;
        return (!is_remote || has_remotes_ || one_in(8)) &&
               (!needs_resolver || has_callbacks_ || one_in(8)) &&
               (s.what != op::future || has_futures_ || one_in(8));
    }
    std::size_t random_handle() {
        if (used_handles_.empty() || one_in(8)) return below(handle_slots);
        return used_handles_[used_handles_.size() - 1 - below(std::min(used_handles_.size(), handle_slots))];
    }

    step random_step(std::size_t depth, bool in_group) {
        step made;
        do made.what = random_op(in_group);
        while (!is_wanted(made, depth, in_group));
        // The rest is drawn whether it is needed or not.
        made.catches = one_in(6) ? catching::nothing : one_in(4) ? catching::everything : catching::errors;
        if (made.what == op::fail) made.catches = catching::nothing;
        made.key = one_in(5) ? 3 + below(2) : below(3);
        made.written = static_cast<form>(below(3));
        made.of = one_in(2) ? kind::number : static_cast<kind>(below(4));
        if (made.written == form::typed) made.of = kind::number;
        made.number = fresh_number();
        made.handle = has(made, 'b') ? below(handle_slots) : random_handle();
        made.other_handle = below(handle_slots);
        if (made.what == op::stop || made.what == op::stop_by_source)
            made.handle = stopped_handle_ = one_in(3) ? stopped_handle_ : made.handle;
        made.slot = below(2);
        made.by = random_policy(way::by_scheduler);
        made.time = static_cast<int>(below(4));
        made.elsewhere = !one_in(3);
        if (has(made, 'b')) made.bodies.push_back(task_body(depth + 1, has_group(made.what, in_group)));
        if (has(made, 'B')) add_several(made, depth);
        if (has(made, 'h') && has(made, 'b')) used_handles_.push_back(made.handle);
        has_remotes_ |= made.what == op::remote_spawn;
        has_callbacks_ |= made.what == op::callback;
        has_futures_ |= made.what == op::submit;
        return made;
    }

    /// Whether a group is there for the body of a step: in the same task, and in its children.
    static bool has_group(op what, bool in_group) {
        switch (what) {
            case op::group: return true;
            case op::await:
            case op::scoped:
            case op::guard:
            case op::limit_block:
            case op::group_spawn: return in_group;
            default: return false;
        }
    }

    // A range of one sort, or two of any.
    void add_several(step& made, std::size_t depth) {
        const bool are_two = one_in(2);
        const auto sort = static_cast<body::source>(below(5) < 3 ? 0 : 1 + below(2));
        const std::size_t count = are_two ? 2 : 1 + below(3);
        while (made.bodies.size() < count) {
            const auto from = are_two ? static_cast<body::source>(below(3)) : sort;
            body part = from == body::source::task ? task_body(depth + 1, false) : body();
            part.from = from;
            part.handle = random_handle();
            made.bodies.push_back(std::move(part));
        }
    }

    std::mt19937_64 random_;
    std::size_t left_ = 0;                   // how many steps may still be made
    std::vector<std::size_t> used_handles_;  // where tasks have been spawned into
    std::size_t stopped_handle_ = 0;         // the last one
    bool has_remotes_ = false, has_callbacks_ = false, has_futures_ = false;
    int last_number_ = 0;
};

}  // namespace model
