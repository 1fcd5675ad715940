#pragma once
// The place for what a coroutine ends with: nothing yet, a value, an exception, or moved out.

#include <cstdint>
#include <cstring>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include "../config.hpp"

namespace coheir::detail {

enum class outcome : std::uint8_t { none, value, error, taken };

/// Holds a T in place, without requiring more of it than that it can be destroyed. References are kept as
/// pointers; for void there is only the fact.
template <class T>
class result {
    using stored =
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::remove_const_t<T>>;

    static_assert(alignof(stored) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__,
                  "compilers do not align coroutine frames for such a result: return a pointer to it");

public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    COHEIR_INLINE ~result() {
        if constexpr (std::is_trivially_destructible_v<stored>) {
            if (outcome_ == outcome::error) [[unlikely]]
                clear_error();
        } else {
            clear();
        }
    }

    template <class... Args>
    COHEIR_INLINE void emplace(Args&&... args) {
        // A destructor may have thrown after an earlier co_return.
        if constexpr (!std::is_trivially_destructible_v<stored>) clear();
        if constexpr (std::is_reference_v<T>)
            ::new (static_cast<void*>(__builtin_addressof(value_)))
                stored(__builtin_addressof(static_cast<T>(args))...);
        else
            ::new (static_cast<void*>(__builtin_addressof(value_))) stored(std::forward<Args>(args)...);
        outcome_ = outcome::value;
    }
    COHEIR_COLD void fail(std::exception_ptr error) noexcept {
        clear();
        ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(error));
        outcome_ = outcome::error;
    }

    outcome state() const noexcept { return outcome_; }
    const std::exception_ptr& error() const noexcept { return error_; }

    /// The value, moved out; or throws the exception. Only where there is one of them.
    COHEIR_INLINE T take() {
        if (outcome_ == outcome::error) [[unlikely]]
            rethrow();
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(*value_);
        else
            return std::move(value_);
    }
    /// The same, and remembers that the value is gone; what it was moved from stays, for those who look at
    /// it. An exception stays, too.
    T take_once() {
        if constexpr (!std::is_reference_v<T>)
            if (outcome_ == outcome::value) outcome_ = outcome::taken;
        return take();
    }
    /// The value where it is; or throws the exception.
    std::add_lvalue_reference_t<const T> get() const {
        if (outcome_ == outcome::error) [[unlikely]]
            rethrow();
        if constexpr (std::is_reference_v<T>)
            return *value_;
        else
            return value_;
    }

private:
    [[noreturn]] COHEIR_COLD void rethrow() const { std::rethrow_exception(error_); }
    COHEIR_COLD void clear_error() noexcept { clear(); }
    void clear() noexcept {
        const outcome was = std::exchange(outcome_, outcome::none);
        if (was == outcome::value || was == outcome::taken)
            value_.~stored();
        else if (was == outcome::error)
            error_.~exception_ptr();
    }

    union {
        stored value_;
        std::exception_ptr error_;
    };
    outcome outcome_ = outcome::none;
};

/// For void there is only the fact: an exception, or an address that none has, the same in all libraries.
template <>
class result<void> {
public:
    result() noexcept {}
    result(const result&) = delete;
    result& operator=(const result&) = delete;
    COHEIR_INLINE ~result() {
        if (state() == outcome::error) [[unlikely]]
            error_.~exception_ptr();
    }

    COHEIR_INLINE void emplace() noexcept { mark_ = value_mark(); }
    COHEIR_COLD void fail(std::exception_ptr error) noexcept {
        if (state() == outcome::error) error_.~exception_ptr();
        ::new (static_cast<void*>(&error_)) std::exception_ptr(std::move(error));
    }

    COHEIR_INLINE outcome state() const noexcept {
        const void* mark;
        std::memcpy(&mark, static_cast<const void*>(&mark_), sizeof mark);
        return mark == value_mark() ? outcome::value : mark ? outcome::error : outcome::none;
    }
    const std::exception_ptr& error() const noexcept { return error_; }

    COHEIR_INLINE void take() const {
        if (state() == outcome::error) [[unlikely]]
            rethrow();
    }
    void take_once() const { take(); }
    void get() const { take(); }

private:
    [[noreturn]] COHEIR_COLD void rethrow() const { std::rethrow_exception(error_); }

    static_assert(sizeof(std::exception_ptr) == sizeof(void*),
                  "exceptions are told from marks by their bits");
    static const void* value_mark() noexcept { return reinterpret_cast<const void*>(std::uintptr_t{1}); }

    union {
        const void* mark_ = nullptr;
        std::exception_ptr error_;
    };
};

}  // namespace coheir::detail
