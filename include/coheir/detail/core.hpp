#pragma once
// The inside of a scheduler: rounds, timers, the end of tasks, and its own end.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <source_location>
#include <utility>

#include "../context/detail/task_facts.hpp"
#include "../context/detail/task_text.hpp"
#include "../context/policy.hpp"
#include "mirrors.hpp"
#include "promise.hpp"
#include "stop.hpp"
#include "task_numbers.hpp"
#include "timers.hpp"

namespace coheir::detail {

/// What a core asks of the scheduler that it belongs to.
class core_host {
public:
    /// An exception that nobody received; the task is null for a posted function.
    virtual void report(const std::exception_ptr& error, const task_state* task) noexcept = 0;

protected:
    ~core_host() = default;
};

/// What an adapter leaves in the scheduler that it runs inside another event loop, for its awaitables to
/// find.
struct embedding {
    const char* kind;  // names the adapter
};

class core final : public run_state {
public:
    using time_point = timer_heap::time_point;

    core(core_host& host, mailbox* box, const spawn_policy& by) noexcept
        : run_state(box), policy(by), host_(host) {}
    ~core() { destroy_all(); }

    // ---- tasks

    spawn_policy policy;  // of spawns that do not say otherwise
    embedding* embedded = nullptr;

    /// A number that no other task of the process has.
    std::uint64_t next_task_number() noexcept { return numbers_.next(); }

    /// Makes a task live and ready: in the queue, or where it is not sure that a round runs here, by wake().
    template <class T>
    COHEIR_INLINE void start(task_state_of<T>& t, std::coroutine_handle<> root, bool in_round) noexcept {
        t.link.frame = root;
        promise_base& promise = promise_of(root);
        promise.up = &t.link;
        promise.state = &t;
        tasks_.add(t);
        ++live_;
        in_round ? enqueue(t) : wake(t);
    }

    /// For a task that failed before its coroutine started: it has its result, and no frame.
    COHEIR_COLD void start_ended(task_state& t) noexcept {
        tasks_.add(t);
        t.waiting_in = nullptr;
        t.ended = true;
        t.waiters.tell_all();
        release(t);
    }

    /// Lets go of a task: a handle, or the task itself at its end. The last one frees it, and reports the
    /// exception that nobody received.
    COHEIR_INLINE static void release(task_state& t) noexcept {
        if (--t.refs == 0) free(t);
    }

    /// Asks a task to stop: it throws task_cancelled at the wait where it is, or else at the next. False: it
    /// has ended. Runs the callbacks of its stop tokens.
    static bool request_stop(task_state& t, stop_request came = {}) noexcept {
        if (t.ended) return false;
        auto& home = *static_cast<core*>(t.home);
        if (came.asker == 0) came.asker = t.task;
        stop_wave(came).stop(t);
        home.tell_stopped();
        return true;
    }
    /// A task begins to wait while a request is due to it.
    COHEIR_COLD static void interrupt_now(task_state& t) noexcept {
        stop_wave(t).interrupt(t);
        static_cast<core*>(t.home)->tell_stopped();
    }
    /// Tells the stop tokens of tasks that were stopped.
    void tell_stopped() noexcept {
        if (stopped_) tell_all_stopped();
    }

    /// Reports an exception of a task that nobody will receive.
    void report(const std::exception_ptr& error, const task_state& t) noexcept {
        const context::detail::outside no_task;
        host_.report(error, &t);
    }

    bool closed() const noexcept { return box_->closed(); }
    void close() noexcept { box_->close(); }
    mailbox& box() const noexcept { return *box_.get(); }
    core_host& host() const noexcept { return host_; }

    // ---- running

    /// While it lives, this thread runs the core, also where it waits for work.
    class use {
    public:
        explicit use(core& of) noexcept : core_(of), outer_(core_.runs_on_.load(std::memory_order_relaxed)) {
            core_.runs_on_.store(&on_this_thread(), std::memory_order_relaxed);
        }
        ~use() { core_.runs_on_.store(outer_, std::memory_order_relaxed); }
        use(const use&) = delete;
        use& operator=(const use&) = delete;

    private:
        core& core_;
        const void* const outer_;
    };
    bool is_running() const noexcept { return runs_on_.load(std::memory_order_relaxed) != nullptr; }

