#pragma once
// How a request to stop reaches a task and those that it waits for, and where it is thrown.

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

#include "../error.hpp"
#include "globals.hpp"
#include "run_state.hpp"

namespace coheir::detail {

/// A std::stop_source, made for those who ask for a token. (Its inside is in cancellation.hpp.)
class stop_link {
public:
    virtual ~stop_link() = default;
    virtual void stop() noexcept = 0;    // runs the user's callbacks
    virtual void disarm() noexcept = 0;  // requests by other threads reach nobody from now on
};

inline task_extras::~task_extras() {
    delete link;
    if (handed_in) handed_in->drop();
}

/// A part of a task that can be stopped while the rest goes on: what a time limit or a group is around.
/// Scopes of a task are nested. Lives in a frame of the task.
class stop_scope {
public:
    /// Throws std::bad_alloc.
    explicit stop_scope(task_state& t) : task_(t), outer_(t.extras().innermost) { t.rare->innermost = this; }
    stop_scope(const stop_scope&) = delete;
    stop_scope& operator=(const stop_scope&) = delete;
    ~stop_scope() { close(); }

    /// A request that no wait has thrown ends with the scope.
    void close() noexcept;

    task_state& task() const noexcept { return task_; }
    /// It was stopped, and nothing around it: a task_cancelled that leaves it is its own.
    bool stopped_alone() const noexcept { return stopped_ && !outer_stopped_; }
    bool stopped() const noexcept { return stopped_ || outer_stopped_; }

    stop_link* link = nullptr;  // owned

private:
    friend class stop_wave;
    friend struct stop_delivery;

    task_state& task_;
    stop_scope* const outer_;
    bool open_ = true;
    bool due_ = false;
    bool stopped_ = false;
    bool outer_stopped_ = (task_.stop & task_state::stop_due) != 0;  // what is due is due around it
};

/// What goes along with a request to other schedulers.
struct stop_request {
    std::uint64_t number = 0;  // no other in the process has it
    std::uint64_t asker = 0;   // the number of the task that it does not come back to
    std::uint32_t hops = 0;    // between schedulers
};

/// A request on its way to a task, to those that it waits for, to those that they wait for. Runs no user
/// code: who has a stop token is noted, and told by `core::tell_stopped`.
class stop_wave {
public:
    /// A request that a task makes, of others or of a part of itself, does not come back to it around a
    /// circle of tasks that wait for each other; but a group that is stopped stops all of its tasks.
    explicit stop_wave(const task_state& asker) noexcept : stop_wave(asker.task) {}
    /// By the number of that task, which may have gone.
    explicit stop_wave(std::uint64_t asker) noexcept : request_{0, asker, 0} {}
    /// A request that goes on here.
    explicit stop_wave(const stop_request& came) noexcept : request_(came) {}
    stop_wave(const stop_wave&) = delete;
    stop_wave& operator=(const stop_wave&) = delete;
    ~stop_wave() { run(); }

    /// The task throws task_cancelled at the wait where it is, or else at the next.
    void stop(task_state& t) noexcept {
        if (t.ended) return;
        t.stop |= task_state::stop_due | task_state::stop_of_task | task_state::stop_requested;
        if (t.rare) note(t, nullptr);
        interrupt(t);
    }
    void stop(stop_scope& scope) noexcept {
        task_state& t = scope.task_;
        scope.stopped_ = scope.due_ = true;
        t.stop |= task_state::stop_due;
        note(t, &scope);
        interrupt(t);
    }
    /// The same for a task that another waits for, which is in the wave. False in a circle: the task waits
    /// for that one in turn, so neither can wait for the other's end.
    bool hand_on(task_state& t) noexcept {
        if (t.task == request_.asker) return false;
        met_itself_ = false;
        stop(t);
        return !met_itself_;
    }
    /// Interrupts the wait of a task to which a request is due.
    void interrupt(task_state& t) noexcept {
        if (t.waiting_in) t.waiting_in->interrupt(t, *this);
    }

