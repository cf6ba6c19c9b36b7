//===- Recode.h - The same weights in other codes ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_RECODE_H
#define PASSES_COMPRESS_RECODE_H

#include "lib/Compress/Ledger.h"
#include "passes/Compress/CompressionSession.h"

namespace mlir::lowbit {

/// A parameter whose encoding is one leaf, with its bytes in the canonical
/// layout and its codes as a plain array of the stored space.
struct Recoding {
  ParamOp param;
  ::lowbit::LeafDesc leaf; ///< as the type says, layout included
  ::lowbit::LeafDesc canonical;
  ComponentBytes components; ///< of `canonical`
  std::vector<uint8_t> codes; ///< one byte a code

  /// Reads `param`. Fails for sums and products, tables, and codes of more than
  /// 8 bits.
  static ::lowbit::StatusOr<Recoding> read(CompressionSession &session,
                                           ParamOp param);

  /// Stores `newCodes`, plain codes of `target.code` for the same elements, and
  /// `params`, the scales, zero and offsets of `target` as components, makes
  /// them the source of the parameter, and returns its new type. `target` has
  /// shape, code, parameters and pattern; where `withLayout` its fields are the
  /// layout of the type, else none is chosen.
  ::lowbit::StatusOr<Type> write(CompressionSession &session,
                                 const ::lowbit::LeafDesc &target,
                                 bool withLayout,
                                 std::vector<uint8_t> newCodes,
                                 ComponentBytes params) const;

  /// The components of scales, zero and offsets.
  ComponentBytes params() const;
  /// An entry that says how the encoding changed; the values did not.
  ::lowbit::compress::LedgerParameter entryFor(Type type) const;
};

/// `codes` of `from` as codes of `to`: equal numbers, down to the sign of zero.
/// Fails on a number that `to` lacks.
::lowbit::StatusOr<std::vector<uint8_t>>
translateCodes(std::span<const uint8_t> codes, const ::lowbit::NumberDesc &from,
               const ::lowbit::NumberDesc &to);

/// Sets the code fields of `leaf` as `text` says: planes, planes-msb, radix (as
/// many digits as a byte holds, base: the code's levels), tq2 (2-bit fields in
/// the order of llama.cpp's TQ2_0), or a layout of the algebra, like
/// "radix<3, 20, i32>".
::lowbit::Status applyLayoutText(MLIRContext *context, StringRef text,
                                 ::lowbit::LeafDesc &leaf);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_RECODE_H
