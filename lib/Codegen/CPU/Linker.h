//===- Linker.h - An object to a shared object, in process ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_CODEGEN_CPU_LINKER_H
#define LIB_CODEGEN_CPU_LINKER_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <vector>

namespace mlir::lowbit {

/// Links one ELF object into a stripped shared object without undefined symbols,
/// build id or executable stack. Uses two files in TMPDIR, removed on return.
::lowbit::StatusOr<std::vector<uint8_t>>
linkSharedObject(const std::vector<uint8_t> &object);

} // namespace mlir::lowbit

#endif // LIB_CODEGEN_CPU_LINKER_H
