# adapipe as its users meet it: installed into a scratch prefix, or built along with their project.
# A sanitizer has nothing to see here, and its run-time library would get in between.
if(ADAPIPE_SANITIZE)
  return()
endif()

set(consumer "${CMAKE_CURRENT_LIST_DIR}")
set(scratch "${CMAKE_CURRENT_BINARY_DIR}/consumer")

function(adapipe_add_consumer_test name flavour)
  set(built "${scratch}/${name}")
  add_test(NAME "consumer/${name}"
    COMMAND "${CMAKE_CTEST_COMMAND}" --build-and-test "${consumer}" "${built}"
      --build-generator "${CMAKE_GENERATOR}"
      --build-options
        "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}"
        "-DCMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER}"
        "-DADAPIPE_WERROR=${ADAPIPE_WERROR}"
        "-DCONSUMER_FLAVOUR=${flavour}"
        ${ARGN}
      --test-command "${CMAKE_CTEST_COMMAND}" --output-on-failure)
  set_tests_properties("consumer/${name}" PROPERTIES TIMEOUT 1200)
endfunction()

if(ADAPIPE_INSTALL)
  set(prefix "${scratch}/prefix")
  add_test(NAME "consumer/clean" COMMAND "${CMAKE_COMMAND}" -E rm -rf "${prefix}")
  add_test(NAME "consumer/install" COMMAND "${CMAKE_COMMAND}" --install "${PROJECT_BINARY_DIR}" --prefix "${prefix}")
  set_tests_properties("consumer/clean" PROPERTIES FIXTURES_SETUP clean_prefix)
  set_tests_properties("consumer/install" PROPERTIES FIXTURES_REQUIRED clean_prefix FIXTURES_SETUP installed)
  set(installed_tests "")

  foreach(flavour IN ITEMS shared static)
    adapipe_add_consumer_test("find_package ${flavour}" ${flavour}
      "-DCMAKE_PREFIX_PATH=${prefix}" "-DCMAKE_BUILD_TYPE=${CMAKE_BUILD_TYPE}")
    add_test(NAME "consumer/pkg-config ${flavour}"
      COMMAND "${consumer}/pkg_config.sh" "${CMAKE_CXX_COMPILER}" "${prefix}/${CMAKE_INSTALL_LIBDIR}" ${flavour}
        "${scratch}/pkg-config ${flavour}")
    set_tests_properties("consumer/pkg-config ${flavour}" PROPERTIES TIMEOUT 300)
    list(APPEND installed_tests "consumer/find_package ${flavour}" "consumer/pkg-config ${flavour}")
  endforeach()
  if(TARGET adapipe-tool)
    add_test(NAME "consumer/installed tool" COMMAND "${prefix}/${CMAKE_INSTALL_BINDIR}/adapipe" --version)
    set_tests_properties("consumer/installed tool" PROPERTIES PASS_REGULAR_EXPRESSION "${PROJECT_VERSION}")
    list(APPEND installed_tests "consumer/installed tool")
  endif()
  set_tests_properties(${installed_tests} PROPERTIES FIXTURES_REQUIRED installed)
endif()

# Only in the flavour that a host gets unless it asks for the one that the tests link, and without
# optimisation: it compiles adapipe once more.
adapipe_add_consumer_test(add_subdirectory shared
  "-DCONSUMER_ADAPIPE_SOURCE=${PROJECT_SOURCE_DIR}" -DADAPIPE_PRECOMPILE_HEADERS=ON)
set_tests_properties(consumer/add_subdirectory PROPERTIES ${long_test})

get_target_property(is_not_built adapipe_shared EXCLUDE_FROM_ALL)
if(NOT is_not_built)
  add_test(NAME "consumer/exported symbols"
    COMMAND "${consumer}/exported_symbols.sh" "${CMAKE_NM}" "$<TARGET_FILE:adapipe_shared>")
endif()
add_test(NAME "consumer/forbidden calls"
  COMMAND "${consumer}/forbidden_calls.sh" "${CMAKE_NM}" "$<TARGET_FILE:adapipe_static>")
