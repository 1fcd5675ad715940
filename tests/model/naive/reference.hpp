#pragma once
// What a program must do: runs it in naive tasks with naive contexts.

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "../program.hpp"
#include "group.hpp"
#include "outside.hpp"
#include "remote.hpp"
#include "run.hpp"
#include "several.hpp"

namespace model::naive {

class reference {
public:
    explicit reference(const program& p)
        : program_(p), main_{scheduler(world_, p.main)}, other_{scheduler(world_, p.other)} {
        main_.loop.mirrored = other_.loop.mirrored = p.mirrored;
    }

    outcome run() {
        start(main_.loop, program_.root, main_.loop.by, nullptr, false, never, ++last_task_, nullptr);
        run_until_idle();
        for (std::size_t seen = 0; seen != world_.log.size();) {
            say_what_is_left();
            seen = world_.log.size();
            drop_all();
            run_until_idle();
        }
        main_.loop.destroy();
        other_.loop.destroy();
        return {world_.log, world_.scopes_overlap};
    }

private:
    struct side {
        scheduler loop;
        std::array<task_ref, handle_slots> handles{};
    };

    // ---- running

    void run_until_idle() {
        for (;;) {
            bool is_work_left = main_.loop.run_ready(program_.pace);
            is_work_left |= other_.loop.run_ready(program_.pace);
            is_work_left |= main_.loop.run_ready(0);
            if (is_work_left) continue;
            const int next = std::min(main_.loop.next_deadline(), other_.loop.next_deadline());
            if (next == never) return;
            world_.now = std::max(world_.now, next);
        }
    }
    void drop_all() {
        for (side* const s : {&main_, &other_})
            for (task_ref& handle : s->handles) handle.reset();
        for (auto& slot : resolvers_) slot.reset();
        for (remote_ref& slot : remotes_) slot.reset();
        for (event& e : events_) e.set(false);
    }
    void say_what_is_left() {
        for (const side* const s : {&main_, &other_})
            for (const task_ref& t : s->loop.live()) say(*t, "is left and " + t->waiting->text());
    }
    void say(const task& t, const std::string& what) { world_.say(std::to_string(t.number), what); }

    side& side_of(const task& t) { return &t.home == &main_.loop ? main_ : other_; }
    side& side_of(const task& t, const step& s) {
        side& here = side_of(t);
        if (!s.elsewhere) return here;
        return &here == &main_ ? other_ : main_;
    }
    task_ref& handle_of(const task& t, std::size_t handle) { return side_of(t).handles[handle]; }
    const task_ref& valid_handle(const task& t, const step& s) {
        const task_ref& handle = handle_of(t, s.handle);
        if (!handle) throw thrown{"invalid_handle"};
        return handle;
    }
    task_ref take_handle(const task& t, const step& s) {
        static_cast<void>(valid_handle(t, s));
        return std::move(handle_of(t, s.handle));
    }

    // ---- spawning

    /// The context of a child. `from`: null where none is current.
    level_ref derive(const policy& by, const level_ref& from, bool is_snapshot) {
        if (by.how == way::isolated) return over(nullptr);
        require_idle(from);
        if (by.how >= way::shared_and_set) world_.say("policy", "sees " + text_of(from));
        const auto shared = [&] {
            if (from && is_snapshot) throw thrown{"wrong_scheduler"};
            return from ? from : over(nullptr);
        };
        const auto chained = [&] { return over(is_snapshot ? copy_of(from) : from); };
        const auto with_number = [&](const level_ref& made) {
            set(made, 0, form::literal, kind::number, std::to_string(by.number), 0);
            return made;
        };
        switch (by.how) {
            case way::shared: return shared();
            case way::copying: return copy_of(from);
            case way::chained: return chained();
            case way::shared_and_set: return with_number(shared());
            case way::copied_and_set: return with_number(copy_of(from));
            case way::chained_and_set: return with_number(chained());
            case way::refusing: shared(); throw thrown{"failure " + std::to_string(by.number)};
            case way::updated:
                switch (by.base()) {
                    case way::shared: return updated(shared(), by, true);
                    case way::copying: {
                        const level_ref made = updated(unfinished_copy_of(from), by, false);
                        return keep_what_was_copied(from), made;
                    }
                    default: return updated(chained(), by, false);
                }
            default: break;
        }
        level_ref selected = over(nullptr);
        if (const value* const b = find(from, 1); b && b->of == kind::number)
            set(selected, 1, form::literal, kind::number, b->content, 0);
        return with_number(selected);
    }

