# Programs that libFuzzer calls with inputs of its own, each for some seconds (by hand: PROGRAM CORPUS). The
# folder corpus/ holds the inputs to begin with; what is found beyond them stays in the build.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL Clang)
    message(FATAL_ERROR "coheir: libFuzzer comes with clang: use the preset fuzz")
endif()
set(COHEIR_FUZZ_SECONDS 40 CACHE STRING "How long each program runs")

function(coheir_fuzz name max_size)
    add_executable(coheir_fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/${name}.cpp)
    target_include_directories(coheir_fuzz_${name} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(coheir_fuzz_${name} PRIVATE coheir::coheir coheir_development ${ARGN})
    target_link_options(coheir_fuzz_${name} PRIVATE -fsanitize=fuzzer)
    set(found ${CMAKE_CURRENT_BINARY_DIR}/corpus/${name})
    file(MAKE_DIRECTORY ${found})
    math(EXPR most "${COHEIR_FUZZ_SECONDS} + 120")
    add_test(NAME fuzz.${name}
        COMMAND coheir_fuzz_${name} -max_total_time=${COHEIR_FUZZ_SECONDS} -timeout=30 -max_len=${max_size} -print_final_stats=1
                ${found} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name}
    )
    set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT ${most})
endfunction()

coheir_fuzz(shown_values 1024)
if(TARGET coheir_spdlog)
    coheir_fuzz(log_lines 1024 coheir_spdlog)
endif()
if(TARGET coheir_boost_asio)
    coheir_fuzz(http_requests 131072 coheir_boost_asio)  # beyond what the server takes
    target_sources(coheir_fuzz_http_requests PRIVATE
        ${PROJECT_SOURCE_DIR}/examples/http/server.cpp ${PROJECT_SOURCE_DIR}/examples/http_request_id.cpp
    )
    set_source_files_properties(${PROJECT_SOURCE_DIR}/examples/http_request_id.cpp PROPERTIES
        COMPILE_DEFINITIONS main=server_main
    )
endif()
