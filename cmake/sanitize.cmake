# Everything in the build is instrumented, for a sanitizer sees only what it has compiled.
if(ADAPIPE_BUILD_FUZZERS)
  if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "ADAPIPE_BUILD_FUZZERS needs clang, for libFuzzer: configure with "
      "-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++")
  endif()
  if(ADAPIPE_SANITIZE STREQUAL "thread")
    message(FATAL_ERROR "ADAPIPE_BUILD_FUZZERS goes with ADAPIPE_SANITIZE=address, not thread")
  endif()
  set(ADAPIPE_SANITIZE address)
  # What libFuzzer follows, without its main(): for the library and the targets, since clang 14 cannot
  # do it to a coroutine.
  set(ADAPIPE_FUZZ_OPTIONS -fsanitize=fuzzer-no-link)
  # Wrong indices of spans and strings end within other objects, where AddressSanitizer is blind.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
if(ADAPIPE_SANITIZE STREQUAL "address")
  # Without vptr: oneTBB's flow graph header casts a task down after it has destroyed it.
  set(sanitizers -fsanitize=address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
elseif(ADAPIPE_SANITIZE STREQUAL "thread")
  get_target_property(tbb_library TBB::tbb LOCATION)
  file(STRINGS "${tbb_library}" instrumentation REGEX "__tsan_" LIMIT_COUNT 1)
  if(NOT instrumentation)
    message(FATAL_ERROR "ADAPIPE_SANITIZE=thread needs a oneTBB that is instrumented as well, and ${tbb_library} is "
      "not: run cmake/tsan-onetbb.sh PREFIX and configure with -DCMAKE_PREFIX_PATH=PREFIX")
  endif()
  set(sanitizers -fsanitize=thread)
  # It does not see mremap(), and takes whoever had the addresses before for a race.
  add_compile_definitions(ADAPIPE_WITHOUT_MREMAP)
elseif(ADAPIPE_SANITIZE)
  message(FATAL_ERROR "ADAPIPE_SANITIZE is '${ADAPIPE_SANITIZE}'; it can be empty, address or thread")
endif()
if(ADAPIPE_SANITIZE)
  # -g1: names and lines are all that a report tells.
  add_compile_options(${sanitizers} -g1 -fno-omit-frame-pointer)
  add_link_options(${sanitizers})
  # GNU ld takes several times as long for programs of this size.
  find_program(ADAPIPE_LLD ld.lld)
  mark_as_advanced(ADAPIPE_LLD)
  if(ADAPIPE_LLD AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    add_link_options(-fuse-ld=lld)
  endif()
endif()
