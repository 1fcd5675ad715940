#pragma once
// What is the same in both flavours of Asio where they carry contexts.

#include <chrono>
#include <string>
#include <type_traits>

#include "../../context/access.hpp"
#include "../../error.hpp"
#include "carrying_executor.hpp"

namespace coheir::detail {

/// The base of a class, `Flavour`, that names what is used of its Asio.
template <class Flavour>
struct carrying_flavour {
    // What any_io_executor asks for arrives as prefer_only<…>.
    template <class Property, class Wanted>
    static constexpr bool is = std::is_same_v<Property, Wanted> ||
                               std::is_same_v<Property, typename Flavour::template prefer_only<Wanted>>;
    template <class Property>
    static constexpr bool tracks_work = is<Property, typename Flavour::tracked>;
    template <class Property>
    static constexpr bool never_blocks = is<Property, typename Flavour::blocking::never_t>;
    template <class Property>
    static constexpr bool blocks_always =
        std::is_convertible_v<Property, typename Flavour::blocking::always_t>;

    /// Whether execute() would call a function at once, here.
    template <class Executor>
    static bool calls_here(const Executor& executor) {
        using blocking = typename Flavour::blocking;
        if constexpr (requires { executor.running_in_this_thread(); } &&
                      Flavour::template can_query<const Executor&, blocking>)
            return executor.running_in_this_thread() &&
                   Flavour::query(executor, blocking()) != blocking(typename blocking::never_t());
        else
            return false;
    }

    /// Not every version of an Asio need ask for what contexts are carried by: throws coheir::error where
    /// they would be lost. Looks when it is first called, and again as long as it has thrown.
    static void require_that_contexts_are_carried() {
        static const bool are_carried = (look_whether_contexts_are_carried(), true);
        static_cast<void>(are_carried);
    }

    /// Runs an operation, and looks whether its completion, which comes from the reactor, sees the context
    /// that was current when it began.
    static void look_whether_contexts_are_carried() {
        using executor = carrying_executor<Flavour, typename Flavour::io_context::executor_type>;
        if (!is_seen_by_completion<executor>() || !is_seen_by_completion<typename Flavour::any_io_executor>())
            throw error(
                std::string("coheir: this version of ") + Flavour::name +
                " does not ask executors to track outstanding work, so contexts would be lost at every "
                "operation: use a version that is tested, see docs/existing-asio-code.md");
    }

private:
    template <class Executor>
    static bool is_seen_by_completion() {
        typename Flavour::io_context host(1);
        const carrying_executor<Flavour, typename Flavour::io_context::executor_type> carries(
            host.get_executor());
        const Executor on(carries);
        typename Flavour::template timer<Executor> timer(on, std::chrono::steady_clock::time_point());
        int seen = 0;
        {
            const flow start(carried::ref::nothing(), 0);
            context::set("coheir.check", 4711);
            timer.async_wait([&seen](const auto&) { seen = context::get("coheir.check", 0); });
        }
        host.run();
        return seen == 4711;
    }
};

}  // namespace coheir::detail
