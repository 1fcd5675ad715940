# Faults that a program must notice. Its list of them says what to build and to run, and includes this. CMake
# makes one test, LIST.mutants.NAME, of each; the test runs the list as a script, which breaks a copy of the
# headers and expects a program to print that it has noticed.
#
# The list sets what the tests are called (mutants_of), the program (source, library, arguments), and the regular
# expression for what it prints then (noticed); perhaps an option for the compiler (include).
#
# mutant(NAME FILE-UNDER-include/coheir [==[old text]==] [==[new text]==])

function(mutant name file old new)
    if(NOT CMAKE_SCRIPT_MODE_FILE)
        add_test(NAME ${mutants_of}.mutants.${name}
            COMMAND ${CMAKE_COMMAND} -D MUTANT=${name} -D COMPILER=${CMAKE_CXX_COMPILER} -D LIBRARY=${library}
                    -D INCLUDE=${include} -D DIR=${CMAKE_CURRENT_BINARY_DIR}/mutants/${mutants_of}/${name}
                    -P ${CMAKE_CURRENT_LIST_FILE}
        )
        set_tests_properties(${mutants_of}.mutants.${name} PROPERTIES TIMEOUT 300)
    elseif(name STREQUAL MUTANT)
        set(root ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/..)
        file(REMOVE_RECURSE ${DIR})
        file(COPY ${root}/include DESTINATION ${DIR})

        set(path ${DIR}/include/coheir/${file})
        file(READ ${path} text)
        string(FIND "${text}" "${old}" first)
        string(FIND "${text}" "${old}" last REVERSE)
        if(first EQUAL -1 OR NOT first EQUAL last)
            message(FATAL_ERROR "coheir/${file} must hold this text exactly once:\n${old}")
        endif()
        string(REPLACE "${old}" "${new}" text "${text}")
        file(WRITE ${path} "${text}")

        execute_process(COMMAND ${COMPILER} -std=c++20 -w -pthread -I${DIR}/include -I${root}/tests ${INCLUDE}
            ${root}/tests/${source} ${LIBRARY} -o ${DIR}/mutant COMMAND_ERROR_IS_FATAL ANY
        )
        execute_process(COMMAND ${DIR}/mutant ${arguments}
            OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE status TIMEOUT 120
        )
        if(status EQUAL 0 OR NOT output MATCHES "${noticed}")
            string(LENGTH "${output}" length)
            message(FATAL_ERROR "nothing notices this mutant: status ${status}, ${length} bytes of output")
        endif()
        message("${CMAKE_MATCH_0}")
    endif()
endfunction()
