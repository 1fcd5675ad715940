#pragma once
// Makes a failing program small: takes away and simplifies what it can, as long as the program still fails.

#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "program.hpp"

namespace model {

/// Makes one change of all those that make a program smaller: the one with this number.
class editor {
public:
    explicit editor(std::size_t number) : left_(number) {}

    bool edit(program& p) {
        return simplify(p.mirrored, false) || simplify(p.pace, ~std::size_t{0}) || simplify(p.main) ||
               simplify(p.other) || edit(p.root.steps);
    }

private:
    bool is_it() { return left_-- == 0; }

    template <class T>
    bool simplify(T& field, T simple) {
        if (field == simple || !is_it()) return false;
        field = simple;
        return true;
    }
    bool simplify(policy& by) {
        return (by.how != way::by_scheduler && simplify(by.how, way::copying)) || simplify(by.number, 0);
    }

    bool edit(std::vector<step>& steps) {
        for (auto s = steps.begin(); s != steps.end(); ++s) {
            if (is_it()) return steps.erase(s), true;
            if (!s->bodies.empty() && is_it()) {  // what is in it instead of it
                std::vector<step> inner;
                for (body& b : s->bodies) inner.insert(inner.end(), b.steps.begin(), b.steps.end());
                const auto at = steps.erase(s);
                return steps.insert(at, inner.begin(), inner.end()), true;
            }
            if (edit(*s)) return true;
        }
        return false;
    }
    bool edit(step& s) {
        for (auto b = s.bodies.begin(); b != s.bodies.end(); ++b) {
            if (s.bodies.size() > 1 && is_it()) return s.bodies.erase(b), true;
            if (edit(b->steps)) return true;
        }
        if (has(s, 'k') && (simplify(s.key, std::size_t{0}) || simplify(s.written, form::literal)))
            return true;
        if (has(s, 'v') && simplify(s.of, kind::number)) return true;
        if (has(s, 'p') && (simplify(s.by.how, way::by_scheduler) || simplify(s.by))) return true;
        if (has(s, 't') && simplify(s.time, 0)) return true;
        if (has(s, 'e') && simplify(s.elsewhere, false)) return true;
        if (s.catches != catching::nothing && simplify(s.catches, catching::everything)) return true;
        return simplify(s.catches, catching::nothing);
    }

    std::size_t left_;
};

/// `fails`: whether a program fails. Returns the smallest one found.
template <class Fails>
program shrink(program p, Fails fails) {
    for (bool is_smaller = true; is_smaller;) {
        is_smaller = false;
        for (std::size_t number = 0;;) {
            program smaller = p;
            if (!editor(number).edit(smaller)) break;
            if (fails(smaller)) {
                p = std::move(smaller);
                is_smaller = true;
            } else {
                ++number;
            }
        }
    }
    return p;
}

}  // namespace model
