#pragma once
// How an executor of Asio runs a scheduler: what both flavours of Asio have in common.

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "../../detail/fatal.hpp"
#include "../../scheduler.hpp"
#include "asio_reserve.hpp"

namespace coheir::detail {

/// The flavour of Asio that an executor belongs to; each adapter header adds its own. A flavour is a class
/// that names what is used of its namespace.
template <class Executor>
struct asio_flavour_of {
    static_assert(
        !std::is_same_v<Executor, Executor>,
        "this is no executor of an Asio whose adapter is included: <coheir/adapters/asio.hpp> is for "
        "standalone Asio, <coheir/adapters/boost_asio.hpp> for Boost.Asio");
};
template <class Executor>
using asio_flavour = typename asio_flavour_of<Executor>::type;

/// Whose embedding it is. By name: of each variable a shared library can have a copy of its own.
template <class Flavour>
bool is_embedded_by(const embedding* e) noexcept {
    return e && (e->kind == Flavour::name || std::string_view(e->kind) == Flavour::name);
}

/// A scheduler and what drives it, shared by its owner and by the handlers that are on their way: these find
/// out by it that the scheduler is gone. Everything that is not for any thread is for code on the executor.
template <class Flavour>
class asio_engine : public embedding {
public:
    asio_engine(const asio_engine&) = delete;
    asio_engine& operator=(const asio_engine&) = delete;

    class ref {
    public:
        explicit ref(asio_engine& of) noexcept : of_(&of) { of.keep(); }
        ref(const ref& other) noexcept : of_(other.of_) {
            if (of_) of_->keep();
        }
        ref(ref&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
        ref& operator=(ref other) noexcept {
            std::swap(of_, other.of_);
            return *this;
        }
        ~ref() {
            if (of_) of_->drop();
        }
        asio_engine* operator->() const noexcept { return of_; }
        asio_engine& operator*() const noexcept { return *of_; }

    private:
        asio_engine* of_;
    };

    // ---- any thread

    /// Runs f() on the executor, unless the scheduler is gone by then: then f is destroyed. At once, if this
    /// is the executor and the caller does not mind.
    template <class F>
    void execute(F f, bool at_once) {
        if (!is_alive()) return;  // the executor may be gone, too
        if (at_once && is_here()) return run(std::move(f));
        auto later = [self = ref(*this), work = std::move(f)]() mutable { self->run(std::move(work)); };
        at_once ? Flavour::dispatch(any_executor_, std::move(later))
                : Flavour::post(any_executor_, std::move(later));
    }
    /// f() unless the scheduler is gone, which it cannot be before f ends. Wherever this is.
    template <class F>
    void if_alive(F f) noexcept {
        if (!is_alive()) return;  // the executor may be gone, too
        if (is_here()) return f();
        const std::lock_guard lock(alive_mutex_);
        if (is_alive()) f();
    }
    typename Flavour::execution_context& context() const noexcept { return context_; }

    // ---- on the executor, or while it runs nothing

    coheir::scheduler& scheduler() noexcept { return *scheduler_; }

    /// Destroys the scheduler; handlers that come later do nothing.
    void shut_down() noexcept {
        {
            const std::lock_guard lock(alive_mutex_);
            alive_.store(false, std::memory_order_relaxed);
        }
        scheduler_.reset();
        refs_.fetch_add(refs_inside_ - uncounted, std::memory_order_relaxed);
        release();
    }

protected:
    asio_engine(typename Flavour::any_io_executor executor, const spawn_policy& policy, manual_clock* clock)
        : embedding{Flavour::name}, any_executor_(std::move(executor)),
          context_(Flavour::context_of(any_executor_)), clock_(clock) {
        clock ? scheduler_.emplace(policy, *clock) : scheduler_.emplace(policy);
        core_ = &scheduler_access::core_of(*scheduler_);
        core_->embedded = this;
        scheduler_->on_wakeup([this] { request_turn(); });  // the scheduler takes it away at its end
    }
    virtual ~asio_engine() = default;

