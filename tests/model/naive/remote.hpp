#pragma once
// A task on another scheduler, its handle, and the wait for its end.

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "waits.hpp"

namespace model::naive {

struct remote_wait;

/// The end of a task, for one who looks from outside.
struct future {
    bool is_ready = false;
    int result = 0;
    std::optional<std::string> error{};
};

/// A task that was handed to a scheduler: what its handle and its awaits share.
struct remote_task : waiter, recipient {
    explicit remote_task(scheduler& on) : home(on) {}

    scheduler& home;
    task_ref of{};  // from its arrival on, while it or its exception matters
    bool is_done = false, is_dropped = false, is_received = false, is_taken = false;
    bool is_awaited = false, is_asked = false;
    int result = 0, number = 0;
    std::optional<std::string> error{};
    remote_wait* waiting = nullptr;
    std::optional<request> newest{};  // of those that are handed on, and on their way
    std::shared_ptr<future> fed{};    // instead of a handle

    void told() override;
    bool received() override { return std::exchange(is_received, true); }
    void gone() override { of.reset(); }
    void request_stop(const std::shared_ptr<remote_task>& self) {
        if (is_done || std::exchange(is_asked, true)) return;  // one on its way stands for others
        home.post_always([self] {
            if (self->of) naive::request_stop(*self->of);
            self->is_asked = false;
        });
    }
    /// The newest stands for those before it; where they have other askers, it spares none.
    void hand_on(const std::shared_ptr<remote_task>& self, request came) {
        if (is_done) return;
        const bool is_on_its_way = newest.has_value();
        if (is_on_its_way && newest->asker != came.asker) came.asker = nullptr;
        newest = came;
        if (is_on_its_way) return;
        home.post_always([self] {
            const request asked = *std::exchange(self->newest, std::nullopt);
            if (self->of) naive::request_stop(*self->of, asked);
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
    /// Hands a request on once; where it comes back around a circle, or to who asks, the other is let go.
    void interrupt(wave& w) override {
        request next = w.asked();
        if ((next.number == last.number && next.hops > last.hops) || owner->of->of.get() == next.asker) {
            if (owner->of->waiting != this) return;
            owner->of->waiting = nullptr;
            is_over = true;
            who.home.wake(who);
        } else if (next.number > last.number) {
            last = next;
            ++next.hops;
            owner->of->hand_on(owner->of, next);
        }
    }
    [[nodiscard]] std::string text() const override {
        return owner->of->is_done ? "is ready" : "waits for " + std::to_string(owner->of->number);
    }
    task& who;
    const remote_ref owner;
    request last{};
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
    if (fed) {
        *fed = {true, result, error};
        is_received = is_dropped = true;
    }
    is_done = true;
    if (is_dropped || !error) of.reset();
}

/// One await at a time, until it has the result, or goes without it.
struct remote_await {
    explicit remote_await(remote_task& t) : of(t) {
        if (std::exchange(of.is_awaited, true)) throw thrown{"usage_error"};
    }
    remote_await(const remote_await&) = delete;
    remote_await& operator=(const remote_await&) = delete;
    ~remote_await() { of.is_awaited = false; }
    remote_task& of;
};

inline flow join_remote(task& t, remote_ref owner, bool taking, int& result) {
    remote_task& of = *owner->of;
    const remote_await begun(of);
    if (of.is_done) {
        t.end_wait();
    } else {
        remote_wait joining(t, owner);
        co_await park(t, joining);
        t.end_wait();
        joining.is_over = true;
    }
    result = of.receive(taking);
}

}  // namespace model::naive