    /// The context of a child in which the policy has updated a key: one of its own.
    level_ref updated(level_ref made, const policy& by, bool is_shared) {
        const std::size_t key = by.key();
        const auto own = made->own.find(key);
        if (own == made->own.end() && find(made, key)) throw thrown{"usage_error"};
        if (is_shared && own != made->own.end() && own->second.of == by.of() && by.of() == kind::unique &&
            !own->second.is_frozen)
            throw thrown{"not_copyable"};
        const bool was_there = update(made, key, by.of(), 0, [&](value& v) { change(v, by.number); });
        world_.say("policy", was_there ? "updated" : "had nothing to update");
        return made;
    }

    task_ref start(scheduler& on, const body& b, const policy& by, const level_ref& from, bool is_snapshot,
                   int deadline, int number, group* in) {
        const task_ref made = make(on, b, by, from, is_snapshot, deadline, number, in);
        on.start(made);
        return made;
    }
    task_ref make(scheduler& on, const body& b, const policy& by, const level_ref& from, bool is_snapshot,
                  int deadline, int number, group* in) {
        if (on.closed) throw thrown{"scheduler_closed"};
        const policy& used = by.how == way::by_scheduler ? on.by : by;
        auto made = std::make_shared<task>(on, number, derive(policy(used), from, is_snapshot));
        made->deadline = deadline;
        begin_with(*made, b, in);
        return made;
    }
    void begin_with(task& t, const body& b, group* in) {
        t.main = life(t, b, in);
        t.resume_at = t.main.frame();
    }
    /// A child of a task, on the same scheduler.
    task_ref spawn(const task& t, const body& b, const policy& by, int number, int deadline = never,
                   group* in = nullptr) {
        return start(t.home, b, by, t.in, false, deadline_of_child(t, by, deadline), number, in);
    }
    static int deadline_of_child(const task& t, const policy& by, int deadline) {
        const policy& used = by.how == way::by_scheduler ? t.home.by : by;
        return used.how == way::isolated ? deadline : std::min(deadline, t.deadline);
    }
    task_ref spawn(const task& t, const body& b, int deadline = never) {
        return spawn(t, b, policy{}, ++last_task_, deadline);
    }

    remote_ref spawn_on(scheduler& on, const task& t, const body& b, const policy& by) {
        return std::make_shared<remote_owner>(hand_over(on, t, b, by));
    }
    std::shared_ptr<remote_task> hand_over(scheduler& on, const task& t, const body& b, const policy& by) {
        const int number = ++last_task_;
        if (by.how == way::shared) throw thrown{"wrong_scheduler"};
        if (on.closed) throw thrown{"scheduler_closed"};
        const level_ref snapshot = by.how == way::isolated ? over(nullptr) : copy_of(t.in);
        const auto made = std::make_shared<remote_task>(on);
        made->number = number;
        const int deadline = t.deadline;
        on.post([this, &on, &b, by, snapshot, made, deadline] {
            const policy used = by.how == way::by_scheduler ? on.by : by;
            const auto arrived = std::make_shared<task>(on, made->number, nullptr);
            arrived->handed_in = made;
            arrived->waiters.push_back(made.get());
            made->of = arrived;
            try {
                arrived->deadline = used.how == way::isolated ? never : deadline;
                arrived->in = derive(used, snapshot, true);
            } catch (const thrown& error) {
                arrived->error = error.what;
                return on.start_ended(*arrived);
            }
            begin_with(*arrived, b, nullptr);
            on.start(arrived);
        });
        return made;
    }

    // ---- the life of a task

    flow life(task& t, const body& b, group* in) {
        say(t, "begins");
        try {
            co_await run(t, b.steps, in);
            t.result = b.result;
            say(t, "ends");
        } catch (const thrown& error) {
            t.error = error.what;
            if (!t.stop_requested || error.what != cancelled) t.at_failure = look_at(t.in);
        }
        t.ended = true;
    }

    flow run(task& t, const std::vector<step>& steps, group* in) {
        for (const step& s : steps) co_await run(t, s, in);
    }

