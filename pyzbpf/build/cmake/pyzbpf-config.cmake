# The CMake package of pyzbpf.
#
#   find_package(pyzbpf REQUIRED CONFIG)
#   pyzbpf_add_probe(NAME SOURCE file [ENDIAN both|host|little|big] [MODE safe|small|fast]
#                    [CPU v1|v2|v3|v4] [PACKAGE package] [MODULES name=file ...] [INCLUDE directory ...])
#
# compiles `file` with the ziglang package and installs NAME.bpfel.o and NAME.bpfeb.o, with the modules
# NAME_skel and _pyzbpf_index, into PACKAGE (`mytool` or `mytool.probes`; default: SKBUILD_PROJECT_NAME).
# MODULES are further Zig modules by import name, INCLUDE directories of headers for a probe in C.
#
#   pyzbpf_add_project([directory])
#
# does so for each probe of [tool.pyzbpf] in the pyproject.toml of `directory`.
#
# No compiler language needs to be enabled: project(name LANGUAGES NONE).

if(CMAKE_VERSION VERSION_LESS 3.20)
  message(FATAL_ERROR "pyzbpf needs CMake 3.20 or newer, not ${CMAKE_VERSION}")
endif()

find_package(Python 3.10 REQUIRED COMPONENTS Interpreter)

# Functions and deferred calls run in other scopes than this file.
set_property(GLOBAL PROPERTY PYZBPF_PYTHON "${Python_EXECUTABLE}")
set_property(GLOBAL PROPERTY PYZBPF_RUN "${CMAKE_CURRENT_LIST_DIR}/run.py")

function(pyzbpf_add_probe NAME)
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "SOURCE;ENDIAN;MODE;CPU;PACKAGE" "MODULES;INCLUDE")
  _pyzbpf_check_arguments()
  get_filename_component(source "${ARG_SOURCE}" ABSOLUTE)
  if(NOT EXISTS "${source}")
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): SOURCE ${source} does not exist")
  endif()
  string(REPLACE "." "/" folder "${ARG_PACKAGE}")
  string(REPLACE "/" "_" mangled "${folder}")
  set(target "pyzbpf_${mangled}_${NAME}")
  if(TARGET ${target})
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): package ${ARG_PACKAGE} has a probe of this name already")
  endif()

  set(directory "${CMAKE_BINARY_DIR}/pyzbpf")
  set(output_directory "${directory}/objects/${folder}")
  set(job "${directory}/jobs/${mangled}_${NAME}.json")
  set(stamp "${directory}/stamps/${mangled}_${NAME}")
  set(cache "${directory}/zig-cache")
  _pyzbpf_absolute(modules ${ARG_MODULES})
  _pyzbpf_absolute(include ${ARG_INCLUDE})
  set(name "${NAME}")
  set(endian "${ARG_ENDIAN}")
  set(mode "${ARG_MODE}")
  set(cpu "${ARG_CPU}")
  _pyzbpf_write_job("${job}" source name endian mode cpu modules include output_directory cache stamp)

  set(objects)
  if(NOT ARG_ENDIAN STREQUAL "big" AND NOT (ARG_ENDIAN STREQUAL "host" AND host_endian STREQUAL "big"))
    list(APPEND objects "${output_directory}/${NAME}.bpfel.o")
  endif()
  if(ARG_ENDIAN MATCHES "^(both|big)$" OR (ARG_ENDIAN STREQUAL "host" AND host_endian STREQUAL "big"))
    list(APPEND objects "${output_directory}/${NAME}.bpfeb.o")
  endif()

  # The one declared output is a stamp: build tools print all outputs of a command that fails.
  get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
  get_property(run GLOBAL PROPERTY PYZBPF_RUN)
  add_custom_command(OUTPUT "${stamp}" COMMAND "${python}" "${run}" compile "${job}"
                     DEPENDS "${source}" "${job}" DEPFILE "${stamp}.d"
                     COMMENT "Probe ${ARG_PACKAGE}:${NAME}" VERBATIM)
  add_custom_target(${target} ALL DEPENDS "${stamp}")
  _pyzbpf_install("${folder}" ${objects} "${output_directory}/${NAME}_skel.py" "${output_directory}/${NAME}_skel.pyi")
  _pyzbpf_add_to_index("${folder}" "${stamp}" ${objects})
endfunction()

function(pyzbpf_add_project)
  set(project "${CMAKE_CURRENT_SOURCE_DIR}")
  if(ARGC GREATER 0)
    get_filename_component(project "${ARGV0}" ABSOLUTE)
  endif()
  get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
  get_property(run GLOBAL PROPERTY PYZBPF_RUN)
  set(plan "${CMAKE_BINARY_DIR}/pyzbpf/plan.cmake")
  execute_process(COMMAND "${python}" "${run}" plan "${project}" "${plan}" RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "pyzbpf: see the error above")
  endif()
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${project}/pyproject.toml")
  include("${plan}")
endfunction()

