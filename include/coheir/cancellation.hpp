#pragma once
// Being asked to stop: the std::stop_token of a task, and the std::stop_source for other threads.

#include <optional>
#include <stop_token>
#include <utility>

#include "detail/core.hpp"
#include "error.hpp"
#include "join_handle.hpp"

namespace coheir {

namespace detail {

/// A request by another thread, on its way through the inbox.
struct posted_stop final : posted {
    posted_stop(task_state& t, posted_stop*& in_link) : task(&t), place(&in_link) { in_link = this; }
    ~posted_stop() override {
        if (task) *place = nullptr;
    }
    void run() override {
        if (task) core::request_stop(*task);
    }

    task_state* task;  // null: it need not be asked any more
    posted_stop** place;
};

/// The std::stop_source of a task, or of a part of it, and another by which it is asked from elsewhere: so
/// its tokens are told on its scheduler's thread, and when it knows of the request.
class stop_source_link final : public stop_link {
public:
    stop_source_link() = default;
    stop_source_link(const stop_source_link&) = delete;
    stop_source_link& operator=(const stop_source_link&) = delete;
    ~stop_source_link() override { disarm(); }

    std::stop_token token() const noexcept { return source_.get_token(); }

    /// Whoever stops this stops the task. What that takes is made here: the request itself may come on any
    /// thread, and must not fail.
    std::stop_source from_elsewhere(task_state& t) {
        if (!asked_.stop_possible()) asked_ = std::stop_source();
        if (source_.stop_requested()) {
            asked_.request_stop();
        } else if (!armed_) {
            mailbox& box = static_cast<core*>(t.home)->box();
            armed_.emplace(asked_.get_token(), on_stop(box, new posted_stop(t, posted_)));
        }
        return asked_;
    }
    void stop() noexcept override {
        disarm();  // the task knows
        source_.request_stop();
        asked_.request_stop();
    }
    void disarm() noexcept override {
        armed_.reset();  // waits for a request that is under way on another thread
        if (posted_) std::exchange(posted_, nullptr)->task = nullptr;
    }

private:
    class on_stop {
    public:
        on_stop(mailbox& box, posted_stop* request) noexcept : box_(&box), request_(request) {}
        on_stop(on_stop&& other) noexcept
            : box_(other.box_), request_(std::exchange(other.request_, nullptr)) {}
        on_stop& operator=(on_stop&&) = delete;
        ~on_stop() { delete request_; }
        void operator()() noexcept { box_->post_always(*std::exchange(request_, nullptr)); }

    private:
        mailbox::ref box_;
        posted_stop* request_;
    };

    std::stop_source source_;
    std::stop_source asked_{std::nostopstate};  // made when it is asked for
    std::optional<std::stop_callback<on_stop>> armed_;
    posted_stop* posted_ = nullptr;  // until it has run
};

/// The link at `place`, made if need be. Throws std::bad_alloc.
inline stop_source_link& link_at(stop_link*& place, bool stopped) {
    if (!place) {
        place = new stop_source_link;
        if (stopped) place->stop();
    }
    return static_cast<stop_source_link&>(*place);
}
inline stop_source_link& link_of(task_state& t) {
    return link_at(t.extras().link, (t.stop & task_state::stop_requested) != 0);
}

}  // namespace detail

namespace this_task {

/// Tells when the task is asked to stop: for foreign operations and threads that take a token. Inside a
/// timeout_scope or a task group's body, its end by time or by error is told, too. Made at the first call, so
/// tasks that need none pay nothing. Throws no_current_task and std::bad_alloc.
///
/// The callbacks of the token run on the scheduler's thread, with no context: before a request to stop
/// returns, or when one from another thread has arrived; one that is made on a token that is stopped, at
/// once. When the task has ended, or has gone with its scheduler, no more requests are told.
[[nodiscard]] inline std::stop_token stop_token() {
    coheir::detail::task_state& t = coheir::detail::require_task("this_task::stop_token");
    coheir::detail::stop_scope* const scope = t.extras().innermost;
    return (scope ? coheir::detail::link_at(scope->link, scope->stopped()) : coheir::detail::link_of(t))
        .token();
}

}  // namespace this_task

template <class T>
auto join_handle<T>::stop_source() const {
    detail::task_state& t = *own_state("stop_source");
    if (t.ended) return std::stop_source(std::nostopstate);
    return detail::link_of(t).from_elsewhere(t);
}

}  // namespace coheir
