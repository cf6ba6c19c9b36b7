//===- InFile.cpp - The place of an error ---------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/InFile.h"

namespace lowbit::import {

Status inFile(const Status &status, const std::string &file,
              std::optional<uint64_t> offset) {
  if (status.isOk())
    return status;
  std::string message = "'" + file + "': ";
  if (offset)
    message +=
        formatString("offset %llu: ", static_cast<unsigned long long>(*offset));
  for (char c : status.message()) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      message += formatString("\\x%02x", static_cast<unsigned char>(c));
    else
      message += c;
  }
  Status placed(status.code(), std::move(message));
  for (const std::string &note : status.notes())
    placed.addNote(note);
  return placed;
}

} // namespace lowbit::import
