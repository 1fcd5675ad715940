#pragma once
// What the handler of a scheduler is told of an exception that nobody received.

#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "context/snapshot.hpp"
#include "detail/quoted.hpp"
#include "error.hpp"

namespace coheir {

/// An exception that left a task which nobody joins, or a posted function.
class unhandled {
public:
    unhandled(std::exception_ptr error, std::uint64_t task, std::string_view name,
              std::source_location spawned_at, coheir::context::snapshot context = {}) noexcept
        : error_(std::move(error)), task_(task), name_(name), spawned_at_(spawned_at),
          context_(std::move(context)) {}

    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }
    /// The task's number; 0 for a posted function.
    [[nodiscard]] std::uint64_t task() const noexcept { return task_; }
    /// The name that the task was spawned with, or empty. Valid during the call of the handler.
    [[nodiscard]] std::string_view name() const noexcept { return name_; }
    /// Where the task was spawned; for a posted function, unspecified.
    [[nodiscard]] const std::source_location& spawned_at() const noexcept { return spawned_at_; }
    /// What the task's context showed when the exception left it: which request has failed. Empty for a
    /// posted function. Values that cannot be copied are left out, unless a copy of their context had been
    /// made.
    [[nodiscard]] const coheir::context::snapshot& context() const noexcept { return context_; }

    /// what() of the exception, or "unknown exception".
    [[nodiscard]] std::string what() const {
        try {
            std::rethrow_exception(error_);
        } catch (const std::exception& e) {
            return e.what();
        } catch (const task_cancelled& e) {
            return e.what();
        } catch (...) {
            return "unknown exception";
        }
    }

    /// One line: what, which task, where it was spawned. Control characters are escaped.
    [[nodiscard]] std::string message() const {
        std::string text = "unhandled exception in ";
        if (task_ == 0) {
            text += "a posted function";
        } else {
            text += "task #" + std::to_string(task_);
            if (!name_.empty()) text += " " + detail::quoted(name_);
            text += " spawned at ";
            text += spawned_at_.file_name();
            text += ":" + std::to_string(spawned_at_.line());
        }
        return text + ": " + detail::escaped(what(), 1024);
    }

private:
    std::exception_ptr error_;
    std::uint64_t task_;
    std::string_view name_;
    std::source_location spawned_at_;
    coheir::context::snapshot context_;
};

namespace detail {
inline void print_unhandled(const unhandled& u) {
    try {
        std::fprintf(stderr, "coheir: %s\n", u.message().c_str());
    } catch (const std::bad_alloc&) {
        std::fputs("coheir: unhandled exception in a task, and no memory to describe it\n", stderr);
    }
}
}  // namespace detail

}  // namespace coheir
