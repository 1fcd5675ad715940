#pragma once
// Requests to stop: how one reaches a task, and those that it waits for.

#include <algorithm>
#include <deque>
#include <set>

#include "scheduler.hpp"

namespace model::naive {

/// What goes along with it to the other scheduler.
struct request {
    int number = 0;
    const task* asker = nullptr;  // which it does not come back to
    int hops = 0;
};

/// A request on its way: first all that are asked are asked, then those that they wait for, and so on. It
/// does not come back to the task that makes it.
class wave {
public:
    /// `came`: on the other scheduler, whose wave goes on in this one.
    explicit wave(const task& from, request came = {}) : from_(from), request_(came) {
        if (!request_.asker) request_.asker = &from;
    }

    const request& asked() {
        if (request_.number == 0) request_.number = ++from_.in_world().waves;
        return request_;
    }

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
        if (&t == request_.asker) return false;
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
    request request_;
    std::deque<wait*> to_spread_;
    std::set<const wait*> met_;
    bool is_circle_ = false;
};

inline bool request_stop(task& t, request came = {}) {
    if (t.ended) return false;
    wave asking(t, came);
    asking.stop(t);
    asking.run();
    return true;
}

}  // namespace model::naive
