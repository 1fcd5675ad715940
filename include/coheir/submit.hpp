#pragma once
// Handing a task to a scheduler from a thread that has none, which gets a std::future for its result.

#include <future>
#include <memory>
#include <source_location>
#include <utility>

#include "options.hpp"
#include "remote.hpp"

namespace coheir {

namespace detail {

/// Waits for the end of a task, to pass it on to a future.
template <class T>
class future_feeder final : remote_waiter {
public:
    /// Throws what hand_over throws; then there is no future.
    template <class HandOver>
    static std::future<T> feed_from(HandOver&& hand_over) {
        std::unique_ptr<future_feeder> made(new future_feeder);
        std::future<T> future = made->promise_.get_future();
        made->from_ = hand_over();
        future_feeder* const self = made.release();  // which deletes itself
        if (!self->from_->completion.wait(*self)) self->feed();
        return future;
    }

private:
    future_feeder() {
        told = [](remote_waiter& w) noexcept { static_cast<future_feeder&>(w).feed(); };
    }
    void feed() noexcept {
        try {
            if constexpr (std::is_void_v<T>) {
                from_->take();
                promise_.set_value();
            } else {
                promise_.set_value(from_->take());
            }
        } catch (...) {
            promise_.set_exception(std::current_exception());
        }
        delete this;
    }

    std::promise<T> promise_;
    remote_owner<T> from_;
};

template <class T>
std::future<T> submit(mailbox& to, task<T>& work, handed_options how, std::source_location at,
                      const char* operation) {
    return future_feeder<T>::feed_from([&] { return hand_over(to, work, std::move(how), at, operation); });
}

}  // namespace detail

template <class T>
auto remote::submit(task<T> work, std::source_location at) const {
    return detail::submit(*box_.get(), work, {}, at, "remote::submit");
}
template <class T>
auto remote::submit(task<T> work, const options& how, std::source_location at) const {
    return detail::submit(*box_.get(), work, detail::handed(how), at, "remote::submit");
}
template <class T>
auto scheduler::submit(task<T> work, std::source_location at) {
    return detail::submit(core_.box(), work, {}, at, "scheduler::submit");
}
template <class T>
auto scheduler::submit(task<T> work, const options& how, std::source_location at) {
    return detail::submit(core_.box(), work, detail::handed(how), at, "scheduler::submit");
}

}  // namespace coheir
