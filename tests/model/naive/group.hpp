#pragma once
// A group of tasks, none of which outlives its block.

#include <algorithm>
#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "waits.hpp"

namespace model::naive {

/// The children of a block.
class group : public wait {
public:
    explicit group(task& t) : task_(t), scope_(t) {}
    ~group() override {
        for (const auto& m : members_) m->of->remove(*m);
    }

    [[nodiscard]] scheduler& home() const { return task_.home; }
    [[nodiscard]] std::size_t size() const { return members_.size(); }
    void add(const task_ref& child) {
        if (child.get() == &task_) throw thrown{"usage_error"};
        if (child->ended) {
            if (child->error) failed(*child);
            return;
        }
        members_.push_front(std::make_shared<member>(*this, child));
        child->waiters.push_back(members_.front().get());
        if (!is_stopping_) return;
        wave asking(task_);
        asking.stop(*child);
        asking.run();
    }
    void request_stop() {
        wave asking(task_);
        spread(asking);
        asking.run();
    }
    /// The end of the block, by an exception or not: waits for the children, throws what counts.
    flow finish(std::optional<std::string> error) {
        block_error_ = std::move(error);
        scope_.close();
        is_waiting_ = true;
        if (block_error_ && !is_stopping_) request_stop();
        try {
            if (size() > 0) co_await park(task_, *this);
            task_.end_wait();
        } catch (const thrown&) {
            report(block_error_);
            block_error_ = cancelled;
        }
        if (block_error_ == cancelled && scope_.stopped_alone()) block_error_.reset();  // by a child's error
        const bool block_counts = block_error_ && (!child_error_ || *block_error_ == cancelled);
        report(block_counts ? child_error_ : block_error_);
        if (block_counts) throw thrown{*block_error_};
        if (child_error_) throw thrown{*child_error_};
    }

    void interrupt(wave& w) override { w.add(*this); }
    void spread(wave& w) override {
        is_stopping_ = true;
        for (const auto& m : members_) w.stop(*m->of);
    }
    [[nodiscard]] std::string text() const override {
        return size() == 0 ? "is ready" : "waits for " + std::to_string(size()) + " others";
    }

private:
    struct member : waiter {
        member(group& g, task_ref t) : whole(g), of(std::move(t)) {}
        void told() override { whole.ended(*this); }
        group& whole;
        const task_ref of;
    };

    void ended(member& m) {
        if (m.of->error) failed(*m.of);
        std::erase_if(members_, [&m](const auto& other) { return other.get() == &m; });
        if (is_waiting_ && size() == 0) task_.home.wake(task_);
    }
    void failed(task& child) {
        if (child.stop_requested && *child.error == cancelled) return;
        if (child_error_ || block_error_) return;
        child_error_ = child.error;
        child.error_received = true;
        if (!is_stopping_) request_stop();
        if (is_waiting_) return;
        wave asking(task_);
        asking.stop(scope_);
        asking.run();
    }
    void report(const std::optional<std::string>& lost) const {
        if (!lost || *lost == cancelled) return;
        naive::report(task_, *lost);
    }

    task& task_;
    stop_scope scope_;
    std::list<std::shared_ptr<member>> members_;  // newest first
    std::optional<std::string> child_error_{}, block_error_{};
    bool is_stopping_ = false, is_waiting_ = false;
};

}  // namespace model::naive
