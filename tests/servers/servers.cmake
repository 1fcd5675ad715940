# Each example server is started as a process of its own, and is talked to over loopback by curl and wrk.
find_package(Python3 QUIET COMPONENTS Interpreter)
find_program(CURL curl)
find_program(WRK wrk)
if(NOT Python3_FOUND OR NOT CURL)
    message(STATUS "coheir: python3 or curl was not found, the tests of the example servers are off")
    return()
endif()

set(sanitized "")
if(COHEIR_SANITIZE)
    set(sanitized --sanitized)
endif()

function(coheir_server_test server check)
    if(NOT TARGET coheir_example_${server})
        return()
    endif()
    foreach(threads IN ITEMS 1 4)
        set(name server.${server}.${check}.${threads})
        add_test(NAME ${name}
            COMMAND ${Python3_EXECUTABLE} ${PROJECT_SOURCE_DIR}/tests/servers/check.py ${check}
                    $<TARGET_FILE:coheir_example_${server}> --threads ${threads} ${ARGN}
                    ${sanitized}
        )
        set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS server)
    endforeach()
endfunction()

coheir_server_test(http_request_id does_what_the_readme_shows)
# Longer runs by hand: check.py keeps_alive PROGRAM --requests 100000, keeps_ids_apart PROGRAM --requests 200000
foreach(server IN ITEMS http_request_id log_request_id)
    foreach(check IN ITEMS greets validates_ids refuses survives keeps_many_idle keeps_alive stops)
        coheir_server_test(${server} ${check})
    endforeach()
    if(WRK)
        coheir_server_test(${server} keeps_ids_apart)
    endif()
endforeach()
coheir_server_test(http_request_id pipelines)
coheir_server_test(log_request_id pipelines --requests 10000)
if(WRK)
    coheir_server_test(log_request_id logs_ids)
else()
    message(STATUS "coheir: wrk was not found, the tests of the example servers under load are off")
endif()