    /// In debug builds: throws usage_error where another thread than this is running it, as far as can be
    /// seen without synchronisation.
    COHEIR_THREAD_LOCAL_ACCESS void require_own_thread([[maybe_unused]] const char* type,
                                                       [[maybe_unused]] const char* operation) const {
#ifndef NDEBUG
        const void* const there = runs_on_.load(std::memory_order_relaxed);
        if (there && there != &on_this_thread()) throw_called_elsewhere(type, operation);
#endif
    }
    /// The same for what is done to one of its tasks.
    static void require_thread_of([[maybe_unused]] const task_state& t, [[maybe_unused]] const char* type,
                                  [[maybe_unused]] const char* operation) {
#ifndef NDEBUG
        if (t.home) static_cast<const core*>(t.home)->require_own_thread(type, operation);
#endif
    }

    /// Runs at most `max` ready tasks and functions, of one round; true if work is left.
    COHEIR_NOINLINE bool run_ready(std::size_t max, time_point now) {
        const round r(*this);
        if (round_.empty()) begin_round(now);
        run_round(r, max, nullptr);
        return has_work();
    }

    /// The same so many times, while there is work.
    template <class Now>
    void run_batches(std::size_t batches, std::size_t max, Now now) {
        const round r(*this);
        run_batches(r, batches, max, now);
    }

    /// Runs rounds until `until` has ended, or where it is null or has not, until nothing is ready.
    template <class Now>
    COHEIR_NOINLINE void run_while_ready(const task_state* until, Now now) {
        const round r(*this);
        do {
            if (round_.empty()) begin_round(timers_.empty() ? time_point() : now());
            run_round(r, ~std::size_t{0}, until);
        } while (!(until && until->ended) && has_work());
    }

    /// Runs code of the event loop around, on the scheduler's own thread: tasks that it wakes become ready
    /// behind what has arrived by now, and nobody else is told of them. Then runs batches, as above, if there
    /// is work: false if there was none. (If f throws, the caller has to look after the work.)
    template <class F, class Now>
    bool visit(F f, std::size_t batches, std::size_t max, Now now) {
        const round r(*this);
        box_->take_into(ready_);
        f();
        if (!has_work()) return false;
        run_batches(r, batches, max, now);
        return true;
    }

    bool has_work() const noexcept { return !round_.empty() || !ready_.empty() || !box_->empty(); }

    /// Whether a task has begun, or waits to, and has not ended.
    bool has_live_tasks() const noexcept { return live_ != 0; }

    /// Where the clock does not reach is for ever: nobody waits for that.
    std::optional<time_point> next_deadline() const noexcept {
        if (timers_.empty() || timers_.next_deadline() == time_point::max()) return std::nullopt;
        return timers_.next_deadline();
    }

    timer_heap& timers() noexcept { return timers_; }
    const timer_heap& timers() const noexcept { return timers_; }
    mirror_list& mirrors() noexcept { return mirrors_; }

    /// Calls f(const task_state&) for each task that has not ended, the newest first.
    template <class F>
    void for_each_task(F&& f) const {
        for (const task_state* t = tasks_.newest(); t; t = t->older)
            if (!t->ended) f(*t);
    }

private:
    // Open while the scheduler runs: tasks are installed through it, one after the other.
    class round {
    public:
        explicit round(core& of) noexcept : use_(of), outer_(std::exchange(on_this_thread().running, &of)) {
            constexpr std::uintptr_t depth{16'384};  // bytes of the stack that transfers may take
            of.stack_limit_ = stack_position() - depth;
        }
        ~round() { on_this_thread().running = outer_; }
        round(const round&) = delete;
        round& operator=(const round&) = delete;

        mutable context::detail::installed current;

    private:
        const use use_;
        context::detail::task_directory* const outer_;
    };

    [[noreturn]] COHEIR_COLD static void throw_called_elsewhere(const char* type, const char* operation) {
        throw usage_error(std::string("coheir::") + type + "::" + operation +
                          ": another thread is running this scheduler; others may use its remote(), and a "
                          "stop_source() of a task that they are given");
    }

    void wake_up(task_state& t) noexcept {  // its timer has gone
        t.waiting_in = &queued;
        ready_.push(t);
    }

