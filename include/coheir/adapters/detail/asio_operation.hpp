#pragma once
// An operation of Asio that a task awaits: started by the await, completed through the task's scheduler.

#include <atomic>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <new>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "../../detail/fatal.hpp"
#include "../../detail/promise.hpp"
#include "../../detail/result.hpp"
#include "../../detail/stop.hpp"
#include "../../detail/wait_link.hpp"
#include "../../error.hpp"
#include "asio_executor.hpp"
#include "use_task.hpp"

namespace coheir::detail {

/// What comes before the values of a completion: nothing, an error code, or an exception.
struct no_asio_error {
    static constexpr bool first = false;
};

template <class Flavour, class... Args>
struct asio_completion {
    using error = no_asio_error;
    using value = std::conditional_t<sizeof...(Args) == 0, void, std::tuple<Args...>>;
};
template <class Flavour, class T>
struct asio_completion<Flavour, T> {
    using error = no_asio_error;
    using value = T;
};
template <class Flavour, class First, class... Rest>
    requires std::is_same_v<First, typename Flavour::error_code> || std::is_same_v<First, std::exception_ptr>
struct asio_completion<Flavour, First, Rest...> {
    using error = First;
    using value = typename asio_completion<Flavour, Rest...>::value;
};
template <class Flavour, class T>
    requires std::is_same_v<T, typename Flavour::error_code> || std::is_same_v<T, std::exception_ptr>
struct asio_completion<Flavour, T> {
    using error = T;
    using value = void;
};

/// The awaiting side, as the handler sees it.
template <class Flavour, class... Args>
class asio_awaiter : wait, public own_awaitable {
    using completion = asio_completion<Flavour, Args...>;
    using engine = asio_engine<Flavour>;

public:
    using error_code = typename Flavour::error_code;

    asio_awaiter(const asio_awaiter&) = delete;
    asio_awaiter& operator=(const asio_awaiter&) = delete;
    wait_link& link_in(const task_state&) noexcept { return link_; }
    bool await_ready() const noexcept { return false; }

    typename completion::value await_resume() {
        link_.untie();
        if (task_->stop & task_state::stop_due && !has_outcome()) [[unlikely]] {
            put_error();
            end_wait(*task_);
        }
        if (failure_) std::rethrow_exception(failure_);
        if (state_ == state::abandoned) throw abandoned_await();
        if constexpr (std::is_same_v<typename completion::error, error_code>) {
            if (!put_error() && error_) throw typename Flavour::system_error(error_);
        } else if constexpr (std::is_same_v<typename completion::error, std::exception_ptr>) {
            if (error_) std::rethrow_exception(error_);
        }
        return result_.take();
    }

protected:
    /// What Asio calls or drops. It may outlive the awaiter, but not the engine.
    class handler {
    public:
        handler(asio_awaiter& to, engine& on) noexcept : to_(&to), engine_(on) {}
        handler(handler&& other) noexcept
            : to_(std::exchange(other.to_, nullptr)), engine_(std::move(other.engine_)) {}
        handler& operator=(handler&&) = delete;
        ~handler() {
            if (to_) [[unlikely]]
                drop();
        }

        void operator()(Args... args) {
            asio_awaiter* const to = std::exchange(to_, nullptr);
            engine_->if_alive([&] { to->complete(std::move(args)...); });
        }

        using executor_type = asio_executor<Flavour>;
        executor_type get_executor() const noexcept { return executor_type(engine_); }
        using cancellation_slot_type = typename Flavour::cancellation_slot;
        cancellation_slot_type get_cancellation_slot() const noexcept { return to_->cancel_.slot(); }

    private:
        COHEIR_COLD void drop() noexcept {
            engine_->if_alive([this] { to_->abandon(); });
        }

        asio_awaiter* to_;
        typename engine::ref engine_;
    };

    explicit asio_awaiter(error_code* error_into) noexcept : error_into_(error_into) {}
    ~asio_awaiter() {
        link_.abandon();
        if (state_ == state::pending) [[unlikely]]
            fatal("coheir::use_task: an operation is destroyed while a task awaits it");
    }

    /// Makes the handler and calls initiate(handler), once, in the task. What it throws, the await throws:
    /// the handler that it then drops has made the task ready.
    template <class Initiate>
    void start(task_state& t, std::coroutine_handle<> awaiting, Initiate&& initiate) {
        if (state_ != state::unused)
            throw usage_error("coheir::use_task: the same operation is awaited twice");
        embedding* const embedded = static_cast<core*>(t.home)->embedded;
        if (!is_embedded_by<Flavour>(embedded))
            throw usage_error("coheir::use_task: the task does not run on an asio_scheduler of this Asio");
        task_ = &t;
        t.resume_at = awaiting;
        link_.tie(t, *this);
        if (t.stop & task_state::stop_due) {  // the await throws, the operation is not started
            state_ = state::refused;
            return t.home->enqueue(t);
        }
        state_.store(state::pending, std::memory_order_relaxed);
        handler h(*this, static_cast<engine&>(*embedded));
        try {
            initiate(std::move(h));
        } catch (...) {
            failure_ = std::current_exception();
        }
    }

private:
    enum class state : std::uint8_t { unused, refused, pending, completed, abandoned };

