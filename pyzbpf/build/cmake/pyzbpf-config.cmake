# The CMake package of pyzbpf.
#
#   find_package(pyzbpf REQUIRED CONFIG)
#   pyzbpf_add_probe(NAME SOURCE file [ENDIAN both|host|little|big] [MODE safe|small|fast]
#                    [CPU v1|v2|v3|v4] [PACKAGE package])
#
# compiles `file` with the ziglang package and installs NAME.bpfel.o and NAME.bpfeb.o, with an index
# module, into PACKAGE (`mytool` or `mytool.probes`; default: SKBUILD_PROJECT_NAME).
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
  cmake_parse_arguments(PARSE_ARGV 1 ARG "" "SOURCE;ENDIAN;MODE;CPU;PACKAGE" "")
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
  set(output "${directory}/objects/${folder}")
  set(job "${directory}/jobs/${mangled}_${NAME}.json")
  _pyzbpf_write_job("${job}" source "${source}" name "${NAME}" endian "${ARG_ENDIAN}" mode "${ARG_MODE}"
                    cpu "${ARG_CPU}" output_directory "${output}" cache "${directory}/zig-cache")

  set(objects)
  if(NOT ARG_ENDIAN STREQUAL "big" AND NOT (ARG_ENDIAN STREQUAL "host" AND host_endian STREQUAL "big"))
    list(APPEND objects "${output}/${NAME}.bpfel.o")
  endif()
  if(ARG_ENDIAN MATCHES "^(both|big)$" OR (ARG_ENDIAN STREQUAL "host" AND host_endian STREQUAL "big"))
    list(APPEND objects "${output}/${NAME}.bpfeb.o")
  endif()

  # Always run: no list of dependencies can be had from Zig, which compiles in a tenth of a second, and
  # outputs are replaced only when they change. They are not declared, for nothing is decided by them and
  # build tools print them all when the command fails.
  get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
  get_property(run GLOBAL PROPERTY PYZBPF_RUN)
  add_custom_target(${target} ALL COMMAND "${python}" "${run}" compile "${job}"
                    COMMENT "Probe ${ARG_PACKAGE}:${NAME}" VERBATIM)
  _pyzbpf_install("${folder}" ${objects})
  _pyzbpf_add_to_index("${folder}" "${target}" ${objects})
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

# A JSON object of strings: KEY VALUE ... A file keeps the build tool's error lines short.
function(_pyzbpf_write_job path)
  set(members)
  set(pairs ${ARGN})
  while(pairs)
    list(POP_FRONT pairs key value)
    string(REPLACE "\\" "\\\\" value "${value}")
    string(REPLACE "\"" "\\\"" value "${value}")
    string(APPEND members "${separator}\n  \"${key}\": \"${value}\"")
    set(separator ",")
  endwhile()
  file(WRITE "${path}" "{${members}\n}\n")
endfunction()

function(_pyzbpf_install folder)
  # CMake skips a file of the same size that was rebuilt within the time stamp's second.
  install(CODE "set(ENV{CMAKE_INSTALL_ALWAYS} 1)")
  install(FILES ${ARGN} DESTINATION "${folder}")
endfunction()

# Every package gets one index module, made when all its probes are there.
function(_pyzbpf_add_to_index folder target)
  get_property(folders GLOBAL PROPERTY PYZBPF_FOLDERS)
  if(NOT folders)
    cmake_language(DEFER DIRECTORY "${CMAKE_SOURCE_DIR}" CALL _pyzbpf_write_indexes)
  endif()
  if(NOT folder IN_LIST folders)
    set_property(GLOBAL APPEND PROPERTY PYZBPF_FOLDERS "${folder}")
  endif()
  set_property(GLOBAL APPEND PROPERTY "PYZBPF_TARGETS_${folder}" "${target}")
  set_property(GLOBAL APPEND PROPERTY "PYZBPF_OBJECTS_${folder}" ${ARGN})
endfunction()

function(_pyzbpf_write_indexes)
  get_property(python GLOBAL PROPERTY PYZBPF_PYTHON)
  get_property(run GLOBAL PROPERTY PYZBPF_RUN)
  get_property(folders GLOBAL PROPERTY PYZBPF_FOLDERS)
  foreach(folder IN LISTS folders)
    get_property(targets GLOBAL PROPERTY "PYZBPF_TARGETS_${folder}")
    get_property(objects GLOBAL PROPERTY "PYZBPF_OBJECTS_${folder}")
    string(REPLACE "/" "_" mangled "${folder}")
    set(index "${CMAKE_BINARY_DIR}/pyzbpf/objects/${folder}/_pyzbpf_index.py")
    add_custom_target(pyzbpf_index_${mangled} ALL COMMAND "${python}" "${run}" index "${index}" ${objects}
                      COMMENT "Index of ${folder}" VERBATIM)
    add_dependencies(pyzbpf_index_${mangled} ${targets})
    _pyzbpf_install("${folder}" "${index}")
    get_filename_component(name "${index}" NAME)
    install(CODE "execute_process(COMMAND \"${python}\" \"${run}\" index --stamp
                  \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${folder}/${name}\")")
  endforeach()
endfunction()
