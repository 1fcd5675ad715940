#pragma once
// What a program does: runs it with the library, by its public interface.

#include <coheir/coheir.hpp>
#include <coheir/submit.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <future>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "program.hpp"

namespace model {

namespace context = coheir::context;

/// What programs throw.
struct failure : std::exception {
    explicit failure(int n) : number(n) {}
    int number;
};

inline std::string name_of(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const failure& e) {
        return "failure " + std::to_string(e.number);
    } catch (const coheir::task_cancelled&) {
        return "cancelled";
    } catch (const coheir::timeout_error&) {
        return "timeout";
    } catch (const coheir::context_busy&) {
        return "context_busy";
    } catch (const coheir::bad_value_type&) {
        return "bad_value_type";
    } catch (const coheir::not_copyable&) {
        return "not_copyable";
    } catch (const coheir::frozen_key&) {
        return "frozen_key";
    } catch (const coheir::invalid_handle&) {
        return "invalid_handle";
    } catch (const coheir::result_taken&) {
        return "result_taken";
    } catch (const coheir::scheduler_closed&) {
        return "scheduler_closed";
    } catch (const coheir::wrong_scheduler&) {
        return "wrong_scheduler";
    } catch (const coheir::abandoned_await&) {
        return "abandoned_await";
    } catch (const coheir::usage_error&) {
        return "usage_error";
    } catch (const std::exception& e) {
        return e.what();
    }
}

// ---- keys and values

inline constexpr std::array<context::key_name, keys.size()> literals{"a", "b", "c", "own", "once"};
inline constexpr std::array typed_keys{
    context::key<int>{"a"}, context::key<int>{"b"}, context::key<int>{"c", context::flag::secret},
    context::key<int>{"own", context::flag::local}, context::key<int>{"once", context::flag::frozen}};

struct unique_number {
    explicit unique_number(int n) : number(n) {}
    unique_number(unique_number&&) = default;
    unique_number& operator=(unique_number&&) = default;
    int number;
};
using list = std::vector<int>;

/// Calls f with the key as the step writes it.
template <class F>
decltype(auto) with_key(const step& s, F&& f) {
    const std::string name(keys[s.key]);
    return f(s.written == form::literal ? literals[s.key] : context::key_name(name));
}
/// Calls f(key, value).
template <class F>
auto with_value(const step& s, F&& f) {
    if (s.written == form::typed) return f(typed_keys[s.key], s.number);
    return with_key(s, [&](const context::key_name& key) {
        switch (s.of) {
            case kind::number: return f(key, s.number);
            case kind::text: return f(key, std::to_string(s.number));
            case kind::list: return f(key, list{s.number});
            case kind::unique: break;
        }
        return f(key, unique_number(s.number));
    });
}
inline void set(const step& s) {
    with_value(s, [](const auto& key, auto&& v) { context::set(key, std::forward<decltype(v)>(v)); });
}

struct current_context {  // used like a snapshot, a view or a child
    template <class T>
    const T* find(const context::key_name& key) const {
        return context::find<T>(key);
    }
    template <class T, class F>
    bool update(const context::key_name& key, F&& f) {
        return context::update<T>(key, std::forward<F>(f));
    }
    template <class T, class F>
    bool update(const context::key<T>& key, F&& f) {
        return context::update(key, std::forward<F>(f));
    }
};

/// Changes the value as the step says, then calls `more`.
template <class Context, class F>
bool update(Context&& in, const step& s, F&& more) {
    const auto number = [&](int& v) { v = s.number, more(); };
    if (s.written == form::typed) return in.update(typed_keys[s.key], number);
    return with_key(s, [&](const context::key_name& key) {
        switch (s.of) {
            case kind::number: return in.template update<int>(key, number);
            case kind::text:
                return in.template update<std::string>(
                    key, [&](std::string& v) { v += std::to_string(s.number), more(); });
            case kind::list:
                return in.template update<list>(key, [&](list& v) { v.push_back(s.number), more(); });
            case kind::unique: break;
        }
        return in.template update<unique_number>(key, [&](unique_number& v) { v.number = s.number, more(); });
    });
}

