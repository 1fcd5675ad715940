# Faults that the explored schedules must notice: schedules.mutants.NAME.
set(mutants_of schedules)
set(library $<TARGET_FILE:coheir_test_main>)
set(include -I$<TARGET_PROPERTY:Catch2::Catch2,INTERFACE_INCLUDE_DIRECTORIES>)
set(arguments --abort)
set(noticed "test cases:.* failed|schedules: a deadlock")
include(${CMAKE_CURRENT_LIST_DIR}/../mutants.cmake)

set(source schedules/inbox_test.cpp)
mutant(close_is_forgotten detail/inbox.hpp
    [==[head_.fetch_and(bits, std::memory_order_acquire)]==]
    [==[head_.exchange(0, std::memory_order_acquire)]==]
)
mutant(push_is_lost_in_a_take detail/inbox.hpp
    [==[append(head_.fetch_and(bits, std::memory_order_acquire), queue);]==]
    [==[append(head_.load(std::memory_order_acquire), queue);
        head_.store(head_.load(std::memory_order_relaxed) & bits, std::memory_order_release);]==]
)
set(source schedules/completion_test.cpp)
mutant(waiter_goes_while_it_is_told detail/completion.hpp
    [==[if (was == telling) waiter_.wait(telling, std::memory_order_acquire);]==]
    [==[]==]
)
mutant(released_by_both detail/completion.hpp
    [==[std::memory_order_acq_rel) & settled) != 0;]==]
    [==[std::memory_order_acq_rel) & settled) == 0;]==]
)
set(source schedules/library_test.cpp)
mutant(rings_without_the_lock detail/mailbox.hpp
    [==[        const std::lock_guard lock(mutex_);
        if (bell_) bell_();]==]
    [==[        if (bell_) bell_();]==]
)
mutant(first_push_does_not_ring detail/mailbox.hpp
    [==[if (pushed == inbox::pushed::first) ring();]==]
    [==[]==]
)
if(NOT COHEIR_ALL_MUTANTS AND NOT CMAKE_SCRIPT_MODE_FILE)
    return()
endif()

mutant(stop_takes_the_result_away callback.hpp
    [==[if (!state_ || (!state_->start_error() && !state_->has_outcome())) end_wait(*waiting_);]==]
    [==[if (!state_ || !state_->start_error()) end_wait(*waiting_);]==]
)
set(source schedules/completion_test.cpp)
mutant(exception_is_received_twice detail/completion.hpp
    [==[facts_.fetch_or(received, std::memory_order_acq_rel) & received) == 0;]==]
    [==[facts_.fetch_or(received, std::memory_order_acq_rel) & received) != 1;]==]
)
mutant(two_awaits_at_once detail/completion.hpp
    [==[return (facts_.fetch_or(awaited, std::memory_order_acq_rel) & awaited) == 0;]==]
    [==[return true;]==]
)
set(source schedules/library_test.cpp)
mutant(a_second_request_is_lost detail/remote_state.hpp
    [==[where_.compare_exchange_strong(was, at_home, ]==]
    [==[where_.compare_exchange_strong(was, arrived, ]==]
)
