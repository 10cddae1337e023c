# Compiles headers once for all sources of a target, also where a sanitizer is built with. What does not
# include what it uses is shown by a plain build.
function(adapipe_precompile target)
  if(ADAPIPE_SANITIZE OR ADAPIPE_PRECOMPILE_HEADERS)
    target_precompile_headers(${target} PRIVATE ${ARGN})
  endif()
endfunction()
