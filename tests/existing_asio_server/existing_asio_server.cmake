# The server of examples/existing_asio_server, without and with contexts, and what is said of them.
function(coheir_existing_server name source)
    add_executable(${name} ${PROJECT_SOURCE_DIR}/examples/existing_asio_server/${source}.cpp)
    target_link_libraries(${name} PRIVATE coheir::coheir coheir_development coheir_asio)
endfunction()
coheir_existing_server(existing_asio_server server)
coheir_existing_server(existing_asio_server_with_contexts server_with_contexts)

if(NOT COHEIR_BUILD_TESTS)
    return()
endif()
find_package(Python3 QUIET COMPONENTS Interpreter)
find_program(COHEIR_CURL curl)
if(NOT Python3_FOUND OR NOT COHEIR_CURL)
    message(STATUS "coheir: python3 or curl was not found, the tests of existing_asio_server are off")
    return()
endif()
set(check ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/check.py)
add_test(NAME existing_asio_server.diff COMMAND ${check} diff ${PROJECT_SOURCE_DIR})
add_test(NAME existing_asio_server.without_contexts COMMAND ${check} serve $<TARGET_FILE:existing_asio_server> --plain)
add_test(NAME existing_asio_server.with_contexts
    COMMAND ${check} serve $<TARGET_FILE:existing_asio_server_with_contexts>
)
set_tests_properties(existing_asio_server.diff existing_asio_server.without_contexts
    existing_asio_server.with_contexts PROPERTIES TIMEOUT 120
)