    /// The handler that has the tasks take a turn. Only one is on its way. It has an allocator of memory that
    /// is kept for it, so that a wake-up cannot fail for want of memory, where the executor takes one.
    class turn {
    public:
        template <class T>
        class allocator_for {
        public:
            using value_type = T;
            explicit allocator_for(ref engine) noexcept : engine_(std::move(engine)) {}
            allocator_for(const allocator_for&) noexcept = default;  // moved from, it is as it was
            allocator_for& operator=(const allocator_for&) noexcept = default;
            template <class U>
            allocator_for(const allocator_for<U>& other) noexcept : engine_(other.engine_) {}
            T* allocate(std::size_t n) {
                static_assert(alignof(T) <= asio_reserve::alignment);
                return static_cast<T*>(engine_->reserve_.allocate(n * sizeof(T)));
            }
            void deallocate(T* memory, std::size_t) noexcept { engine_->reserve_.deallocate(memory); }
            template <class U>
            bool operator==(const allocator_for<U>& other) const noexcept {
                return &*engine_ == &*other.engine_;
            }

        private:
            template <class U>
            friend class allocator_for;
            ref engine_;
        };
        using allocator_type = allocator_for<void>;

        explicit turn(asio_engine& of) noexcept : engine_(of) {}
        allocator_type get_allocator() const noexcept { return allocator_type(engine_); }
        void operator()() {
            // Reads, too: what was handed in by those who saw the turn requested is seen by it.
            engine_->turn_requested_.exchange(false, std::memory_order_acq_rel);
            if (engine_->is_alive()) engine_->take_turn();
        }

    private:
        ref engine_;
    };

    /// The timer has run out.
    void on_timer(std::uint64_t number) {
        if (!is_alive()) return;
        if (number == timer_number_) armed_for_.reset();
        take_turn();
    }

    virtual bool runs_in_this_thread() const noexcept = 0;
    virtual void post(turn next) = 0;                  // any thread
    virtual void post_by_asios_memory(turn next) = 0;  // which it has at hand where it runs handlers
    virtual void arm_timer(time_point deadline, std::uint64_t number) = 0;
    virtual void disarm_timer() = 0;
    virtual void hold_work(bool on) = 0;
    virtual void release() noexcept = 0;  // what belongs to the event loop

private:
    // At most 128 tasks in a row; then other handlers have their turn. In several rounds, since going once
    // round by way of the executor costs more than a task that spawns another and joins it.
    static constexpr std::size_t batch = 16, batches = 8;

    // References that come and go while the scheduler runs are many, one for each copy of an executor in a
    // composed operation. They are counted apart, without atomic operations, and are added to the others at
    // its end; until then these begin so high that they do not come down to none, though more are made inside
    // and dropped outside than the other way round, some for each operation. (Biased reference counting:
    // Choi, Shull and Torrellas, 2018.)
    static constexpr std::uint64_t uncounted = std::uint64_t{1} << 63;
    COHEIR_THREAD_LOCAL_ACCESS bool runs_here() const noexcept { return on_this_thread().running == core_; }
    void keep() noexcept {
        if (runs_here())
            ++refs_inside_;
        else
            refs_.fetch_add(1, std::memory_order_relaxed);
    }
    void drop() noexcept {
        if (runs_here())
            --refs_inside_;
        else if (refs_.fetch_sub(1, std::memory_order_acq_rel) == 1)
            delete this;
    }

    bool is_here() const noexcept { return runs_here() || runs_in_this_thread(); }
    bool is_alive() const noexcept { return alive_.load(std::memory_order_relaxed); }

    /// Runs f, a handler of an operation that a task awaits, and then the tasks that it has made ready.
    template <class F>
    void run(F f) {
        if (!is_alive()) return;
        if (core_->is_running()) {  // one of its tasks has called what calls back at once
            const context::detail::outside no_task;
            F(std::move(f))();  // (what it has captured dies here, too)
            return;
        }
        bool ran = false;  // as a rule, a step of a composed operation wakes nobody
        settle_if_it_throws([&] {
            // (f is gone before tasks run.)
            ran = core_->visit([&f] { F(std::move(f))(); }, batches, batch, time());
        });
        if (ran)
            settle();
        else if (turn_missed_)
            take_turn();
    }

    /// What a round asks for where there are timers.
    auto time() const noexcept {
        return [this] { return scheduler_->now(); };
    }
    void take_turn() {
        if (core_->is_running()) {  // a task, or a step of an operation, runs the event loop inside itself
            turn_missed_ = true;
            return;
        }
        settle_if_it_throws([this] { core_->run_batches(batches, batch, time()); });
        settle();
    }
    template <class F>
    void settle_if_it_throws(F f) {
        try {
            f();
        } catch (...) {
            try {
                settle();
            } catch (...) {  // if it fails in the next turn, too, that one tells
            }
            throw;
        }
    }

