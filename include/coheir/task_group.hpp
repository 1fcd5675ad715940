#pragma once
// Task groups: any number of children, none of which outlives the group's block.

#include <coroutine>
#include <cstddef>
#include <exception>
#include <source_location>
#include <type_traits>
#include <utility>

#include "spawn.hpp"

namespace coheir {

class task_group;

namespace detail {

/// A child of a group, until it ends.
struct group_member : waiter, recycled {
    task_group* group = nullptr;
    task_state* task = nullptr;
    group_member* newer = nullptr;
    group_member* older = nullptr;
};

struct group_access;

}  // namespace detail

/// The children of one block, which with_task_group makes. Belongs to its scheduler's thread; the block and
/// the children may use it as long as any of them runs.
class task_group : detail::spreading_wait {
public:
    /// Spawns a child, by the scheduler's policy or by the options. Its result is dropped, and its state
    /// freed when it ends, so that it costs nothing how many there were. If the group is being cancelled, the
    /// child ends without running. Throws scheduler_closed, invalid_task, context_busy, std::bad_alloc, what
    /// a policy throws; then nothing has changed.
    template <class T>
    void spawn(task<T> work, std::source_location at = std::source_location::current()) {
        spawn(std::move(work), options(), at);
    }
    template <class T>
    void spawn(task<T> work, const options& how, std::source_location at = std::source_location::current()) {
        detail::core::require_thread_of(block(), "task_group", "spawn");
        room for_it;  // before: once it is spawned, it is a child
        const join_handle<T> child = detail::spawn(on(), work, how, at, "task_group::spawn");
        enter(for_it, *detail::join_handle_access::state(child, "spawn"));
    }
    /// Takes in a task that was spawned before, whose result is read from its handle. To be cancelled with
    /// the group, even if others wait for it. Throws wrong_scheduler, usage_error for the block's own task,
    /// std::bad_alloc.
    template <class T>
    void add(const join_handle<T>& handle) {
        detail::core::require_thread_of(block(), "task_group", "add");
        const detail::task_ref<T>& child = detail::join_handle_access::state(handle, "add");
        detail::require_joinable(*child, block());
        room for_it;
        enter(for_it, *child);
    }

    /// Asks all children that are there to stop. The block goes on.
    void request_stop() noexcept {
        stop_children();
        on().tell_stopped();
    }
    /// How many children have not ended.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    friend struct detail::group_access;

    /// Memory for a member, freed unless it is used.
    struct room {
        room() : member(new detail::group_member) {}
        room(const room&) = delete;
        room& operator=(const room&) = delete;
        ~room() { delete member; }
        detail::group_member* member;
    };

    explicit task_group(detail::task_state& block) : scope_(block) {}
    ~task_group() {
        while (newest_) {  // destroyed with its scheduler
            newest_->task->waiters.remove(*newest_);
            remove(*newest_);
        }
    }

    detail::task_state& block() const noexcept { return scope_.task(); }
    detail::core& on() const noexcept { return *static_cast<detail::core*>(block().home); }

    void enter(room& for_it, detail::task_state& child) noexcept;
    void remove(detail::group_member& m) noexcept;
    void ended(detail::group_member& m) noexcept;
    void failed(detail::task_state& child) noexcept;
    void stop_children() noexcept;
    void spread(detail::stop_wave& wave) noexcept override;
    detail::wait_info describe() const noexcept override;

    // What follows is for the block's end.
    void close_block() noexcept;
    void suspend(std::coroutine_handle<> awaiting) noexcept;
    void block_failed(std::exception_ptr error) noexcept {
        report(block_error_);  // that the task is to stop counts more
        block_error_ = std::move(error);
    }
    void rethrow();
    void report(const std::exception_ptr& lost) const noexcept {
        if (lost && !detail::is_cancelled(lost)) on().report(lost, block());
    }