# Defaults and refusals of pyzbpf_add_probe(), in its scope.
macro(_pyzbpf_check_arguments)
  if(ARG_UNPARSED_ARGUMENTS OR ARG_KEYWORDS_MISSING_VALUES)
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): wrong arguments: "
                        "${ARG_UNPARSED_ARGUMENTS} ${ARG_KEYWORDS_MISSING_VALUES}")
  endif()
  if(NOT NAME MATCHES "^[A-Za-z_][A-Za-z0-9_]*$")
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): a name has letters, digits and underscores only")
  endif()
  if(NOT ARG_SOURCE)
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): SOURCE is missing")
  endif()
  foreach(choice IN ITEMS "ENDIAN both host little big" "MODE safe small fast" "CPU v3 v1 v2 v4")
    separate_arguments(choice)
    list(POP_FRONT choice key)
    list(GET choice 0 default)
    if(NOT DEFINED ARG_${key})
      set(ARG_${key} "${default}")
    elseif(NOT ARG_${key} IN_LIST choice)
      message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): ${key} must be one of ${choice}, not ${ARG_${key}}")
    endif()
  endforeach()
  if(NOT ARG_PACKAGE)
    set(ARG_PACKAGE "${SKBUILD_PROJECT_NAME}")
  endif()
  if(NOT ARG_PACKAGE MATCHES "^[A-Za-z_][A-Za-z0-9_./]*$")
    message(FATAL_ERROR "pyzbpf_add_probe(${NAME}): PACKAGE must name an import package, not '${ARG_PACKAGE}'")
  endif()
  get_property(host_endian GLOBAL PROPERTY PYZBPF_HOST_ENDIAN)
  if(NOT host_endian)
    get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
    execute_process(COMMAND "${python}" -c "import sys; sys.stdout.write(sys.byteorder)"
                    OUTPUT_VARIABLE host_endian)
    set_property(GLOBAL PROPERTY PYZBPF_HOST_ENDIAN "${host_endian}")
  endif()
endmacro()

# The list of paths, or of name=path, with absolute paths.
function(_pyzbpf_absolute variable)
  set(found)
  foreach(item IN LISTS ARGN)
    if(item MATCHES "^([A-Za-z_][A-Za-z0-9_]*)=(.+)$")
      get_filename_component(path "${CMAKE_MATCH_2}" ABSOLUTE)
      list(APPEND found "${CMAKE_MATCH_1}=${path}")
    else()
      get_filename_component(path "${item}" ABSOLUTE)
      list(APPEND found "${path}")
    endif()
  endforeach()
  set(${variable} "${found}" PARENT_SCOPE)
endfunction()

# A JSON object of strings: the variables that are named. A file keeps the build tool's error lines short;
# it is written only when it changes, for a probe is built again when its job does.
function(_pyzbpf_write_job path)
  set(members)
  foreach(key IN LISTS ARGN)
    string(REPLACE "\\" "\\\\" value "${${key}}")
    string(REPLACE "\"" "\\\"" value "${value}")
    string(APPEND members "${separator}\n  \"${key}\": \"${value}\"")
    set(separator ",")
  endforeach()
  set(before)
  if(EXISTS "${path}")
    file(READ "${path}" before)
  endif()
  if(NOT before STREQUAL "{${members}\n}\n")
    file(WRITE "${path}" "{${members}\n}\n")
  endif()
endfunction()

function(_pyzbpf_install folder)
  # What CMake's install compares are the times of files: ours are made from what is in them.
  install(FILES ${ARGN} DESTINATION "${folder}")
endfunction()

# Every package gets one index module, made when all its probes are there.
function(_pyzbpf_add_to_index folder stamp)
  get_property(folders GLOBAL PROPERTY PYZBPF_FOLDERS)
  if(NOT folders)
    cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL _pyzbpf_write_indexes)
  endif()
  if(NOT folder IN_LIST folders)
    set_property(GLOBAL APPEND PROPERTY PYZBPF_FOLDERS "${folder}")
  endif()
  set_property(GLOBAL APPEND PROPERTY "PYZBPF_STAMPS_${folder}" "${stamp}")
  set_property(GLOBAL APPEND PROPERTY "PYZBPF_OBJECTS_${folder}" ${ARGN})
endfunction()

function(_pyzbpf_write_indexes)
  get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
  get_property(run GLOBAL PROPERTY PYZBPF_RUN)
  get_property(folders GLOBAL PROPERTY PYZBPF_FOLDERS)
  foreach(folder IN LISTS folders)
    get_property(stamps GLOBAL PROPERTY "PYZBPF_STAMPS_${folder}")
    get_property(objects GLOBAL PROPERTY "PYZBPF_OBJECTS_${folder}")
    string(REPLACE "/" "_" mangled "${folder}")
    set(index "${CMAKE_BINARY_DIR}/pyzbpf/objects/${folder}/_pyzbpf_index.py")
    set(stamp "${CMAKE_BINARY_DIR}/pyzbpf/stamps/${mangled}_index")
    add_custom_command(OUTPUT "${stamp}" COMMAND "${python}" "${run}" index "${stamp}" "${index}" ${objects}
                       DEPENDS ${stamps} COMMENT "Index of ${folder}" VERBATIM)
    add_custom_target(pyzbpf_index_${mangled} ALL DEPENDS "${stamp}")
    _pyzbpf_install("${folder}" "${index}")
  endforeach()
endfunction()
