//===- ElementDecoder.h - One element of a weight in any layout -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_ELEMENTDECODER_H
#define LIB_KERNEL_ELEMENTDECODER_H

#include "lib/Kernel/StageFunction.h"
#include "lowbit/Packing/Encoding.h"

#include <span>

namespace lowbit::kernel {

/// Where an element is: in the tensor and in the encoding's stored space. All
/// i64, in range.
struct ElementPlace {
  mlir::Value row, column, storedRow, storedColumn;
};

/// Reads single elements of a weight through the index maps of its encoding:
/// every layout and pattern, one element at a time. Emits at the stage's
/// insertion point.
class ElementDecoder {
public:
  using V = AbstractValue;

  /// Ok when the decoder reads this encoding; prefix codes and complements,
  /// whose elements cannot be found by themselves, are refused.
  static Status check(const LeafDesc &leaf);

  /// `bindings`: one a component, in componentsOf's order. Both must outlive
  /// the decoder.
  ElementDecoder(StageFunction &stage, const LeafDesc &leaf,
                 std::span<const unsigned> bindings);

  /// Calls `visit` for each element of `row` that exists, columns ascending; the
  /// body is emitted once, in a loop.
  void forEachStored(mlir::Value row,
                     const std::function<void(const ElementPlace &)> &visit);

  /// E3, f32.
  V decode(const ElementPlace &place);
  /// I_S * (c - Z) of E2, i32: what an exact dot multiplies, of a float code the
  /// integer of E6. Where leaf.takesIntegerDot().
  V dotValue(const ElementPlace &place);
  /// I_O of E2, i32; 1 without integer factors.
  V offsetFactor(const ElementPlace &place);
  /// F_S and F_O of E2, f32; 1.0 without float factors, F_O negated if so.
  V floatScale(const ElementPlace &place);
  V floatOffset(const ElementPlace &place);

private:
  using Index = llvm::ArrayRef<mlir::Value>;
  using Visit = std::function<void(const ElementPlace &)>;
  struct Product {
    V floats, integers; ///< null handles for empty products
  };

  llvm::SmallVector<mlir::Value> evaluate(const IndexMap &map, Index index);
  mlir::Value position(Index index, llvm::ArrayRef<int64_t> extents);
  /// Unsigned word of `bits` bits at `entry` of a component, as an integer.
  V loadWord(unsigned component, unsigned bits, mlir::Value entry);
  /// The same widened: i32, or i64 as an index.
  V loadUnsigned(unsigned component, unsigned bits, mlir::Value entry);
  mlir::Value loadIndex(unsigned component, unsigned bits, mlir::Value entry);
  /// Run of `width` bits from bit `bit` (i64) of an i32.
  V extractBits(V word, mlir::Value bit, unsigned width);
  /// The stored bits as i32: of a code, of the group number of digits.
  V storedBits(Index stored);
  V digitOf(V number, mlir::Value digit);
  V storedCode(Index stored);
  V integerCode(Index stored);
  V floatCode(Index stored);
  V floatOf(const NumberDesc &number, V word);
  V miniFloatInteger(const NumberDesc &number, V bits);
  V tableValue(const ElementPlace &place);
  V loadParam(const ParamDesc &param, unsigned component,
              const ElementPlace &place);
  V rankSum(const ParamDesc &param, unsigned component,
            const ElementPlace &place);
  Product loadProduct(llvm::ArrayRef<ParamDesc> params, unsigned firstComponent,
                      const ElementPlace &place);
  V combine(const Product &product);

  void forEachPosition(mlir::Value row, const Visit &visit);
  void forEachBlock(mlir::Value row, const Visit &visit);
  void visitBlock(mlir::Value row, mlir::Value block, mlir::Value blockColumn,
                  const Visit &visit);

  StageFunction &stage;
  ValueBuilder &b;
  const LeafDesc &leaf;
  std::span<const unsigned> bindings;
  unsigned tableAt, indexAt, scalesAt, zeroAt, offsetsAt; ///< component numbers
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ELEMENTDECODER_H