    /// What is ready now is run in this round: the inbox in the order of arrival, then due timers.
    void begin_round(time_point now) noexcept {
        box_->take_into(ready_);
        while (!timers_.empty() && timers_.next_deadline() <= now) {
            timer_node& due = timers_.pop();
            if (due.task) [[likely]]
                wake_up(*due.task);
            else
                static_cast<firing_timer&>(due).fire(static_cast<firing_timer&>(due));
        }
        tell_stopped();
        round_.append(ready_);
    }

    template <class Now>
    COHEIR_NOINLINE void run_batches(const round& r, std::size_t batches, std::size_t max, Now now) {
        do {
            if (round_.empty()) begin_round(timers_.empty() ? time_point() : now());
            run_round(r, max, nullptr);
        } while (--batches > 0 && has_work());
    }
    void run_round(const round& r, std::size_t max, const task_state* until) {
        if (mirrors_.empty()) [[likely]]
            return run_round<false>(r, max, until);
        run_mirrored_round(r, max, until);
    }
    COHEIR_NOINLINE void run_mirrored_round(const round& r, std::size_t max, const task_state* until) {
        run_round<true>(r, max, until);
    }

    template <bool Mirrored>
    void run_round(const round& r, std::size_t max, const task_state* until) {
        for (; max > 0; --max) {
            ready_node* const node = round_.pop();
            if (!node) return;
            if (node->what == ready_node::kind::task) {
                auto& t = static_cast<task_state&>(*node);
                if constexpr (Mirrored) enter_mirrors(t);
                resume<Mirrored>(r, t);
                if (t.ended) {
                    const bool last = &t == until;
                    end<Mirrored>(r, t);
                    if (last) return;
                } else if constexpr (Mirrored) {
                    leave_mirrors(r, t);
                }
            } else {
                run_posted(r, static_cast<posted&>(*node));
            }
        }
    }

    /// Throws what leaves a foreign coroutine.
    template <bool Mirrored>
    void resume(const round& r, task_state& t) {
        r.current.point_to(&t);
        t.waiting_in = nullptr;
        if constexpr (Mirrored) {
            try {
                resume_all(t);
            } catch (...) {
                leave_mirrors(r, t);
                throw;
            }
        } else {
            resume_all(t);
        }
    }
    COHEIR_INLINE void resume_all(task_state& t) {
        t.resume_at.resume();
        while (next_) std::exchange(next_, {}).resume();
    }

    COHEIR_NOINLINE static void free(task_state& t) noexcept {
        if (core* const home = static_cast<core*>(t.home)) [[likely]] {
            home->report(t);
            home->tasks_.remove(t);
        }
        delete &t;
    }

    /// The end of a task: its frame goes, in its context; then those who wait for it are told.
    template <bool Mirrored>
    void end(const round& r, task_state& t) noexcept {
        std::exchange(t.root().frame, {}).destroy();
        --live_;
        r.current.point_outside();
        if constexpr (Mirrored) leave_mirrors(r, t);
        if (!t.waiters.empty()) t.waiters.tell_all();
        release(t);
        tell_stopped();
    }

    COHEIR_COLD void tell_all_stopped() noexcept {
        const context::detail::outside no_task;
        while (task_state* const t = stopped_) {
            stopped_ = std::exchange(t->rare->next_stopped, nullptr);
            t->rare->is_stopped = false;
            stop_delivery::tell(*t);
            release(*t);
        }
    }

    void enter_mirrors(task_state& t) noexcept {  // no task is current: the last one has left its mirrors
        mirrors_.enter(*t.context, [&] { host_.report(std::current_exception(), &t); });
    }
    void leave_mirrors(const round& r, task_state& t) noexcept {
        r.current.point_outside();
        mirrors_.leave([&] { host_.report(std::current_exception(), &t); });
    }

    void run_posted(const round& r, posted& p) noexcept {
        r.current.point_outside();
        try {
            p.run();
        } catch (...) {
            host_.report(std::current_exception(), nullptr);
        }
        p.let_go();
    }

