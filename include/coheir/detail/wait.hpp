#pragma once
// What a suspended task waits in: how to interrupt it, and what to say of it.

#include <cstddef>
#include <cstdint>

#include "chrono.hpp"

namespace coheir::detail {

struct task_state;
class stop_wave;

/// What a task waits for, as the list of tasks shows it.
struct wait_info {
    enum class kind : unsigned char {
        running,   // it is running now
        ready,     // it is in a queue, not yet started or ready to go on
        sleeping,  // `deadline` says until when
        joining,   // `task` is the number of the one that it waits for
        several,   // `count` others are still to end
        callback,  // a resolver
        foreign,   // an operation of another library
    };
    kind what = kind::ready;
    std::chrono::steady_clock::time_point deadline{};
    std::uint64_t task = 0;
    std::size_t count = 0;
};

/// What a task of ours can wait in, the base of most awaiters; the task knows it from its suspension until it
/// goes on (`task_state::waiting_in`). Where the wait is over already, and the task in a queue, both say so.
class wait {
public:
    /// The task was asked to stop: ends the wait now, or hands the request on, by the wave, to those that it
    /// waits for. What is over already, or cannot be interrupted, is left alone: the task sees the request
    /// when it goes on.
    virtual void interrupt(task_state& waiting, stop_wave&) noexcept = 0;
    virtual wait_info describe() const noexcept = 0;
    /// The scheduler goes, and the task with it, before any frame goes: for waits with a wait_link.
    virtual void task_goes() noexcept {}

protected:
    constexpr wait() = default;
    ~wait() = default;
};

/// For tasks in a queue, which there is nothing to say of.
class queued_wait final : public wait {
public:
    constexpr queued_wait() = default;
    void interrupt(task_state&, stop_wave&) noexcept override {}
    wait_info describe() const noexcept override { return {}; }
};
inline constinit queued_wait queued;

/// For tasks that sleep: the task itself knows its timer. (Defined in core.hpp.)
class sleeping_wait final : public wait {
public:
    constexpr sleeping_wait() = default;
    void interrupt(task_state& waiting, stop_wave&) noexcept override;
    wait_info describe() const noexcept override {
        wait_info info;
        info.what = wait_info::kind::sleeping;
        return info;
    }
};
inline constinit sleeping_wait sleeping;

/// For tasks that have not started: they end without having run. (Defined in stop.hpp.)
class unstarted_wait final : public wait {
public:
    constexpr unstarted_wait() = default;
    void interrupt(task_state& waiting, stop_wave&) noexcept override;
    wait_info describe() const noexcept override { return {}; }
};
inline constinit unstarted_wait not_started;

/// The base of awaiters that wait for other tasks, and hand the request on to them: one after the other,
/// not one inside the other.
class spreading_wait : public wait {
public:
    void interrupt(task_state&, stop_wave& wave) noexcept final;

protected:
    spreading_wait() = default;
    spreading_wait(const spreading_wait&) = delete;
    spreading_wait& operator=(const spreading_wait&) = delete;
    ~spreading_wait() = default;

private:
    friend class stop_wave;
    virtual void spread(stop_wave& wave) noexcept = 0;

    spreading_wait* next_in_wave_ = nullptr;  // of the last in a wave: itself
};

}  // namespace coheir::detail
