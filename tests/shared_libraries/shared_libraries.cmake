# Executables and plug-ins that all include the library: in whatever way they are loaded, and whatever symbols they
# show, there is one current context, or the program ends with a message.
set(directory ${CMAKE_CURRENT_LIST_DIR})

# coheir_side_program(NAME SOURCE …): an executable, which is a side if it is linked with the objects of one.
function(coheir_side_program name)
    coheir_test_program(${name} ${directory}/main.cpp)
    target_link_libraries(${name} PRIVATE ${CMAKE_DL_LIBS} ${ARGN})
endfunction()

# coheir_side_test(NAME PROGRAM PLUGINS local|global BETWEEN_PROGRAM_AND_PLUGIN BETWEEN_PLUGINS)
function(coheir_side_test name program plugins how with_program between_plugins)
    add_test(NAME shared_libraries.${name} COMMAND ${program} ${how} ${with_program} ${between_plugins}
        $<TARGET_FILE:${plugins}_first> $<TARGET_FILE:${plugins}_second>
    )
    set_tests_properties(shared_libraries.${name} PROPERTIES TIMEOUT 120)
endfunction()

add_library(coheir_side_anchor SHARED ${directory}/anchor.cpp)
target_link_libraries(coheir_side_anchor PRIVATE coheir::coheir coheir_development)
target_compile_definitions(coheir_side_anchor PRIVATE COHEIR_USE_ANCHOR)

coheir_side_program(coheir_no_side)
target_compile_definitions(coheir_no_side PRIVATE COHEIR_TEST_WITHOUT)

# g++ makes variables like these unique in a process, where their symbols are shown at all.
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    set(of_local_plugins one)
else()
    set(of_local_plugins message)
endif()

foreach(visibility IN ITEMS default hidden)
    foreach(mode IN ITEMS plain anchor)
        set(side coheir_side_${visibility}_${mode})
        add_library(${side} OBJECT ${directory}/side.cpp)
        target_link_libraries(${side} PRIVATE coheir::coheir coheir_development)
        set_target_properties(${side} PROPERTIES
            CXX_VISIBILITY_PRESET ${visibility} VISIBILITY_INLINES_HIDDEN ON POSITION_INDEPENDENT_CODE ON
        )
        if(visibility STREQUAL default)
            set_target_properties(${side} PROPERTIES VISIBILITY_INLINES_HIDDEN OFF)
        endif()
        set(anchor)
        if(mode STREQUAL anchor)
            set(anchor coheir_side_anchor)
            target_compile_definitions(${side} PRIVATE COHEIR_USE_ANCHOR)
        endif()

        foreach(plugin IN ITEMS first second)
            add_library(${side}_${plugin} SHARED $<TARGET_OBJECTS:${side}>)
            target_link_libraries(${side}_${plugin} PRIVATE coheir_development ${anchor})
        endforeach()
        coheir_side_program(${side}_showing $<TARGET_OBJECTS:${side}> ${anchor})
        set_target_properties(${side}_showing PROPERTIES ENABLE_EXPORTS ON)
        coheir_side_program(${side}_quiet $<TARGET_OBJECTS:${side}> ${anchor})
        set(linked -Wl,--no-as-needed ${side}_first ${side}_second)
        coheir_side_program(${side}_linked $<TARGET_OBJECTS:${side}> ${anchor} ${linked})
        coheir_side_program(${side}_linked_without ${linked})
        target_compile_definitions(${side}_linked_without PRIVATE COHEIR_TEST_WITHOUT)

        set(name ${visibility}.${mode})
        set(of_quiet message)
        set(of_local ${of_local_plugins})
        if(mode STREQUAL anchor)
            set(of_quiet one)
            set(of_local one)
        endif()
        coheir_side_test(${name}.linked ${side}_linked ${side} local one one)
        coheir_side_test(${name}.linked.without ${side}_linked_without ${side} local one one)
        foreach(how IN ITEMS local global)
            if(how STREQUAL local)
                set(of_plugins ${of_local})
            else()
                set(of_plugins one)
            endif()
            coheir_side_test(${name}.${how}.showing ${side}_showing ${side} ${how} one one)
            coheir_side_test(${name}.${how}.quiet ${side}_quiet ${side} ${how} ${of_quiet} ${of_plugins})
            coheir_side_test(${name}.${how}.without coheir_no_side ${side} ${how} "" ${of_plugins})
        endforeach()
    endforeach()
endforeach()

# An anchor that not all use is noticed, and so is one that is missing.
coheir_side_test(mixed coheir_side_hidden_plain_showing coheir_side_hidden_anchor local message one)
foreach(plugin IN ITEMS first second)
    add_library(coheir_side_unanchored_${plugin} SHARED $<TARGET_OBJECTS:coheir_side_hidden_anchor>)
    target_link_libraries(coheir_side_unanchored_${plugin} PRIVATE coheir_development)
endforeach()
coheir_side_test(unanchored coheir_no_side coheir_side_unanchored local "" refused)