    bool find(std::uint64_t number, context::detail::task_facts& into) const override {
        bool found = false;
        for_each_task([&](const task_state& t) {
            if (t.task != number) return;
            into = {std::string(t.name_or_empty()), t.spawned_at};
            found = true;
        });
        return found;
    }
    bool had(std::uint64_t number) const noexcept override { return numbers_.has_given(number); }

    void report(task_state& t) noexcept {
        if (t.failed && !t.error_received) [[unlikely]]
            report_error(t);
    }
    COHEIR_COLD void report_error(task_state& t) noexcept {
        t.error_received = true;
        // To end so is what a task that was asked to stop should do.
        if (t.stop & task_state::stop_requested && is_cancelled(t.error())) return;
        if (t.rare && t.rare->handed_in && !t.rare->handed_in->report_here()) return;
        report(t.error(), t);
    }

    /// Destroys what is left: the frames of tasks, newest first, since a task may refer to what is in the
    /// frames of the one that spawned it; then what is queued; then the tasks. Handles may outlive all of it.
    COHEIR_NOINLINE void destroy_all() noexcept {
        if (const void* const there = runs_on_.load(std::memory_order_relaxed))
            fatal(there == &on_this_thread()
                      ? "a scheduler is destroyed from inside one of its own tasks or functions"
                      : "a scheduler is destroyed while another thread runs it, or waits in its run()");
        box_->close();
        box_->on_ring({}, false);
        const round r(*this);
        // Tasks that share a context have opened their scopes in another order than their frames go.
        for (task_state* t = tasks_.newest(); t; t = t->older)
            if (t->context && t->context->kin) t->context->kin->in_any_order = true;
        // A wait may be kept in the frame of another task, or in none.
        for (task_state* t = tasks_.newest(); t; t = t->older)
            if (t->waiting_in) std::exchange(t->waiting_in, &queued)->task_goes();
        // Nobody frees a task that lives: it keeps itself, and its place in the list.
        for (task_state* t = tasks_.newest(); t; t = t->older) {
            if (t->ended) continue;
            if (!mirrors_.empty()) enter_mirrors(*t);
            r.current.point_to(t);
            t->waiting_in = nullptr;
            destroy_frames(*t);
            r.current.point_outside();
            if (!mirrors_.empty()) leave_mirrors(r, *t);
            t->ended = t->destroyed = true;
        }
        for (task_state* t = tasks_.newest(); t; t = t->older)
            if (t->rare && t->rare->link) t->rare->link->disarm();
        box_->take_into(ready_);
        let_go_of_posted();
        // No queue refers to the tasks any more.
        while (task_state* const t = tasks_.newest()) {
            if (!t->destroyed) ++t->refs;  // the handler may drop the last handle
            report(*t);
            tasks_.remove(*t);
            t->home = nullptr;
            if (t->rare && t->rare->handed_in) t->rare->handed_in->scheduler_gone();
            release(*t);
        }
        box_->take_last_into(ready_);  // what was handed in meanwhile, for tasks that were still there
        let_go_of_posted();
    }

    void let_go_of_posted() noexcept {
        round_.append(ready_);
        while (ready_node* const node = round_.pop())
            if (node->what == ready_node::kind::function) static_cast<posted*>(node)->let_go();
    }

    core_host& host_;
    ready_queue round_;  // what is left of the round that runs
    timer_heap timers_;
    task_list tasks_;  // those that live, and those that have ended and still have handles
    task_numbers numbers_;
    std::size_t live_ = 0;
    // The thread that is running it, by the address of a variable of its own; atomic only for who calls what
    // he must not.
    std::atomic<const void*> runs_on_{nullptr};
    mirror_list mirrors_;
};

inline void sleeping_wait::interrupt(task_state& waiting, stop_wave&) noexcept {
    static_cast<core*>(waiting.home)->timers().remove(*waiting.timer);
    waiting.waiting_in = &queued;
    run_state::wake(waiting);
}

inline wait_info task_state::waits_for() const noexcept {
    wait_info info;
    if (!waiting_in) {
        info.what = wait_info::kind::running;
        return info;
    }
    info = waiting_in->describe();
    if (info.what == wait_info::kind::sleeping)
        info.deadline = static_cast<const core*>(home)->timers().deadline_of(*timer);
    return info;
}

}  // namespace coheir::detail