template <class Context>
std::string shown_in(const Context& in, std::size_t key) {
    const context::key_name name = literals[key];
    if (const int* const v = in.template find<int>(name)) return text_of(kind::number, std::to_string(*v));
    if (const auto* const v = in.template find<std::string>(name)) return text_of(kind::text, *v);
    if (const auto* const v = in.template find<unique_number>(name))
        return text_of(kind::unique, std::to_string(v->number));
    const list* const values = in.template find<list>(name);
    if (!values) return "-";
    std::string all;
    for (const int v : *values) all += (all.empty() ? "" : ",") + std::to_string(v);
    return text_of(kind::list, all);
}
template <class Context>
std::string shown_in(const Context& in) {
    std::string text;
    for (std::size_t key = 0; key < keys.size(); ++key)
        if (const std::string shown = shown_in(in, key); shown != "-")
            text += (text.empty() ? "" : " ") + std::string(keys[key]) + "=" + shown;
    return text.empty() ? "nothing" : text;
}

/// As of another library: whoever sets it resumes those who wait.
class event {
public:
    void set(bool for_good) {
        is_set_ |= for_good;
        for (const std::coroutine_handle<> h : std::exchange(waiting_, {})) h.resume();
    }
    auto wait() {
        class awaiter {
        public:
            explicit awaiter(event& e) : of_(e) {}
            awaiter(const awaiter&) = delete;
            awaiter& operator=(const awaiter&) = delete;
            ~awaiter() { std::erase(of_.waiting_, resumes_); }
            bool await_ready() const noexcept { return of_.is_set_; }
            void await_suspend(std::coroutine_handle<> h) {
                of_.waiting_.push_back(h);
                resumes_ = h;
            }
            void await_resume() const noexcept {}

        private:
            event& of_;
            std::coroutine_handle<> resumes_{};
        };
        return awaiter(*this);
    }

private:
    bool is_set_ = false;
    std::vector<std::coroutine_handle<>> waiting_;
};

// ---- the programs

class on_coheir {
public:
    explicit on_coheir(const program& p) : program_(p) {
        main_.emplace(*this, p.main);
        other_.emplace(*this, p.other);
    }

    /// What happens, a line for each event.
    std::vector<std::string> run() {
        try {
            run_to_the_end();
        } catch (const std::exception& error) {
            say("the scheduler", error.what());
        }
        main_.reset();
        other_.reset();
        return log_;
    }

private:
    using handle = coheir::join_handle<int>;
    using ms = std::chrono::milliseconds;

    void run_to_the_end() {
        main_->loop.spawn(life({&*main_, ++last_task_}, program_.root)).detach();
        run_until_idle();
        for (std::size_t seen = 0; seen != log_.size();) {
            say_what_is_left();
            seen = log_.size();
            drop_all();
            run_until_idle();
        }
    }

    struct side {
        side(on_coheir& whole, const policy& by) : loop(whole.policy_of(by), whole.clock_) {
            loop.on_unhandled([&whole](const coheir::unhandled& u) { whole.say_unhandled(u); });
            if (!whole.program_.mirrored) return;
            loop.mirror(
                typed_keys[0], [&whole](const int& a) { whole.say("mirror", "enter " + std::to_string(a)); },
                [&whole] { whole.say("mirror", "leave"); });
        }
        coheir::scheduler loop;
        std::array<handle, handle_slots> handles{};
    };

    /// Where a step runs.
    struct place {
        side* home;
        int number;
        coheir::task_group* group = nullptr;
    };

