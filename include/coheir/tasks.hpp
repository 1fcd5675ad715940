#pragma once
// Seeing the tasks of a scheduler: who spawned whom, what each waits for, what its context shows.

#include <cstdint>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "clock.hpp"
#include "context/snapshot.hpp"
#include "detail/sort.hpp"
#include "scheduler.hpp"

namespace coheir {

/// What a task that has not ended waits for.
enum class waiting_for : unsigned char {
    nothing,    ///< it runs now
    its_turn,   ///< it is ready
    time,       ///< task_info::wakes_at says until when
    task,       ///< task_info::joins says for the end of which
    several,    ///< when_all and its kin: task_info::left says how many
    resolver,   ///< a callback
    operation,  ///< an awaitable of another library
};

/// A task as it was when scheduler::tasks was called. Refers to nothing.
class task_info {
public:
    /// No other task of the process has this number.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    /// The name that it was spawned with, or empty.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }
    /// The place of the call that spawned it.
    [[nodiscard]] const std::source_location& spawned_at() const noexcept { return spawned_at_; }
    /// The number of the task that spawned it, perhaps on another scheduler, which may have ended; 0 for
    /// none.
    [[nodiscard]] std::uint64_t spawner() const noexcept { return spawner_; }
    /// What its context shows. Values that cannot be copied are left out, unless a copy of their context has
    /// been made; empty while update() changes one of the values.
    [[nodiscard]] const coheir::context::snapshot& context() const noexcept { return context_; }

    [[nodiscard]] waiting_for waits_for() const noexcept { return waits_for_; }
    /// When its sleep ends.
    [[nodiscard]] std::optional<time_point> wakes_at() const noexcept {
        return waits_for_ == waiting_for::time ? std::optional(wakes_at_) : std::nullopt;
    }
    /// The number of the task whose end it waits for, or 0.
    [[nodiscard]] std::uint64_t joins() const noexcept { return joins_; }
    /// How many it still waits for, or 0.
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

    /// One line: "task #7 'poller' spawned at main.cpp:12: sleeps for 1.500s more". Control characters in the
    /// name are escaped.
    [[nodiscard]] std::string description() const;

private:
    friend class scheduler;
    task_info(const detail::task_state& of, time_point now);

