#pragma once
// An executor of Asio through which contexts go along, and the contexts whose executor it is.

#include <atomic>
#include <concepts>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "../../config.hpp"
#include "../../detail/globals.hpp"
#include "../../error.hpp"
#include "flow.hpp"

namespace coheir {

namespace detail {

/// Whether it is the own executor of an execution context, with whatever properties; the adapter headers say
/// it of theirs.
template <class Executor>
inline constexpr bool is_bare_executor = false;

/// Other executors, such as strands, show to nobody which one they are: they are numbered. Odd, which no
/// address of an execution context is.
inline std::uint64_t next_number() noexcept {
    return in_this_process().numbers_of_others.fetch_add(2, std::memory_order_relaxed);
}
struct no_number {};

}  // namespace detail

/// Wraps an executor of Asio: what is started through it goes on in the context that was current when it was
/// started. `Flavour` is standalone Asio or Boost.Asio: make it with carry_context(), or by a context whose
/// executor it is (asio_io_context and so on).
///
/// The snapshot is taken when an operation begins, which is when Asio asks the executor to track it as
/// outstanding work, since completions come from the reactor, where no context is current; and by execute()
/// where none was taken. Each handler runs in a context of its own that shows what the snapshot does, or
/// nothing. What it sets goes along with what it starts next, and no further.
///
/// As copyable and thread-safe as the executor inside. Two are equal only if they also carry the same, so
/// that nobody takes a short cut from one to the other. Taking and entering a context costs about 0.1 us.
///
/// A flow that has forked a child (see context::fork) goes on in its live context where the executor is the
/// one that runs it: a copy of that, or of the same execution context. On any other, also on a second one
/// that was made of the same strand, it goes on in a snapshot.
template <class Flavour, class Inner>
class carrying_executor {
public:
    using inner_executor_type = Inner;

    // Not for what converts to Inner: an any_io_executor could be made of a carrying_executor, and asks.
    template <std::same_as<Inner> I>
    explicit carrying_executor(I inner) noexcept : inner_(std::move(inner)) {
        if constexpr (!is_bare) number_ = detail::next_number();
    }
    // Asio asks for these to be noexcept.
    carrying_executor(const carrying_executor&) noexcept = default;
    carrying_executor(carrying_executor&&) noexcept = default;
    carrying_executor& operator=(const carrying_executor&) noexcept = default;
    carrying_executor& operator=(carrying_executor&&) noexcept = default;
    ~carrying_executor() = default;

    [[nodiscard]] inner_executor_type get_inner_executor() const noexcept { return inner_; }

    /// Calls f() in the context that goes along, when and where the executor inside does. Throws
    /// std::bad_alloc and context_busy, and what that throws.
    template <class F>
    void execute(F&& f) const {
        detail::carried::ref in = taken_ ? taken_ : detail::carried::ref::take_snapshot();
        if (Flavour::calls_here(inner_))
            go_on(std::move(in), home(), std::forward<F>(f));
        else
            Flavour::execute(inner_, leg<std::decay_t<F>>(std::move(in), home(), std::forward<F>(f)));
    }

    template <class Property>
        requires(Flavour::template can_query<const Inner&, Property>)
    auto query(const Property& p) const noexcept(noexcept(Flavour::query(std::declval<const Inner&>(), p)))
        -> decltype(Flavour::query(std::declval<const Inner&>(), p)) {
        return Flavour::query(inner_, p);
    }

    template <class Property>
        requires(Flavour::template can_require<const Inner&, Property> &&
                 !Flavour::template blocks_always<Property>)
    auto require(const Property& p) const { return with<Property>(Flavour::require(inner_, p)); }

    template <class Property>
        requires(Flavour::template can_prefer<const Inner&, Property> &&
                 !Flavour::template blocks_always<Property>)
    auto prefer(const Property& p) const { return with<Property>(Flavour::prefer(inner_, p)); }

    friend bool operator==(const carrying_executor& a, const carrying_executor& b) noexcept {
        return a.inner_ == b.inner_ && a.taken_ == b.taken_;
    }
    friend bool operator!=(const carrying_executor& a, const carrying_executor& b) noexcept {
        return !(a == b);
    }

private:
    template <class F, class I>
    friend class carrying_executor;