    void run_until_idle() {
        for (int turns = 0;; ++turns) {
            if (turns == 20'000) throw std::runtime_error("it does not come to an end");
            bool is_work_left = main_->loop.run_ready(program_.pace);
            is_work_left |= other_->loop.run_ready(program_.pace);
            is_work_left |= main_->loop.run_ready(0);
            if (is_work_left) continue;
            constexpr auto never = coheir::time_point::max();
            const auto next = std::min(main_->loop.next_deadline().value_or(never),
                                       other_->loop.next_deadline().value_or(never));
            if (next == never) return;
            clock_.advance_to(next);
        }
    }

    void drop_all() {
        for (side* const s : {&*main_, &*other_})
            for (handle& h : s->handles) h.detach();
        for (auto& slot : resolvers_) slot.reset();
        for (auto& slot : remotes_) slot.detach();
        for (event& e : events_) e.set(false);
    }

    // ---- what is seen

    static std::string text_of_time(coheir::duration d) { return std::to_string(d / ms(1)); }
    void say(const std::string& who, const std::string& what) {
        log_.push_back(text_of_time(clock_.now().time_since_epoch()) + "ms " + who + ": " + what);
    }
    void say(int task, const std::string& what) { say(std::to_string(task), what); }
    std::string number_of(std::uint64_t task) const {
        if (task == 0) return "0";
        const auto found = numbers_.find(task);
        return found == numbers_.end() ? "?" : std::to_string(found->second);
    }
    std::string text_of_origin(const std::optional<context::value_origin>& from) const {
        return from ? number_of(from->task()) + (from->is_own() ? ", own" : ", inherited") : "-";
    }
    /// Of each line of a dump the key, whether its value is redacted, and the rest as its origin says.
    template <class Origin>
    std::string text_of_dump(const std::string& dump, Origin&& origin) const {
        std::string text;
        std::istringstream lines(dump);
        for (std::string line; std::getline(lines, line);) {
            const std::string key = line.substr(0, line.find(' '));
            const std::string from = text_of_origin(origin(key));
            const bool is_redacted = line.starts_with(key + " = <redacted> (");
            const bool is_own = line.find(" (own; ") != std::string::npos;
            text += " " + key + (is_redacted ? " redacted " : " ") + from;
            if (is_own != from.ends_with(", own")) text += ", of which the dump says otherwise: " + line;
        }
        return text;
    }
    std::string text_of_dump() const {
        return text_of_dump(context::dump(), [](const std::string& key) { return context::origin(key); });
    }
    std::string text_of_dump(const context::snapshot& of) const {
        return text_of_dump(context::dump(of),
                            [&](const std::string& key) { return context::origin(of, key); });
    }
    void say_unhandled(const coheir::unhandled& u) {
        say("unhandled",
            name_of(u.error()) + " of " + number_of(u.task()) + ", which showed " + shown_in(u.context()));
    }
    void say_what_is_left() {
        for (const side* const s : {&*main_, &*other_})
            for (const coheir::task_info& t : s->loop.tasks())
                say(number_of(t.id()), "is left and " + text_of_wait(t));
    }
    std::string text_of_wait(const coheir::task_info& t) const {
        switch (t.waits_for()) {
            case coheir::waiting_for::task: return "waits for " + number_of(t.joins());
            case coheir::waiting_for::several: return "waits for " + std::to_string(t.left()) + " others";
            case coheir::waiting_for::resolver: return "waits for a resolver";
            case coheir::waiting_for::operation: return "waits for an event";
            default: return "is ready";
        }
    }

    side& side_of(const place& at, const step& s) {
        if (!s.elsewhere) return *at.home;
        return at.home == &*main_ ? *other_ : *main_;
    }

    // ---- policies

    coheir::spawn_policy policy_of(const policy& by) {
        switch (by.how) {
            case way::shared: return coheir::spawn_policy::shared;
            case way::by_scheduler:
            case way::copying: return coheir::spawn_policy::copying;
            case way::chained: return coheir::spawn_policy::chained;
            case way::isolated: return coheir::spawn_policy::isolated;
            default: return [this, by](const context::view& parent) { return child_of(parent, by); };
        }
    }
    context::child child_of(const context::view& parent, const policy& by) {
        say("policy", "sees " + shown_in(parent) + (is_context_current() ? ", in a context" : ""));
        if (by.how == way::selected) {
            context::child made;
            if (const int* const b = parent.find<int>("b")) made.set("b", *b);
            made.set("a", by.number);
            return made;
        }
        if (by.how == way::updated) return updated_child(parent, by);
        context::child made = by.how == way::copied_and_set    ? parent.copied()
                              : by.how == way::chained_and_set ? parent.chained()
                                                               : parent.shared();
        made.set("a", by.number);
        if (by.how != way::refusing) return made;
        made.erase("a");
        throw failure(by.number);
    }
    context::child updated_child(const context::view& parent, const policy& by) {
        context::child made = by.base() == way::shared    ? parent.shared()
                              : by.base() == way::copying ? parent.copied()
                                                          : parent.chained();
        step how;
        how.key = by.key();
        how.of = by.of();
        how.number = by.number;
        say("policy", update(made, how, [] {}) ? "updated" : "had nothing to update");
        return made;
    }
    static bool is_context_current() {
        try {
            return static_cast<void>(context::contains("a")), true;
        } catch (const coheir::no_current_context&) {
            return false;
        }
    }
    coheir::options options_of(const step& s) {
        return s.by.how == way::by_scheduler ? coheir::options() : coheir::options(policy_of(s.by));
    }

    // ---- the life of a task

    coheir::task<int> life(place at, const body& b) {
        numbers_[coheir::this_task::id()] = at.number;
        say(at.number, "begins");
        co_await run(at, b.steps);
        say(at.number, "ends");
        co_return b.result;
    }
    coheir::task<int> child(const place& at, const body& b) { return life({at.home, ++last_task_}, b); }

    coheir::task<> run(place at, const std::vector<step>& steps) {
        for (const step& s : steps) co_await run_step(at, s);
    }

    coheir::task<> run_step(place at, const step& s) {
        std::string seen;
        std::exception_ptr error;
        try {
            if (const auto done = act(at, s))
                seen = *done;
            else
                seen = co_await wait_in(at, s);
        } catch (const coheir::task_cancelled&) {
            if (s.catches != catching::everything) throw;
            error = std::current_exception();
        } catch (...) {
            if (s.catches == catching::nothing) throw;
            error = std::current_exception();
        }
        if (error) seen = "threw " + name_of(error);
        say(at.number, std::string(traits_of(s.what).name) + " " + seen);
    }

    // ---- what does not wait

    /// Nothing where the step has to be awaited.
    std::optional<std::string> act(const place& at, const step& s) {
        const auto yes_or_no = [](bool b) { return b ? "yes" : "no"; };
        handle& of = at.home->handles[s.handle];
        coheir::scheduler& to = side_of(at, s).loop;
        switch (s.what) {
            case op::get: return shown_in(current_context(), s.key);
            case op::get_number: {
                const auto found =
                    s.written == form::typed
                        ? context::get(typed_keys[s.key])
                        : with_key(s, [](const context::key_name& key) { return context::get<int>(key); });
                return found ? std::to_string(*found) : "-";
            }
            case op::contains:
                if (s.written == form::typed) return yes_or_no(context::contains(typed_keys[s.key]));
                return yes_or_no(
                    with_key(s, [](const context::key_name& key) { return context::contains(key); }));
            case op::origin:
                if (s.written == form::typed) return text_of_origin(context::origin(typed_keys[s.key]));
                return text_of_origin(
                    with_key(s, [](const context::key_name& key) { return context::origin(key); }));
            case op::dump: return shown_in(current_context()) + ":" + text_of_dump();
            case op::set: return set(s), shown_in(current_context());
            case op::update: return yes_or_no(update(current_context(), s, [] {}));
            case op::update_throws:
                return yes_or_no(update(current_context(), s, [&s] { throw failure(s.number); }));
            case op::update_busy: return update_busy(at, s);
            case op::erase:
                if (s.written == form::typed) return yes_or_no(context::erase(typed_keys[s.key]));
                return yes_or_no(
                    with_key(s, [](const context::key_name& key) { return context::erase(key); }));
            case op::clear: return context::clear(), shown_in(current_context());
            case op::capture: return snapshots_[s.slot] = context::capture(), shown_in(snapshots_[s.slot]);
            case op::look: return shown_in(snapshots_[s.slot]) + ":" + text_of_dump(snapshots_[s.slot]);
            case op::enter: return enter(at, s);
            case op::bind: return to.post(context::bind([this, &s] { run_bound(s); })), "";
            case op::fail: throw failure(s.number);
            case op::spawn:
                if (s.by.how == way::by_scheduler) return of = coheir::spawn(child(at, s.bodies[0])), "";
                return of = coheir::spawn(child(at, s.bodies[0]), options_of(s)), "";
            case op::spawn_from: {
                auto how = options_of(s);
                return of = coheir::spawn(child(at, s.bodies[0]), std::move(how).context(snapshots_[s.slot])),
                       "";
            }
            case op::spawn_until: {
                auto how = options_of(s);
                const auto until = clock_.now() + ms(s.time);
                return of = coheir::spawn(child(at, s.bodies[0]), std::move(how).deadline(until)), "";
            }
            case op::copy: return at.home->handles[s.other_handle] = of, "";
            case op::drop: return of.detach(), "";
            case op::inspect:
                return std::string(yes_or_no(of.done())) + ", shows " + shown_in(of.context()) + ", showed " +
                       shown_in(of.context_at_failure());
            case op::deadline: {
                const auto until = coheir::this_task::deadline();
                if (!until) return "none";
                return text_of_time(until->time_since_epoch()) + ", left " +
                       text_of_time(coheir::this_task::remaining().value());
            }
            case op::stop: return yes_or_no(of.request_stop());
            case op::stop_by_source: {
                std::stop_source source = of.stop_source();
                return s.number % 3 == 0 ? "not yet" : yes_or_no(source.request_stop());
            }
            case op::is_stopped:
                return std::string(yes_or_no(coheir::this_task::stop_requested())) + ", " +
                       yes_or_no(coheir::this_task::stop_token().stop_requested());
            case op::group_spawn:
                if (!at.group) return "no group";
                return at.group->spawn(life({at.home, ++last_task_, at.group}, s.bodies[0]), options_of(s)),
                       "";
            case op::group_add: return at.group ? (at.group->add(of), "") : "no group";
            case op::group_stop: return at.group ? (at.group->request_stop(), "") : "no group";
            case op::group_size: return at.group ? std::to_string(at.group->size()) : "no group";
            case op::resolve:
                return resolvers_[s.slot] ? yes_or_no((*resolvers_[s.slot])(s.number)) : "no resolver";
            case op::resolve_error:
                if (!resolvers_[s.slot]) return "no resolver";
                return yes_or_no(resolvers_[s.slot]->fail(std::make_exception_ptr(failure(s.number))));
            case op::drop_resolver: return resolvers_[s.slot].reset(), "";
            case op::remote_spawn: {
                side& there = side_of(at, s);
                return remotes_[s.slot] = there.loop.remote().spawn(life({&there, ++last_task_}, s.bodies[0]),
                                                                    options_of(s)),
                       "";
            }
            case op::set_event: return events_[s.slot].set(s.number % 2 == 0), "";
            case op::remote_stop: return remotes_[s.slot].request_stop(), "";
            case op::remote_drop: return remotes_[s.slot].detach(), "";
            case op::submit: {
                side& there = side_of(at, s);
                return futures_[s.slot] =
                           there.loop.submit(life({&there, ++last_task_}, s.bodies[0]), options_of(s)),
                       "";
            }
            case op::future: {
                std::future<int>& from = futures_[s.slot];
                if (!from.valid()) return "no future";
                if (from.wait_for(ms(0)) != std::future_status::ready) return "not yet";
                return std::to_string(from.get());
            }
            case op::post: {
                side& there = side_of(at, s);
                to.post([this, &there, &s] {
                    there.handles[s.handle] = there.loop.spawn(life({&there, ++last_task_}, s.bodies[0]));
                });
                return "";
            }
            case op::set_policy: return at.home->loop.set_policy(policy_of(s.by)), "";
            case op::close: return to.close(), "";
            default: return std::nullopt;
        }
    }

    std::string enter(const place& at, const step& s) {
        const context::enter scope{snapshots_[s.slot]};
        const std::string before = shown_in(current_context());
        set(s);
        at.home->handles[s.handle] = at.home->loop.spawn(child(at, s.bodies[0]), options_of(s));
        return before + ", then " + shown_in(current_context()) + ":" + text_of_dump() +
               (coheir::this_task::exists() ? ", in a task" : "");
    }
    void run_bound(const step& s) {
        std::string text = shown_in(current_context());
        try {
            set(s);
            text += ", then " + shown_in(current_context());
        } catch (...) {
            text += ", threw " + name_of(std::current_exception());
        }
        say("bound", text);
    }
    std::string update_busy(const place& at, const step& s) {
        std::string tried;
        const auto attempt = [&tried](auto&& f) {
            try {
                f();
                tried += " done";
            } catch (...) {
                tried += " " + name_of(std::current_exception());
            }
        };
        const bool was_there = update(current_context(), s, [&] {
            attempt([] { context::set("b", 1); });
            attempt([] { context::update<int>("b", [](int& b) { b = 1; }); });
            attempt([] { context::erase("b"); });
            attempt([] { context::clear(); });
            attempt([] { static_cast<void>(context::capture()); });
            attempt(
                [&] { at.home->handles[s.handle] = coheir::spawn(child(at, s.bodies[0]), options_of(s)); });
        });
        return was_there ? "tried" + tried : "no";
    }

    // ---- what waits

    coheir::task<std::string> wait_in(place at, const step& s) {
        handle& of = at.home->handles[s.handle];
        const ms limit(s.time);
        int result = 0;
        switch (s.what) {
            case op::yield: co_await coheir::yield(); co_return "";
            case op::sleep: co_await coheir::sleep_for(limit); co_return "";
            case op::sleep_until:
                co_await coheir::sleep_until(coheir::time_point(limit + ms(2)));
                co_return "";
            case op::join: result = co_await of; break;
            case op::take: result = co_await std::move(of); break;
            case op::shield: result = co_await coheir::shield(of); break;
            case op::shield_task: result = co_await coheir::shield(child(at, s.bodies[0])); break;
            case op::limit_handle: result = co_await coheir::with_timeout(of, limit); break;
            case op::limit_taken: result = co_await coheir::with_timeout(std::move(of), limit); break;
            case op::limit_task: result = co_await coheir::with_timeout(child(at, s.bodies[0]), limit); break;
            case op::until_task:
                result = co_await coheir::with_deadline(clock_.now() + limit, child(at, s.bodies[0]));
                break;
            case op::limit_sleep:
                co_await coheir::with_timeout(coheir::sleep_for(ms(s.number % 4)), limit);
                co_return "";
            case op::limit_block:
                if (s.number % 2 == 0) {
                    co_await coheir::timeout_scope(limit, run(at, s.bodies[0].steps));
                } else {
                    const auto block = [this, at, &s] { return run(at, s.bodies[0].steps); };
                    co_await coheir::timeout_scope(limit, block);
                }
                co_return "";
            case op::callback: {
                auto* const slot = &resolvers_[s.slot];
                const auto start = [slot](auto resolve) { *slot = resolve; };
                result = co_await coheir::callback<int>(start);
                break;
            }
            case op::wait_event: co_await events_[s.slot].wait(); co_return "";
            case op::remote_join: result = co_await remotes_[s.slot]; break;
            case op::remote_take: result = co_await std::move(remotes_[s.slot]); break;
            case op::run_on: {
                const place there{&side_of(at, s), ++last_task_};
                const auto body = [this, there, &s] { return life(there, s.bodies[0]); };
                result = co_await coheir::run_on(there.home->loop.remote(), body);
                break;
            }
            case op::all:
            case op::settled:
            case op::any: co_return co_await gather(at, s);
            case op::await: co_await run(at, s.bodies[0].steps); co_return "";
            case op::scoped: co_await run_scoped(at, s); co_return "";
            case op::guard: co_await run_guarded(at, s); co_return "";
            case op::group: {
                const auto block = [this, at, &s](coheir::task_group& children) {
                    return run({at.home, at.number, &children}, s.bodies[0].steps);
                };
                co_await coheir::with_task_group(block);
                co_return "";
            }
            default: co_return "unknown";
        }
        co_return std::to_string(result);
    }

    coheir::task<> run_scoped(place at, const step& s) {
        const context::scoped scope = with_value(
            s, [](const auto& key, auto&& v) { return context::scoped(key, std::forward<decltype(v)>(v)); });
        co_await run(at, s.bodies[0].steps);
    }

    coheir::task<> run_guarded(place at, const step& s) {
        struct guard {
            ~guard() { whole.say(number, "leaves a guard, " + shown_in(current_context(), key)); }
            on_coheir& whole;
            int number;
            std::size_t key;
        } const at_end{*this, at.number, s.key};
        co_await run(at, s.bodies[0].steps);
    }

    // ---- when_all and its kin

    /// Calls f with what one argument is: a task, a handle, or a handle that is moved in.
    template <class F>
    static coheir::task<std::string> with_part(const place& at, const body& b, coheir::task<int>& task, F f) {
        handle& of = at.home->handles[b.handle];
        if (b.from == body::source::task) return f(std::move(task));
        return b.from == body::source::handle ? f(of) : f(std::move(of));
    }

    coheir::task<std::string> gather(place at, const step& s) {
        if (!can_gather(at, s)) co_return "skipped";
        using source = body::source;
        std::vector<coheir::task<int>> tasks;
        for (const body& b : s.bodies)
            tasks.push_back(b.from == source::task ? child(at, b) : coheir::task<int>());
        const source first = s.bodies[0].from;
        const bool are_alike =
            std::all_of(s.bodies.begin(), s.bodies.end(), [first](const body& b) { return b.from == first; });
        if (s.bodies.size() == 2 && (!are_alike || s.number % 2 == 0)) {
            const auto two = [&](auto&& one) {
                return with_part(at, s.bodies[1], tasks[1], [&](auto&& other) {
                    return wait_for_two(s.what, std::forward<decltype(one)>(one),
                                        std::forward<decltype(other)>(other));
                });
            };
            co_return co_await with_part(at, s.bodies[0], tasks[0], two);
        }
        if (first == source::task) co_return co_await wait_for_range(s.what, std::move(tasks));
        std::vector<handle> all;
        for (const body& b : s.bodies) {
            handle& of = at.home->handles[b.handle];
            all.push_back(first == source::handle ? of : std::move(of));
        }
        if (first == source::handle) co_return co_await wait_for_range(s.what, all);
        co_return co_await wait_for_range(s.what, std::move(all));
    }
    /// Both sides leave out what only misuse would do.
    static bool can_gather(const place& at, const step& s) {
        std::vector<std::size_t> used;
        bool takes = false;
        for (const body& b : s.bodies) {
            if (b.from == body::source::task) continue;
            const handle& of = at.home->handles[b.handle];
            if (!of.valid() || of.id() == coheir::this_task::id()) return false;
            takes |= b.from == body::source::taken_handle;
            if (takes && std::count(used.begin(), used.end(), b.handle) > 0) return false;
            used.push_back(b.handle);
        }
        return true;
    }
    template <class Range>
    static coheir::task<std::string> wait_for_range(op what, Range&& range) {
        std::string seen;
        if (what == op::any) {
            const auto [index, result] = co_await coheir::when_any(std::forward<Range>(range));
            seen = text_of_first(index, result);
        } else if (what == op::all) {
            const std::vector<int> results = co_await coheir::when_all(std::forward<Range>(range));
            for (const int result : results) seen += (seen.empty() ? "" : ", ") + std::to_string(result);
        } else {
            const auto outcomes = co_await coheir::when_all_settled(std::forward<Range>(range));
            for (const auto& each : outcomes) seen += (seen.empty() ? "" : ", ") + text_of_outcome(each);
        }
        co_return seen;
    }
    template <class A, class B>
    static coheir::task<std::string> wait_for_two(op what, A&& a, B&& b) {
        std::string seen;
        if (what == op::any) {
            const auto first = co_await coheir::when_any(std::forward<A>(a), std::forward<B>(b));
            seen = text_of_first(first.index(), std::visit([](int result) { return result; }, first));
        } else if (what == op::all) {
            const auto [x, y] = co_await coheir::when_all(std::forward<A>(a), std::forward<B>(b));
            seen = std::to_string(x) + ", " + std::to_string(y);
        } else {
            const auto [x, y] = co_await coheir::when_all_settled(std::forward<A>(a), std::forward<B>(b));
            seen = text_of_outcome(x) + ", " + text_of_outcome(y);
        }
        co_return seen;
    }
    static std::string text_of_first(std::size_t index, int result) {
        return std::to_string(index) + " = " + std::to_string(result);
    }
    static std::string text_of_outcome(const coheir::outcome<int>& each) {
        return each ? std::to_string(each.value()) : name_of(each.error());
    }

    const program& program_;
    coheir::manual_clock clock_;
    std::vector<std::string> log_;
    std::map<std::uint64_t, int> numbers_;
    std::array<context::snapshot, snapshot_slots> snapshots_{};
    std::array<std::optional<coheir::resolver<int>>, resolver_slots> resolvers_{};
    std::array<coheir::remote_handle<int>, remote_slots> remotes_{};
    std::array<event, event_slots> events_{};
    std::array<std::future<int>, future_slots> futures_{};
    std::optional<side> main_, other_;
    int last_task_ = 0;
};

}  // namespace model