    std::uint64_t id_;
    std::string name_;
    std::source_location spawned_at_;
    std::uint64_t spawner_;
    coheir::context::snapshot context_;
    waiting_for waits_for_ = waiting_for::nothing;
    time_point wakes_at_{};
    duration sleeps_for_{};
    std::uint64_t joins_ = 0;
    std::size_t left_ = 0;
};

inline task_info::task_info(const detail::task_state& of, time_point now)
    : id_(of.task), name_(of.name_or_empty()), spawned_at_(of.spawned_at), spawner_(of.spawner) {
    try {
        if (of.context) context_ = context::detail::snapshot_access::look(*of.context);
    } catch (const context_busy&) {
    }
    const detail::wait_info wait = of.waits_for();
    using kind = detail::wait_info::kind;
    switch (wait.what) {
        case kind::running: break;
        case kind::ready: waits_for_ = waiting_for::its_turn; break;
        case kind::sleeping:
            waits_for_ = waiting_for::time;
            wakes_at_ = wait.deadline;
            sleeps_for_ = wakes_at_ > now ? wakes_at_ - now : duration::zero();
            break;
        case kind::joining:
            waits_for_ = waiting_for::task;
            joins_ = wait.task;
            break;
        case kind::several:
            waits_for_ = waiting_for::several;
            left_ = wait.count;
            break;
        case kind::callback: waits_for_ = waiting_for::resolver; break;
        case kind::foreign: waits_for_ = waiting_for::operation; break;
    }
}

inline std::string task_info::description() const {
    std::string text = "task #" + std::to_string(id_);
    if (!name_.empty()) text += " " + detail::quoted(name_);
    text += " spawned at ";
    text += spawned_at_.file_name();
    text += ":" + std::to_string(spawned_at_.line()) + ": ";
    switch (waits_for_) {
        case waiting_for::nothing: return text + "runs";
        case waiting_for::its_turn: return text + "is ready";
        case waiting_for::time: {
            const auto ms = std::chrono::ceil<std::chrono::milliseconds>(sleeps_for_).count();
            return text + "sleeps for " + std::to_string(ms / 1000) + "." +
                   std::to_string(1000 + ms % 1000).substr(1) + "s more";
        }
        case waiting_for::task: return text + "waits for task #" + std::to_string(joins_);
        case waiting_for::several: return text + "waits for " + std::to_string(left_) + " others";
        case waiting_for::resolver: return text + "waits for a callback";
        case waiting_for::operation: break;
    }
    return text + "waits for an operation of another library";
}

namespace detail {

/// Calls f(task, depth) for each task, those that another spawned below it, in the order given.
template <class F>
void for_each_in_tree(const std::vector<task_info>& tasks, F&& f) {
    constexpr std::size_t none = ~std::size_t{0};
    std::vector<std::pair<std::uint64_t, std::size_t>> places;  // by number
    places.reserve(tasks.size());
    for (std::size_t i = 0; i < tasks.size(); ++i) places.emplace_back(tasks[i].id(), i);
    detail::sort(places, [](const auto& a, const auto& b) { return a.first < b.first; });
    const auto place_of = [&](std::uint64_t number) {
        std::size_t at = 0, end = places.size();
        while (at < end) {
            const std::size_t middle = at + (end - at) / 2;
            places[middle].first < number ? at = middle + 1 : end = middle;
        }
        return at < places.size() && places[at].first == number ? places[at].second : none;
    };
    std::vector<std::size_t> first(tasks.size() + 1, none), next(tasks.size(), none);
    for (std::size_t i = tasks.size(); i-- > 0;) {  // backwards, since each goes to the front
        const std::size_t spawner = place_of(tasks[i].spawner());
        next[i] = std::exchange(first[spawner != none ? spawner : tasks.size()], i);
    }
    std::vector<std::size_t> path;  // those whose siblings are still to come
    for (std::size_t i = first[tasks.size()];;) {
        while (i == none) {
            if (path.empty()) return;
            i = next[path.back()];
            path.pop_back();
        }
        if (!f(tasks[i], path.size())) return;
        path.push_back(i);
        i = first[i];
    }
}

}  // namespace detail

inline std::vector<task_info> scheduler::tasks() const {
    core_.require_own_thread("scheduler", "tasks");
    std::vector<task_info> all;
    const time_point at = now();
    core_.for_each_task([&](const detail::task_state& t) { all.push_back(task_info(t, at)); });
    for (std::size_t i = 0, j = all.size(); i + 1 < j; ++i) std::swap(all[i], all[--j]);
    return all;
}

template <class Stream>
void scheduler::dump(Stream& to, std::size_t most) const {
    core_.require_own_thread("scheduler", "dump");
    constexpr std::size_t deepest = 32;  // deeper ones are not indented further
    const std::vector<task_info> all = tasks();
    to << std::to_string(all.size()) + (all.size() == 1 ? " task\n" : " tasks\n");
    std::size_t left = most;
    detail::for_each_in_tree(all, [&](const task_info& t, std::size_t steps_down) {
        if (left == 0) return false;
        --left;
        std::string line(2 * (steps_down < deepest ? steps_down + 1 : deepest), ' ');
        line += t.description();
        if (steps_down == 0 && t.spawner() != 0)
            line += ", spawned by task #" + std::to_string(t.spawner()) + ", which is not here";
        to << line + "\n";
        return true;
    });
    if (all.size() > most) to << "  and " + std::to_string(all.size() - most) + " more\n";
}

inline std::string scheduler::dump(std::size_t most) const {
    struct {
        std::string text;
        void operator<<(const std::string& more) { text += more; }
    } to;
    dump(to, most);
    return std::move(to.text);
}

}  // namespace coheir
