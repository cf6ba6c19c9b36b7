//===- ThreadMatmul.cpp - Matrix-vector products by threads ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ThreadMatmul.h"

#include "lib/Kernel/MatmulTile.h"

#include <algorithm>
#include <numeric>

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::Value;

/// What every machine gives a kernel without asking.
static constexpr uint64_t largestShared = 48 << 10;
static constexpr int64_t mostSlices = 32, fewestBlocks = 4;

unsigned kernel::threadSlices(const MatmulPlan &plan) {
  int64_t parts = plan.group ? plan.chunks : ceilDiv(plan.blocks, fewestBlocks);
  return unsigned(std::clamp<int64_t>(parts, 1, mostSlices));
}

uint64_t kernel::threadSharedBytes(const MatmulPlan &plan, unsigned slices,
                                   unsigned tokens) {
  constexpr uint64_t sums = 3 * 32; // of a slice and token: IntegerTile::addSlices
  if (plan.group)
    return plan.chunks > 1 ? MatmulScratch::forPlan(plan).lanes : 0;
  return slices > 1 ? slices * tokens * sums : 0;
}

StatusOr<ThreadMatmulInfo> kernel::emitThreadMatmul(mlir::ModuleOp module,
                                                    const ThreadMatmul &matmul,
                                                    const KernelCapabilities &capabilities,
                                                    const ThreadMachine &machine) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(matmul.weight));
  ThreadMatmulInfo info;
  info.components = unsigned(components.size());
  MatmulAnchor anchor;
  anchor.weight = matmul.weight;
  anchor.bindings.resize(info.components);
  std::iota(anchor.bindings.begin(), anchor.bindings.end(), 0u);
  anchor.activation.quantized = true;
  anchor.activation.binding = info.components;
  anchor.activation.scalesBinding = info.components + 1;
  anchor.activation.sumsBinding = info.components + 2;
  anchor.activation.group = matmul.activationGroup;
  anchor.activation.lo = matmul.activationLo;
  anchor.activation.hi = matmul.activationHi;
  LOWBIT_ASSIGN_OR_RETURN(MatmulPlan plan, planMatmul(anchor));
  if (plan.generic || plan.planes)
    return unimplemented("weight %s is not in the rows-in-lanes layout",
                         describe(matmul.weight).c_str());

  ThreadShape shape;
  shape.pointers = info.components + 4;
  shape.output = info.components + 3;
  shape.slices = threadSlices(plan);
  info.threads = unsigned(rowsPerBlock) * shape.slices;
  info.sharedBytes = threadSharedBytes(plan, shape.slices, 1);
  if (info.sharedBytes > largestShared)
    return unimplemented("a weight of %lld columns needs %llu bytes of shared memory; "
                         "kernels of threads have %llu",
                         static_cast<long long>(plan.columns),
                         static_cast<unsigned long long>(info.sharedBytes),
                         static_cast<unsigned long long>(largestShared));
  shape.sharedBytes = info.sharedBytes;

  StageFunction stage(module, matmul.name, capabilities, machine, shape);
  Tile tile{stage.threadRowBlock(), stage.index(0), 1};
  Value result = emitIntegerTile(stage, plan, tile).front();
  Value y = stage.at(stage.binding(shape.output),
                     stage.mulI(tile.rowBlock, rowsPerBlock * 4));
  auto store = [&] { stage.storeRows(IRValueBuilder::wrap(result), y); };
  if (shape.slices == 1)
    store();
  else
    stage.ifThen(stage.lessI(stage.slice(), stage.index(1)), store);
  return info;
}
