#pragma once
// Tasks, and how they take turns: what is ready runs in rounds, first in, first out.

#include <coroutine>
#include <cstddef>
#include <deque>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "context.hpp"
#include "flow.hpp"

namespace model::naive {

inline constexpr int never = std::numeric_limits<int>::max();

struct task;
class scheduler;
class wave;
using task_ref = std::shared_ptr<task>;  // the last one that goes reports an exception that nobody received

/// What both schedulers share.
struct world {
    int now = 0;  // in ms
    scheduler* running = nullptr;
    task* current = nullptr;
    std::vector<std::string> log{};
    bool scopes_overlap = false;  // the library would end the program
    bool is_endless = false;      // requests to stop go round and round

    void say(const std::string& who, const std::string& what) {
        log.push_back(std::to_string(now) + "ms " + who + ": " + what);
    }
};

/// What a task waits in.
struct wait {
    wait() = default;
    wait(const wait&) = delete;
    wait& operator=(const wait&) = delete;
    virtual ~wait() = default;
    virtual void begin() {}           // the task waits now
    virtual void interrupt(wave&) {}  // the task has been asked to stop
    virtual void spread(wave&) {}     // so have all that were to be asked with it
    [[nodiscard]] virtual std::string text() const { return "is ready"; }
};

/// One who is told of the end of a task.
struct waiter {
    waiter() = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;
    virtual ~waiter() = default;
    virtual void told() = 0;
    bool takes_result = false;
};

/// A part of a task that can be stopped alone: a time limit, or the block of a group.
struct stop_scope {
    explicit stop_scope(task& t);
    ~stop_scope() { close(); }
    stop_scope(const stop_scope&) = delete;
    stop_scope& operator=(const stop_scope&) = delete;
    void close();
    [[nodiscard]] bool stopped_alone() const { return stopped && !outside_stopped; }

    task& of;
    bool open = true;
    bool stopped = false;
    bool outside_stopped = false;
};

/// Somebody who got a task from elsewhere, and is to receive its exception.
struct recipient {
    recipient() = default;
    recipient(const recipient&) = delete;
    recipient& operator=(const recipient&) = delete;
    virtual ~recipient() = default;
    virtual bool received() = 0;
    virtual void gone() = 0;  // the task is, with its scheduler
};

struct task : std::enable_shared_from_this<task> {
    task(scheduler& on, int n, level_ref c) : home(on), number(n), in(std::move(c)) {}
    task(const task&) = delete;
    task& operator=(const task&) = delete;
    ~task() { report(); }

    scheduler& home;
    const int number;
    level_ref in;
    int deadline = never;
    flow main{};

    bool started = false, ended = false;
    bool never_runs = false;
    std::coroutine_handle<> resume_at = nullptr;
    wait* waiting = nullptr;  // null: it runs, or has not started
    std::vector<waiter*> waiters{};

    int result = 0;
    bool is_taken = false;
    std::optional<std::string> error{};
    bool error_received = false;
    level_ref at_failure{};
    std::shared_ptr<recipient> handed_in{};

    bool stop_requested = false;
    std::set<const stop_scope*> due{};  // requests that no wait has thrown yet; null: of the whole task
    std::vector<stop_scope*> scopes{};
    bool source_spent = false;
    std::shared_ptr<bool> posted_request{};  // by the source, until it has arrived

    [[nodiscard]] bool has_only(const waiter& w) const { return waiters.size() == 1 && waiters[0] == &w; }
    void remove(waiter& w) { std::erase(waiters, &w); }

    /// What every wait does when the task goes on.
    void end_wait() {
        if (due.empty()) return;
        due.clear();
        throw thrown{cancelled};
    }
    int receive(bool taking) {
        if (error) {
            error_received = true;
            throw thrown{*error};
        }
        if (is_taken) throw thrown{"result_taken"};
        is_taken = taking;
        return result;
    }
    [[nodiscard]] world& in_world() const;
    void report();
};

/// What stands in a queue: a task, or a function.
struct queued {
    task_ref t{};
    std::function<void()> f{};
};

class scheduler {
public:
    scheduler(world& in, policy p) : by(p), world_(in) {}

    policy by;
    bool closed = false;
    bool mirrored = false;

    [[nodiscard]] world& in_world() const { return world_; }
    void wake(task& t) {
        queued node{t.shared_from_this(), {}};
        (world_.running == this ? ready_ : inbox_).push_back(std::move(node));
    }
    void post(std::function<void()> f) {
        if (closed) throw thrown{"scheduler_closed"};
        post_always(std::move(f));
    }
    void post_always(std::function<void()> f) { inbox_.push_back(queued{{}, std::move(f)}); }

