#pragma once
// The scheduler: runs tasks on one thread, first in, first out, alone or inside another event loop.

#include <cstddef>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "clock.hpp"
#include "context/policy.hpp"
#include "detail/start.hpp"
#include "fwd.hpp"
#include "unhandled.hpp"

namespace coheir {

namespace detail {
/// enter(const T&) and leave() can be called.
template <class T, class Enter, class Leave>
concept mirrored_by = std::is_invocable_v<Enter&, const T&> && std::is_invocable_v<Leave&>;
}  // namespace detail

/// Runs tasks, one at a time, in rounds. Each takes in, behind what is ready, what was handed in, in the
/// order of arrival, and then due timers, by deadline; and runs exactly what is ready then, first in, first
/// out.
///
/// Runs on one thread at a time, or inside one strand. Other threads may call only post(), submit(),
/// close(), closed() and remote(). In debug builds (without NDEBUG) usage_error is thrown where one of them
/// calls, while it runs or waits in run() and its kin, spawn(), tasks(), dump(), set_policy() or
/// on_unhandled(), spawn() or add() of a task group, or what looks at the task of a handle or stops it.
/// Destroying it destroys the tasks that are left, newest first, without running them on; from inside one of
/// them it terminates the program.
class scheduler final : detail::core_host {
public:
    /// An empty loop whose tasks inherit by `policy`. Throws std::bad_alloc.
    explicit scheduler(const spawn_policy& policy = spawn_policy::copying)
        : core_(*this, new detail::mailbox, policy) {}
    /// The same on a clock that is moved by hand.
    scheduler(const spawn_policy& policy, manual_clock& clock) : scheduler(policy) { clock_ = &clock; }
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler() = default;

    // ---- tasks

    /// Runs a task, and whatever else is ready, until it ends; returns its result or throws its exception.
    /// What else is ready then stays queued. Waits while there is nothing to do. An exception that leaves a
    /// foreign coroutine, which an awaitable had resumed, comes out here, too, or of run_ready.
    /// Throws scheduler_busy inside one of its own tasks, scheduler_closed, invalid_task, std::bad_alloc.
    template <class T>
    T run(task<T> root, std::source_location at = std::source_location::current());

    /// Runs until no task is ready and no timer is pending. Tasks that wait for anything else stay.
    /// Throws scheduler_busy.
    void run_until_idle();

    /// Runs until the scheduler is closed, and all of its tasks have ended; waits while there is nothing to
    /// do. For a thread that works for others: a task that never ends keeps it. What leaves a foreign
    /// coroutine comes out here, as of run. Throws scheduler_busy.
    void run_until_closed();

    /// Starts a task; its context comes from the current one by this scheduler's policy, or by that of the
    /// options. It runs when its turn comes. Dropping the handle detaches it. Only on the scheduler's own
    /// thread. Throws scheduler_closed, invalid_task, context_busy, std::bad_alloc, what a policy throws;
    /// then nothing has changed. (Defined in spawn.hpp.)
    template <class T>
    join_handle<T> spawn(task<T> work, std::source_location at = std::source_location::current());
    template <class T>
    join_handle<T> spawn(task<T> work, const options& how,
                         std::source_location at = std::source_location::current());

    /// How children inherit from now on, unless their spawn says otherwise.
    void set_policy(const spawn_policy& policy) {
        core_.require_own_thread("scheduler", "set_policy");
        core_.policy = policy;
    }
    [[nodiscard]] const spawn_policy& policy() const noexcept { return core_.policy; }

    /// Who is told of an exception that nobody received: of a task without handles or whose last handle has
    /// gone, or of a posted function. It must not throw. The default, which comes
    /// back by an empty function, prints one line to stderr. Throws std::bad_alloc.
    void on_unhandled(detail::function<void(const unhandled&)> handler) {
        core_.require_own_thread("scheduler", "on_unhandled");
        handler_ = detail::shared_function<void(const unhandled&)>(std::move(handler));
    }

    /// Has state outside contexts, such as a thread_local variable of a C library, follow the value of a key:
    /// each time a task that shows the key is resumed, `enter(const T&)` is called before, and `leave()` when
    /// it is suspended or has ended, its frame being gone; also around the destruction of a task that is
    /// left. No context of the task is current in them. The value is looked up at each resume: what a task
    /// sets while it runs counts from its next. A value of another type is as none. Several mirrors are
    /// entered in the order in which they were added, and left the other way round. What one throws goes to
    /// the unhandled handler, with the task's number; the task runs on, and a mirror that could not be
    /// entered is not left. Lasts as long as the scheduler. A scheduler without mirrors pays nothing. Throws
    /// scheduler_busy inside one of its own tasks or functions, std::bad_alloc. (Defined in mirror.hpp.)
    template <class T, class Enter, class Leave>
        requires detail::mirrored_by<T, Enter, Leave>
    void mirror(const context::key<T>& key, Enter enter, Leave leave);

    // ---- looking at it (defined in tasks.hpp)

