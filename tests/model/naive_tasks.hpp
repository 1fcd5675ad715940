#pragma once
// Tasks as the documentation describes them: what is ready runs in rounds, first in, first out.

#include <algorithm>
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

#include "flow.hpp"
#include "naive_context.hpp"

namespace model {

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
        const std::vector<waiter*> all = std::exchange(t.waiters, {});
        for (const bool takers : {false, true})
            for (waiter* const w : all)
                if (w->takes_result == takers) w->told();
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

inline void task::report() {
    if (!error || std::exchange(error_received, true)) return;
    if (stop_requested && *error == cancelled) return;  // to end so is what it was asked for
    if (handed_in && handed_in->received()) return;
    in_world().say("unhandled", *error + " of " + (started ? std::to_string(number) : "?") +
                                    ", which showed " + text_of(at_failure));
}

inline stop_scope::stop_scope(task& t) : of(t), outside_stopped(!t.due.empty()) { t.scopes.push_back(this); }
inline void stop_scope::close() {
    if (!std::exchange(open, false)) return;
    std::erase(of.scopes, this);
    of.due.erase(this);
}

// ---- requests to stop

/// A request on its way: first all that are asked are asked, then those that they wait for, and so on. It
/// does not come back to the task that makes it.
class wave {
public:
    explicit wave(const task& from) : from_(from) {}