    flow run(task& t, const step& s, group* in) {
        std::string seen;
        try {
            if (!s.bodies.empty() || is_wait(s.what))
                co_await wait_in(t, s, in, seen);
            else
                seen = act(t, s, in);
        } catch (const thrown& error) {
            if (s.catches == catching::nothing) throw;
            if (s.catches == catching::errors && error.what == cancelled) throw;
            seen = "threw " + error.what;
        }
        say(t, std::string(traits_of(s.what).name) + " " + seen);
    }
    static bool is_wait(op what) {
        switch (what) {
            case op::yield:
            case op::sleep:
            case op::sleep_until:
            case op::join:
            case op::take:
            case op::shield:
            case op::limit_handle:
            case op::limit_taken:
            case op::limit_sleep:
            case op::callback:
            case op::wait_event:
            case op::remote_join:
            case op::remote_take: return true;
            default: return false;
        }
    }

    // ---- what does not wait

    std::string act(task& t, const step& s, group* in) {
        const auto changed = [&s](value& v) { change(v, s.number); };
        const auto yes_or_no = [](bool b) { return std::string(b ? "yes" : "no"); };
        switch (s.what) {
            case op::get: return text_of(find(t.in, s.key));
            case op::get_number: {
                const value* const found = find(t.in, s.key);
                if (found && found->of != kind::number) throw thrown{"bad_value_type"};
                return text_of(found);
            }
            case op::contains: return yes_or_no(find(t.in, s.key));
            case op::origin: return text_of_origin(t.in, s.key, t.number);
            case op::dump: return text_of(t.in) + ":" + text_of_dump(t.in, t.number);
            case op::set:
                set(t.in, s.key, s.written, s.of, std::to_string(s.number), t.number);
                return text_of(t.in);
            case op::update: return yes_or_no(update(t.in, s.key, s.of, t.number, changed));
            case op::update_throws:
                return yes_or_no(update(t.in, s.key, s.of, t.number, [&](value& v) {
                    changed(v);
                    throw thrown{"failure " + std::to_string(s.number)};
                }));
            case op::erase: return yes_or_no(erase(t.in, s.key));
            case op::clear: return clear(t.in), text_of(t.in);
            case op::capture: return snapshots_[s.slot] = copy_of(t.in), text_of(snapshots_[s.slot]);
            case op::look: {
                const level_ref seen = snapshot_or_empty(s.slot);
                return text_of(seen) + ":" + text_of_dump(seen, std::nullopt);
            }
            case op::bind: {
                const level_ref captured = copy_of(t.in);
                side_of(t, s).loop.post([this, captured, &s] { run_bound(captured, s); });
                return "";
            }
            case op::fail: throw thrown{"failure " + std::to_string(s.number)};
            case op::copy: return handle_of(t, s.other_handle) = handle_of(t, s.handle), "";
            case op::drop: return handle_of(t, s.handle).reset(), "";
            case op::inspect: {
                const task_ref of = valid_handle(t, s);
                return yes_or_no(of->ended) + ", shows " + text_of(copy_of(of->in)) + ", showed " +
                       text_of(of->at_failure);
            }
            case op::deadline:
                if (t.deadline == never) return "none";
                return std::to_string(t.deadline) + ", left " +
                       std::to_string(std::max(0, t.deadline - world_.now));
            case op::stop: return yes_or_no(request_stop(*task_ref(valid_handle(t, s))));
            case op::stop_by_source: {
                const task_ref of = valid_handle(t, s);
                return s.number % 3 == 0 ? "not yet" : yes_or_no(stop_by_source(*of));
            }
            case op::is_stopped: return yes_or_no(t.stop_requested) + ", " + yes_or_no(is_told(t));
            case op::group_add:
                if (!in) return "no group";
                return in->add(task_ref(valid_handle(t, s))), "";
            case op::group_stop: return in ? (in->request_stop(), "") : "no group";
            case op::group_size: return in ? std::to_string(in->size()) : "no group";
            case op::resolve:
                if (!resolvers_[s.slot]) return "no resolver";
                return yes_or_no(resolvers_[s.slot]->of->resolve(s.number));
            case op::resolve_error:
                if (!resolvers_[s.slot]) return "no resolver";
                return yes_or_no(resolvers_[s.slot]->of->fail("failure " + std::to_string(s.number)));
            case op::drop_resolver: return resolvers_[s.slot].reset(), "";
            case op::set_event: return events_[s.slot].set(s.number % 2 == 0), "";
            case op::remote_stop: {
                const auto& of = valid_remote(s)->of;
                return of->request_stop(of), "";
            }
            case op::remote_drop: return remotes_[s.slot].reset(), "";
            case op::future: {
                if (!futures_[s.slot]) return "no future";
                if (!futures_[s.slot]->is_ready) return "not yet";
                const auto of = std::move(futures_[s.slot]);
                return of->error ? throw thrown{*of->error} : std::to_string(of->result);
            }
            case op::set_policy: return t.home.by = own_policy(s), "";
            case op::close: return side_of(t, s).loop.closed = true, "";
            default: return "";
        }
    }

