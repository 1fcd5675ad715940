#pragma once
// Waiting for all of several tasks, whatever they end with: every outcome, errors too.

#include <exception>
#include <optional>
#include <source_location>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "detail/gather.hpp"

namespace coheir {

/// What a task ended with: a value (std::monostate for void), or an exception; a task that was cancelled has
/// a task_cancelled.
template <class T>
class [[nodiscard]] outcome {
    using stored =
        std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, detail::regular_t<T>>;

public:
    using value_type = detail::regular_t<T>;

    explicit outcome(value_type&& value) {
        if constexpr (std::is_reference_v<T>)
            value_.emplace(__builtin_addressof(value));
        else
            value_.emplace(std::move(value));
    }
    explicit outcome(std::exception_ptr error) noexcept : error_(std::move(error)) {}

    [[nodiscard]] bool has_value() const noexcept { return value_.has_value(); }
    [[nodiscard]] explicit operator bool() const noexcept { return has_value(); }

    /// The value, or throws the exception.
    std::add_lvalue_reference_t<const value_type> value() const& {
        rethrow();
        if constexpr (std::is_reference_v<T>)
            return **value_;
        else
            return *value_;
    }
    value_type value() && {
        rethrow();
        if constexpr (std::is_reference_v<T>)
            return static_cast<T>(**value_);
        else
            return std::move(*value_);
    }
    /// The exception; null if there is a value.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

private:
    void rethrow() const {
        if (error_) std::rethrow_exception(error_);
    }

    std::optional<stored> value_;
    std::exception_ptr error_;
};

namespace detail {
/// What throws in getting the result is an outcome, too: result_taken, or what a move throws.
template <class T, bool Taking>
coheir::outcome<T> outcome_of(gathered<T, Taking>& each) {
    try {
        return coheir::outcome<T>(each.result());
    } catch (...) {
        return coheir::outcome<T>(std::current_exception());
    }
}
}  // namespace detail

/// As when_all, but an error stops nobody and is thrown by nobody: a tuple of an outcome<T> each, in the
/// order of the arguments. `auto [a, b] = co_await when_all_settled(f(), g()); if (a) use(a.value());` When
/// the waiting task is cancelled: as when_all.
// clang-format 14 takes the attribute for the class's name.
// clang-format off
template <class... As>
class [[nodiscard("co_await it")]] when_all_settled : public detail::gathered_pack<As...> {
public:
    explicit when_all_settled(As&&... tasks, std::source_location at = std::source_location::current())
        : detail::gathered_pack<As...>(detail::gathering::until::all, "when_all_settled", at, tasks...) {}

    std::tuple<outcome<detail::joined_t<As>>...> await_resume() {
        this->gathering_.finish();
        return std::apply(
            [](auto&... each) {
                return std::tuple<outcome<detail::joined_t<As>>...>{detail::outcome_of(each)...};
            },
            this->gathered_);
    }
};
// clang-format on

/// The same for a range, as a vector of outcomes.
template <detail::range_of_joinables Range>
class [[nodiscard("co_await it")]] when_all_settled<Range> : public detail::gathered_range<Range> {
    using value_type = typename detail::gathered_range<Range>::value_type;

public:
    explicit when_all_settled(Range && range, std::source_location at = std::source_location::current())
        : detail::gathered_range<Range>(detail::gathering::until::all, "when_all_settled", at, range) {}

    std::vector<outcome<value_type>> await_resume() {
        this->gathering_.finish();
        std::vector<outcome<value_type>> outcomes;
        outcomes.reserve(this->gathered_.size());
        for (auto& each : this->gathered_) outcomes.push_back(detail::outcome_of(each));
        return outcomes;
    }
};

template <detail::joinable... As>
when_all_settled(As&&...) -> when_all_settled<As...>;
template <detail::range_of_joinables Range>
when_all_settled(Range&&) -> when_all_settled<Range>;

}  // namespace coheir
