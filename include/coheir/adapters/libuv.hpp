#pragma once
// A libuv loop runs the tasks of a scheduler, and a libuv request can be awaited.

#include <uv.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include "../callback.hpp"
#include "../scheduler.hpp"
#include "detail/embedded_scheduler.hpp"

namespace coheir {

/// What libuv says went wrong.
class uv_error : public error {
public:
    uv_error(const char* operation, int status)
        : error(std::string("coheir: ") + operation + ": " + uv_strerror(status)), status_(status) {}
    /// A negative number, such as UV_ENOENT.
    [[nodiscard]] int status() const noexcept { return status_; }

private:
    int status_;
};

namespace detail {

/// The handles by which a loop drives a scheduler: memory that libuv uses until it has closed them all.
struct uv_handles {
    uv_async_t async;  // another thread has handed something in
    uv_timer_t timer;  // for the next deadline
    uv_idle_t idle;    // active while work is left: then the loop does not wait
    int open = 0;
};

template <class Handle>
uv_handle_t* as_uv_handle(Handle& handle) noexcept {
    return reinterpret_cast<uv_handle_t*>(&handle);
}

}  // namespace detail

/// A scheduler whose tasks are run by a libuv loop, in turn with the loop's own callbacks. Tasks may use
/// libuv on that loop; callbacks of the loop run outside of tasks, with no context.
///
/// Belongs to the thread that runs the loop; make and destroy it there, or while the loop does not run. Other
/// threads may call only post(), submit(), close(), closed() and remote(). It keeps the loop alive while a
/// task is ready or waits for a timer, no longer. Destroying it destroys the tasks that are left; its three
/// handles are closed when the loop runs next, so run it once more before uv_loop_close. The loop must
/// outlive it. What foreign coroutines throw into the loop goes to the unhandled handler.
class uv_scheduler : public detail::embedded_scheduler<uv_scheduler> {
public:
    /// Throws usage_error for a null pointer, uv_error, std::bad_alloc.
    explicit uv_scheduler(uv_loop_t* loop, const spawn_policy& policy = spawn_policy::copying)
        : scheduler_(policy), loop_(loop), handles_(open(loop)) {
        adopt_handles();
    }
    /// The same on a clock that is moved by hand: to the next deadline, when no task is ready.
    uv_scheduler(uv_loop_t* loop, const spawn_policy& policy, manual_clock& clock)
        : scheduler_(policy, clock), loop_(loop), handles_(open(loop)), clock_(&clock) {
        adopt_handles();
    }
    uv_scheduler(const uv_scheduler&) = delete;
    uv_scheduler& operator=(const uv_scheduler&) = delete;
    ~uv_scheduler() { close_handles(); }

    /// Runs the loop until a task has ended; returns its result or throws its exception. What else is ready
    /// in the same turn of the loop may run, too. Not inside the loop. Throws scheduler_busy inside a task,
    /// scheduler_closed, invalid_task, std::bad_alloc.
    template <class T>
    T run(task<T> root, std::source_location at = std::source_location::current());

    /// Whether the loop stays alive also while no task is ready and no timer runs: for tasks that wait for
    /// other threads, or functions that these post. Only on the loop's thread.
    void keep_alive(bool on) noexcept {
        keep_alive_ = on;
        on ? uv_ref(detail::as_uv_handle(handles_->async)) : uv_unref(detail::as_uv_handle(handles_->async));
    }

    /// The loop that runs it.
    [[nodiscard]] uv_loop_t* loop() const noexcept { return loop_; }

private:
    friend class detail::embedded_scheduler<uv_scheduler>;
    scheduler& inner() noexcept { return scheduler_; }
    const scheduler& inner() const noexcept { return scheduler_; }

    static constexpr std::size_t batch = 128;  // tasks in a row; then the loop's callbacks have their turn

    static detail::uv_handles* open(uv_loop_t* loop);
    void adopt_handles();
    void close_handles() noexcept;

    void on_work(void* this_thread) noexcept;
    void run_ready() noexcept;
    void set_timer(time_point deadline) noexcept;
    std::uint64_t milliseconds_until(time_point deadline) const noexcept;

    detail::core& core() noexcept { return detail::scheduler_access::core_of(scheduler_); }

    // Names a thread by an address, which is cheaper than std::thread::id in an atomic.
    COHEIR_NOINLINE static void* this_thread() noexcept {
        static thread_local char mark;
        return &mark;
    }
    template <class Handle>
    static uv_scheduler& of(Handle* handle) noexcept {
        return *static_cast<uv_scheduler*>(handle->data);
    }