    static void change(value& v, int number) {
        if (v.of == kind::number || v.of == kind::unique) v.content.clear();
        if (v.of == kind::list) v.content += ",";
        v.content += std::to_string(number);
    }
    static policy own_policy(const step& s) {
        return {s.by.how == way::by_scheduler ? way::copying : s.by.how, s.by.number};
    }
    const remote_ref& valid_remote(const step& s) {
        if (!remotes_[s.slot]) throw thrown{"invalid_handle"};
        return remotes_[s.slot];
    }

    void run_bound(const level_ref& captured, const step& s) {
        const level_ref entered = copy_of(captured);
        std::string text = text_of(entered);
        try {
            set(entered, s.key, s.written, s.of, std::to_string(s.number), 0);
            text += ", then " + text_of(entered);
        } catch (const thrown& error) {
            text += ", threw " + error.what;
        }
        world_.say("bound", text);
    }

    /// What a stop token says: of the whole task, or inside a limit or a group of that.
    static bool is_told(const task& t) {
        if (t.scopes.empty()) return t.stop_requested;
        return t.scopes.back()->stopped || t.scopes.back()->outside_stopped;
    }
    static bool stop_by_source(task& t) {
        if (t.ended || std::exchange(t.source_spent, true)) return false;
        t.posted_request = std::make_shared<bool>(true);
        const std::weak_ptr<bool> posted = t.posted_request;
        t.home.post_always([posted, asked = t.weak_from_this()] {
            const task_ref of = asked.lock();
            if (of && !posted.expired()) request_stop(*of);
        });
        return true;
    }

    // ---- what waits, or has others to run

    flow wait_in(task& t, const step& s, group* in, std::string& seen) {
        int result = 0;
        const int after = world_.now + s.time;
        switch (s.what) {
            case op::yield: co_await yield(t); co_return;
            case op::sleep: co_await sleep_until(t, after); co_return;
            case op::sleep_until: co_await sleep_until(t, s.time + 2); co_return;
            case op::join: co_await join(t, valid_handle(t, s), false, false, result); break;
            case op::take: co_await join(t, take_handle(t, s), true, false, result); break;
            case op::shield: co_await join(t, valid_handle(t, s), false, true, result); break;
            case op::shield_task: co_await join(t, spawn(t, s.bodies[0]), true, true, result); break;
            case op::limit_handle: co_await join_within(t, valid_handle(t, s), false, after, result); break;
            case op::limit_taken: {
                require_joinable(t, *valid_handle(t, s));  // before it is taken
                co_await join_within(t, take_handle(t, s), true, after, result);
                break;
            }
            case op::limit_task:
                co_await join_within(t, spawn(t, s.bodies[0], after), true, after, result);
                break;
            case op::until_task: {
                const int until = std::min(after, t.deadline);
                co_await join_within(t, spawn(t, s.bodies[0], until), true, until, result);
                break;
            }
            case op::limit_sleep: co_await limit_sleep(t, s); co_return;
            case op::limit_block: co_await limit_block(t, s, in); co_return;
            case op::callback: co_await call_back(t, resolvers_[s.slot], result); break;
            case op::wait_event: co_await wait_for(t, events_[s.slot]); co_return;
            case op::remote_join: co_await join_remote(t, valid_remote(s), false, result); break;
            case op::remote_take:
                static_cast<void>(valid_remote(s));
                co_await join_remote(t, std::move(remotes_[s.slot]), true, result);
                break;
            case op::run_on:
                co_await join_remote(t, spawn_on(side_of(t, s).loop, t, s.bodies[0], policy{way::copying, 0}),
                                     true, result);
                break;
            case op::all:
            case op::settled:
            case op::any: co_await gather(t, s, seen); co_return;
            case op::await: co_await run(t, s.bodies[0].steps, in); co_return;
            case op::scoped: co_await run_scoped(t, s, in); co_return;
            case op::guard: co_await run_guarded(t, s, in); co_return;
            case op::group: co_await run_group(t, s); co_return;
            default: seen = start_another(t, s, in); co_return;
        }
        seen = std::to_string(result);
    }

