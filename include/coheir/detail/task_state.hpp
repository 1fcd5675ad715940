#pragma once
// What a spawned task is: its context, its place in the queues, who waits for it, and its result.

#include <coroutine>
#include <cstdint>
#include <source_location>
#include <string>
#include <utility>

#include "../context/detail/current.hpp"
#include "../context/snapshot.hpp"
#include "../error.hpp"
#include "chrono.hpp"
#include "memory.hpp"
#include "ready_queue.hpp"
#include "result.hpp"
#include "wait.hpp"

namespace coheir::detail {

class run_state;
class stop_link;
class stop_scope;
struct task_state;

/// The link from a coroutine up to what awaits it. For an awaited task it lives in the awaiter, in the
/// awaiting coroutine's frame; for a spawned one in its task state.
struct frame_link {
    std::coroutine_handle<> continuation;  // what goes on when the coroutine ends; null: the task ends
    std::coroutine_handle<> frame;         // the coroutine, until it is destroyed
};

template <class T>
struct result_link : frame_link {
    detail::result<T> result;  // right behind the link: see task_state::ending
};

/// One who waits for the end of a task, linked into it; lives in an awaiter.
struct waiter {
    waiter() = default;
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    void (*told)(waiter&) noexcept;  // called at the end of the task, without recursion
    waiter* next = nullptr;          // null: in no list
    waiter* previous;
    bool takes_result = false;  // served after the others
};

/// The waiters of a task in the order they came: a ring through a pointer to the first.
class waiter_list {
public:
    bool empty() const noexcept { return first_ == nullptr; }
    void add(waiter& w) noexcept {
        if (!first_) {
            first_ = w.next = w.previous = &w;
            return;
        }
        w.next = first_;
        w.previous = first_->previous;
        w.previous->next = first_->previous = &w;
    }
    bool has_only(const waiter& w) const noexcept { return first_ == &w && w.next == &w; }
    void remove(waiter& w) noexcept {
        w.previous->next = w.next;
        w.next->previous = w.previous;
        if (first_ == &w) first_ = w.next == &w ? nullptr : w.next;
        w.next = w.previous = nullptr;
    }
    /// Takes every waiter out and tells it; those who take the result last.
    COHEIR_NOINLINE void tell_all() noexcept {
        for (const bool takers : {false, true}) {
            waiter* const last = first_ ? first_->previous : nullptr;
            for (waiter *w = first_, *next = nullptr; w; w = w == last ? nullptr : next) {
                next = w->next;
                if (w->takes_result != takers) continue;
                remove(*w);
                w->told(*w);
            }
        }
    }

private:
    waiter* first_ = nullptr;
};

/// Who has a task that was handed in from elsewhere, and keeps its exception for another thread. Called on
/// the thread of the task's scheduler.
class handed_in {
public:
    /// True if nobody has received the exception, nor will: the scheduler reports it.
    virtual bool report_here() noexcept = 0;
    virtual void scheduler_gone() noexcept = 0;
    virtual void drop() noexcept = 0;

protected:
    ~handed_in() = default;
};

/// What few tasks have: made when it is first asked for.
struct task_extras : recycled {
    task_extras() = default;
    task_extras(const task_extras&) = delete;
    task_extras& operator=(const task_extras&) = delete;
    ~task_extras();  // in stop.hpp

    detail::handed_in* handed_in = nullptr;
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    context::snapshot at_failure;  // when an exception left the task
    std::string name;
    stop_scope* innermost = nullptr;     // of those that are open
    stop_link* link = nullptr;           // owned: what its stop tokens hang on
    task_state* next_stopped = nullptr;  // in the list of those whose tokens are to be told
    bool is_stopped = false;             // it is in that list
};

// The order of the bases, and the small members first, leave no holes: there may be millions of tasks. What
// start() sets is set there alone: a spawn is mostly stores.
struct task_state : recycled, context::detail::owner, ready_node {
    task_state(run_state& on, std::uint64_t number, std::coroutine_handle<> first, std::source_location at,
               std::size_t root_offset) noexcept
        : ready_node(kind::task), root_offset_(static_cast<std::uint8_t>(root_offset)), home(&on),
          resume_at(first), spawned_at(at) {
        task = number;
    }
    virtual ~task_state() {
        if (rare) [[unlikely]]
            delete_extras();
    }

