# Copyright 2026 minicpmo_ros contributors
# SPDX-License-Identifier: Apache-2.0

# Remove include directories that do not exist from the imported Python message libraries.
#
# The ROS 2 wheels on PyPI export the include directory of the interpreter they were built with
# (below /opt/python), and CMake refuses to generate with it. A ROS 2 installation has no such
# entries, so this changes nothing there.
function(drop_missing_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  list(FILTER targets INCLUDE REGEX "__rosidl_generator_py$")
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    set(existing "")
    foreach(directory IN LISTS directories)
      if(directory MATCHES "^\\$<" OR EXISTS "${directory}")
        list(APPEND existing "${directory}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${existing}")
  endforeach()
endfunction()

# Keep a virtual environment inside the source tree (numpy's headers) out of the exported target:
# CMake refuses to install a target that points into its own sources.
function(keep_include_directories_private target)
  if(NOT TARGET ${target})
    return()
  endif()
  get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
  if(directories)
    set_target_properties(${target} PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "$<BUILD_INTERFACE:${directories}>")
  endif()
endfunction()
