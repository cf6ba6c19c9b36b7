//===- CpuMatmul.cpp - Matrix products as CPU stages ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/CpuMatmul.h"

#include "lib/Kernel/MatmulTile.h"
#include "lowbit-c/kernel.h"

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;

namespace {

struct PlannedGroup {
  std::vector<MatmulPlan> plans;
  const MatmulEpilogue *epilogue;
  int64_t firstItem;
  int64_t rowBlocks() const { return plans[0].rowBlocks; }
};

class MatmulEmitter {
public:
  MatmulEmitter(StageFunction &stage, std::vector<PlannedGroup> groups,
                int64_t rowsPerToken)
      : stage(stage), groups(std::move(groups)), rowsPerToken(rowsPerToken) {}
  void emit();

private:
  void emitGroup(const PlannedGroup &group, Value tokenBegin, Value tokenEnd);
  void emitRowBlock(const PlannedGroup &group, Value rowBlock, Value tokenBegin,
                    Value tokenEnd);
  void emitTile(const PlannedGroup &group, const Tile &tile);
  int64_t tokensPerPass() const;

  StageFunction &stage;
  std::vector<PlannedGroup> groups;
  int64_t rowsPerToken;
};

} // namespace

void MatmulEmitter::emitTile(const PlannedGroup &group, const Tile &tile) {
  SmallVector<SmallVector<Value>> results;
  for (const MatmulPlan &plan : group.plans)
    results.push_back(!plan.activation.quantized
                          ? emitFloatTile(stage, plan, tile)
                      : plan.generic ? emitGenericTile(stage, plan, tile)
                                     : emitIntegerTile(stage, plan, tile));
  for (unsigned t = 0; t < tile.tokens; ++t) {
    SmallVector<Value> ofToken;
    for (const SmallVector<Value> &anchor : results)
      ofToken.push_back(anchor[t]);
    (*group.epilogue)(stage, ofToken, tile.rowBlock, stage.addI(tile.token, t));
  }
}

void MatmulEmitter::emitRowBlock(const PlannedGroup &group, Value rowBlock,
                                 Value tokenBegin, Value tokenEnd) {
  Value count = stage.subI(tokenEnd, tokenBegin);
  Value wide = stage.mulI(stage.divI(count, wideTile), wideTile);
  Value wideEnd = stage.addI(tokenBegin, wide);
  for (const MatmulPlan &plan : group.plans) {
    auto decode = [&] { emitDecodeRowBlock(stage, plan, rowBlock); };
    if (singleTokenReadsScratch(plan))
      decode();
    else if (decodesToScratch(plan))
      stage.ifThen(stage.lessI(tokenBegin, wideEnd), decode);
  }
  stage.loop(tokenBegin, wideEnd, wideTile, [&](Value token) {
    emitTile(group, {rowBlock, token, wideTile});
  });
  stage.loop(wideEnd, tokenEnd, 1,
             [&](Value token) { emitTile(group, {rowBlock, token, 1}); });
}

// The part of [begin, end) that falls into the group's items.
void MatmulEmitter::emitGroup(const PlannedGroup &group, Value tokenBegin,
                              Value tokenEnd) {
  Value first = stage.index(group.firstItem);
  Value begin = stage.maxI(stage.subI(stage.begin(), first), stage.index(0));
  Value end = stage.minI(stage.subI(stage.end(), first),
                         stage.index(group.rowBlocks()));
  stage.loop(begin, end, 1, [&](Value rowBlock) {
    emitRowBlock(group, rowBlock, tokenBegin, tokenEnd);
  });
}

// Activations of one pass stay in a second-level cache while row blocks go by.
int64_t MatmulEmitter::tokensPerPass() const {
  constexpr int64_t cacheBytes = 192 << 10, fewest = 16;
  int64_t largest = 1;
  for (const PlannedGroup &group : groups)
    for (const MatmulPlan &plan : group.plans)
      largest = std::max(largest, plan.activation.quantized
                                      ? plan.paddedColumns()
                                      : plan.activation.stride * 4);
  return std::max(fewest, cacheBytes / largest / wideTile * wideTile);
}

void MatmulEmitter::emit() {
  int64_t perPass = tokensPerPass();
  Value tokens = stage.mulI(stage.dim(LOWBIT_DIM_TOKENS), rowsPerToken);
  stage.loop(stage.index(0), tokens, perPass, [&](Value begin) {
    Value end = stage.minI(stage.addI(begin, perPass), tokens);
    for (const PlannedGroup &group : groups)
      emitGroup(group, begin, end);
  });
}

StatusOr<MatmulStageInfo>
kernel::emitMatmulStage(mlir::ModuleOp module, const MatmulStage &stage,
                        const KernelCapabilities &capabilities) {
  MatmulStageInfo info;
  std::vector<PlannedGroup> groups;
  for (const MatmulGroup &group : stage.groups) {
    PlannedGroup planned{{}, &group.epilogue, info.items};
    uint64_t scratch = 0; // the next product of the group begins here
    for (const MatmulAnchor &anchor : group.anchors) {
      StatusOr<MatmulPlan> plan = planMatmul(anchor);
      if (!plan.isOk()) {
        Status status = plan.status();
        return status.addNote("in matmul stage '" + stage.name + "'");
      }
      plan->scratchBase = scratch;
      scratch = MatmulScratch::forPlan(*plan).total;
      planned.plans.push_back(std::move(*plan));
    }
    if (planned.plans.empty())
      return invalidArgument("matmul stage '%s' has a group without a product",
                             stage.name.c_str());
    for (const MatmulPlan &plan : planned.plans)
      if (plan.rows != planned.plans[0].rows)
        return invalidArgument(
            "matmul stage '%s' groups weights of %lld and %lld rows",
            stage.name.c_str(), static_cast<long long>(plan.rows),
            static_cast<long long>(planned.plans[0].rows));
    info.scratchBytes = std::max(info.scratchBytes, scratch);
    info.items += planned.rowBlocks();
    groups.push_back(std::move(planned));
  }
  StageFunction function(module, stage.name, capabilities);
  MatmulEmitter(function, std::move(groups), stage.rowsPerToken).emit();
  return info;
}
