#pragma once
// What a scheduler inside another event loop has in common with scheduler.

#include <cstddef>
#include <source_location>
#include <string>
#include <utility>
#include <vector>

#include "../../context/key.hpp"
#include "../../mirror.hpp"
#include "../../options.hpp"
#include "../../remote.hpp"
#include "../../spawn.hpp"
#include "../../tasks.hpp"

namespace coheir::detail {

/// The members of scheduler, which Derived has inside; but for running it, which the event loop does.
template <class Derived>
class embedded_scheduler {
public:
    /// Starts a task: see scheduler::spawn.
    template <class T>
    join_handle<T> spawn(task<T> work, std::source_location at = std::source_location::current()) {
        return inside().spawn(std::move(work), at);
    }
    template <class T>
    join_handle<T> spawn(task<T> work, const options& how,
                         std::source_location at = std::source_location::current()) {
        return inside().spawn(std::move(work), how, at);
    }

    void set_policy(const spawn_policy& policy) { inside().set_policy(policy); }
    [[nodiscard]] const spawn_policy& policy() const noexcept { return inside().policy(); }
    /// See scheduler::on_unhandled.
    void on_unhandled(function<void(const unhandled&)> handler) { inside().on_unhandled(std::move(handler)); }
    /// See scheduler::mirror.
    template <class T, class Enter, class Leave>
        requires mirrored_by<T, Enter, Leave>
    void mirror(const context::key<T>& key, Enter enter, Leave leave) {
        inside().mirror(key, std::move(enter), std::move(leave));
    }

    /// See scheduler::tasks and scheduler::dump.
    [[nodiscard]] std::vector<task_info> tasks() const { return inside().tasks(); }
    template <class Stream>
    void dump(Stream& to, std::size_t most = 1000) const {
        inside().dump(to, most);
    }
    [[nodiscard]] std::string dump(std::size_t most = 1000) const { return inside().dump(most); }

    /// Any thread: see the members of scheduler.
    template <class F>
        requires callable<F>
    void post(F&& f) { inside().post(std::forward<F>(f)); }
    /// With <coheir/submit.hpp>.
    template <class T>
    auto submit(task<T> work, std::source_location at = std::source_location::current()) {
        return inside().submit(std::move(work), at);
    }
    template <class T>
    auto submit(task<T> work, const options& how, std::source_location at = std::source_location::current()) {
        return inside().submit(std::move(work), how, at);
    }
    void close() noexcept { inside().close(); }
    [[nodiscard]] bool closed() const noexcept { return inside().closed(); }
    [[nodiscard]] coheir::remote remote() const noexcept { return inside().remote(); }

protected:
    embedded_scheduler() = default;
    ~embedded_scheduler() = default;

private:
    scheduler& inside() noexcept { return static_cast<Derived&>(*this).inner(); }
    const scheduler& inside() const noexcept { return static_cast<const Derived&>(*this).inner(); }
};

}  // namespace coheir::detail
