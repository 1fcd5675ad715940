# The tests that are programs of their own.
function(coheir_test_program name source)
    add_executable(${name} ${source} ${ARGN})
    target_include_directories(${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE coheir::coheir coheir_development)
endfunction()

# Replays what the original Python package did: random programs, and a few about levels over levels.
set(traces ${CMAKE_CURRENT_SOURCE_DIR}/golden/traces.txt ${CMAKE_CURRENT_SOURCE_DIR}/golden/levels.txt)
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/golden/coheir_replay.cpp)
    coheir_test_program(coheir_replay golden/coheir_replay.cpp)
    foreach(adapter IN ITEMS coheir_asio coheir_boost_asio coheir_libuv)
        if(TARGET ${adapter})
            target_link_libraries(coheir_replay PRIVATE ${adapter})
        endif()
    endforeach()
    add_test(NAME golden.traces COMMAND coheir_replay ${traces})
    set_tests_properties(golden.traces PROPERTIES TIMEOUT 120)
endif()

# For the figures in docs/reliability.md, and longer than the other tests together.
option(COHEIR_LONG "Run the programs that can run for long with the counts of docs/reliability.md" OFF)
set(COHEIR_TIME_LIMIT 120 CACHE STRING "Seconds that a test may take")
if(COHEIR_LONG)
    set(random_programs 100000)
else()
    set(random_programs 5000)
endif()

# Random programs, run by the library and by a naive model of it.
add_library(coheir_model_naive STATIC model/naive/run.cpp)
target_link_libraries(coheir_model_naive PRIVATE coheir_development)
coheir_test_program(coheir_model model/coheir_model.cpp)
target_link_libraries(coheir_model PRIVATE coheir_model_naive)
add_test(NAME model COMMAND coheir_model --programs ${random_programs})
set_tests_properties(model PROPERTIES TIMEOUT ${COHEIR_TIME_LIMIT})

# The stack stays flat however long the chain of awaits.
if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/flat_stack/flat_stack.cpp)
    coheir_test_program(coheir_flat_stack flat_stack/flat_stack.cpp)
    add_test(NAME flat_stack COMMAND coheir_flat_stack)
    set_tests_properties(flat_stack PROPERTIES TIMEOUT ${COHEIR_TIME_LIMIT})
endif()

# Programs that may run for as long as one likes.
coheir_test_program(coheir_endurance endurance/main.cpp endurance/fairness.cpp endurance/flooding.cpp endurance/growth.cpp
                    endurance/hops.cpp endurance/sleeps.cpp endurance/wakeups.cpp)
if(COHEIR_LONG)
    set(runs "hops 1000000" "wakeups 1000000" "fairness 1000000" "sleeps 1000000" "growth 50000000" "flooding 100000")
else()
    set(runs "hops 100000" "wakeups 3000" "fairness 20000" "sleeps 20000" "growth 100000" "flooding 20000")
endif()
if(COHEIR_SANITIZE OR CMAKE_CROSSCOMPILING)  # what runs them keeps memory by itself, and takes its own time
    list(FILTER runs EXCLUDE REGEX "^(growth|flooding) ")
endif()
foreach(run IN LISTS runs)
    separate_arguments(arguments UNIX_COMMAND ${run})
    list(GET arguments 0 name)
    add_test(NAME endurance.${name} COMMAND coheir_endurance ${arguments})
    set_tests_properties(endurance.${name} PROPERTIES TIMEOUT ${COHEIR_TIME_LIMIT})
endforeach()
if(COHEIR_LONG)
    set_tests_properties(endurance.wakeups PROPERTIES RUN_SERIAL ON)  # each is to be in time
endif()

# Two translation units that both include everything link, and share what is inline.
coheir_test_program(coheir_odr odr/main.cpp odr/other.cpp)
add_test(NAME odr COMMAND coheir_odr)
set_tests_properties(odr PROPERTIES TIMEOUT 120)

