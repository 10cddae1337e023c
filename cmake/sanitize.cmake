# Everything in the build is instrumented, for a sanitizer sees only what it has compiled.
if(ADAPIPE_SANITIZE STREQUAL "address")
  # Without vptr: oneTBB's flow graph header casts a task down after it has destroyed it.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
elseif(ADAPIPE_SANITIZE STREQUAL "thread")
  set(sanitizers -fsanitize=thread)
elseif(ADAPIPE_SANITIZE)
  message(FATAL_ERROR "ADAPIPE_SANITIZE is '${ADAPIPE_SANITIZE}'; it can be empty, address or thread")
endif()
if(ADAPIPE_SANITIZE)
  add_compile_options(${sanitizers} -g -fno-omit-frame-pointer)
  add_link_options(${sanitizers})
endif()
