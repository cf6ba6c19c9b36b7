# Our CMake functions. Two kinds of library: those without LLVM (leaf libraries,
# the runtime), which never see LLVM's include folders, and those on MLIR, which
# share one precompiled header.

# lowbit_add_library(NAME sources... [LINK libs...])
# A static library without LLVM or MLIR.
function(lowbit_add_library name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
                                            ${PROJECT_SOURCE_DIR})
  target_compile_options(${name} PRIVATE ${LOWBIT_WARNINGS} -fno-exceptions)
  if(ARG_LINK)
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  endif()
endfunction()

# lowbit_add_mlir_library(NAME sources... [LINK libs...] [DEPENDS targets...])
# A static library that includes MLIR headers; uses the shared precompiled
# header. Generated headers are added through DEPENDS.
function(lowbit_add_mlir_library name)
  cmake_parse_arguments(ARG "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  lowbit_mlir_target(${name})
  target_compile_options(${name} PRIVATE ${LOWBIT_WARNINGS})
  if(ARG_LINK)
    target_link_libraries(${name} PUBLIC ${ARG_LINK})
  endif()
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  add_dependencies(${name} LowbitHeaders)
  if(TARGET LowbitPCH AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    target_precompile_headers(${name} REUSE_FROM LowbitPCH)
  endif()
endfunction()

# The include folders, definitions and flags that everything on MLIR shares.
function(lowbit_mlir_target name)
  llvm_update_compile_flags(${name})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/include
    ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_include_directories(${name} SYSTEM PUBLIC ${MLIR_INCLUDE_DIRS}
    ${LLVM_INCLUDE_DIRS})
endfunction()

# Lets an executable use the precompiled header of the libraries. Executables are
# compiled with -fPIE by default, which would not match it; -fPIC links as well.
function(lowbit_reuse_pch name)
  if(TARGET LowbitPCH AND NOT CMAKE_DISABLE_PRECOMPILE_HEADERS)
    set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${name} PRIVATE -fPIC ${LOWBIT_WARNINGS})
    target_precompile_headers(${name} REUSE_FROM LowbitPCH)
  endif()
endfunction()

# lowbit_add_tool(NAME sources... [LINK libs...] [MLIR])
# An executable in build/bin; with MLIR it links the shared libMLIR and libLLVM.
function(lowbit_add_tool name)
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_options(${name} PRIVATE ${LOWBIT_WARNINGS})
  if(ARG_MLIR)
    lowbit_mlir_target(${name})
    lowbit_reuse_pch(${name})
    add_dependencies(${name} LowbitHeaders)
    target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM)
  else()
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include
                                               ${PROJECT_SOURCE_DIR})
    target_compile_options(${name} PRIVATE -fno-exceptions)
    target_link_libraries(${name} PRIVATE ${ARG_LINK})
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
  set_property(GLOBAL APPEND PROPERTY LOWBIT_TOOLS ${name})
endfunction()

# lowbit_add_unittest(NAME sources... [LINK libs...] [MLIR])
# A GoogleTest binary in build/unittests, found by lit. There is no llvm_gtest
# in the packages, so add_unittest cannot be used.
function(lowbit_add_unittest name)
  if(NOT LOWBIT_BUILD_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "MLIR" "" "LINK" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_compile_definitions(${name} PRIVATE
    LOWBIT_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    LOWBIT_SHARED_DIR="${LOWBIT_SHARED_DIR}")
  if(ARG_MLIR)
    lowbit_mlir_target(${name})
    lowbit_reuse_pch(${name})
    add_dependencies(${name} LowbitHeaders)
    target_link_libraries(${name} PRIVATE ${ARG_LINK} MLIR LLVM GTest::gtest_main)
  else()
    target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR}/include
                                               ${PROJECT_SOURCE_DIR})
    target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest_main)
  endif()
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/unittests)
  set_property(GLOBAL APPEND PROPERTY LOWBIT_UNITTESTS ${name})
endfunction()

# For targets that call generated kernels: UBSan's check of a callee's type reads
# the word before its first instruction, which may be another page.
function(lowbit_calls_generated_code name)
  if("${CMAKE_CXX_FLAGS}" MATCHES "-fsanitize=[a-z,]*undefined")
    target_compile_options(${name} PRIVATE -fno-sanitize=function)
  endif()
endfunction()

# lowbit_tablegen(OUTPUT INPUT args...): one mlir-tblgen call, added to the
# LowbitHeaders target.
function(lowbit_tablegen input)
  # pairs: output arg[,arg...]
  set(LLVM_TARGET_DEFINITIONS ${input})
  set(outputs)
  set(rest ${ARGN})
  while(rest)
    list(POP_FRONT rest output)
    list(POP_FRONT rest flags)
    string(REPLACE "," ";" flags "${flags}")
    mlir_tablegen(${output} ${flags} EXTRA_INCLUDES ${PROJECT_SOURCE_DIR})
    list(APPEND outputs ${CMAKE_CURRENT_BINARY_DIR}/${output})
  endwhile()
  get_filename_component(stem ${input} NAME_WE)
  string(REPLACE "/" "_" dir "${CMAKE_CURRENT_SOURCE_DIR}")
  string(MD5 dir "${dir}")
  string(SUBSTRING ${dir} 0 6 dir)
  add_custom_target(LowbitGen_${stem}_${dir} DEPENDS ${outputs})
  add_dependencies(LowbitHeaders LowbitGen_${stem}_${dir})
endfunction()
