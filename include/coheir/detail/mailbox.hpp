#pragma once
// The part of a scheduler that other threads may touch: its inbox and its bell. It outlives the scheduler.

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

#include "../context/detail/current.hpp"
#include "../error.hpp"
#include "chrono.hpp"
#include "function.hpp"
#include "inbox.hpp"
#include "synchronization.hpp"

namespace coheir::detail {

/// Something to run on a scheduler, with no context.
struct posted : ready_node {
    posted() noexcept : ready_node(kind::function) {}
    virtual ~posted() = default;
    virtual void run() = 0;
    /// It has run, or will not; on any thread.
    virtual void let_go() noexcept { delete this; }
};

template <class F>
struct posted_function final : posted {
    template <class G>
    explicit posted_function(G&& to_run) : f(std::forward<G>(to_run)) {}
    void run() override { static_cast<void>(f()); }
    F f;
};

class mailbox {
public:
    mailbox() = default;
    mailbox(const mailbox&) = delete;
    mailbox& operator=(const mailbox&) = delete;

    /// Any thread. Throws scheduler_closed, std::bad_alloc, and what storing the function throws.
    template <class F>
    void post(F&& f, const char* operation) {
        hand_in(*new posted_function<std::decay_t<F>>(std::forward<F>(f)), operation);
    }
    /// Any thread: takes it over. Throws scheduler_closed; then it is let go.
    COHEIR_NOINLINE void hand_in(posted& p, const char* operation) {
        if (push(p, inbox::until::closed) == inbox::pushed::refused) {
            p.let_go();
            throw scheduler_closed(operation);
        }
    }

    /// Any thread: a task goes on. The node must not be touched any more.
    void wake(ready_node& task) noexcept { push(task, inbox::until::gone); }
    /// Any thread: something that is taken even when the mailbox is closed. Where the scheduler has gone, it
    /// is let go here.
    void post_always(posted& p) noexcept {
        if (push(p, inbox::until::gone) == inbox::pushed::refused) p.let_go();
    }

    /// Any thread: refuses new work from now on.
    void close() noexcept {
        const ref kept(this);  // who waits for it may let the scheduler end
        inbox_.close();
        const std::lock_guard lock(mutex_);
        changed_.notify_one();
    }
    bool closed() const noexcept { return inbox_.closed(); }

    // ---- for the scheduler

    bool empty() const noexcept { return inbox_.empty(); }
    void take_into(ready_queue& queue) noexcept { inbox_.take_into(queue); }
    void take_last_into(ready_queue& queue) noexcept { inbox_.take_last_into(queue); }

    /// Called on the thread that made the inbox non-empty; at once if it is, or work waits elsewhere.
    void on_ring(function<void()> f, bool work_waits) {
        const context::detail::outside no_task;
        const std::lock_guard lock(mutex_);
        std::swap(bell_, f);
        if (bell_ && (work_waits || !inbox_.empty())) bell_();
    }
    /// Waits until the inbox is not empty, or until a time, or `for_close`, until it is closed.
    void wait(std::optional<std::chrono::steady_clock::time_point> deadline, bool for_close) {
        const auto is_over = [&] { return !inbox_.empty() || (for_close && inbox_.closed()); };
        std::unique_lock lock(mutex_);
        if (deadline)
            changed_.wait_until(lock, *deadline, is_over);
        else
            changed_.wait(lock, is_over);
    }

    /// One who keeps the mailbox alive.
    class ref {
    public:
        explicit ref(mailbox* of) noexcept : of_(of) { of_->refs_.fetch_add(1, std::memory_order_relaxed); }
        ref(const ref& other) noexcept : ref(other.of_) {}
        ref& operator=(const ref& other) noexcept {
            ref copy(other);
            std::swap(of_, copy.of_);
            return *this;
        }
        ~ref() {
            if (of_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete of_;
        }
        mailbox* operator->() const noexcept { return of_; }
        mailbox* get() const noexcept { return of_; }

    private:
        mailbox* of_;
    };

private:
    ~mailbox() = default;

    COHEIR_INLINE inbox::pushed push(ready_node& node, inbox::until end) noexcept {
        inbox::pushed pushed = inbox_.push_onto_others(node, end);
        if (pushed == inbox::pushed::first) {
            const ref kept(this);  // it may run, and the scheduler end, as soon as it is in
            pushed = inbox_.push(node, end);
            if (pushed == inbox::pushed::first) ring();
        }
        return pushed;
    }

    // Under the mutex, so that who takes the bell away knows that nobody is ringing it any more.
    void ring() noexcept {
        const context::detail::outside no_task;
        const std::lock_guard lock(mutex_);
        if (bell_) bell_();
        changed_.notify_one();
    }

    inbox inbox_;
    synchronization::atomic<std::uint32_t> refs_{0};
    synchronization::mutex mutex_;
    synchronization::condition_variable changed_;
    function<void()> bell_;
};

}  // namespace coheir::detail
