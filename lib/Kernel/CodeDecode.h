//===- CodeDecode.h - Packed codes to numbers -------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// In the rows-in-lanes layout a block of 8 rows x 32 columns is cut into eight
// *column vectors*: vector v holds columns 4v .. 4v+3 of all rows, byte 4 * row
// + q being column 4v + q. A field of width w stores w byte vectors; byte
// vector j keeps column vectors j, j + w, j + 2w, ... at bits 0, w, 2w, ...
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_CODEDECODE_H
#define LIB_KERNEL_CODEDECODE_H

#include "lib/Kernel/MatmulPlan.h"
#include "lib/Kernel/ValueBuilder.h"

#include <functional>

namespace lowbit::kernel {

/// Byte vector `j` of field `field`: <32 x i8>, or <4 x i8> of one row.
using FieldBytes = std::function<AbstractValue(unsigned field, unsigned j)>;

/// Bits [bitBegin, bitBegin + bitCount) of the stored codes of column vector
/// `v`, as unsigned bytes.
AbstractValue decodeColumnVector(ValueBuilder &b,
                                 std::span<const FieldPlan> fields,
                                 const FieldBytes &bytes, unsigned v,
                                 unsigned bitBegin = 0, unsigned bitCount = 8);

/// Order in which the column vectors of a block follow the bytes in memory.
std::vector<unsigned> storageOrder(std::span<const FieldPlan> fields);

/// Column q (0..3) of a column vector of unsigned bytes as <8 x i32>.
AbstractValue columnOfVector(ValueBuilder &b, AbstractValue codes, unsigned q);

/// Stored numbers of a parameter (i8, i16, i32 or the bits of a float in f32 /
/// i16) to f32 or to i32.
AbstractValue paramToFloat(ValueBuilder &b, const NumberDesc &number,
                           AbstractValue raw);
AbstractValue paramToInt(ValueBuilder &b, const NumberDesc &number,
                         AbstractValue raw);
/// Scalar kind in which a parameter or float code is stored.
Scalar storedScalar(const NumberDesc &number);

/// decode(n, k) of E3 from its parts. `value` is f32(c - Z); absent factors are
/// null.
struct DecodeFactors {
  AbstractValue floatScale, intScale, floatOffset,
      intOffset; // f32, i32, f32, i32
  bool hasScale = false, hasOffset = false;
};
AbstractValue decodeValue(ValueBuilder &b, const DecodeFactors &factors,
                          AbstractValue value);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_CODEDECODE_H
