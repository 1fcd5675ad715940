#pragma once
// Waiting for several tasks: when_all, when_all_settled and when_any.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "waits.hpp"

namespace model::naive {

/// Waits for several; one may decide that the rest is needed no more.
class gathering : public wait {
public:
    enum class until { all_or_error, all, any };
    struct part {
        task_ref of;
        bool taking;
    };

    gathering(task& t, const std::vector<part>& parts, until how) : task_(t), until_(how) {
        left_ = parts.size();
        for (const part& p : parts) {
            members_.push_back(std::make_unique<member>(*this, *p.of));
            member& m = *members_.back();
            m.takes_result = p.taking;
            if (p.of->ended) {
                m.told();
            } else {
                m.is_linked = true;
                p.of->waiters.push_back(&m);
            }
        }
        all_joined_ = true;
        if (decides_) stop_rest();
    }
    ~gathering() override {
        for (const auto& m : members_)
            if (m->is_linked) m->of.remove(*m);
    }

    [[nodiscard]] bool is_complete() const { return left_ == 0; }
    /// Which one decides; nothing where none did.
    [[nodiscard]] std::optional<std::size_t> decided_by() const {
        for (std::size_t i = 0; i < members_.size(); ++i)
            if (members_[i].get() == decides_) return i;
        return std::nullopt;
    }
    flow finish() {
        if (!is_complete()) {
            is_parked_ = true;
            co_await park(task_, *this);
        }
        task_.end_wait();
        if (decides_ && decides_->of.error) decides_->of.receive(false);
    }

    void interrupt(wave& w) override { w.add(*this); }
    void spread(wave& w) override {
        if (is_complete()) return;
        for (member* const m : those_left())
            if (!m->of.has_only(*m) || !w.hand_on(m->of)) let_go(*m);
        wake_once();
    }
    [[nodiscard]] std::string text() const override {
        return is_complete() ? "is ready" : "waits for " + std::to_string(left_) + " others";
    }

private:
    struct member : waiter {
        member(gathering& w, task& t) : whole(w), of(t) {}
        void told() override {
            is_linked = false;
            whole.ended(*this);
        }
        gathering& whole;
        task& of;
        bool is_linked = false;
    };

    void ended(member& m) {
        --left_;
        if (!decides_ && (until_ == until::any || (until_ == until::all_or_error && m.of.error))) {
            decides_ = &m;
            if (all_joined_) stop_rest();
        }
        wake_once();
    }
    std::vector<member*> those_left() {
        is_stopped_ = true;
        std::vector<member*> left;
        for (const auto& m : members_)
            if (m->is_linked && !m->of.ended) left.push_back(m.get());
        return left;
    }
    /// What was given away stops, unless others wait for it; what was not is let go.
    void stop_rest() {
        if (is_stopped_) return;
        wave asking(task_);
        for (member* const m : those_left())
            if (m->takes_result && m->of.has_only(*m))
                asking.stop(m->of);
            else
                let_go(*m);
        asking.run();
    }
    void let_go(member& m) {
        m.is_linked = false;
        m.of.remove(m);
        --left_;
    }
    void wake_once() {
        if (is_complete() && std::exchange(is_parked_, false)) task_.home.wake(task_);
    }

    task& task_;
    const until until_;
    std::vector<std::unique_ptr<member>> members_;
    std::size_t left_ = 0;
    member* decides_ = nullptr;
    bool all_joined_ = false, is_stopped_ = false, is_parked_ = false;
};

}  // namespace model::naive
