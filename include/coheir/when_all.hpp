#pragma once
// Waiting for all of several tasks: their results in the order of the arguments, or the first error.

#include <source_location>
#include <tuple>
#include <vector>

#include "detail/gather.hpp"

namespace coheir {

/// Spawns the tasks, now and in this order, by the scheduler's policy, and waits for all of them and for the
/// handles given: `auto [a, b] = co_await when_all(f(), g(), std::move(handle))`. A tuple of the results in
/// the order of the arguments: std::monostate for void, moved out for tasks and rvalue handles, a copy for
/// lvalue handles.
///
/// When one fails, the tasks and rvalue handles among the rest are cancelled (a handle not, if others wait
/// for it); their end is awaited, and then the first exception is thrown. An lvalue handle is the caller's:
/// it is let go, and runs on. Further exceptions go to the scheduler's unhandled handler, unless another
/// handle receives them. A result that another handle moves out before all have ended is gone: result_taken.
/// When the waiting task is cancelled, all that nobody else waits for are, and awaited; then task_cancelled.
/// Throws no_current_task outside a task, and what spawning throws; then none of the tasks has been started,
/// and tasks and handles are as before, but contexts as the policies have left them. Dropped without being
/// awaited, it asks those to stop that it would cancel; their end is not awaited then.
// A class, since a function could not tell where it was called: nothing can follow a parameter pack.
// clang-format 14 takes the attribute for the class's name.
// clang-format off
template <class... As>
class [[nodiscard("co_await it")]] when_all : public detail::gathered_pack<As...> {
public:
    explicit when_all(As&&... tasks, std::source_location at = std::source_location::current())
        : detail::gathered_pack<As...>(detail::gathering::until::all_or_error, "when_all", at, tasks...) {}

    std::tuple<detail::regular_t<detail::joined_t<As>>...> await_resume() {
        this->gathering_.finish();
        return std::apply(
            [](auto&... each) {
                return std::tuple<detail::regular_t<detail::joined_t<As>>...>{each.result()...};
            },
            this->gathered_);
    }
};

/// The same for a range, `co_await when_all(std::move(tasks))`, as a vector of the results: an rvalue range
/// of tasks or handles, or an lvalue range of handles.
template <detail::range_of_joinables Range>
class [[nodiscard("co_await it")]] when_all<Range> : public detail::gathered_range<Range> {
    using value_type = detail::regular_t<typename detail::gathered_range<Range>::value_type>;

public:
    explicit when_all(Range&& range, std::source_location at = std::source_location::current())
        : detail::gathered_range<Range>(detail::gathering::until::all_or_error, "when_all", at, range) {}

    std::vector<value_type> await_resume() {
        this->gathering_.finish();
        std::vector<value_type> results;
        results.reserve(this->gathered_.size());
        for (auto& each : this->gathered_) results.push_back(each.result());
        return results;
    }
};
// clang-format on

template <detail::joinable... As>
when_all(As&&...) -> when_all<As...>;
template <detail::range_of_joinables Range>
when_all(Range&&) -> when_all<Range>;

}  // namespace coheir