    coheir::scheduler scheduler_;
    uv_loop_t* const loop_;
    detail::uv_handles* handles_;
    manual_clock* clock_ = nullptr;
    std::atomic<void*> loop_thread_{nullptr};  // once the loop has called
    time_point timer_set_for_{};
    bool keep_alive_ = false;
};

inline detail::uv_handles* uv_scheduler::open(uv_loop_t* loop) {
    if (!loop) throw usage_error("coheir::uv_scheduler: the loop is a null pointer");
    auto* const made = new detail::uv_handles;
    const auto on_async = [](uv_async_t* handle) { of(handle).run_ready(); };
    if (const int status = uv_async_init(loop, &made->async, on_async); status < 0) {
        delete made;
        throw uv_error("uv_scheduler: uv_async_init", status);
    }
    uv_timer_init(loop, &made->timer);  // these two cannot fail
    uv_idle_init(loop, &made->idle);
    made->open = 3;
    return made;
}

inline void uv_scheduler::adopt_handles() {
    handles_->async.data = handles_->timer.data = handles_->idle.data = this;
    // The loop is kept alive by the timer and by idle; async alone must not.
    uv_unref(detail::as_uv_handle(handles_->async));
    // What is handed in before the loop first calls is found by its first turn, on whatever thread that is.
    uv_idle_start(&handles_->idle, [](uv_idle_t* handle) { of(handle).run_ready(); });
    try {
        scheduler_.on_wakeup([this] { on_work(this_thread()); });
    } catch (...) {
        close_handles();
        throw;
    }
}

inline void uv_scheduler::close_handles() noexcept {
    // Nobody may ring when the handles are closing, so the bell goes first. The tasks go after this, with the
    // scheduler: they may use the loop, which frees the handles in its next turn.
    scheduler_.close();
    scheduler_.on_wakeup({});
    const auto free_after_last = [](uv_handle_t* handle) {
        auto* const all = static_cast<detail::uv_handles*>(handle->data);
        if (--all->open == 0) delete all;
    };
    handles_->async.data = handles_->timer.data = handles_->idle.data = handles_;
    uv_close(detail::as_uv_handle(handles_->async), free_after_last);
    uv_close(detail::as_uv_handle(handles_->timer), free_after_last);
    uv_close(detail::as_uv_handle(handles_->idle), free_after_last);
}

/// Any thread. On the loop's own, idle is the cheaper way, and keeps the loop alive until the work is done.
inline void uv_scheduler::on_work(void* this_thread) noexcept {
    if (this_thread == loop_thread_.load(std::memory_order_relaxed))
        uv_idle_start(&handles_->idle, [](uv_idle_t* handle) { of(handle).run_ready(); });
    else
        uv_async_send(&handles_->async);
}

/// In a callback of the loop: runs what is ready, and tells the loop when to call again.
inline void uv_scheduler::run_ready() noexcept {
    loop_thread_.store(this_thread(), std::memory_order_relaxed);
    bool work_left = true;
    try {
        work_left = scheduler_.run_ready(batch);
    } catch (...) {  // of a foreign coroutine; it must not pass through libuv
        core().host().report(std::current_exception(), nullptr);
    }
    if (work_left)
        uv_idle_start(&handles_->idle, [](uv_idle_t* handle) { of(handle).run_ready(); });
    else
        uv_idle_stop(&handles_->idle);
    if (const auto deadline = scheduler_.next_deadline())
        set_timer(*deadline);
    else
        uv_timer_stop(&handles_->timer);
}

inline void uv_scheduler::set_timer(time_point deadline) noexcept {
    if (uv_is_active(detail::as_uv_handle(handles_->timer)) && timer_set_for_ == deadline) return;
    timer_set_for_ = deadline;
    const auto on_time = [](uv_timer_t* handle) {
        uv_scheduler& self = of(handle);
        if (self.clock_ && !self.core().has_work()) self.clock_->advance_to(self.timer_set_for_);
        self.run_ready();
    };
    uv_update_time(loop_);
    uv_timer_start(&handles_->timer, on_time, milliseconds_until(deadline), 0);
}

/// Rounded up. libuv's own clock is coarse, so that a timer can come too early: then it is set once more.
inline std::uint64_t uv_scheduler::milliseconds_until(time_point deadline) const noexcept {
    if (clock_) return 0;
    const time_point now = scheduler_.now();
    if (deadline <= now) return 0;
    return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(deadline - now).count());
}

template <class T>
T uv_scheduler::run(task<T> root, std::source_location at) {
    if (core().is_running()) throw scheduler_busy("run");
    const join_handle<T> ending = spawn(std::move(root), at);
    const bool kept_alive = keep_alive_;
    keep_alive(true);
    while (!ending.done()) uv_run(loop_, UV_RUN_ONCE);
    keep_alive(kept_alive);
    return detail::take_result(*detail::join_handle_access::state(ending, "run"));
}

// ---- requests

/// A libuv request that has been completed; frees what libuv keeps in it.
template <class Request>
class uv_completed;

