include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/adapipe")

# One export per flavour, so that users of the shared library need none of its dependencies.
foreach(flavour IN ITEMS shared static)
  install(TARGETS adapipe_${flavour} EXPORT adapipe-${flavour})
  install(EXPORT adapipe-${flavour}
    FILE adapipe-${flavour}-targets.cmake NAMESPACE adapipe:: DESTINATION "${package_dir}")
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/adapipe" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")

# The tool finds the library wherever both were installed.
if(TARGET adapipe-tool)
  file(RELATIVE_PATH bin_to_lib "${CMAKE_INSTALL_FULL_BINDIR}" "${CMAKE_INSTALL_FULL_LIBDIR}")
  set_target_properties(adapipe-tool PROPERTIES INSTALL_RPATH "$ORIGIN/${bin_to_lib}")
  install(TARGETS adapipe-tool)
endif()

configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/adapipeConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/adapipeConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/adapipeConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${PROJECT_BINARY_DIR}/adapipeConfig.cmake"
  "${PROJECT_BINARY_DIR}/adapipeConfigVersion.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/Findzstd.cmake"
  "${PROJECT_SOURCE_DIR}/cmake/FindxxHash.cmake"
  DESTINATION "${package_dir}")

# Relative to the .pc file, so that `cmake --install --prefix` may choose another place.
file(RELATIVE_PATH pc_prefix
  "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
configure_file("${PROJECT_SOURCE_DIR}/cmake/adapipe.pc.in" "${PROJECT_BINARY_DIR}/adapipe.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/adapipe.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")