    flow limit_sleep(task& t, const step& s) {
        timed_scope limit(t, s.time);
        try {
            co_await sleep_until(t, world_.now + s.number % 4);
        } catch (const thrown& error) {
            throw limit.outside(error);
        }
    }
    flow limit_block(task& t, const step& s, group* in) {
        timed_scope limit(t, s.time);
        try {
            co_await run(t, s.bodies[0].steps, in);
        } catch (const thrown& error) {
            throw limit.outside(error);
        }
    }

    flow run_scoped(task& t, const step& s, group* in) {
        struct open_scope {
            open_scope(reference& r, task& t, const step& s) : whole(r), scope{s.key, t.in} {
                open(scope, s.written, s.of, std::to_string(s.number), t.number);
            }
            open_scope(const open_scope&) = delete;
            open_scope& operator=(const open_scope&) = delete;
            ~open_scope() {
                if (!scope.close()) whole.world_.scopes_overlap = true;
            }
            reference& whole;
            scope_of_key scope;
        } const scope(*this, t, s);
        co_await run(t, s.bodies[0].steps, in);
    }
    flow run_guarded(task& t, const step& s, group* in) {
        struct guard {
            ~guard() { whole.say(t, "leaves a guard, " + text_of(find(t.in, key))); }
            reference& whole;
            task& t;
            std::size_t key;
        } const at_end{*this, t, s.key};
        co_await run(t, s.bodies[0].steps, in);
    }
    flow run_group(task& t, const step& s) {
        group children(t);
        std::optional<std::string> error;
        try {
            co_await run(t, s.bodies[0].steps, &children);
        } catch (const thrown& left) {
            error = left.what;
        }
        co_await children.finish(error);
    }

    flow gather(task& t, const step& s, std::string& seen) {
        if (!can_gather(t, s)) {
            seen = "skipped";
            co_return;
        }
        std::vector<int> numbers;
        for (const body& b : s.bodies) numbers.push_back(b.from == body::source::task ? ++last_task_ : 0);
        std::vector<gathering::part> parts;
        for (std::size_t i = 0; i < s.bodies.size(); ++i) {
            const body& b = s.bodies[i];
            if (b.from == body::source::task)
                parts.push_back({make(t.home, b, policy{}, t.in, false, deadline_of_child(t, policy{}, never),
                                      numbers[i], nullptr),
                                 true});
            else
                parts.push_back({handle_of(t, b.handle), b.from == body::source::taken_handle});
        }
        // None is started before all are made, and no handle is taken.
        for (std::size_t i = 0; i < s.bodies.size(); ++i) {
            if (s.bodies[i].from == body::source::task) t.home.start(parts[i].of);
            if (s.bodies[i].from == body::source::taken_handle) handle_of(t, s.bodies[i].handle).reset();
        }
        gathering waiting(t, parts,
                          s.what == op::all   ? gathering::until::all_or_error
                          : s.what == op::any ? gathering::until::any
                                              : gathering::until::all);
        co_await waiting.finish();
        if (const auto index = waiting.decided_by(); index && s.what == op::any) {
            seen = std::to_string(*index) + " = ";
            seen += std::to_string(parts[*index].of->receive(parts[*index].taking));
            co_return;
        }
        for (const gathering::part& p : parts) seen += (seen.empty() ? "" : ", ") + text_of_end(p, s.what);
    }
    static std::string text_of_end(const gathering::part& p, op what) {
        try {
            return std::to_string(p.of->receive(p.taking));
        } catch (const thrown& error) {
            if (what == op::settled) return error.what;
            throw;
        }
    }
    /// Both sides leave out what only misuse would do.
    bool can_gather(const task& t, const step& s) {
        std::vector<std::size_t> used;
        bool takes = false;
        for (const body& b : s.bodies) {
            if (b.from == body::source::task) continue;
            const task_ref& handle = handle_of(t, b.handle);
            if (!handle || handle.get() == &t) return false;
            takes |= b.from == body::source::taken_handle;
            if (takes && std::count(used.begin(), used.end(), b.handle) > 0) return false;
            used.push_back(b.handle);
        }
        return true;
    }

