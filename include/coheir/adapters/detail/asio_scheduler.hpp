#pragma once
// A scheduler whose tasks are run by an executor of Asio.

#include <utility>

#include "asio_engine.hpp"
#include "embedded_scheduler.hpp"

namespace coheir {

/// A scheduler that runs on an executor of Asio: that of an io_context which one thread runs, a strand, or a
/// strand of a thread_pool. Many may share a pool. Asio's handlers and tasks take turns: of the tasks at most
/// 128 run in a row. Awaiting Asio's operations: see use_task.
///
/// The executor must run one handler at a time; make, use and destroy the scheduler there, or while it runs
/// none. Other threads may call only post(), submit(), close(), closed(), remote() and get_executor().
///
/// While one of its tasks lives, it counts as outstanding work: io_context::run() and thread_pool::join()
/// return when all tasks have ended, or after stop(). Destroying it destroys the tasks that are left, cancels
/// what they await, and drops without a call what Asio still has of it. Destroy it before the io_context
/// or the pool.
///
/// Having the tasks run, from whichever thread a wake-up comes, takes no memory if the executor takes an
/// allocator, as all of Asio's own do but any_io_executor. An executor that throws in it ends the program
/// with a message. (A strand may need memory of its own to go on, and Asio ends the program without.)
///
/// What leaves a foreign coroutine, or a handler of an operation that a task awaits, comes out of the handler
/// of Asio that runs the tasks, and so out of io_context::run(), as with Asio's own handlers.
template <class Executor>
class asio_scheduler : public detail::embedded_scheduler<asio_scheduler<Executor>> {
    using flavour = detail::asio_flavour<Executor>;
    using engine = detail::asio_engine_on<Executor>;

public:
    using executor_type = Executor;

    /// No tasks yet; they inherit by `policy`. Throws std::bad_alloc, what the executor throws.
    explicit asio_scheduler(const Executor& executor, const spawn_policy& policy = spawn_policy::copying)
        : engine_(*new engine(executor, policy, nullptr)) {}
    /// The same on a clock that is moved by hand: here to the next deadline, when no task is ready.
    asio_scheduler(const Executor& executor, const spawn_policy& policy, manual_clock& clock)
        : engine_(*new engine(executor, policy, &clock)) {}
    asio_scheduler(const asio_scheduler&) = delete;
    asio_scheduler& operator=(const asio_scheduler&) = delete;
    ~asio_scheduler() { engine_->shut_down(); }

    /// What runs it; make sockets and timers for its tasks with this.
    [[nodiscard]] executor_type get_executor() const noexcept {
        return static_cast<const engine&>(*engine_).executor();
    }

private:
    friend class detail::embedded_scheduler<asio_scheduler>;
    scheduler& inner() const noexcept { return engine_->scheduler(); }

    typename detail::asio_engine<flavour>::ref engine_;
};

}  // namespace coheir