    void start(task_ref t) {
        wake(*t);
        live_.push_back(std::move(t));
    }
    /// The end of a task that failed before it began.
    void start_ended(task& t) {
        t.ended = true;
        tell(t);
    }

    using timer = std::pair<int, int>;  // when it is due, and when it was made
    timer add_timer(int deadline, std::function<void()> fired) {
        const timer made(deadline, last_timer_++);
        timers_.emplace(made, std::move(fired));
        return made;
    }
    void remove_timer(const timer& t) { timers_.erase(t); }
    [[nodiscard]] int next_deadline() const { return timers_.empty() ? never : timers_.begin()->first.first; }

    bool run_ready(std::size_t most) {
        world_.running = this;
        if (round_.empty()) begin_round();
        for (; most > 0 && !round_.empty(); --most) {
            const queued next = std::move(round_.front());
            round_.pop_front();
            next.t ? run(next.t) : next.f();
        }
        world_.running = nullptr;
        return !round_.empty() || !ready_.empty() || !inbox_.empty();
    }

    [[nodiscard]] const std::list<task_ref>& live() const { return live_; }

    /// What is left ends where it is, the newest first.
    void destroy() {
        closed = true;
        world_.running = this;
        while (!live_.empty()) {
            const task_ref t = live_.back();
            const bool is_entered = enter_mirror(*t);
            world_.current = t.get();
            t->main.end();
            world_.current = nullptr;
            if (is_entered) leave_mirror();
            t->ended = true;
            if (t->handed_in) t->handed_in->gone();
            live_.pop_back();
        }
        for (auto* queue : {&round_, &ready_, &inbox_}) queue->clear();
        world_.running = nullptr;
    }

private:
    void begin_round() {
        ready_.insert(ready_.end(), inbox_.begin(), inbox_.end());
        inbox_.clear();
        while (next_deadline() <= world_.now) {
            const auto fired = std::move(timers_.begin()->second);
            timers_.erase(timers_.begin());
            fired();
        }
        round_.swap(ready_);
    }

    void run(const task_ref& t) {
        const bool is_entered = enter_mirror(*t);
        world_.current = t.get();
        t->waiting = nullptr;
        if (t->never_runs) {
            t->error = cancelled;
            t->ended = true;
        } else {
            t->started = true;
            t->resume_at.resume();
        }
        if (t->ended) t->main.end();
        world_.current = nullptr;
        if (is_entered) leave_mirror();
        if (!t->ended) return;
        tell(*t);
        live_.remove(t);
    }

    /// Those who take the result come last.
    static void tell(task& t) {
        std::vector<waiter*> in_turn, takers;
        for (waiter* const w : std::exchange(t.waiters, {}))
            (w->takes_result ? takers : in_turn).push_back(w);
        in_turn.insert(in_turn.end(), takers.begin(), takers.end());
        for (waiter* const w : in_turn) w->told();  // which may be the end of it
    }

    bool enter_mirror(const task& t) {
        const value* const shown = mirrored ? find(t.in, 0) : nullptr;
        if (!shown || shown->of != kind::number) return false;
        world_.say("mirror", "enter " + shown->content);
        return true;
    }
    void leave_mirror() { world_.say("mirror", "leave"); }

    world& world_;
    std::deque<queued> round_, ready_, inbox_;
    std::map<timer, std::function<void()>> timers_;
    int last_timer_ = 0;
    std::list<task_ref> live_;  // in the order in which they were spawned
};

inline world& task::in_world() const { return home.in_world(); }

/// An exception in a task that nobody receives.
inline void report(const task& in, const std::string& error) {
    in.in_world().say("unhandled", error + " of " + (in.started ? std::to_string(in.number) : "?") +
                                       ", which showed " + text_of(in.at_failure));
}

inline void task::report() {
    if (!error || std::exchange(error_received, true)) return;
    if (stop_requested && *error == cancelled) return;  // to end so is what it was asked for
    if (handed_in && handed_in->received()) return;
    naive::report(*this, *error);
}

inline stop_scope::stop_scope(task& t) : of(t), outside_stopped(!t.due.empty()) { t.scopes.push_back(this); }
inline void stop_scope::close() {
    if (!std::exchange(open, false)) return;
    std::erase(of.scopes, this);
    of.due.erase(this);
}

}  // namespace model::naive