    /// Has what is left looked after. Where Asio fails in it, that comes out of its run(), and the next turn,
    /// which is on its way, tries again.
    void settle() {
        turn_missed_ = false;
        if (core_->has_work()) request_turn();
        try {
            hold_work(core_->has_live_tasks());
            set_timer();
        } catch (...) {
            request_turn();
            throw;
        }
    }

    void set_timer() {
        const std::optional<time_point> deadline = core_->next_deadline();
        if (clock_) {
            if (!deadline || core_->has_work()) return;
            clock_->advance_to(*deadline);
            request_turn();
        } else if (!core_->has_live_tasks()) {
            if (!armed_for_) return;
            disarm_timer();
            armed_for_.reset();
        } else if (deadline && (!armed_for_ || *deadline < *armed_for_)) {
            // One that is armed for earlier than needed may run out for nothing: that is rarer than moving
            // it.
            armed_for_.reset();
            arm_timer(*deadline, ++timer_number_);
            armed_for_ = deadline;
        }
    }

    /// One handler at a time, however many ask. Any thread.
    void request_turn() noexcept {
        if (turn_requested_.exchange(true, std::memory_order_acq_rel)) return;
        try {
            if (is_here()) {
                try {
                    return post_by_asios_memory(turn(*this));
                } catch (const std::bad_alloc&) {  // then by what is kept
                }
            }
            post(turn(*this));
        } catch (...) {  // nobody would ask again: others have seen the turn requested
            fatal("the executor of an asio_scheduler threw when it was to run the tasks that are ready");
        }
    }

    const typename Flavour::any_io_executor any_executor_;
    typename Flavour::execution_context& context_;
    manual_clock* const clock_;
    std::optional<coheir::scheduler> scheduler_;
    core* core_ = nullptr;  // its inside; compared, but not used, when it is gone
    std::optional<time_point> armed_for_;
    std::uint64_t timer_number_ = 0;
    bool turn_missed_ = false;  // one that came while the scheduler ran
    std::atomic<std::uint64_t> refs_{uncounted};
    std::uint64_t refs_inside_ = 0;  // may be less than none, modulo 2^64
    std::atomic<bool> turn_requested_{false};
    std::atomic<bool> alive_{true};  // written under the mutex, for those who are not on the executor
    std::mutex alive_mutex_;
    asio_reserve reserve_;
};

/// The same on an executor of a known type.
template <class Executor>
class asio_engine_on final : public asio_engine<asio_flavour<Executor>> {
    using flavour = asio_flavour<Executor>;
    using engine = asio_engine<flavour>;

public:
    asio_engine_on(const Executor& executor, const spawn_policy& policy, manual_clock* clock)
        : engine(executor, policy, clock), executor_(executor), timer_(std::in_place, executor) {}

    const Executor& executor() const noexcept { return executor_; }

private:
    bool runs_in_this_thread() const noexcept override {
        if constexpr (requires { executor_.running_in_this_thread(); })
            return executor_.running_in_this_thread();
        else
            return false;  // not known, so what might run at once goes by way of the executor
    }
    void post(typename engine::turn next) override { flavour::post(executor_, std::move(next)); }
    void post_by_asios_memory(typename engine::turn next) override {
        flavour::post(executor_, [turn = std::move(next)]() mutable { turn(); });
    }
    void arm_timer(time_point deadline, std::uint64_t number) override {
        timer_->expires_at(deadline);
        timer_->async_wait(
            [self = typename engine::ref(*this), number](const typename flavour::error_code& cancelled) {
                if (!cancelled) static_cast<asio_engine_on&>(*self).on_timer(number);
            });
    }
    void disarm_timer() override { timer_->cancel(); }
    void hold_work(bool on) override {
        if (on == work_.has_value()) return;
        if (on)
            work_.emplace(executor_);
        else
            work_.reset();
    }
    void release() noexcept override {
        timer_.reset();
        work_.reset();
    }

    Executor executor_;
    std::optional<typename flavour::template timer<Executor>> timer_;
    std::optional<typename flavour::template work_guard<Executor>> work_;
};

}  // namespace coheir::detail
