//===- MatmulTile.h - One row block times a few tokens ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Internal to the matmul stages: emits the loops over columns for 8 rows and
// `tokens` tokens. Lane r of every vector is row 8 * rowBlock + r.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_MATMULTILE_H
#define LIB_KERNEL_MATMULTILE_H

#include "lib/Kernel/CodeDecode.h"
#include "lib/Kernel/MatmulPlan.h"
#include "lib/Kernel/StageFunction.h"

namespace lowbit::kernel {

/// Tokens of the wide tile; what remains is done one at a time.
constexpr unsigned wideTile = 4;

constexpr ValueType f32x8{Scalar::f32, 8};
constexpr ValueType i32x8{Scalar::i32, 8};
constexpr ValueType i8x32{Scalar::i8, 32};

struct Tile {
  mlir::Value rowBlock, token;
  unsigned tokens = 1;
};

/// Where the stage's scratch holds what; offsets in bytes from its start.
struct MatmulScratch {
  uint64_t partials = 0; ///< [chunk][token of the tile] vectors of 8 f32
  uint64_t lanes = 0;    ///< [token of the tile][32] vectors of 8 f32 (N3)
  uint64_t decoded = 0;  ///< [padded column] vectors of 8 f32 (N3)
  // Generic products of quantized activations, vectors of 8 rows:
  uint64_t dotValues = 0;     ///< [column] i32, I_S * (c - Z)
  uint64_t offsetFactors = 0; ///< [column] i32, I_O (storesOffsetFactors)
  uint64_t present = 0;       ///< [unit] i32, of a pattern: not 0 if it has any
  uint64_t groupScales = 0;   ///< [unit of `group` columns] f32, F_S
  uint64_t groupOffsets = 0;  ///< [unit of `group` columns] f32, F_O
  uint64_t total = 0;
  static MatmulScratch forPlan(const MatmulPlan &plan);
};

/// Whether the loops read decoded numbers from scratch instead of the weight.
bool decodesToScratch(const MatmulPlan &plan);
/// Whether the tile of one token does so too (otherwise it decodes as it goes).
bool singleTokenReadsScratch(const MatmulPlan &plan);
/// Decodes row block `rowBlock` into scratch (only when decodesToScratch).
void emitDecodeRowBlock(StageFunction &stage, const MatmulPlan &plan,
                        mlir::Value rowBlock);
/// The same for a generic plan: f32 numbers for N3, else the integers and
/// factors of N4.
void emitGenericDecode(StageFunction &stage, const MatmulPlan &plan,
                       mlir::Value rowBlock);

/// One vector<8xf32> for each token of the tile.
llvm::SmallVector<mlir::Value>
emitFloatTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile);
llvm::SmallVector<mlir::Value>
emitIntegerTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile);
/// Sum over the columns of some column vectors of block `block` of stored code
/// times activation code, for each token, as vectors of 8 i32: bit planes of both
/// by AND and population count. `planes` is the row block's first word, `codes` the
/// activation of the tile's first token.
llvm::SmallVector<AbstractValue>
emitPlaneDots(StageFunction &stage, const MatmulPlan &plan, mlir::Value planes,
              mlir::Value codes, unsigned tokens, mlir::Value block,
              llvm::ArrayRef<unsigned> vectors);
/// N4 or N5 of a generic plan, from what emitDecodeRowBlock left in scratch.
llvm::SmallVector<mlir::Value>
emitGenericTile(StageFunction &stage, const MatmulPlan &plan, const Tile &tile);

/// The parameters of one row block: pointers and numbers that do not depend on
/// the column are read when this is made.
class ParamReader {
public:
  ParamReader(StageFunction &stage, const MatmulPlan &plan,
              mlir::Value rowBlock);

  /// A product of factors at `column` (i64, start of a granule or within it),
  /// <8 x f32> or <8 x i32>. F_S and F_O of E2 (1.0 for an empty product; F_O
  /// negated if so).
  AbstractValue floatScale(mlir::Value column);
  AbstractValue floatOffset(mlir::Value column);
  AbstractValue intScale(mlir::Value column);
  AbstractValue intOffset(mlir::Value column);
  /// codeBias - Z.
  AbstractValue bias(mlir::Value column);

private:
  struct Bound {
    const ParamPlan *plan;
    mlir::Value base;
    AbstractValue fixed; ///< null handle when the number varies along columns
  };
  Bound bind(const ParamPlan &param, mlir::Value rowBlock);
  AbstractValue readRaw(const Bound &param, mlir::Value pointer);
  AbstractValue read(const Bound &param, mlir::Value column);
  AbstractValue product(llvm::ArrayRef<Bound> params, mlir::Value column);

  StageFunction &stage;
  const MatmulPlan &plan;
  llvm::SmallVector<Bound> floatScales, intScales, floatOffsets, intOffsets;
  std::optional<Bound> zero;
};

/// `tree` (N1) over `count` vectors of 8 f32 in memory, `stride` bytes apart.
AbstractValue emitTreeFromMemory(StageFunction &stage, mlir::Value pointer,
                                 int64_t count, int64_t stride);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_MATMULTILE_H