    static constexpr bool is_bare = detail::is_bare_executor<Inner>;
    using number = std::conditional_t<is_bare, detail::no_number, std::uint64_t>;

    /// Which executor this is: the same for all of its copies, and for all of one execution context.
    std::uint64_t home() const noexcept {
        if constexpr (is_bare)
            return reinterpret_cast<std::uintptr_t>(&Flavour::query(inner_, typename Flavour::context()));
        else
            return number_;
    }

    template <class F>
    static void go_on(detail::carried::ref in, std::uint64_t home, F&& f) {
        const detail::flow here(std::move(in), home);
        std::decay_t<F> own(std::forward<F>(f));  // what it has captured dies in its context
        std::move(own)();
    }

    /// A function that goes on in the context that it has brought along.
    template <class F>
    class leg {
    public:
        template <class G>
        leg(detail::carried::ref in, std::uint64_t home, G&& f)
            : in_(std::move(in)), home_(home), f_(std::forward<G>(f)) {}
        void operator()() { go_on(std::move(in_), home_, std::move(f_)); }

    private:
        detail::carried::ref in_;
        std::uint64_t home_;
        F f_;
    };

    carrying_executor(Inner inner, detail::carried::ref taken, std::uint64_t home) noexcept
        : inner_(std::move(inner)), taken_(std::move(taken)) {
        if constexpr (!is_bare) number_ = home;
    }

    /// The executor with another inside: the one that tracks an operation takes the context.
    template <class Property, class I>
    carrying_executor<Flavour, I> with(I inner) const {
        constexpr bool tracks = Flavour::template tracks_work<Property>;
        detail::carried::ref taken = taken_;
        // What is posted by a live flow is the flow that goes on; what is dispatched, such as the start of a
        // coroutine, is a child.
        if constexpr (tracks || Flavour::template never_blocks<Property>)
            if (!taken) taken = detail::carried::ref::take_live(home());
        if constexpr (tracks)  // by which an operation begins: Asio allows no exception there
            if (!taken) taken = detail::carried::ref::take_snapshot_or_none();
        return carrying_executor<Flavour, I>(std::move(inner), std::move(taken), home());
    }

    Inner inner_;
    detail::carried::ref taken_;
    [[no_unique_address]] number number_{};
};

namespace detail {

/// An execution context of Asio, `Base`, whose executor carries contexts along.
template <class Flavour, class Base>
class carrying_context : public Base {
public:
    using executor_type = carrying_executor<Flavour, typename Base::executor_type>;

    using Base::Base;

    [[nodiscard]] executor_type get_executor() noexcept { return executor_type(Base::get_executor()); }
    [[nodiscard]] executor_type executor() noexcept requires requires(Base& b) { b.executor(); }
    { return executor_type(Base::executor()); }

private:
    struct checked {
        checked() { Flavour::require_that_contexts_are_carried(); }
    };
    [[no_unique_address]] checked checked_;
};

}  // namespace detail

/// A strand whose handlers each run in their own context: in place of Asio's make_strand. (A strand over an
/// executor that carries contexts would run them in that of whoever comes first.)
template <class Flavour, class Inner>
[[nodiscard]] auto make_strand(const carrying_executor<Flavour, Inner>& executor) {
    const auto strand = Flavour::make_strand(executor.get_inner_executor());
    return carrying_executor<Flavour, std::remove_const_t<decltype(strand)>>(strand);
}
template <class Flavour, class Base>
[[nodiscard]] auto make_strand(detail::carrying_context<Flavour, Base>& context) {
    return coheir::make_strand(context.get_executor());
}
template <class Any>
    requires requires(const Any& e) { e.target_type(); }
[[nodiscard]] auto make_strand(const Any& executor) {
    static_assert(!std::is_same_v<Any, Any>,
                  "coheir::make_strand: this executor does not show whether it carries contexts: make the "
                  "strand of the io_context, of the thread_pool, or of the executor that one of these gives");
    return executor;
}

}  // namespace coheir
