#pragma once
// Where an operation is tried: in a task whose context is known, with others around that must not notice.

#include <coheir/coheir.hpp>

#include <exception>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "faults/failure.hpp"

namespace test {

namespace context = coheir::context;

/// How the context looks in which an operation is tried: how many levels it has, how many keys there are in
/// each, and who else sees them.
struct shape {
    const char* name;
    int levels;
    int keys;
    coheir::spawn_policy others;  // of the bystander
};
inline const shape shapes[] = {
    {"a few keys", 1, 3, coheir::spawn_policy::isolated},
    {"a few keys, shared with a copy", 1, 3, coheir::spawn_policy::copying},
    {"a few keys, with a level above", 1, 3, coheir::spawn_policy::chained},
    {"three levels of a few keys, shared with a copy", 3, 3, coheir::spawn_policy::copying},
    {"many keys", 1, 17, coheir::spawn_policy::isolated},
    {"two levels of many keys, with one above", 2, 17, coheir::spawn_policy::chained},
};

inline const std::string long_text = "a text that is too long to be kept without memory of its own";

/// A value that is copied by asking for memory, and destroyed by giving it back.
struct numbers {
    std::vector<int> all;
    friend std::ostream& operator<<(std::ostream& out, const numbers& n) {
        for (const int i : n.all) out << i << ' ';
        return out;
    }
};

/// A scheduler, a task in which an operation is tried, and a bystander.
class world {
public:
    world(failure& f, const shape& s, void (*set_more)() = nullptr)
        : fails(f), shape_(s), set_more_(set_more) {
        for (coheir::scheduler* const each : {&loop, &other})
            each->on_unhandled([this](const coheir::unhandled& u) {
                expect(is_a_failure(u.error()), "the handler got another exception");
            });
    }

    failure& fails;
    verdict is;
    int counted = 0;  // of whatever an operation counts
    coheir::manual_clock clock;
    coheir::scheduler loop{coheir::spawn_policy::copying, clock};
    coheir::scheduler other{coheir::spawn_policy::copying, clock};

    void expect(bool holds, const char* what) noexcept { is.expect(holds, what); }

    /// Tries an operation in the task.
    verdict try_in_task(coheir::task<> (*act)(world&)) {
        loop.run(prepare(shape_.levels, act));
        return settle();
    }
    /// Tries one outside of tasks.
    verdict try_outside(void (*act)(world&)) {
        loop.run(prepare(shape_.levels, nullptr));
        try {
            act(*this);
            is.succeeded = true;
        } catch (...) {
            expect(is_a_failure(std::current_exception()), "the caller got another exception");
        }
        return settle();
    }

private:
    coheir::task<> prepare(int level, coheir::task<> (*act)(world&)) {
        for (int i = 0; i < shape_.keys; ++i)
            context::set(std::to_string(level) + "." + std::to_string(i), i);
        if (level > 1) {
            co_await coheir::spawn(prepare(level - 1, act), coheir::spawn_policy::chained);
        } else {
            context::set("text", long_text);
            context::set("list", numbers{{1, 2, 3}});
            if (set_more_) set_more_();
            co_await caller(act);
        }
    }
    coheir::task<> caller(coheir::task<> (*act)(world&)) {
        bystander_ = coheir::spawn(stand_by(), shape_.others);
        co_await coheir::yield();
        if (!act) co_return;
        const std::string before = context::dump();
        try {
            co_await act(*this);
            is.succeeded = true;
        } catch (...) {
            expect(is_a_failure(std::current_exception()), "the caller got another exception");
            expect(context::dump() == before, "the context is not as before");
        }
    }
    coheir::task<> stand_by() {
        const std::string before = seen();
        auto keep = [this](const coheir::resolver<void>& r) { wake_ = r; };
        co_await coheir::callback<void>(keep);
        if (!is.succeeded) expect(seen() == before, "the bystander's context is not as before");
    }
    static std::string seen() {
        const auto* const list = context::find<numbers>("list");
        return context::get("text", "none") + (list ? std::to_string(list->all.at(1)) : "none");
    }

    /// What the operation has left, and whether all goes on.
    verdict settle() {
        loop.run_until_idle();
        other.run_until_idle();
        loop.run_until_idle();
        expect(loop.tasks().size() == 1, "other tasks live than before");
        if (wake_) (*wake_)();
        expect(loop.run(work()) == 3, "a task does not work");
        loop.run_until_idle();
        expect(bystander_.done(), "the bystander has not ended");
        expect(loop.tasks().empty() && other.tasks().empty(), "tasks are left");
        return is;
    }
    static coheir::task<int> number(int i) {
        co_await coheir::sleep_for(std::chrono::milliseconds(i));
        context::set("number", i);
        co_return context::get("number", 0);
    }
    static coheir::task<int> work() {
        context::set("list", numbers{{4}});
        const auto [one, two] = co_await coheir::when_all(number(1), number(2));
        co_return one + two;
    }
    const shape& shape_;
    void (*const set_more_)();
    std::optional<coheir::resolver<void>> wake_;
    coheir::join_handle<> bystander_;
};

/// A row of a table of operations.
struct operation {
    const char* name;
    coheir::task<> (*act)(world&);
};
struct plain_operation {
    const char* name;
    void (*act)(world&);
};

/// Tries each row in each shape; in some it must meet failures. `set_more` sets more values first.
template <class Row, class Try>
void try_all(const std::vector<Row>& rows, void (*set_more)(), Try attempt) {
    for (const Row& row : rows) {
        INFO(row.name);
        std::size_t met = 0;
        for (const shape& s : shapes) {
            INFO(s.name);
            met += for_every_failure([&](failure& f) {
                world w(f, s, set_more);
                return attempt(w, row);
            });
        }
        CHECK(met > 0);
    }
}
inline void try_all(const std::vector<operation>& rows, void (*set_more)() = nullptr) {
    try_all(rows, set_more, [](world& w, const operation& row) { return w.try_in_task(row.act); });
}
inline void try_all(const std::vector<plain_operation>& rows, void (*set_more)() = nullptr) {
    try_all(rows, set_more, [](world& w, const plain_operation& row) { return w.try_outside(row.act); });
}

}  // namespace test
