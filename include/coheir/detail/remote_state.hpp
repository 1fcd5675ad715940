#pragma once
// A task that was handed to a scheduler from elsewhere: how it gets there, and how its result comes back.

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "../context/policy.hpp"
#include "../context/snapshot.hpp"
#include "chrono.hpp"
#include "completion.hpp"
#include "start.hpp"
#include "synchronization.hpp"

namespace coheir::detail {

/// One of those who keep a remote_state, on any thread.
template <class State>
class remote_ref {
public:
    remote_ref() = default;
    explicit remote_ref(State* of) noexcept : state_(of) {
        if (state_) state_->keep();
    }
    remote_ref(remote_ref&& other) noexcept : state_(std::exchange(other.state_, nullptr)) {}
    remote_ref& operator=(remote_ref&& other) noexcept {
        remote_ref taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    ~remote_ref() {
        if (state_) state_->drop();
    }
    State* get() const noexcept { return state_; }
    State* operator->() const noexcept { return state_; }
    State& operator*() const noexcept { return *state_; }
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    State* state_ = nullptr;
};

struct remote_origin {
    std::uint64_t spawner;
    std::chrono::steady_clock::time_point own_deadline;
    std::chrono::steady_clock::time_point deadline_of_spawner;
};

/// Shared by its owners, the handle and who awaits it, on whatever thread that is, and by the task, on the
/// thread of its scheduler. The result is written before complete(); afterwards the owners read or take it.
///
/// An exception stays with the task as well, so that the scheduler reports it if nobody else receives it.
/// So the state of a failed task is kept until the last owner has gone, and released on its own thread.
template <class T>
class remote_state final : public handed_in, waiter {
    static_assert(std::is_void_v<T> || std::is_reference_v<T> || std::is_move_constructible_v<T>,
                  "a task for another scheduler: its result goes to another thread, so it must be movable");

public:
    using ref = remote_ref<remote_state>;

    remote_state(mailbox& home, std::string_view called, std::source_location at)
        : number(task_numbers::take(1)), name(called), spawned_at(at), home_(&home),
          releasing_(new releaser) {
        told = [](waiter& w) noexcept { static_cast<remote_state&>(w).task_ended(); };
    }
    remote_state(const remote_state&) = delete;
    remote_state& operator=(const remote_state&) = delete;

    const std::uint64_t number;
    const std::string name;
    const std::source_location spawned_at;
    detail::completion completion;

    // ---- for its owners

    /// The result, moved out, or left where it is; or throws. Only after the end.
    T take() {
        receive();
        return result_.take_once();
    }
    std::add_lvalue_reference_t<const T> look() {
        receive();
        return result_.get();
    }
    const context::snapshot& context_at_failure() const noexcept { return at_failure_; }
    /// Asks the task to stop, on its own thread. One such request that is on its way there stands for others.
    void request_stop() noexcept {
        if (!completion.done()) asking_.set_out();
    }
    /// Hands on a request whose number others know: for the one who awaits. A newer one stands for those
    /// before, and spares no task that one of them would reach.
    void hand_on(const stop_request& came) noexcept {
        if (!completion.done()) handing_on_.set_out(came);
    }
    void add_owner() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    /// An owner goes, and the last one lets go of the task.
    void drop_owner() noexcept {
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
        if (!completion.drop() || result_.state() != outcome::error) return;
        releaser* const node = std::exchange(releasing_, nullptr);
        node->state = ref(this);
        home_->post_always(*node);
    }

    // ---- on the thread of the task's scheduler

    /// Makes the task. What fails becomes its end. Throws where not even that can be, and no owner is left.
    void arrive(task<T>& work, const spawn_policy* own_policy, const context::snapshot* parent,
                const remote_origin& from) {
        core& on = *static_cast<core*>(on_this_thread().running);
        task_state_of<T>* made = nullptr;
        try {
            made = new task_state_of<T>(on, number, task_access::look(work), spawned_at);
            made->extras().name = name;
        } catch (...) {
            delete made;
            never_ran(std::current_exception());
            if (completion.settle() && completion.receive()) throw;
            return;
        }
        made->spawner = from.spawner;
        made->rare->handed_in = this;
        keep();
        made->waiters.add(*this);
        task_ = task_ref<T>(*made);
        try {
            const spawn_policy& policy = own_policy ? *own_policy : on.policy;
            if (!context::detail::policy_access::is_isolated(policy))
                made->shorten_deadline(from.deadline_of_spawner);
            made->shorten_deadline(from.own_deadline);
            made->context = derive(policy, parent);
        } catch (...) {
            made->fail(std::current_exception());
            return on.start_ended(*made);
        }
        on.start(*made, task_access::take(work, "remote::spawn"), true);
    }
    /// The scheduler refused it, or has gone without having made the task: nothing for it to report, and so
    /// nothing to be released there.
    void never_arrived() noexcept {
        completion.receive();
        never_ran(closed("was never started: it ended"));
    }
    bool report_here() noexcept override { return completion.receive(); }
    void scheduler_gone() noexcept override {
        completion.unsettle();  // from now on there is nobody to release anything
        if (!completion.done()) never_ran(closed("was destroyed before its end,"));
        task_ = {};
    }