    /// The link of the task's outermost coroutine: the result of whatever type is behind this object.
    frame_link& root() noexcept {
        return *reinterpret_cast<frame_link*>(reinterpret_cast<unsigned char*>(this) + root_offset_);
    }
    /// The exception that the task ended with. Only where there is one.
    virtual const std::exception_ptr& error() const noexcept = 0;
    /// Ends it with an exception instead of its coroutine.
    void fail(std::exception_ptr error) noexcept {
        failed = true;
        store_error(std::move(error));
    }

    std::string_view name_or_empty() const noexcept {
        return rare ? std::string_view(rare->name) : std::string_view();
    }
    context::snapshot context_at_failure() const noexcept {
        return rare ? rare->at_failure : context::snapshot();
    }
    /// Throws std::bad_alloc.
    task_extras& extras() { return *(rare ? rare : rare = new task_extras); }
    std::chrono::steady_clock::time_point deadline() const noexcept {
        return rare ? rare->deadline : std::chrono::steady_clock::time_point::max();
    }
    /// Makes it earlier, never later. Throws std::bad_alloc.
    COHEIR_COLD void shorten_deadline(std::chrono::steady_clock::time_point to) {
        if (to < deadline()) extras().deadline = to;
    }
    wait_info waits_for() const noexcept;  // in core.hpp

private:
    const std::uint8_t root_offset_;

public:
    bool ended : 1 = false;
    bool failed : 1 = false;            // with an exception
    bool destroyed : 1 = false;         // with its scheduler, before its end
    bool error_received : 1 = false;    // somebody was given the exception
    std::uint8_t unused : 4 = 0;        // named, so that making a task need not read what was here before
    std::uint8_t stop = 0;              // of the flags below
    std::uint32_t refs = 2;             // handles, the first of them from the start, and one while it lives
    run_state* home;                    // its scheduler; null once that is destroyed
    std::coroutine_handle<> resume_at;  // the innermost coroutine, where it is suspended
    wait* waiting_in = &not_started;    // while it is suspended; null: it runs, or has ended
    waiter_list waiters;
    task_state* older;  // in the list of its scheduler's tasks
    task_state* newer;
    std::source_location spawned_at;
    std::uint64_t spawner = 0;  // the number of the task that spawned it, which may have ended since
    task_extras* rare = nullptr;

    static constexpr std::uint8_t stop_due = 1;           // a request that no wait has thrown yet
    static constexpr std::uint8_t stop_of_task = 2;       // such a one to the task, not to a part of it
    static constexpr std::uint8_t stop_requested = 4;     // the task was asked to stop, once or more
    static constexpr std::uint8_t stop_before_start = 8;  // so the coroutine never runs

private:
    virtual void store_error(std::exception_ptr error) noexcept = 0;
    COHEIR_COLD void delete_extras() noexcept { delete rare; }
};

template <class T>
struct task_state_of final : task_state {
    task_state_of(run_state& on, std::uint64_t number, std::coroutine_handle<> first,
                  std::source_location at) noexcept
        : task_state(on, number, first, at,
                     static_cast<std::size_t>(reinterpret_cast<unsigned char*>(&link) -
                                              reinterpret_cast<unsigned char*>(this))) {}
    const std::exception_ptr& error() const noexcept override { return link.result.error(); }
    void store_error(std::exception_ptr error) noexcept override { link.result.fail(std::move(error)); }

    result_link<T> link;
    static_assert(sizeof(task_state) + alignof(result_link<T>) <= 256, "root_offset_ is a byte");
};

/// Tasks in the order they were added, linked through themselves.
class task_list {
public:
    task_state* newest() const noexcept { return newest_; }
    void add(task_state& t) noexcept {
        t.older = newest_;
        t.newer = nullptr;
        if (newest_) newest_->newer = &t;
        newest_ = &t;
    }
    void remove(task_state& t) noexcept {
        (t.newer ? t.newer->older : newest_) = t.older;
        if (t.older) t.older->newer = t.newer;
    }

private:
    task_state* newest_ = nullptr;
};

/// The task that runs on this thread, or null.
inline task_state* current_task() noexcept {
    context::detail::owner* const who = context::detail::current();
    return who && who->task != 0 ? static_cast<task_state*>(who) : nullptr;
}

/// The same. Throws no_current_task.
inline task_state& require_task(const char* operation) {
    task_state* const t = current_task();
    if (!t) [[unlikely]]
        throw no_current_task(operation);
    return *t;
}

/// "task #7" or "task #7 'poller'", for messages.
inline std::string description(const task_state& t) {
    std::string text = "task #" + std::to_string(t.task);
    if (const auto name = t.name_or_empty(); !name.empty()) text += " " + detail::quoted(name);
    return text;
}

}  // namespace coheir::detail
