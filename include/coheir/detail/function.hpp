#pragma once
// A callable of one signature, type-erased and move-only: what std::move_only_function will be.

#include <cstddef>
#include <type_traits>
#include <utility>

namespace coheir::detail {

template <class Signature>
class function;

/// Pointers, and functions like std::function; not a lambda that converts to a pointer.
template <class F>
concept can_be_empty = std::is_pointer_v<F> || std::is_member_pointer_v<F> ||(
    requires(const F& f) { static_cast<bool>(f == nullptr); } && !requires(const F& f) { +f; });

template <class F>
constexpr bool is_empty(const F& f) {
    if constexpr (can_be_empty<F>)
        return static_cast<bool>(f == nullptr);
    else
        return false;
}

template <class R, class... Args>
class function<R(Args...)> {
public:
    function() = default;
    function(std::nullptr_t) noexcept {}  // NOLINT: implicit, like std::function

    /// Empty where f is: a null pointer, or a std::function that holds nothing.
    template <class F>
        requires(!std::is_same_v<std::remove_cvref_t<F>, function> &&
                 std::is_invocable_r_v<R, std::decay_t<F>&, Args...>)
    function(F&& f) {  // NOLINT: implicit, like std::function
        if (!detail::is_empty<std::decay_t<F>>(f)) target_ = new holder<std::decay_t<F>>(std::forward<F>(f));
    }

    function(function&& other) noexcept : target_(std::exchange(other.target_, nullptr)) {}
    function& operator=(function&& other) noexcept {
        function taken(std::move(other));
        std::swap(target_, taken.target_);
        return *this;
    }
    ~function() { delete target_; }

    explicit operator bool() const noexcept { return target_ != nullptr; }
    R operator()(Args... args) const { return target_->call(std::forward<Args>(args)...); }

private:
    struct base {
        base() = default;
        base(const base&) = delete;
        base& operator=(const base&) = delete;
        virtual ~base() = default;
        virtual R call(Args... args) = 0;
    };
    template <class F>
    struct holder final : base {
        template <class G>
        explicit holder(G&& g) : f(std::forward<G>(g)) {}
        R call(Args... args) override { return static_cast<R>(f(std::forward<Args>(args)...)); }
        F f;
    };
    base* target_ = nullptr;
};

/// One that may be called while it is replaced: a copy, on the same thread, keeps the target.
template <class Signature>
class shared_function {
public:
    shared_function() = default;
    explicit shared_function(function<Signature> f) : target_(f ? new counted{std::move(f)} : nullptr) {}
    shared_function(const shared_function& other) noexcept : target_(other.target_) {
        if (target_) ++target_->users;
    }
    shared_function& operator=(shared_function other) noexcept {
        std::swap(target_, other.target_);
        return *this;
    }
    ~shared_function() {
        if (target_ && --target_->users == 0) delete target_;
    }

    explicit operator bool() const noexcept { return target_ != nullptr; }
    template <class... Args>
    decltype(auto) operator()(Args&&... args) const {
        return target_->call(std::forward<Args>(args)...);
    }

private:
    struct counted {
        function<Signature> call;
        unsigned users = 1;
    };
    counted* target_ = nullptr;
};

/// Something that can be called without arguments, after it has been stored.
template <class F>
concept callable = std::is_invocable_v < std::decay_t<F>
& > ;

}  // namespace coheir::detail
