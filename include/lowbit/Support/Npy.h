//===- Npy.h - NumPy's array files ------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reads and writes .npy files: C order, little-endian numbers. Format:
// numpy.lib.format, versions 1.0 to 3.0.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_SUPPORT_NPY_H
#define LOWBIT_SUPPORT_NPY_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// One array. `dtype` is NumPy's kind and size without the byte order: "f4",
/// "f2", "i8", "i4", "i1", "u1", "b1", ...
struct NpyArray {
  std::string dtype;
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes; ///< row-major, little-endian
};

/// Reads `path`. Fortran order, big-endian numbers, objects, a size that does not
/// match and trailing bytes are errors that name the file.
StatusOr<NpyArray> readNpy(const std::string &path);
/// The same from bytes; `name` stands for the path in errors.
StatusOr<NpyArray> parseNpy(std::span<const uint8_t> bytes,
                            const std::string &name);

/// The header of a version 1.0 file, padded to a multiple of 64 bytes.
std::string npyHeader(std::string_view dtype, std::span<const int64_t> shape);
/// Writes the file completely or not at all.
Status writeNpy(const std::string &path, const NpyArray &array);

} // namespace lowbit

#endif // LOWBIT_SUPPORT_NPY_H