    /// Starts a task for which this one does not wait.
    std::string start_another(task& t, const step& s, group* in) {
        const body& b = s.bodies[0];
        task_ref& handle = handle_of(t, s.handle);
        switch (s.what) {
            case op::spawn: return handle = spawn(t, b, s.by, ++last_task_), "";
            case op::spawn_from: {
                const int number = ++last_task_;
                handle = start(t.home, b, s.by, snapshot_or_empty(s.slot), true,
                               deadline_of_child(t, s.by, never), number, nullptr);
                return "";
            }
            case op::spawn_until: {
                const int number = ++last_task_;
                return handle = spawn(t, b, s.by, number, world_.now + s.time), "";
            }
            case op::group_spawn: {
                if (!in) return "no group";
                const task_ref child = start(in->home(), b, s.by, t.in, false,
                                             deadline_of_child(t, s.by, never), ++last_task_, in);
                return in->add(child), "";
            }
            case op::remote_spawn: return remotes_[s.slot] = spawn_on(side_of(t, s).loop, t, b, s.by), "";
            case op::submit: {
                const auto made = hand_over(side_of(t, s).loop, t, b, s.by);
                return futures_[s.slot] = made->fed = std::make_shared<future>(), "";
            }
            case op::post: {
                side& to = side_of(t, s);
                to.loop.post([this, &to, &s] { post_run(to, s); });
                return "";
            }
            case op::enter: return enter(t, s);
            case op::update_busy: return update_busy(t, s);
            default: return "";
        }
    }
    level_ref snapshot_or_empty(std::size_t slot) {
        return snapshots_[slot] ? snapshots_[slot] : over(nullptr);
    }

    void post_run(side& to, const step& s) {
        try {
            to.handles[s.handle] =
                start(to.loop, s.bodies[0], policy{}, nullptr, false, never, ++last_task_, nullptr);
        } catch (const thrown& error) {
            world_.say("unhandled", error.what + " of 0, which showed nothing");
        }
    }

    std::string enter(task& t, const step& s) {
        const level_ref entered = copy_of(snapshots_[s.slot]);
        const std::string before = text_of(entered);
        set(entered, s.key, s.written, s.of, std::to_string(s.number), 0);
        const int number = ++last_task_;
        if (t.home.closed) throw thrown{"scheduler_closed"};
        handle_of(t, s.handle) =
            start(t.home, s.bodies[0], s.by, copy_of(entered), true, never, number, nullptr);
        return before + ", then " + text_of(entered) + ":" + text_of_dump(entered, 0);
    }

    std::string update_busy(task& t, const step& s) {
        std::string tried;
        const auto attempt = [&tried](auto&& f) {
            try {
                f();
                tried += " done";
            } catch (const thrown& error) {
                tried += " " + error.what;
            }
        };
        const bool was_there = update(t.in, s.key, s.of, t.number, [&](value& v) {
            change(v, s.number);
            attempt([&] { set(t.in, 1, form::literal, kind::number, "1", t.number); });
            attempt([&] { update(t.in, 1, kind::number, t.number, [](value& b) { b.content = "1"; }); });
            attempt([&] { erase(t.in, 1); });
            attempt([&] { clear(t.in); });
            attempt([&] { copy_of(t.in); });
            attempt([&] {
                const int number = ++last_task_;
                handle_of(t, s.handle) = spawn(t, s.bodies[0], s.by, number);
            });
        });
        return was_there ? "tried" + tried : "no";
    }

    const program& program_;
    world world_{};
    std::array<level_ref, snapshot_slots> snapshots_{};
    std::array<std::unique_ptr<resolver>, resolver_slots> resolvers_{};
    std::array<remote_ref, remote_slots> remotes_{};
    std::array<event, event_slots> events_{};
    std::array<std::shared_ptr<future>, future_slots> futures_{};
    side main_, other_;
    int last_task_ = 0;
};

}  // namespace model::naive