    detail::stop_scope scope_;                // the block: stopped by the first error of a child
    detail::group_member* newest_ = nullptr;  // of the children that have not ended
    std::size_t size_ = 0;
    std::exception_ptr child_error_;  // of the first child that failed
    std::exception_ptr block_error_;  // that left the block
    bool is_stopping_ = false;        // no child is to start any more
    bool waits_ = false;              // the block has ended
};

inline void task_group::enter(room& for_it, detail::task_state& child) noexcept {
    if (child.ended) {
        if (child.failed) failed(child);
        return on().tell_stopped();
    }
    detail::group_member& m = *std::exchange(for_it.member, nullptr);
    m.group = this;
    m.task = &child;
    m.told = [](detail::waiter& w) noexcept {
        auto& self = static_cast<detail::group_member&>(w);
        self.group->ended(self);
    };
    child.waiters.add(m);
    ++child.refs;
    m.older = std::exchange(newest_, &m);
    if (m.older) m.older->newer = &m;
    ++size_;
    if (!is_stopping_) return;
    detail::stop_wave(block()).stop(child);
    on().tell_stopped();
}

inline void task_group::remove(detail::group_member& m) noexcept {
    (m.newer ? m.newer->older : newest_) = m.older;
    if (m.older) m.older->newer = m.newer;
    --size_;
    detail::task_state& child = *m.task;
    delete &m;
    detail::core::release(child);
}

inline void task_group::ended(detail::group_member& m) noexcept {
    if (m.task->failed) failed(*m.task);
    remove(m);
    if (waits_ && size_ == 0) detail::run_state::wake(block());
}

inline void task_group::failed(detail::task_state& child) noexcept {
    const std::exception_ptr& error = child.error();
    if (child.stop & detail::task_state::stop_requested && detail::is_cancelled(error)) return;
    if (child_error_ || block_error_) return;  // not the first: nobody receives it here
    child_error_ = error;
    child.error_received = true;
    if (!is_stopping_) stop_children();
    if (!waits_) detail::stop_wave(block()).stop(scope_);
}

inline void task_group::stop_children() noexcept {
    is_stopping_ = true;
    detail::stop_wave wave(block());
    spread(wave);
}

inline void task_group::spread(detail::stop_wave& wave) noexcept {
    is_stopping_ = true;
    for (detail::group_member* m = newest_; m; m = m->older) wave.stop(*m->task);
}

inline detail::wait_info task_group::describe() const noexcept {
    detail::wait_info info;
    if (size_ == 0) return info;
    info.what = detail::wait_info::kind::several;
    info.count = size_;
    return info;
}

inline void task_group::close_block() noexcept {
    scope_.close();
    waits_ = true;
    if (!block_error_ || is_stopping_) return;
    request_stop();
}

inline void task_group::suspend(std::coroutine_handle<> awaiting) noexcept {
    block().resume_at = awaiting;
    block().waiting_in = this;
    if (block().stop & detail::task_state::stop_due) [[unlikely]]
        detail::core::interrupt_now(block());
}

/// One error is thrown, the first; that the task is to stop counts more. The others are reported.
inline void task_group::rethrow() {
    if (block_error_ && scope_.stopped_alone() && detail::is_cancelled(block_error_))
        block_error_ = nullptr;  // thrown in the block because of the child's error
    std::exception_ptr first = std::exchange(child_error_, nullptr);
    if (block_error_ && (!first || detail::is_cancelled(block_error_))) std::swap(first, block_error_);
    report(block_error_);
    if (first) std::rethrow_exception(first);
}

namespace detail {

struct group_access {
    class [[nodiscard]] end : public own_awaitable {
    public:
        explicit end(task_group& of) noexcept : group_(of) {}
        bool await_ready() const noexcept { return group_.size() == 0; }
        void await_suspend(coroutine_of_a_coheir_task awaiting) const noexcept {
            group_.suspend(awaiting.handle);
        }
        void await_resume() const { end_wait(group_.block()); }

    private:
        task_group& group_;
    };

    template <class F, class T>
    static task<T> run(F body) {
        task_group group(require_task("with_task_group"));
        result<T> kept;
        try {
            if constexpr (std::is_void_v<T>)
                co_await body(group);
            else
                kept.emplace(co_await body(group));
        } catch (...) {
            group.block_failed(std::current_exception());
        }
        group.close_block();
        try {
            co_await end(group);
        } catch (const task_cancelled&) {
            group.block_failed(std::current_exception());
        }
        group.rethrow();
        if constexpr (!std::is_void_v<T>) co_return kept.take();
    }
};

template <class F>
concept body_of_group = requires(F& body, task_group& group) {
    []<class T>(task<T>&&) {}(body(group));
};

}  // namespace detail

/// A block with children: `co_await with_task_group([&](task_group& g) -> task<> { g.spawn(work()); … })`.
/// The block runs in the same task and context, and gives its result; it is left when it and all children
/// have ended, also those that children have spawned into the group.
///
/// The first error, of a child or of the block, cancels the children and the wait in which the block is;
/// their end is awaited, and the error is thrown. Further errors go to the scheduler's unhandled handler. A
/// child that was asked to stop, and ends with task_cancelled, is no error. When the task itself is asked to
/// stop, so are the children; task_cancelled is thrown after their end, and errors go to the handler.
// A function and not an object in the block: a destructor cannot wait.
template <detail::body_of_group F>
auto with_task_group(F body) {
    using T = typename std::invoke_result_t<F&, task_group&>::value_type;
    return detail::group_access::run<F, T>(std::move(body));
}

}  // namespace coheir
