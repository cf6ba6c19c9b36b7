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

/// Reads single elements of a weight through the index maps of its encoding:
/// every layout, one element at a time. Emits at the stage's insertion point;
/// rows and columns are i64 and must be in range.
class ElementDecoder {
public:
  using V = AbstractValue;
  /// `bindings`: one a component, in componentsOf's order. Both must outlive
  /// the decoder.
  ElementDecoder(StageFunction &stage, const LeafDesc &leaf,
                 std::span<const unsigned> bindings);

  /// E3, f32.
  V decode(mlir::Value row, mlir::Value column);
  /// I_S * (c - Z) of E2, i32: what an exact dot multiplies. Integer codes.
  V dotValue(mlir::Value row, mlir::Value column);
  /// I_O of E2, i32; 1 without integer factors.
  V offsetFactor(mlir::Value row, mlir::Value column);
  /// F_S and F_O of E2, f32; 1.0 without float factors, F_O negated if so.
  V floatScale(mlir::Value row, mlir::Value column);
  V floatOffset(mlir::Value row, mlir::Value column);

private:
  using Index = llvm::ArrayRef<mlir::Value>;
  struct Product {
    V floats, integers; ///< null handles for empty products
  };

  llvm::SmallVector<mlir::Value> evaluate(const IndexMap &map, Index index);
  mlir::Value position(Index index, llvm::ArrayRef<int64_t> extents);
  V loadWord(unsigned component, unsigned bits, mlir::Value place);
  V floatOf(FloatFormat format, V word);
  V loadCode(Index index);
  V loadParam(const ParamDesc &param, unsigned component, Index index);
  Product loadProduct(llvm::ArrayRef<ParamDesc> params, unsigned firstComponent,
                      Index index);
  /// c - Z, or the code's own value, in f32 or i32.
  V codeMinusZero(Index index);
  V combine(const Product &product);

  StageFunction &stage;
  ValueBuilder &b;
  const LeafDesc &leaf;
  std::span<const unsigned> bindings;
  unsigned firstScale, zero, firstOffset; ///< component numbers
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ELEMENTDECODER_H
