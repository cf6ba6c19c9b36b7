//===- ThreadMatmul.h - Matrix-vector products by threads -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// y = W x for one token on a machine of threads (StageFunction.h), by the same loops
// and in the same order as on a CPU: Semantics.md N4 and N5, bit for bit.
//
// A group of threads computes one block of 8 weight rows; the grid has as many groups
// as the weight has blocks, so the code does not depend on the number of rows. Slices
// of a row are its chunks (N4) or equal runs of its blocks (N5, exact integers).
//
// Arguments, all pointers: the weight's components in componentsOf's order; then the
// activation's codes (i8, columns rounded up to 32, zeros beyond), its scales (f32, one
// or one a group of columns), its code sums (i32, one a 16 columns); then y (f32, rows
// rounded up to 8). The sums are read only where needsCodeSums says so.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_THREADMATMUL_H
#define LIB_KERNEL_THREADMATMUL_H

#include "lib/Kernel/MatmulPlan.h"

namespace lowbit::kernel {

struct ThreadMatmul {
  std::string name;
  LeafDesc weight;
  // The activation: see MatmulActivation.
  int64_t activationGroup = 0;
  int activationLo = -127, activationHi = 127;
};

struct ThreadMatmulInfo {
  unsigned threads = 0;      ///< of a group
  unsigned components = 0;   ///< arguments that belong to the weight
  uint64_t sharedBytes = 0;  ///< of a group
};

/// How many threads share a row of a product of int8 activations.
unsigned threadSlices(const MatmulPlan &plan);
/// Shared memory that emitIntegerTile needs for tiles of `tokens` tokens.
uint64_t threadSharedBytes(const MatmulPlan &plan, unsigned slices, unsigned tokens);

/// Appends the kernel to `module`. Fails when the product is not one that the kernels
/// compute (checkMatmul), or would need more shared memory than every machine has.
StatusOr<ThreadMatmulInfo> emitThreadMatmul(mlir::ModuleOp module,
                                            const ThreadMatmul &matmul,
                                            const KernelCapabilities &capabilities,
                                            const ThreadMachine &machine);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_THREADMATMUL_H
