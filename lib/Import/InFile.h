//===- InFile.h - The place of an error -------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_INFILE_H
#define LOWBIT_LIB_IMPORT_INFILE_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <optional>
#include <string>

namespace lowbit::import {

/// The error of a function that does not know which file it reads, with that
/// file before its message: "'FILE': MESSAGE" or "'FILE': offset N: MESSAGE".
/// Control characters, which texts from the file may have, become "\x0a". An ok
/// status stays one.
Status inFile(const Status &status, const std::string &file,
              std::optional<uint64_t> offset = std::nullopt);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_INFILE_H