    void interrupt(task_state&, stop_wave&) noexcept override {
        const context::detail::outside no_task;
        if (state_ == state::pending) static_cast<void>(cancel());  // without memory, it ends by itself
    }
    /// False: there is no memory, which some of Asio's operations need for it.
    bool cancel() noexcept {
        try {
            cancel_.emit(Flavour::cancel_all);
            return true;
        } catch (const std::bad_alloc&) {
            return false;
        }
    }
    /// Whether it ended with what would be lost if the await threw task_cancelled in its place, such as bytes
    /// that were read: with anything but the error of an operation that was cancelled.
    bool has_outcome() const noexcept {
        if (failure_) return true;
        if (state_ != state::completed) return false;
        if constexpr (std::is_same_v<typename completion::error, error_code>)
            return !is_cancelled(error_);
        else if constexpr (std::is_same_v<typename completion::error, std::exception_ptr>)
            return !error_ || !is_cancelled(error_);
        else
            return true;
    }
    /// Channels have an error of their own for it, and so may other libraries.
    static bool is_cancelled(const error_code& e) noexcept {
        constexpr int channel_cancelled = 2;
        return e == Flavour::aborted || e == Flavour::cancelled ||
               (e.value() == channel_cancelled && std::string_view(e.category().name()) == "asio.channel");
    }
    static bool is_cancelled(const std::exception_ptr& error) noexcept {
        try {
            std::rethrow_exception(error);
        } catch (const typename Flavour::system_error& e) {
            return is_cancelled(e.code());
        } catch (const typename Flavour::multiple_exceptions& e) {  // of coroutines that wait for each other
            return is_cancelled(e.first_exception());
        } catch (...) {
            return false;
        }
    }
    /// Where use_task(ec) says, if it does.
    bool put_error() const noexcept {
        if constexpr (std::is_same_v<typename completion::error, error_code>)
            if (error_into_) *error_into_ = error_;
        return error_into_ != nullptr;
    }
    /// Nobody completes it any more, and its buffers may be in the frames that go now.
    void task_goes() noexcept override {
        link_.untie();
        if (state_ == state::pending && !cancel())
            fatal("coheir::use_task: no memory is left to cancel an operation whose task is destroyed");
        state_ = state::abandoned;
    }
    wait_info describe() const noexcept override {
        wait_info info;
        if (state_ == state::pending) info.what = wait_info::kind::foreign;
        return info;
    }

    void complete(Args&&... args) noexcept {
        try {
            store(std::move(args)...);
        } catch (...) {
            failure_ = std::current_exception();
        }
        finish(state::completed);
    }
    void abandon() noexcept { finish(state::abandoned); }
    void finish(state how) noexcept {
        task_state& waiting = *task_;  // the awaiter may be destroyed as soon as the state says so
        state_.store(how, std::memory_order_release);
        run_state::wake(waiting);
    }

    template <class... Values>
    void store(Values&&... values) {
        if constexpr (std::is_same_v<typename completion::error, no_asio_error>)
            result_.emplace(std::forward<Values>(values)...);
        else
            store_with_error(std::forward<Values>(values)...);
    }
    template <class Error, class... Values>
    void store_with_error(Error&& error, Values&&... values) {
        error_ = std::forward<Error>(error);
        result_.emplace(std::forward<Values>(values)...);
    }

    std::atomic<state> state_{state::unused};  // ends on any thread; the list of tasks may look meanwhile
    task_state* task_ = nullptr;
    wait_link link_;
    error_code* const error_into_;
    [[no_unique_address]] typename completion::error error_{};
    std::exception_ptr failure_;  // of starting it, or of storing what it gave
    result<typename completion::value> result_;
    typename Flavour::cancellation_signal cancel_;
};

template <class Flavour, class Signature, class Initiation, class... InitArgs>
class asio_operation;

/// What an asynchronous operation of Asio returns for use_task: co_await it.
template <class Flavour, class... Args, class Initiation, class... InitArgs>
class [[nodiscard("co_await it")]] asio_operation<Flavour, void(Args...), Initiation, InitArgs...> final
    : public asio_awaiter<Flavour, std::decay_t<Args>...> {
    using awaiter = asio_awaiter<Flavour, std::decay_t<Args>...>;

public:
    template <class I, class... As>
    asio_operation(typename Flavour::error_code * error_into, I && initiation, As && ... args)
        : awaiter(error_into), initiation_(std::forward<I>(initiation)), args_(std::forward<As>(args)...) {}

    void await_suspend(coroutine_of_a_coheir_task awaiting) {
        this->start(*awaiting.task, awaiting.handle, [this](typename awaiter::handler&& h) {
            std::apply([&](InitArgs&... args) { std::move(initiation_)(std::move(h), std::move(args)...); },
                       args_);
        });
    }

private:
    Initiation initiation_;
    std::tuple<InitArgs...> args_;
};

/// The members of Asio's async_result for use_task.
template <class Flavour, class Token, class Signature>
struct asio_use_task_result {
    template <class Initiation, class... InitArgs>
    static auto initiate(Initiation&& initiation, Token token, InitArgs&&... args) {
        using operation =
            asio_operation<Flavour, Signature, std::decay_t<Initiation>, std::decay_t<InitArgs>...>;
        typename Flavour::error_code* into = nullptr;
        if constexpr (!std::is_same_v<Token, use_task_t>) into = token.error;
        return operation(into, std::forward<Initiation>(initiation), std::forward<InitArgs>(args)...);
    }
};

}  // namespace coheir::detail
