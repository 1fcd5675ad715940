# Executables and plug-ins that all include the library: in whatever way they are loaded, and whatever symbols they
# show, there is one current context, or the program ends with a message.
set(directory ${CMAKE_CURRENT_LIST_DIR})

foreach(main IN ITEMS coheir_side_main coheir_no_side_main)
    add_library(${main} OBJECT ${directory}/main.cpp)
    target_include_directories(${main} PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
    target_link_libraries(${main} PRIVATE coheir_development)
endforeach()
target_compile_definitions(coheir_no_side_main PRIVATE COHEIR_TEST_WITHOUT)

# coheir_side_program(NAME MAIN LIBRARY …)
function(coheir_side_program name main)
    add_executable(${name} $<TARGET_OBJECTS:${main}>)
    target_link_libraries(${name} PRIVATE coheir_development ${CMAKE_DL_LIBS} ${ARGN})
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

coheir_side_program(coheir_no_side coheir_no_side_main)

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
        set(anchor_if_any)
        if(mode STREQUAL anchor)
            set(anchor_if_any coheir_side_anchor)
            target_compile_definitions(${side} PRIVATE COHEIR_USE_ANCHOR)
        endif()

        foreach(plugin IN ITEMS first second)
            add_library(${side}_${plugin} SHARED $<TARGET_OBJECTS:${side}>)
            target_link_libraries(${side}_${plugin} PRIVATE coheir_development ${anchor_if_any})
        endforeach()
        coheir_side_program(${side}_showing coheir_side_main $<TARGET_OBJECTS:${side}> ${anchor_if_any})
        set_target_properties(${side}_showing PROPERTIES ENABLE_EXPORTS ON)
        coheir_side_program(${side}_quiet coheir_side_main $<TARGET_OBJECTS:${side}> ${anchor_if_any})
        set(linked -Wl,--no-as-needed ${side}_first ${side}_second)
        coheir_side_program(${side}_linked coheir_side_main $<TARGET_OBJECTS:${side}> ${anchor_if_any} ${linked})
        coheir_side_program(${side}_linked_without coheir_no_side_main ${linked})

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
            coheir_side_test(${name}.${how}.without coheir_no_side ${side} ${how} - ${of_plugins})
        endforeach()
    endforeach()
endforeach()

# An anchor that not all use is noticed.
foreach(visibility IN ITEMS default hidden)
    set(side coheir_side_${visibility})
    coheir_side_test(mixed.${visibility}.quiet ${side}_plain_quiet ${side}_anchor local either either)
    coheir_side_test(mixed.${visibility}.anchor ${side}_anchor_showing ${side}_plain local either either)
    coheir_side_test(mixed.${visibility}.plain ${side}_plain_showing ${side}_anchor local either either)
endforeach()

# So is one that is missing.
foreach(plugin IN ITEMS first second)
    add_library(coheir_side_unanchored_${plugin} SHARED $<TARGET_OBJECTS:coheir_side_hidden_anchor>)
    target_link_libraries(coheir_side_unanchored_${plugin} PRIVATE coheir_development)
endforeach()
coheir_side_test(unanchored coheir_no_side coheir_side_unanchored local - refused)