    /// The tasks that have not ended, in the order they came. Only on the scheduler's own thread, also from
    /// inside a task. Changes nothing, and keeps nothing alive but values of contexts. Throws std::bad_alloc.
    [[nodiscard]] std::vector<task_info> tasks() const;
    /// Prints the same as a tree, each task below the one that spawned it, a line a task; at most `most` of
    /// them. `to << std::string` must work.
    template <class Stream>
    void dump(Stream& to, std::size_t most = 1000) const;
    [[nodiscard]] std::string dump(std::size_t most = 1000) const;

    // ---- any thread

    /// Runs f() on the scheduler, with no context. Any thread. What f throws goes to the unhandled handler.
    /// Throws scheduler_closed, std::bad_alloc, and what copying or moving f does; then f is not run.
    template <class F>
        requires detail::callable<F>
    void post(F&& f) { core_.box().post(std::forward<F>(f), "scheduler::post"); }

    /// Starts a task from any thread, and gives a std::future of its result: see remote::submit. (Defined in
    /// submit.hpp, which is to be included.)
    template <class T>
    auto submit(task<T> work, std::source_location at = std::source_location::current());
    template <class T>
    auto submit(task<T> work, const options& how, std::source_location at = std::source_location::current());

    /// Refuses new tasks and functions from now on. Those that are there run on. Any thread.
    void close() noexcept { core_.close(); }
    [[nodiscard]] bool closed() const noexcept { return core_.closed(); }

    /// A handle for other threads, which may outlive the scheduler. (Defined in remote.hpp.)
    [[nodiscard]] coheir::remote remote() const noexcept;

    // ---- inside another event loop

    /// Runs at most `max` tasks and functions, of one round, and returns whether work is left: then call it
    /// again soon. Throws scheduler_busy.
    bool run_ready(std::size_t max = ~std::size_t{0}) {
        require_idle("run_ready");
        return core_.run_ready(max, core_.next_deadline() ? now() : time_point());
    }
    /// When the next timer is due; nothing where none is, or not before the clock's end. It changes while
    /// tasks run, and by a join_handle's request_stop().
    [[nodiscard]] std::optional<time_point> next_deadline() const noexcept { return core_.next_deadline(); }

    /// f() is called, on any thread, when something is handed in while nothing was waiting, and at once if
    /// work waits now: then have run_ready called soon, but not by f itself. It is called under a lock: it
    /// must be short, not throw, and not call on_wakeup or close. After the call returns, the function that
    /// was set before is not running. An empty f takes it away.
    void on_wakeup(detail::function<void()> f) { core_.box().on_ring(std::move(f), core_.has_work()); }

    /// The time by this scheduler's clock.
    [[nodiscard]] time_point now() const noexcept {
        return clock_ ? clock_->now() : std::chrono::steady_clock::now();
    }

private:
    friend struct detail::scheduler_access;

    void report(const std::exception_ptr& error, const detail::task_state* t) noexcept override {
        const unhandled what(error, t ? t->task : 0, t ? t->name_or_empty() : std::string_view(),
                             t ? t->spawned_at : std::source_location(),
                             t ? t->context_at_failure() : context::snapshot());
        const auto handler = handler_;  // it may set another one
        handler ? handler(what) : detail::print_unhandled(what);
    }
    void require_idle(const char* operation) const {
        if (core_.is_running()) throw scheduler_busy(operation);
    }
    void wait_for_work(bool or_close = false);

    manual_clock* clock_ = nullptr;
    detail::shared_function<void(const unhandled&)> handler_;
    detail::core core_;  // destroyed first: it reports to the handler
};

namespace detail {

struct scheduler_access {
    static core& core_of(scheduler& s) noexcept { return s.core_; }
    static const core& core_of(const scheduler& s) noexcept { return s.core_; }
    static scheduler& of(const task_state& t) noexcept {
        return static_cast<scheduler&>(static_cast<core*>(t.home)->host());
    }
};

}  // namespace detail

template <class T>
T scheduler::run(task<T> root, std::source_location at) {
    require_idle("run");
    const detail::task_ref<T> ending = detail::start(
        core_, root, [this](auto& t) { return detail::derive_context(core_, policy(), t); }, at,
        "scheduler::run");
    const detail::core::use until_the_end(core_);
    for (;;) {
        core_.run_while_ready(ending.get(), [this] { return now(); });
        if (ending->ended) return detail::take_result(*ending);
        wait_for_work();
    }
}

inline void scheduler::run_until_idle() {
    require_idle("run_until_idle");
    const detail::core::use until_the_end(core_);
    for (;;) {
        core_.run_while_ready(nullptr, [this] { return now(); });
        if (!core_.next_deadline()) return;
        wait_for_work();
    }
}

inline void scheduler::run_until_closed() {
    require_idle("run_until_closed");
    const detail::core::use until_the_end(core_);
    for (;;) {
        core_.run_while_ready(nullptr, [this] { return now(); });
        const bool is_closed = closed();  // before: what was accepted is here then
        if (is_closed && !core_.has_live_tasks() && !core_.has_work()) return;
        wait_for_work(!is_closed);
    }
}

inline void scheduler::wait_for_work(bool or_close) {
    if (core_.has_work()) return;
    const std::optional<time_point> deadline = core_.next_deadline();
    if (deadline && clock_)
        clock_->advance_to(*deadline);
    else
        core_.box().wait(deadline, or_close);
}

}  // namespace coheir
