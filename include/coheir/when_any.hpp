#pragma once
// Waiting for the first of several tasks: its result and its index; the others are cancelled.

#include <cstddef>
#include <source_location>
#include <utility>
#include <variant>

#include "detail/gather.hpp"

namespace coheir {

/// Spawns the tasks, now and in this order, by the scheduler's policy, and waits for the first that ends,
/// among the handles given, too: `auto first = co_await when_any(f(), g());` gives a std::variant, whose
/// index() is the argument's (std::monostate for void). Results are moved or copied as by when_all.
///
/// The others, tasks and rvalue handles, are cancelled (a handle not, if others wait for it), and their end
/// is awaited before this returns. An lvalue handle is the caller's: it is let go, and runs on. If the first
/// one ended with an exception, that is thrown then; an exception of the others goes to the scheduler's
/// unhandled handler, unless another handle receives it. Cancelling the waiting task, dropping it without
/// an await, and what it throws: as when_all.
template <class... As>
class [[nodiscard("co_await it")]] when_any : public detail::gathered_pack<As...> {
    static_assert(sizeof...(As) > 0, "coheir::when_any waits for one task at least");

public:
    using result_type = std::variant<detail::regular_t<detail::joined_t<As>>...>;

    explicit when_any(As && ... tasks, std::source_location at = std::source_location::current())
        : detail::gathered_pack<As...>(detail::gathering::until::any, "when_any", at, tasks...) {}

    result_type await_resume() {
        this->gathering_.finish();
        return result<0>(this->gathering_.index());
    }

private:
    template <std::size_t I>
    result_type result(std::size_t index) {
        if constexpr (I + 1 < sizeof...(As))
            if (index != I) return result<I + 1>(index);
        return result_type(std::in_place_index<I>, std::get<I>(this->gathered_).result());
    }
};

/// The same for a range: `auto [index, value] = co_await when_any(std::move(tasks));`. Throws usage_error for
/// an empty one.
template <detail::range_of_joinables Range>
class [[nodiscard("co_await it")]] when_any<Range> : public detail::gathered_range<Range> {
    using value_type = detail::regular_t<typename detail::gathered_range<Range>::value_type>;

public:
    explicit when_any(Range && range, std::source_location at = std::source_location::current())
        : detail::gathered_range<Range>(detail::gathering::until::any, "when_any", at, range) {
        if (this->gathered_.empty()) throw usage_error("coheir::when_any: the range is empty");
    }

    std::pair<std::size_t, value_type> await_resume() {
        this->gathering_.finish();
        const std::size_t index = this->gathering_.index();
        return std::pair<std::size_t, value_type>(index, this->gathered_[index].result());
    }
};

template <detail::joinable... As>
when_any(As&&...) -> when_any<As...>;
template <detail::range_of_joinables Range>
when_any(Range&&) -> when_any<Range>;

}  // namespace coheir