# So do two shared libraries with hidden visibility, and the program that is linked with them.
coheir_test_program(coheir_odr_libraries odr/libraries.cpp)
foreach(library IN ITEMS first second)
    add_library(coheir_odr_${library} SHARED odr/library.cpp)
    target_compile_definitions(coheir_odr_${library} PRIVATE COHEIR_TEST_LIBRARY=${library})
    target_link_libraries(coheir_odr_${library} PRIVATE coheir::coheir coheir_development)
    target_link_libraries(coheir_odr_libraries PRIVATE coheir_odr_${library})
    set_target_properties(coheir_odr_${library} PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
endforeach()
set_target_properties(coheir_odr_libraries PROPERTIES CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
add_test(NAME odr.libraries COMMAND coheir_odr_libraries)
set_tests_properties(odr.libraries PROPERTIES TIMEOUT 120)

include(shared_libraries/shared_libraries.cmake)

# A program and a shared library that hide what they are made of share a scheduler on Asio.
if(TARGET coheir_asio)
    add_library(coheir_hidden SHARED hidden_library/library.cpp)
    coheir_test_program(coheir_hidden_library hidden_library/main.cpp)
    target_link_libraries(coheir_hidden PRIVATE coheir::coheir coheir_development coheir_asio)
    target_link_libraries(coheir_hidden_library PRIVATE coheir_hidden coheir_asio)
    set_target_properties(coheir_hidden coheir_hidden_library PROPERTIES
        CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    )
    add_test(NAME hidden_library COMMAND coheir_hidden_library)
    set_tests_properties(hidden_library PROPERTIES TIMEOUT 120)
endif()

option(COHEIR_ONLY_RUN "Leave out the tests that compile something" OFF)
if(COHEIR_SANITIZE OR COHEIR_ONLY_RUN)
    return()  # the other builds have tried that
endif()

option(COHEIR_ALL_MUTANTS "All faults that random programs and schedules must notice, not only some" OFF)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND NOT COHEIR_SMOKE)  # it is the tests that are tested: once is enough
    include(golden/mutants.cmake)
    include(model/mutants.cmake)
endif()

# Every compile_fail/NAME.cpp must be refused with the error that it states, and accepted with -DFIXED.
file(GLOB sources CONFIGURE_DEPENDS compile_fail/*.cpp)
if(NOT TARGET coheir_asio)
    list(FILTER sources EXCLUDE REGEX "/compile_fail/asio_")
endif()
foreach(source IN LISTS sources)
    cmake_path(GET source STEM name)
    add_test(NAME compile_fail.${name}
        COMMAND ${CMAKE_COMMAND} -D COMPILER=${CMAKE_CXX_COMPILER} -D INCLUDE=${PROJECT_SOURCE_DIR}/include
                -D SOURCE=${source} -P ${CMAKE_CURRENT_SOURCE_DIR}/compile_fail/compile_fail.cmake
    )
    set_tests_properties(compile_fail.${name} PROPERTIES TIMEOUT 120)
endforeach()

# Three small projects that use coheir: the installed package, the source tree, pkg-config.
if(NOT COHEIR_INSTALL)
    return()
endif()
set(prefix ${CMAKE_CURRENT_BINARY_DIR}/consumers/prefix)
add_test(NAME consumer.install
    COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR} -D PREFIX=${prefix}
            -P ${CMAKE_CURRENT_SOURCE_DIR}/consumers/install.cmake
)
set_tests_properties(consumer.install PROPERTIES FIXTURES_SETUP coheir_installed TIMEOUT 120)

function(coheir_consumer name)
    add_test(NAME consumer.${name}
        COMMAND ${CMAKE_CTEST_COMMAND}
            --build-and-test ${CMAKE_CURRENT_SOURCE_DIR}/consumers/${name}
                             ${CMAKE_CURRENT_BINARY_DIR}/consumers/${name}
            --build-generator ${CMAKE_GENERATOR}
            --build-options -DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER} ${ARGN}
            --test-command consumer
    )
    set_tests_properties(consumer.${name} PROPERTIES TIMEOUT 120)
endfunction()

coheir_consumer(add_subdirectory -DCOHEIR_SOURCE_DIR=${PROJECT_SOURCE_DIR})
coheir_consumer(find_package -DCMAKE_PREFIX_PATH=${prefix})
set_tests_properties(consumer.find_package PROPERTIES FIXTURES_REQUIRED coheir_installed)

find_package(PkgConfig QUIET)
if(PkgConfig_FOUND)
    coheir_consumer(pkg_config)
    set_tests_properties(consumer.pkg_config PROPERTIES
        FIXTURES_REQUIRED coheir_installed
        ENVIRONMENT PKG_CONFIG_PATH=${prefix}/share/pkgconfig
    )
else()
    message(STATUS "coheir: pkg-config was not found, its consumer test is off")
endif()
