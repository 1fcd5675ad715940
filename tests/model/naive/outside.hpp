#pragma once
// What somebody outside completes: a callback, and an operation of another library.

#include <algorithm>
#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "waits.hpp"

namespace model::naive {

class callback_wait : public wait {
public:
    explicit callback_wait(task& t) : task_(t) {}

    bool resolve(int number) {
        if (is_over_) return false;
        number_ = number;
        return end();
    }
    bool fail(const std::string& error) {
        if (is_over_) return false;
        error_ = error;
        return end();
    }
    /// Nobody will call back, or the task need not wait any more.
    void give_up() {
        if (!is_over_) end();
    }
    /// Its frame has gone.
    void abandon() { is_over_ = true; }

    int take() {
        if (!task_.due.empty() && !error_.empty()) report(task_, error_);
        task_.end_wait();
        if (!error_.empty()) throw thrown{error_};
        if (!number_) throw thrown{"abandoned_await"};
        return *number_;
    }
    void interrupt(wave&) override { give_up(); }
    [[nodiscard]] std::string text() const override { return is_over_ ? "is ready" : "waits for a resolver"; }

private:
    bool end() {
        is_over_ = true;
        task_.home.wake(task_);
        return true;
    }
    task& task_;
    std::optional<int> number_{};
    std::string error_{};
    bool is_over_ = false;
};

/// What the one who calls back has; when it goes, nobody will.
struct resolver {
    explicit resolver(std::shared_ptr<callback_wait> w) : of(std::move(w)) {}
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;
    ~resolver() { of->give_up(); }
    const std::shared_ptr<callback_wait> of;
};

inline flow call_back(task& t, std::unique_ptr<resolver>& start_with, int& result) {
    if (!t.due.empty()) co_await yield(t);
    struct waiting {
        explicit waiting(task& t) : of(std::make_shared<callback_wait>(t)) {}
        waiting(const waiting&) = delete;
        waiting& operator=(const waiting&) = delete;
        ~waiting() { of->abandon(); }
        const std::shared_ptr<callback_wait> of;
    } const now(t);
    start_with = std::make_unique<resolver>(now.of);
    co_await park(t, *now.of);
    result = now.of->take();
}

/// Of another library: a request to stop does not reach who waits for it, nor is it thrown there.
struct event {
    struct waiter : wait {
        explicit waiter(task& t) : of(t) {}
        [[nodiscard]] std::string text() const override {
            return is_over ? "is ready" : "waits for an event";
        }
        task& of;
        bool is_over = false;
    };

    void set(bool for_good) {
        is_set |= for_good;
        for (waiter* const w : std::exchange(waiting, {})) {
            w->is_over = true;
            w->of.home.wake(w->of);
        }
    }
    bool is_set = false;
    std::vector<waiter*> waiting{};
};

inline flow wait_for(task& t, event& e) {
    if (e.is_set) co_return;
    struct waiting : event::waiter {
        waiting(task& t, event& e) : waiter(t), in(e) { e.waiting.push_back(this); }
        waiting(const waiting&) = delete;
        waiting& operator=(const waiting&) = delete;
        ~waiting() override { std::erase(in.waiting, this); }
        event& in;
    } now(t, e);
    co_await park(t, now);
}

}  // namespace model::naive
