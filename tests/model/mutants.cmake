# Faults that the random programs must notice: model.mutants.NAME. Those of contexts alone are in golden.
set(mutants_of model)
set(source model/coheir_model.cpp)
set(library $<TARGET_FILE:coheir_model_naive>)
set(arguments --programs 3000)
set(noticed "[0-9]+ programs, [1-9][0-9]* differ")
include(${CMAKE_CURRENT_LIST_DIR}/../mutants.cmake)

mutant(scope_restores_nothing context/detail/scopes.hpp
    [==[        restore(in);
]==]
    [==[]==]
)
mutant(sleep_swallows_requests sleep.hpp
    [==[void await_resume() const { end_wait(*task); }]==]
    [==[void await_resume() const {}]==]
)
mutant(request_is_thrown_twice detail/stop.hpp
    [==[t.stop &= static_cast<std::uint8_t>(~(task_state::stop_due | task_state::stop_of_task));]==]
    [==[]==]
)
mutant(stopped_before_start_runs detail/stop.hpp
    [==[waiting.resume_at = std::coroutine_handle<>::from_address(&never_runs);]==]
    [==[]==]
)
if(NOT COHEIR_ALL_MUTANTS AND NOT CMAKE_SCRIPT_MODE_FILE)
    return()  # the others take a minute and a half
endif()

mutant(last_waiter_goes_first detail/task_state.hpp
    [==[w.previous->next = first_->previous = &w;]==]
    [==[w.previous->next = first_->previous = &w;
        first_ = &w;]==]
)
mutant(last_timer_goes_first detail/timers.hpp
    [==[node->made < other.node->made]==]
    [==[node->made > other.node->made]==]
)
mutant(any_cancels_nobody detail/gather.hpp
    [==[if (one.takes_result && one.task->waiters.has_only(one))]==]
    [==[if (until_ != until::any && one.takes_result && one.task->waiters.has_only(one))]==]
)
mutant(shield_hands_requests_on join_handle.hpp
    [==[if (!shielded_ && joined_]==]
    [==[if (joined_]==]
)
mutant(late_value_counts timeout.hpp
    [==[        if (timed_out_)
            throw timeout_error]==]
    [==[        if (timed_out_ && of_->failed)
            throw timeout_error]==]
)
mutant(other_scheduler_forgets_the_context detail/remote_state.hpp
    [==[how.context = snapshot_access::take(*who->context, "spawned from");]==]
    [==[how.context.emplace();]==]
)
