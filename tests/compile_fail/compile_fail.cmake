# Checks that SOURCE does not compile, with the error that its line `// error: REGEX` states, in the first line of
# the first error, and that it does compile with -DFIXED, so that nothing else is wrong with it.
#   cmake -D COMPILER=… -D INCLUDE=… -D SOURCE=… -P compile_fail.cmake
set(ENV{LC_ALL} C)
set(compile ${COMPILER} -std=c++20 -fsyntax-only -fdiagnostics-color=never -pthread -I${INCLUDE} ${SOURCE})

file(READ ${SOURCE} source)
if(NOT source MATCHES "// error: ([^\n]+)\n")
    message(FATAL_ERROR "${SOURCE} has no line '// error: REGEX'")
endif()
set(regex "${CMAKE_MATCH_1}")

execute_process(COMMAND ${compile} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(status EQUAL 0)
    message(FATAL_ERROR "${SOURCE} compiles")
endif()
if(NOT output MATCHES "error:([^\n]*)" OR NOT CMAKE_MATCH_1 MATCHES "${regex}")
    message(FATAL_ERROR "The first line of the first error does not match '${regex}':\n${output}")
endif()

execute_process(COMMAND ${compile} -DFIXED COMMAND_ERROR_IS_FATAL ANY)