    void stop(task& t) {
        if (t.ended) return;
        t.stop_requested = t.source_spent = true;
        t.posted_request.reset();
        t.due.insert(nullptr);
        for (stop_scope* const s : t.scopes) s->outside_stopped = true;
        interrupt(t);
    }
    void stop(stop_scope& scope) {
        task& t = scope.of;
        scope.stopped = true;
        t.due.insert(&scope);
        const auto inner = std::find(t.scopes.begin(), t.scopes.end(), &scope) + 1;
        for (auto s = inner; s != t.scopes.end(); ++s) (*s)->outside_stopped = true;
        interrupt(t);
    }
    /// False in a circle of tasks that wait for each other.
    bool hand_on(task& t) {
        if (&t == &from_) return false;
        is_circle_ = false;
        stop(t);
        return !is_circle_;
    }
    void interrupt(task& t) {
        if (t.waiting)
            t.waiting->interrupt(*this);
        else if (!t.started)
            t.never_runs = true;
    }
    void add(wait& w) {
        is_circle_ = !met_.insert(&w).second;
        if (!is_circle_) to_spread_.push_back(&w);
    }
    void run() {
        for (; !to_spread_.empty(); to_spread_.pop_front()) to_spread_.front()->spread(*this);
    }

private:
    const task& from_;
    std::deque<wait*> to_spread_;
    std::set<const wait*> met_;
    bool is_circle_ = false;
};

inline bool request_stop(task& t) {
    if (t.ended) return false;
    wave asking(t);
    asking.stop(t);
    asking.run();
    return true;
}

// ---- waits

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
    sleep_wait(task& t, int until)
        : task_(t), timer_(t.home.add_timer(until, [this] { wake(); })) {}
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

inline flow join(task& t, task_ref of, bool taking, bool is_shielded, int& result) {
    if (of.get() == &t) throw thrown{"usage_error"};
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
    if (of.get() == &t) throw thrown{"usage_error"};
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

/// Waits for several; one may decide that the rest is needed no more.
class gathering : public wait {
public:
    enum class until { all_or_error, all, any };
    struct part {
        task_ref of;
        bool taking;
    };

    gathering(task& t, const std::vector<part>& parts, until how) : task_(t), until_(how) {
        left_ = parts.size();
        for (const part& p : parts) {
            members_.push_back(std::make_unique<member>(*this, *p.of));
            member& m = *members_.back();
            m.takes_result = p.taking;
            if (p.of->ended) {
                m.told();
            } else {
                m.is_linked = true;
                p.of->waiters.push_back(&m);
            }
        }
        all_joined_ = true;
        if (decides_) stop_rest();
    }
    ~gathering() override {
        for (const auto& m : members_)
            if (m->is_linked) m->of.remove(*m);
    }

    [[nodiscard]] bool is_complete() const { return left_ == 0; }
    /// Which one decides; nothing where none did.
    [[nodiscard]] std::optional<std::size_t> decided_by() const {
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (members_[i].get() == decides_) return i;
        return std::nullopt;
    }
    flow finish() {
        if (!is_complete()) {
            is_parked_ = true;
            co_await park(task_, *this);
        }
        task_.end_wait();
        if (decides_ && decides_->of.error) decides_->of.receive(false);
    }

    void interrupt(wave& w) override { w.add(*this); }
    void spread(wave& w) override {
        if (is_complete()) return;
        for (member* const m : those_left())
            if (!m->of.has_only(*m) || !w.hand_on(m->of)) let_go(*m);
        wake_once();
    }
    [[nodiscard]] std::string text() const override {
        return is_complete() ? "is ready" : "waits for " + std::to_string(left_) + " others";
    }

private:
    struct member : waiter {
        member(gathering& w, task& t) : whole(w), of(t) {}
        void told() override {
            is_linked = false;
            whole.ended(*this);
        }
        gathering& whole;
        task& of;
        bool is_linked = false;
    };

    void ended(member& m) {
        --left_;
        if (!decides_ && (until_ == until::any || (until_ == until::all_or_error && m.of.error))) {
            decides_ = &m;
            if (all_joined_) stop_rest();
        }
        wake_once();
    }
    std::vector<member*> those_left() {
        is_stopped_ = true;
        std::vector<member*> left;
        for (const auto& m : members_)
            if (m->is_linked && !m->of.ended) left.push_back(m.get());
        return left;
    }
    /// What was given away stops, unless others wait for it; what was not is let go.
    void stop_rest() {
        if (is_stopped_) return;
        wave asking(task_);
        for (member* const m : those_left())
            if (m->takes_result && m->of.has_only(*m))
                asking.stop(m->of);
            else
                let_go(*m);
        asking.run();
    }
    void let_go(member& m) {
        m.is_linked = false;
        m.of.remove(m);
        --left_;
    }
    void wake_once() {
        if (is_complete() && std::exchange(is_parked_, false)) task_.home.wake(task_);
    }

    task& task_;
    const until until_;
    std::vector<std::unique_ptr<member>> members_;
    std::size_t left_ = 0;
    member* decides_ = nullptr;
    bool all_joined_ = false, is_stopped_ = false, is_parked_ = false;
};

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

/// The children of a block.
class group : public wait {
public:
    explicit group(task& t) : task_(t), scope_(t) {}
    ~group() override {
        for (const auto& m : members_) m->of->remove(*m);
    }

    [[nodiscard]] scheduler& home() const { return task_.home; }
    [[nodiscard]] std::size_t size() const { return members_.size(); }
    void add(const task_ref& child) {
        if (child.get() == &task_) throw thrown{"usage_error"};
        if (child->ended) {
            if (child->error) failed(*child);
            return;
        }
        members_.push_front(std::make_shared<member>(*this, child));
        child->waiters.push_back(members_.front().get());
        if (!is_stopping_) return;
        wave asking(task_);
        asking.stop(*child);
        asking.run();
    }
    void request_stop() {
        wave asking(task_);
        spread(asking);
        asking.run();
    }
    /// The end of the block, by an exception or not: waits for the children, throws what counts.
    flow finish(std::optional<std::string> error) {
        block_error_ = std::move(error);
        scope_.close();
        is_waiting_ = true;
        if (block_error_ && !is_stopping_) request_stop();
        try {
            if (size() > 0) co_await park(task_, *this);
            task_.end_wait();
        } catch (const thrown&) {
            report(block_error_);
            block_error_ = cancelled;
        }
        if (block_error_ == cancelled && scope_.stopped_alone()) block_error_.reset();  // by a child's error
        const bool block_counts = block_error_ && (!child_error_ || *block_error_ == cancelled);
        report(block_counts ? child_error_ : block_error_);
        if (block_counts) throw thrown{*block_error_};
        if (child_error_) throw thrown{*child_error_};
    }

    void interrupt(wave& w) override { w.add(*this); }
    void spread(wave& w) override {
        is_stopping_ = true;
        for (const auto& m : members_) w.stop(*m->of);
    }
    [[nodiscard]] std::string text() const override {
        return size() == 0 ? "is ready" : "waits for " + std::to_string(size()) + " others";
    }

private:
    struct member : waiter {
        member(group& g, task_ref t) : whole(g), of(std::move(t)) {}
        void told() override { whole.ended(*this); }
        group& whole;
        const task_ref of;
    };

    void ended(member& m) {
        if (m.of->error) failed(*m.of);
        std::erase_if(members_, [&m](const auto& other) { return other.get() == &m; });
        if (is_waiting_ && size() == 0) task_.home.wake(task_);
    }
    void failed(task& child) {
        if (child.stop_requested && *child.error == cancelled) return;
        if (child_error_ || block_error_) return;
        child_error_ = child.error;
        child.error_received = true;
        if (!is_stopping_) request_stop();
        if (is_waiting_) return;
        wave asking(task_);
        asking.stop(scope_);
        asking.run();
    }
    void report(const std::optional<std::string>& lost) const {
        if (!lost || *lost == cancelled) return;
        task_.in_world().say("unhandled", *lost + " of " + std::to_string(task_.number) +
                                              ", which showed " + text_of(task_.at_failure));
    }

    task& task_;
    stop_scope scope_;
    std::list<std::shared_ptr<member>> members_;  // newest first
    std::optional<std::string> child_error_{}, block_error_{};
    bool is_stopping_ = false, is_waiting_ = false;
};

// ---- callbacks

class callback_wait : public wait {
public:
    explicit callback_wait(task& t) : task_(t) {}

    bool resolve(int number) { return finish(number, std::nullopt); }
    bool fail(std::optional<std::string> error) { return finish(std::nullopt, std::move(error)); }
    void abandon() { is_over_ = true; }  // its frame has gone

    int take() {
        if (!task_.due.empty() && error_)
            task_.in_world().say("unhandled", *error_ + " of " + std::to_string(task_.number) +
                                                  ", which showed " + text_of(task_.at_failure));
        task_.end_wait();
        if (error_) throw thrown{*error_};
        if (!number_) throw thrown{"abandoned_await"};
        return *number_;
    }
    void interrupt(wave&) override {
        if (!is_over_) fail(std::nullopt);
    }
    [[nodiscard]] std::string text() const override {
        return is_over_ ? "is ready" : "waits for a resolver";
    }

private:
    bool finish(std::optional<int> number, std::optional<std::string> error) {
        if (std::exchange(is_over_, true)) return false;
        number_ = number;
        error_ = std::move(error);
        task_.home.wake(task_);
        return true;
    }
    task& task_;
    std::optional<int> number_{};
    std::optional<std::string> error_{};
    bool is_over_ = false;
};

/// What the one who calls back has; when it goes, nobody will.
struct resolver {
    explicit resolver(std::shared_ptr<callback_wait> w) : of(std::move(w)) {}
    resolver(const resolver&) = delete;
    resolver& operator=(const resolver&) = delete;
    ~resolver() { of->fail(std::nullopt); }
    const std::shared_ptr<callback_wait> of;
};

// ---- tasks on another scheduler

struct remote_wait;

/// A task that was handed to a scheduler: what its handle and its awaits share.
struct remote_task : waiter, recipient {
    explicit remote_task(scheduler& on) : home(on) {}

    scheduler& home;
    task_ref of{};  // from its arrival on, while it or its exception matters
    bool is_done = false, is_dropped = false, is_received = false, is_taken = false;
    int result = 0, number = 0;
    std::optional<std::string> error{};
    remote_wait* waiting = nullptr;

    void told() override;
    bool received() override { return std::exchange(is_received, true); }
    void gone() override { of.reset(); }
    void request_stop(const std::shared_ptr<remote_task>& self) {
        if (is_done) return;
        home.post_always([self] {
            if (self->of) model::request_stop(*self->of);
        });
    }
    int receive(bool taking) {
        if (is_taken) throw thrown{"result_taken"};
        if (error) {
            is_received = true;
            throw thrown{*error};
        }
        is_taken = taking;
        return result;
    }
};

/// One of its owners; the last one that goes has the exception reported there, if nobody has received it.
struct remote_owner {
    explicit remote_owner(std::shared_ptr<remote_task> t) : of(std::move(t)) {}
    remote_owner(const remote_owner&) = delete;
    remote_owner& operator=(const remote_owner&) = delete;
    ~remote_owner() {
        of->is_dropped = true;
        if (of->is_done && of->error) of->home.post_always([t = of] { t->of.reset(); });
    }
    const std::shared_ptr<remote_task> of;
};
using remote_ref = std::shared_ptr<remote_owner>;

struct remote_wait : wait {
    remote_wait(task& t, remote_ref o) : who(t), owner(std::move(o)) { owner->of->waiting = this; }
    ~remote_wait() override {
        if (is_over) return;
        if (owner->of->waiting == this)
            owner->of->waiting = nullptr;
        else
            owner->of->is_received = false;  // it was told, and goes without the result
    }
    void interrupt(wave&) override { owner->of->request_stop(owner->of); }
    [[nodiscard]] std::string text() const override {
        return owner->of->is_done ? "is ready" : "waits for " + std::to_string(owner->of->number);
    }
    task& who;
    const remote_ref owner;
    bool is_over = false;
};

inline void remote_task::told() {
    const task_ref kept = of;
    result = of->result;
    error = of->error;
    if (waiting) {
        is_received = true;
        waiting->who.home.wake(waiting->who);
        waiting = nullptr;
    }
    is_done = true;
    if (is_dropped || !error) of.reset();
}

inline flow join_remote(task& t, remote_ref owner, bool taking, int& result) {
    remote_task& of = *owner->of;
    if (of.is_done) {
        t.end_wait();
    } else {
        if (of.waiting) throw thrown{"usage_error"};
        remote_wait joining(t, owner);
        co_await park(t, joining);
        t.end_wait();
        joining.is_over = true;
    }
    result = of.receive(taking);
}

}  // namespace model
