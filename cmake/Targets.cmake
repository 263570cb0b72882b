# One folder is one library: qms_add_library(qms_http SOURCES … PUBLIC … PRIVATE …) also makes the alias qms::http. SMALL is for
# what is no great part of a request: every page of the program that runs once is memory for good.
add_library(qms_options INTERFACE)
target_compile_options(qms_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # When it optimises, GCC 12 sees overlaps inside std::string's own copies: https://gcc.gnu.org/bugzilla/show_bug.cgi?id=105329
  target_compile_options(qms_options INTERFACE $<$<NOT:$<CONFIG:Debug>>:-Wno-restrict>)
endif()
target_include_directories(qms_options INTERFACE ${PROJECT_SOURCE_DIR})
if(QMS_SANITIZE)
  target_compile_options(qms_options INTERFACE -fsanitize=${QMS_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(qms_options INTERFACE -fsanitize=${QMS_SANITIZE})
endif()

function(qms_add_library name)
  cmake_parse_arguments(ARG "SMALL" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_PUBLIC} PRIVATE qms_options ${ARG_PRIVATE})
  if(ARG_SMALL)
    target_compile_options(${name} PRIVATE $<$<CONFIG:Release>:-Os>)
  endif()
  string(REGEX REPLACE "^qms_" "qms::" alias ${name})
  add_library(${alias} ALIAS ${name})
endfunction()
