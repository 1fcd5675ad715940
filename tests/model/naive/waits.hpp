#pragma once
// What a task can wait for: its turn, a time, the end of another task.

#include <coroutine>
#include <optional>
#include <string>
#include <utility>

#include "stop.hpp"

namespace model::naive {

/// `co_await park(t, w)`: the task waits in w, until it is woken.
class park {
public:
    park(task& t, wait& in) : task_(t), in_(in) {}
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> awaiting) {
        task_.resume_at = awaiting;
        task_.waiting = &in_;
        in_.begin();
        if (task_.due.empty()) return;
        wave due(task_);
        due.interrupt(task_);
        due.run();
    }
    void await_resume() const noexcept {}

private:
    task& task_;
    wait& in_;
};

inline flow yield(task& t) {
    wait in_queue;
    t.home.wake(t);
    co_await park(t, in_queue);
    t.end_wait();
}

class sleep_wait : public wait {
public:
    sleep_wait(task& t, int until) : task_(t), timer_(t.home.add_timer(until, [this] { wake(); })) {}
    ~sleep_wait() override { task_.home.remove_timer(timer_); }
    void interrupt(wave&) override {
        if (!is_over_) wake();
    }

private:
    void wake() {
        is_over_ = true;
        task_.home.remove_timer(timer_);
        task_.home.wake(task_);
    }
    task& task_;
    scheduler::timer timer_;
    bool is_over_ = false;
};

inline flow sleep_until(task& t, int until) {
    if (until <= t.in_world().now || !t.due.empty()) {
        co_await yield(t);
    } else {
        sleep_wait sleeping(t, until);
        co_await park(t, sleeping);
        t.end_wait();
    }
}

class join_wait : public wait, public waiter {
public:
    join_wait(task& t, task& of, bool taking, bool is_shielded)
        : task_(t), of_(of), is_shielded_(is_shielded) {
        takes_result = taking;
        of.waiters.push_back(this);
    }
    ~join_wait() override {
        if (!is_over_) of_.remove(*this);
    }
    void told() override {
        is_over_ = true;
        task_.home.wake(task_);
    }
    void interrupt(wave& w) override { w.add(*this); }
    void spread(wave& w) override {
        if (is_over_ || of_.ended) return;
        if (!is_shielded_ && of_.has_only(*this) && w.hand_on(of_)) return;
        of_.remove(*this);
        told();
    }
    [[nodiscard]] std::string text() const override {
        return is_over_ ? "is ready" : "waits for " + std::to_string(of_.number);
    }

protected:
    task& task_;
    task& of_;
    bool is_over_ = false;

private:
    const bool is_shielded_;
};

inline void require_joinable(const task& t, const task& other) {
    if (&other == &t) throw thrown{"usage_error"};
}
inline flow join(task& t, task_ref of, bool taking, bool is_shielded, int& result) {
    require_joinable(t, *of);
    if (!of->ended) {
        join_wait joining(t, *of, taking, is_shielded);
        co_await park(t, joining);
    }
    t.end_wait();
    result = of->receive(taking);
}

/// A join with a time limit, past which the other is stopped.
class timed_wait : public join_wait {
public:
    timed_wait(task& t, task& of, bool taking, int deadline)
        : join_wait(t, of, taking, false), deadline_(deadline) {}
    ~timed_wait() override {
        if (timer_) task_.home.remove_timer(*timer_);
    }
    void begin() override {
        if (deadline_ <= task_.in_world().now)
            time_out();
        else
            timer_ = task_.home.add_timer(deadline_, [this] { time_out(); });
    }
    [[nodiscard]] bool timed_out() const { return timed_out_; }

private:
    void time_out() {
        if (is_over_ || of_.ended) return;
        timed_out_ = true;
        wave asking(task_);
        asking.stop(of_);
        asking.run();
    }
    const int deadline_;
    std::optional<scheduler::timer> timer_{};
    bool timed_out_ = false;
};

inline flow join_within(task& t, task_ref of, bool taking, int deadline, int& result) {
    require_joinable(t, *of);
    bool timed_out = false;
    if (!of->ended) {
        timed_wait joining(t, *of, taking, deadline);
        co_await park(t, joining);
        timed_out = joining.timed_out();
    }
    t.end_wait();
    if (timed_out) throw thrown{"timeout"};
    result = of->receive(taking);
}

/// Stops a block of a task when its time is over.
class timed_scope {
public:
    timed_scope(task& t, int limit) : scope(t) {
        if (limit > 0)
            timer_ = t.home.add_timer(t.in_world().now + limit, [this] { stop(); });
        else
            stop();
    }
    timed_scope(const timed_scope&) = delete;
    timed_scope& operator=(const timed_scope&) = delete;
    ~timed_scope() { close(); }
    void close() {
        if (timer_) scope.of.home.remove_timer(*timer_);
        scope.close();
    }
    /// What an exception that leaves the block is outside.
    thrown outside(const thrown& error) {
        close();
        return error.what == cancelled && scope.stopped_alone() ? thrown{"timeout"} : error;
    }

private:
    void stop() {
        wave asking(scope.of);
        asking.stop(scope);
        asking.run();
    }
    stop_scope scope;
    std::optional<scheduler::timer> timer_{};
};

}  // namespace model::naive
