//===- LowbitAttrs.h - Encodings as attributes -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITATTRS_H
#define DIALECTS_LOWBIT_IR_LOWBITATTRS_H

#include "lowbit/Packing/Encoding.h"

#include "mlir/IR/AffineMap.h"
#include "mlir/IR/Attributes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/OpImplementation.h"

#include "dialects/Lowbit/IR/LowbitEnums.h.inc"

#include "dialects/Lowbit/IR/LowbitAttrInterfaces.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/Lowbit/IR/LowbitAttrs.h.inc"

namespace mlir::lowbit {

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

/// Converts an affine map of sums of `c * ((d floordiv a) mod b)` to the plain form
/// used by lib/Packing; fails with the offending result on anything else.
::lowbit::StatusOr<::lowbit::IndexMap> toIndexMap(AffineMap map);

/// The inverse of `toIndexMap`.
AffineMap toAffineMap(const ::lowbit::IndexMap &map, MLIRContext *context);

/// Extents of the array that `map` addresses over the box `shape`, where a result
/// `d mod m` always spans all of m: this is how a layout pads (E4).
::lowbit::StatusOr<SmallVector<int64_t>>
paddedExtents(const ::lowbit::IndexMap &map, ArrayRef<int64_t> shape);

/// The code attribute that describes `number`.
Attribute getCodeAttr(MLIRContext *context, const ::lowbit::NumberDesc &number);

/// The layout attribute whose describeInto gives the fields of `leaf`.
Attribute getLayoutAttr(MLIRContext *context, const ::lowbit::LeafDesc &leaf);

/// The encoding attribute (a leaf) of a plain description; the layout is part of it
/// exactly when `withLayout`.
Attribute getLeafAttr(MLIRContext *context, const ::lowbit::LeafDesc &leaf,
                      bool withLayout);

/// The same of a whole tree.
Attribute getEncodingAttr(MLIRContext *context,
                          const ::lowbit::EncodingDesc &encoding, bool withLayout);

/// Parses `int<4>`, `ternary`, `fp<f16>`; `bareFloat` also allows `f16` alone.
FailureOr<Attribute> parseCode(AsmParser &parser, bool bareFloat);
/// Parses `row`, `map<...>`, `block`, ...
FailureOr<Attribute> parseGranularity(AsmParser &parser);
/// Parses `nm<2:4>`, `block<...>`, ...
FailureOr<Attribute> parsePattern(AsmParser &parser);
/// Parses `bits<...>`, `planes<...>`, ...
FailureOr<Attribute> parseLayout(AsmParser &parser);
/// The layouts other than bits; false where `keyword` is none of them.
bool parseOtherLayout(AsmParser &parser, StringRef keyword,
                      FailureOr<Attribute> &layout);
/// Bits of a word type: 8, 16 or 32.
::lowbit::StatusOr<uint8_t> wordBitsOf(IntegerType type);

/// Parses an encoding without its `#lowbit.` prefix or with it.
FailureOr<Attribute> parseEncoding(AsmParser &parser);

} // namespace mlir::lowbit

#endif // DIALECTS_LOWBIT_IR_LOWBITATTRS_H