namespace detail {

/// A request in memory of its own: libuv uses it until it calls back, whatever becomes of the task.
template <class Request>
struct uv_operation {
    explicit uv_operation(const resolver<int>& to) : resolve(to) {}
    uv_operation(const uv_operation&) = delete;
    uv_operation& operator=(const uv_operation&) = delete;
    virtual ~uv_operation() {
        if constexpr (std::is_same_v<Request, uv_fs_t>) uv_fs_req_cleanup(&request);
        if constexpr (std::is_same_v<Request, uv_getaddrinfo_t>) uv_freeaddrinfo(request.addrinfo);
    }

    Request request{};
    resolver<int> resolve;
    bool awaited = true;     // by a task, which frees it; else who calls back does
    bool in_flight = false;  // libuv uses it
};

/// The same with the function that started it: what that has captured lives until libuv is done.
template <class Request, class Start>
struct uv_started_operation final : uv_operation<Request> {
    uv_started_operation(const resolver<int>& to, Start&& how)
        : uv_operation<Request>(to), start(std::move(how)) {}
    Start start;
};

/// What a request is started with: turns into the callback of any kind of request.
template <class Request>
class uv_callback {
    template <class... Args>
    using pointer = void (*)(Request*, Args...);

public:
    template <class... Args>
    operator pointer<Args...>() const noexcept {  // NOLINT: implicit
        return &complete<Args...>;
    }

private:
    template <class... Args>
    static void complete(Request* request, Args... args) {
        auto* const operation = static_cast<uv_operation<Request>*>(request->data);
        operation->in_flight = false;
        if (operation->awaited)
            operation->resolve(status(*request, args...));
        else
            delete operation;
    }
    template <class... Rest>
    static int status(const Request&, int status, Rest...) noexcept {
        return status;
    }
    static int status(const Request& request) noexcept requires std::is_same_v<Request, uv_fs_t> {
        return static_cast<int>(request.result);
    }
};

/// The task's end of a request. A request whose task is destroyed is cancelled, where libuv can.
template <class Request>
class uv_pending {
public:
    uv_pending() = default;
    uv_pending(const uv_pending&) = delete;
    uv_pending& operator=(const uv_pending&) = delete;
    ~uv_pending() {
        if (operation_ && operation_->in_flight) {
            operation_->awaited = false;
            uv_cancel(reinterpret_cast<uv_req_t*>(&operation_->request));
        } else {
            delete operation_;
        }
    }

    template <class Start>
    void start(Start&& how, const resolver<int>& resolve) {
        auto* const made = new uv_started_operation<Request, Start>(resolve, std::forward<Start>(how));
        operation_ = made;
        made->request.data = operation_;
        const int status = made->start(&made->request, uv_callback<Request>());
        if (status < 0)
            resolve(status);
        else
            made->in_flight = true;
    }
    uv_operation<Request>* completed() noexcept { return std::exchange(operation_, nullptr); }

private:
    uv_operation<Request>* operation_ = nullptr;
};

}  // namespace detail

template <class Request>
class uv_completed {
public:
    explicit uv_completed(detail::uv_operation<Request>* owned, int status) noexcept
        : operation_(owned), status_(status) {}
    uv_completed(uv_completed&& other) noexcept
        : operation_(std::exchange(other.operation_, nullptr)), status_(other.status_) {}
    uv_completed& operator=(uv_completed other) noexcept {
        std::swap(operation_, other.operation_);
        std::swap(status_, other.status_);
        return *this;
    }
    ~uv_completed() { delete operation_; }

    /// What libuv calls the status, or for a uv_fs_t the result: never negative.
    [[nodiscard]] int status() const noexcept { return status_; }
    [[nodiscard]] const Request* operator->() const noexcept { return &operation_->request; }

private:
    detail::uv_operation<Request>* operation_;
    int status_;
};

/// Starts a libuv request, suspends the task until it is completed, and gives the request:
///     auto file = co_await uv_await<uv_fs_t>([&](uv_fs_t* request, auto done) {
///         return uv_fs_open(loop, request, path, O_RDONLY, 0, done);
///     });
/// The function is called once, in the task, and returns what libuv's function does. A task that is destroyed
/// meanwhile cancels the request where libuv can; else libuv uses what it was given until it calls back. What
/// the function has captured by value lives until then: capture a shared_ptr to the buffers (and give such a
/// lambda a name first, see docs/pitfalls.md). Throws uv_error where a status is negative. On the loop's
/// thread.
template <class Request, class Start>
task<uv_completed<Request>> uv_await(Start start) {
    detail::uv_pending<Request> pending;
    auto begin = [&](const resolver<int>& resolve) { pending.start(std::move(start), resolve); };
    const int status = co_await callback<int>(begin);
    uv_completed<Request> completed(pending.completed(), status);
    if (status < 0) throw uv_error("uv_await", status);
    co_return std::move(completed);
}

}  // namespace coheir
