# The project's warnings, for our own targets only: a host that builds us along keeps its own.
function(adapipe_set_warnings target)
  target_compile_options(${target} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion $<$<BOOL:${ADAPIPE_WERROR}>:-Werror>)
  # GCC 12 sees overlaps in assignments to a std::string (its bug 105651) and endless reads in
  # comparisons of vectors of bytes, where there are none.
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(${target} PRIVATE -Wno-restrict -Wno-stringop-overread)
  endif()
endfunction()