    const stop_request& request() noexcept {
        if (request_.number == 0)
            request_.number = in_this_process().stop_requests.fetch_add(1, std::memory_order_relaxed);
        return request_;
    }

private:
    friend class spreading_wait;

    static void note(task_state& t, stop_scope* stopped) noexcept {
        for (stop_scope* s = t.rare->innermost; s != stopped; s = s->outer_) s->outer_stopped_ = true;
        t.home->note_stopped(t);
    }
    void push(spreading_wait& w) noexcept {
        met_itself_ = w.next_in_wave_ != nullptr;
        if (met_itself_) return;
        (last_ ? last_->next_in_wave_ : first_) = &w;
        last_ = w.next_in_wave_ = &w;
    }
    void run() noexcept {
        for (spreading_wait* w = first_; w; w = after(w)) w->spread(*this);
        while (spreading_wait* const w = first_) {
            first_ = after(w);
            w->next_in_wave_ = nullptr;
        }
    }
    static spreading_wait* after(spreading_wait* w) noexcept {
        return w->next_in_wave_ == w ? nullptr : w->next_in_wave_;
    }

    stop_request request_;
    spreading_wait* first_ = nullptr;
    spreading_wait* last_ = nullptr;
    bool met_itself_ = false;
};

inline void spreading_wait::interrupt(task_state&, stop_wave& wave) noexcept { wave.push(*this); }

struct stop_delivery {
    [[noreturn]] COHEIR_COLD static void deliver(task_state& t) {
        t.stop &= static_cast<std::uint8_t>(~(task_state::stop_due | task_state::stop_of_task));
        if (t.rare)
            for (stop_scope* s = t.rare->innermost; s; s = s->outer_) s->due_ = false;
        throw task_cancelled();
    }

    /// Tells the tokens of a task that was stopped, whole or in part.
    static void tell(task_state& t) noexcept {
        for (stop_scope* s = t.rare->innermost; s; s = s->outer_)
            if (s->link && s->stopped()) s->link->stop();
        if (t.rare->link && (t.stop & task_state::stop_requested)) t.rare->link->stop();
    }

    static bool due_outside(const stop_scope& of) noexcept {
        if (of.task_.stop & task_state::stop_of_task) return true;
        for (const stop_scope* s = of.outer_; s; s = s->outer_)
            if (s->due_) return true;
        return false;
    }
};

inline void stop_scope::close() noexcept {
    if (!std::exchange(open_, false)) return;
    task_.rare->innermost = outer_;
    if (due_ && !stop_delivery::due_outside(*this))
        task_.stop &= static_cast<std::uint8_t>(~task_state::stop_due);
    delete std::exchange(link, nullptr);
}

/// What every wait of ours does when the task goes on. Throws task_cancelled if a request to stop is due.
inline void end_wait(task_state& t) {
    if (t.stop & task_state::stop_due) [[unlikely]]
        stop_delivery::deliver(t);
}

/// Whether an exception is the one that a request to stop throws.
COHEIR_COLD inline bool is_cancelled(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const task_cancelled&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// Stands in the place of a coroutine that is never to run: a frame made by hand, as `resumer` is.
struct instead_of_body {
    void (*resume)(instead_of_body*) noexcept = &end_task;
    void (*destroy)(instead_of_body*) noexcept = nullptr;

    static void end_task(instead_of_body*) noexcept {
        task_state& t = *current_task();
        t.fail(std::make_exception_ptr(task_cancelled()));
        t.ended = true;
    }
};
inline constinit instead_of_body never_runs;

inline void unstarted_wait::interrupt(task_state& waiting, stop_wave&) noexcept {
    waiting.stop |= task_state::stop_before_start;
    waiting.resume_at = std::coroutine_handle<>::from_address(&never_runs);
}

}  // namespace coheir::detail
