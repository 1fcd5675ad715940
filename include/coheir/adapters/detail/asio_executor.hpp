#pragma once
// The executor of an operation that a task awaits: what Asio completes goes to the task's scheduler.

#include <type_traits>
#include <utility>

#include "asio_engine.hpp"

namespace coheir::detail {

/// Associated with the handlers of use_task. So the steps of a composed operation run where its task does,
/// and none runs after the scheduler is gone, since they refer to what lived in the task.
template <class Flavour>
class asio_executor {
    using blocking = typename Flavour::blocking;

public:
    explicit asio_executor(typename asio_engine<Flavour>::ref engine, bool at_once = true) noexcept
        : engine_(std::move(engine)), at_once_(at_once) {}

    template <class F>
    void execute(F&& f) const {
        engine_->execute(std::decay_t<F>(std::forward<F>(f)), at_once_);
    }

    typename Flavour::execution_context& query(typename Flavour::context_property) const noexcept {
        return engine_->context();
    }
    blocking query(blocking) const noexcept {
        return at_once_ ? blocking(typename blocking::possibly_t()) : blocking(typename blocking::never_t());
    }
    asio_executor require(typename blocking::possibly_t) const noexcept {
        return asio_executor(engine_, true);
    }
    asio_executor require(typename blocking::never_t) const noexcept { return asio_executor(engine_, false); }

    friend bool operator==(const asio_executor& a, const asio_executor& b) noexcept {
        return &*a.engine_ == &*b.engine_ && a.at_once_ == b.at_once_;
    }
    friend bool operator!=(const asio_executor& a, const asio_executor& b) noexcept { return !(a == b); }

private:
    typename asio_engine<Flavour>::ref engine_;
    bool at_once_;
};

}  // namespace coheir::detail
