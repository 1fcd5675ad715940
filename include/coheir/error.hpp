#pragma once
// Every error that the library throws, each with a message that names what it is about.

#include <stdexcept>
#include <string>
#include <string_view>

#include "config.hpp"
#include "detail/quoted.hpp"

namespace coheir {

/// The base of all errors of the library.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A context was asked for where none is current: outside any task.
class no_current_context : public error {
public:
    explicit no_current_context(const char* operation)
        : error(std::string("coheir::context::") + operation +
                ": no context is current here: call it from a task") {}
    no_current_context(const char* operation, std::string_view key)
        : error(std::string("coheir::context::") + operation + ": key " + detail::quoted(key) +
                ": no context is current here: call it from a task") {}
};

/// A value is of another type than the one asked for.
class bad_value_type : public error {
public:
    bad_value_type(std::string_view key, std::string_view asked, std::string_view held)
        : error("coheir::context: key " + detail::quoted(key) + " was asked for as " + std::string(asked) +
                " but holds " + std::string(held)) {}
};

/// A context was changed, captured, copied or spawned from while one of its values is being updated.
class context_busy : public error {
public:
    explicit context_busy(std::string_view what)
        : error("coheir::context: a context cannot be " + std::string(what) +
                " while update() is changing one of its values") {}
};

/// A value that cannot be copied is shared and cannot be updated: with a copy of its context, for good; or
/// with a policy that changes its context, or with a formatter that shows it right now.
class not_copyable : public error {
public:
    not_copyable(std::string_view key, std::string_view type, bool for_good = true)
        : error("coheir::context: key " + detail::quoted(key) + " cannot be updated" +
                (for_good ? ": its context has been copied since it was set, and "
                          : " now: its context is being shown, or changed by a policy, and ") +
                std::string(type) + " cannot be copied") {}
};

/// A frozen key was to be changed after it was set.
class frozen_key : public error {
public:
    frozen_key(const char* operation, std::string_view key, std::string_view first_set)
        : error("coheir::context::" + std::string(operation) + ": key " + detail::quoted(key) +
                " is frozen: it was set at " + std::string(first_set)) {}
};

/// Two typed keys have one name, and another type or other flags.
class key_conflict : public error {
public:
    key_conflict(std::string_view key, std::string_view type, std::string_view flags,
                 std::string_view held_type, std::string_view held_flags)
        : error("coheir::context: key " + detail::quoted(key) + " is declared twice: as " +
                std::string(type) + std::string(flags) + ", but it was set as " + std::string(held_type) +
                std::string(held_flags)) {}
};

/// A key that is no name: a null pointer.
class invalid_key : public error {
public:
    invalid_key() : error("coheir::context: a key must not be a null pointer") {}
};

/// An operation that needs a running task was called outside any.
class no_current_task : public error {
public:
    explicit no_current_task(const char* operation)
        : error(std::string("coheir::") + operation + ": no task is running here") {}
};

/// Work was given to a scheduler that is closed or destroyed.
class scheduler_closed : public error {
public:
    explicit scheduler_closed(const char* operation)
        : error(std::string("coheir::") + operation + ": the scheduler is closed") {}
    explicit scheduler_closed(const std::string& what) : error("coheir: " + what + " with its scheduler") {}
};

/// A scheduler was run while it runs already.
class scheduler_busy : public error {
public:
    explicit scheduler_busy(const char* operation)
        : error(std::string("coheir::scheduler::") + operation + ": this scheduler is running already") {}
};

/// A context or a task of one scheduler was used on another.
class wrong_scheduler : public error {
public:
    using error::error;
};

/// A task was awaited, spawned or run that has been moved from: it was awaited before, or never held a
/// coroutine.
class invalid_task : public error {
public:
    explicit invalid_task(const char* operation)
        : error(std::string("coheir::") + operation +
                ": the task is empty: it was moved from, or awaited or spawned before") {}
};

/// A handle was used that refers to no task: it was moved from, detached or default-made.
class invalid_handle : public error {
public:
    explicit invalid_handle(const char* operation)
        : error(std::string("coheir: ") + operation + ": the handle refers to no task") {}
};

/// The result of a task was asked for after another had moved it out.
class result_taken : public error {
public:
    explicit result_taken(std::string_view task)
        : error("coheir: the result of " + std::string(task) + " has been moved out by an earlier await") {}
};

/// What a wait throws in a task that was asked to stop, to unwind it. Not derived from std::exception, so
/// that a handler of errors does not take it for one and go on: who catches it to clean up, lets it go on.
class task_cancelled {
public:
    [[nodiscard]] const char* what() const noexcept { return "coheir: the task was cancelled"; }
};

/// What was waited for took longer than it was given.
class timeout_error : public error {
public:
    using error::error;
};

/// A foreign operation destroyed the handle that it should have resumed.
class abandoned_await : public error {
public:
    abandoned_await() : error("coheir: the awaited operation was dropped without ever being completed") {}
};

/// Run-time use that can only be a mistake, such as a task that joins itself.
class usage_error : public error {
public:
    using error::error;
};

}  // namespace coheir