    // ---- shares

    void keep() noexcept { shares_.fetch_add(1, std::memory_order_relaxed); }
    void drop() noexcept override {
        if (shares_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

private:
    // What the scheduler is told of is a part of this, or made with it: none must fail for want of memory.

    /// Handed to the scheduler when the handle goes after a failure.
    struct releaser final : posted {
        ref state;
        void run() override { state->release_task(); }
    };
    /// A request of its own, handed over again and again.
    class stopper final : public posted {
    public:
        explicit stopper(remote_state& its) noexcept : state_(its) {}

        /// Any thread, for an owner. One that is on its way stands for this one, too.
        void set_out() noexcept {
            if (where_.exchange(on_its_way, std::memory_order_acq_rel) != at_home) return;
            kept_ = ref(&state_);
            state_.home_->post_always(*this);
        }
        void run() override {
            has_run_ = true;
            where_.exchange(arrived, std::memory_order_acq_rel);
            if (state_.task_) core::request_stop(*state_.task_);
        }
        void let_go() noexcept override {
            ref last = std::move(kept_);  // the state may go with it, and this with that
            std::uint32_t was = arrived;
            if (!std::exchange(has_run_, false)) {  // nor will it: the scheduler has gone
                where_.store(at_home, std::memory_order_release);
            } else if (!where_.compare_exchange_strong(was, at_home, std::memory_order_acq_rel,
                                                       std::memory_order_acquire)) {
                kept_ = std::move(last);  // another has come since
                static_cast<core*>(on_this_thread().running)->box().post_always(*this);
            }
        }

    private:
        static constexpr std::uint32_t at_home = 0, on_its_way = 1, arrived = 2;

        remote_state& state_;
        ref kept_;  // while it is on its way
        bool has_run_ = false;
        synchronization::atomic<std::uint32_t> where_{at_home};
    };
    /// The newest of the requests that one who awaits hands on, by a triple buffer: one slot is the writer's,
    /// one the reader's, and each changes its own for the third.
    class relay final : public posted {
    public:
        explicit relay(remote_state& its) noexcept : state_(its) {}

        /// For the one who awaits.
        void set_out(const stop_request& with) noexcept {
            std::uint32_t was = third_.load(std::memory_order_relaxed);
            do {
                slots_[writers_] = with;
                // Both may read that one, if anybody does: only this thread writes.
                if (was & is_fresh && slots_[was & slot].asker != with.asker) slots_[writers_].asker = 0;
            } while (!third_.compare_exchange_weak(was, writers_ | is_away | is_fresh,
                                                   std::memory_order_acq_rel, std::memory_order_relaxed));
            writers_ = was & slot;
            if (was & is_away) return;
            kept_ = ref(&state_);
            state_.home_->post_always(*this);
        }
        void run() override {
            left_ = readers_ | is_away;
            readers_ = third_.exchange(left_, std::memory_order_acq_rel) & slot;
            if (state_.task_) core::request_stop(*state_.task_, slots_[readers_]);
        }
        void let_go() noexcept override {
            ref last = std::move(kept_);  // the state may go with it, and this with that
            std::uint32_t as_left = std::exchange(left_, 0);
            if (as_left == 0) {  // it has not run, nor will: the scheduler has gone
                third_.fetch_and(slot, std::memory_order_acq_rel);
            } else if (!third_.compare_exchange_strong(as_left, as_left & slot, std::memory_order_acq_rel,
                                                       std::memory_order_acquire)) {
                kept_ = std::move(last);  // a newer one has come since
                static_cast<core*>(on_this_thread().running)->box().post_always(*this);
            }
        }

    private:
        static constexpr std::uint32_t slot = 3, is_away = 4,
                                       is_fresh = 8;  // fresh: the reader has not seen it

        remote_state& state_;
        ref kept_;  // while it is on its way
        std::array<stop_request, 3> slots_{};
        std::uint32_t writers_ = 0, readers_ = 1;
        std::uint32_t left_ = 0;  // what the reader has put in the third's place; 0: it has not run
        synchronization::atomic<std::uint32_t> third_{2};
    };

    ~remote_state() { delete releasing_; }

    std::string description() const {
        return "task #" + std::to_string(number) + (name.empty() ? "" : " " + detail::quoted(name));
    }
    void receive() {
        if (result_.state() == outcome::taken) throw result_taken(description());
        if (result_.state() == outcome::error) completion.receive();
    }
    static context::detail::level_ref derive(const spawn_policy& policy, const context::snapshot* parent) {
        using context::detail::policy_access;
        return parent ? policy_access::derive(policy, *parent) : policy_access::derive(policy, nullptr);
    }
    /// Where there is no memory for the message, std::bad_alloc.
    std::exception_ptr closed(const char* what) const noexcept {
        try {
            return std::make_exception_ptr(scheduler_closed(description() + " " + what));
        } catch (...) {
            return std::current_exception();
        }
    }
    void never_ran(std::exception_ptr error) noexcept {
        result_.fail(std::move(error));
        completion.complete();
    }
    void task_ended() noexcept {
        const ref kept(this);
        detail::result<T>& ended = task_->link.result;
        try {
            if (ended.state() == outcome::error) {
                result_.fail(ended.error());
            } else if constexpr (std::is_void_v<T>) {
                result_.emplace();
            } else {
                result_.emplace(ended.take_once());
            }
        } catch (...) {  // moving it failed
            task_->fail(std::current_exception());
            result_.fail(ended.error());
        }
        const bool failed = ended.state() == outcome::error;
        if (failed) at_failure_ = task_->context_at_failure();
        completion.complete();
        if (completion.settle() || !failed) task_ = {};
    }
    void release_task() {
        if (task_)
            task_ = {};
        else if (completion.receive())
            std::rethrow_exception(result_.error());
    }

    const mailbox::ref home_;
    synchronization::atomic<std::uint32_t> shares_{0};
    synchronization::atomic<std::uint32_t> owners_{1};
    detail::result<T> result_;
    context::snapshot at_failure_;
    task_ref<T> task_;  // from its arrival to its end; after a failure until the last owner has gone
    releaser* releasing_;
    stopper asking_{*this};
    relay handing_on_{*this};
};

/// One owner: the handle, or one who awaits it.
template <class T>
class remote_owner {
public:
    remote_owner() = default;
    /// Of a state that counts it already: as the first owner, or by add_owner.
    explicit remote_owner(remote_ref<remote_state<T>> of) noexcept : state_(std::move(of)) {}
    remote_owner(remote_owner&&) noexcept = default;
    remote_owner& operator=(remote_owner&& other) noexcept {
        remote_owner taken(std::move(other));
        std::swap(state_, taken.state_);
        return *this;
    }
    ~remote_owner() {
        if (state_) state_->drop_owner();
    }
    /// Another owner of the same.
    remote_owner share() const noexcept {
        state_->add_owner();
        return remote_owner(remote_ref<remote_state<T>>(state_.get()));
    }
    remote_state<T>* get() const noexcept { return state_.get(); }
    remote_state<T>* operator->() const noexcept { return state_.get(); }

private:
    remote_ref<remote_state<T>> state_;
};

/// What carries a task to its scheduler. Destroyed without having been run, it tells those who wait.
template <class T>
class arrival {
public:
    arrival(remote_ref<remote_state<T>> to, task<T> work, std::optional<spawn_policy> policy,
            remote_origin from) noexcept
        : state_(std::move(to)), work_(std::move(work)), policy_(std::move(policy)), from_(from) {}
    arrival(arrival&&) noexcept = default;
    arrival& operator=(arrival&&) = delete;
    ~arrival() {
        if (!state_) return;
        work_ = task<T>();
        state_->never_arrived();
    }
    void inherit(std::optional<context::snapshot> parent) noexcept { parent_ = std::move(parent); }

    void operator()() {
        const auto to = std::move(state_);
        to->arrive(work_, policy_ ? &*policy_ : nullptr, parent_ ? &*parent_ : nullptr, from_);
    }

private:
    remote_ref<remote_state<T>> state_;
    task<T> work_;
    std::optional<spawn_policy> policy_;
    std::optional<context::snapshot> parent_;  // none: no context was current
    remote_origin from_;
};

/// What a spawn may say of its task.
struct handed_options {
    std::optional<spawn_policy> policy;
    std::optional<context::snapshot> context;
    std::string_view name;
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

/// Hands a task to the scheduler of a mailbox, from any thread. Throws invalid_task, scheduler_closed,
/// wrong_scheduler, context_busy, std::bad_alloc; then the task is dropped without having run. The snapshot
/// is taken last, since it freezes values that cannot be copied.
template <class T>
remote_owner<T> hand_over(mailbox& to, task<T>& work, handed_options how, std::source_location at,
                          const char* operation) {
    using namespace context::detail;
    if (!work) throw invalid_task(operation);
    owner* const who = current();
    if (how.policy && policy_access::is_shared(*how.policy) && (how.context || who))
        static_cast<void>(policy_access::derive(*how.policy, context::snapshot()));  // throws
    if (to.closed()) throw scheduler_closed(operation);
    remote_origin from{0, how.deadline, std::chrono::steady_clock::time_point::max()};
    if (const task_state* const spawner = current_task()) {
        from.spawner = spawner->task;
        from.deadline_of_spawner = spawner->deadline();
    }
    using ref = remote_ref<remote_state<T>>;
    remote_owner<T> owned(ref(new remote_state<T>(to, how.name, at)));
    const bool inherits = !how.policy || policy_access::reads_snapshot(*how.policy);
    auto* const node = new posted_function<arrival<T>>(
        arrival<T>(ref(owned.get()), std::move(work), std::move(how.policy), from));
    try {
        if (inherits && !how.context && who)
            how.context = snapshot_access::take(*who->context, "spawned from");
    } catch (...) {
        delete node;
        throw;
    }
    if (inherits) node->f.inherit(std::move(how.context));
    to.hand_in(*node, operation);
    return owned;
}

}  // namespace coheir::detail
