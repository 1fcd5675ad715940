# Warnings and sanitizers for our own programs; no user of the library ever gets them.
set(CMAKE_CXX_EXTENSIONS OFF)
set(COHEIR_SANITIZE "" CACHE STRING "Sanitizers, such as address,undefined or thread")

add_library(coheir_development INTERFACE)
target_link_libraries(coheir_development INTERFACE coheir::coheir)
target_compile_options(coheir_development INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion
)
# -Werror is CMAKE_COMPILE_WARNING_AS_ERROR, on in every preset but demo.

if(COHEIR_SANITIZE)
    target_compile_options(coheir_development INTERFACE
        -fsanitize=${COHEIR_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
    )
    target_link_options(coheir_development INTERFACE -fsanitize=${COHEIR_SANITIZE})
endif()
