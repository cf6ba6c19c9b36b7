//===- ThreadMatmulStage.cpp - Products for machines of many threads ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A group of threads computes one or more blocks of eight rows for up to four tokens, each
// thread one row and one slice of it (ThreadFrame). For int8 activations slices divide the
// columns (StageFunction.h); for f32 activations they are the 32 lanes of Semantics N3.
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"
#include "lib/Kernel/MatmulTile.h"
#include "lib/Kernel/ThreadMatmul.h"
#include "lib/Kernel/ThreadStages.h"
#include "lowbit-c/kernel.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using V = AbstractValue;

static constexpr int64_t sumLanes = 32, vectorBytes = 32;
static constexpr ValueType scalarF32{Scalar::f32, 0};

namespace {

struct PlannedGroup {
  std::vector<MatmulPlan> plans;
  const MatmulGroup *group;
  int64_t firstGroup; ///< of threads
};

/// Blocks of eight rows of a group of threads. Slices of different length must not share
/// a warp: where there are few, four blocks fill it with one slice.
unsigned blocksFor(unsigned slices) {
  return slices % 4 == 0 ? 1 : 4;
}

/// N3 for the rows of a block: slice s is lane s.
class ThreadFloatTile {
public:
  ThreadFloatTile(StageFunction &stage, const MatmulPlan &plan,
                  const MatmulAnchor &anchor, const Tile &tile)
      : stage(stage), b(stage.values()), plan(plan), tile(tile),
        decoder(stage, anchor.weight, anchor.bindings) {}

  static uint64_t sharedBytes(const MatmulPlan &plan) {
    return uint64_t(sumLanes + plan.chunks) * wideTile * vectorBytes;
  }

  /// The thread of slice s gets the result of token s of the tile.
  V emit() {
    int64_t whole = plan.columns / columnsPerChunk, rest = plan.columns % columnsPerChunk;
    row = stage.minI(stage.addI(stage.mulI(tile.rowBlock, rowsPerBlock),
                                stage.remI(stage.thread(), rowsPerBlock)),
                     stage.index(plan.rows - 1));
    mine = stage.minI(stage.slice(), stage.index(tile.tokens - 1));
    stage.loop(stage.index(0), stage.index(whole), 1,
               [&](Value chunk) { emitChunk(chunk, columnsPerChunk); });
    if (rest)
      emitChunk(stage.index(whole), rest);
    return emitTreeFromMemory(stage, partial(stage.index(0)), plan.chunks,
                              wideTile * vectorBytes);
  }

private:
  /// Sums of this thread's token for `chunk`.
  Value partial(Value chunk) {
    Value place = stage.addI(stage.mulI(chunk, wideTile), mine);
    return stage.at(stage.scratch(),
                    stage.addI(stage.mulI(place, vectorBytes),
                               sumLanes * wideTile * vectorBytes));
  }

  void emitChunk(Value chunk, int64_t length) {
    Value first = stage.mulI(chunk, columnsPerChunk);
    SmallVector<Value> zeros(tile.tokens,
                             IRValueBuilder::unwrap(b.constantFloat(scalarF32, 0.0)));
    auto sums = stage.loop(
        stage.addI(first, stage.slice()), stage.addI(first, length), sumLanes, zeros,
        [&](Value column, mlir::ValueRange carried) {
          V w = decoder.decode({row, column, row, column});
          SmallVector<Value> next;
          for (unsigned t = 0; t < tile.tokens; ++t) {
            Value place = stage.addI(
                stage.mulI(stage.addI(tile.token, t), plan.activation.stride), column);
            V x = stage.load(scalarF32,
                             stage.at(stage.binding(plan.activation.binding),
                                      stage.mulI(place, 4)));
            next.push_back(
                IRValueBuilder::unwrap(b.fma(w, x, IRValueBuilder::wrap(carried[t]))));
          }
          return next;
        });
    Value lanes = stage.at(stage.scratch(), stage.mulI(stage.slice(), vectorBytes));
    stage.barrier(); // the lanes of the chunk before have been read
    for (unsigned t = 0; t < tile.tokens; ++t)
      stage.storeRows(IRValueBuilder::wrap(sums[t]),
                      stage.at(lanes, int64_t(t) * sumLanes * vectorBytes));
    stage.barrier();
    stage.ifThen(stage.lessI(stage.slice(), stage.index(tile.tokens)), [&] {
      Value ofToken =
          stage.at(stage.scratch(), stage.mulI(mine, sumLanes * vectorBytes));
      V sum = emitTreeFromMemory(stage, ofToken, std::min(length, sumLanes),
                                 vectorBytes);
      stage.storeRows(sum, partial(chunk));
    });
    // A thread of another slice reads partials of nobody else, but takes part above.
    stage.barrier();
  }

  StageFunction &stage;
  IRValueBuilder &b;
  const MatmulPlan &plan;
  const Tile &tile;
  ElementDecoder decoder;
  Value row, mine;
};

class ThreadMatmulEmitter {
public:
  ThreadMatmulEmitter(StageFunction &stage, int64_t rowsPerToken, unsigned blocks)
      : stage(stage), rowsPerToken(rowsPerToken), blocks(blocks) {}

  /// All threads of a group take the same way, because there are barriers in it.
  void emit(const PlannedGroup &group) {
    const int64_t rowBlocks = group.plans[0].rowBlocks;
    Value local =
        stage.subI(stage.threadRowBlock(), stage.index(group.firstGroup));
    Value beyond = stage.index(ceilDiv(rowBlocks, int64_t(blocks)));
    stage.ifThen(stage.lessI(local, beyond), [&] {
      stage.ifThen(stage.lessI(stage.index(-1), local), [&] {
        Value rowBlock = stage.addI(stage.mulI(local, int64_t(blocks)),
                                    stage.blockInGroup());
        if (rowBlocks % blocks == 0)
          return emitRowBlock(group, rowBlock);
        // Blocks beyond the last repeat it and store nothing.
        exists = stage.lessI(rowBlock, stage.index(rowBlocks));
        emitRowBlock(group, stage.minI(rowBlock, stage.index(rowBlocks - 1)));
        exists = Value();
      });
    });
  }

private:
  void emitRowBlock(const PlannedGroup &group, Value rowBlock) {
    Value begin = stage.mulI(stage.threadTile(), wideTile);
    Value end = stage.mulI(stage.dim(LOWBIT_DIM_TOKENS), rowsPerToken);
    Value last = stage.addI(begin, wideTile - 1);
    stage.ifThen(
        stage.lessI(last, end), [&] { emitTile(group, {rowBlock, begin, wideTile}); },
        [&] {
          stage.loop(begin, end, 1,
                     [&](Value token) { emitTile(group, {rowBlock, token, 1}); });
        });
  }

  void emitTile(const PlannedGroup &group, const Tile &tile) {
    std::vector<SmallVector<Value>> results;
    for (auto [plan, anchor] : llvm::zip(group.plans, group.group->anchors)) {
      stage.barrier(); // what was in shared memory has been read
      if (plan.activation.quantized)
        results.push_back(emitIntegerTile(stage, plan, tile));
      else
        results.emplace_back(
            tile.tokens, IRValueBuilder::unwrap(
                             ThreadFloatTile(stage, plan, anchor, tile).emit()));
    }
    // Slice s stores token s, s + slices, ...
    for (unsigned done = 0; done < tile.tokens; done += stage.slices()) {
      unsigned count = std::min(stage.slices(), tile.tokens - done);
      SmallVector<Value> chosen;
      for (const SmallVector<Value> &values : results)
        chosen.push_back(ofSlice({values.data() + done, count}));
      auto store = [&] {
        Value token = stage.addI(stage.addI(tile.token, done), stage.slice());
        group.group->epilogue(stage, chosen, tile.rowBlock, token);
      };
      stage.ifThen(stage.lessI(stage.slice(), stage.index(count)), [&] {
        if (exists)
          stage.ifThen(exists, store);
        else
          store();
      });
    }
  }

  /// values[slice]; the last one for slices beyond.
  Value ofSlice(llvm::ArrayRef<Value> values) {
    ValueBuilder &b = stage.values();
    V chosen = IRValueBuilder::wrap(values.back());
    for (size_t i = 0; i + 1 < values.size(); ++i) {
      V here = b.compareInt(Predicate::equal, IRValueBuilder::wrap(stage.slice()),
                            IRValueBuilder::wrap(stage.index(int64_t(i))));
      chosen = b.select(here, IRValueBuilder::wrap(values[i]), chosen);
    }
    return IRValueBuilder::unwrap(chosen);
  }

  StageFunction &stage;
  int64_t rowsPerToken;
  unsigned blocks;
  Value exists; ///< whether the thread's block of rows does; null where all do
};

} // namespace

StatusOr<ThreadLaunch> kernel::emitThreadMatmulStage(mlir::ModuleOp module,
                                                     const MatmulStage &spec,
                                                     const ThreadTarget &target,
                                                     int64_t &items) {
  std::vector<PlannedGroup> groups;
  unsigned slices = 1;
  bool quantized = true;
  ThreadLaunch launch;
  launch.tokensPerGroup = wideTile;
  launch.rowsPerToken = unsigned(spec.rowsPerToken);
  items = 0;
  for (const MatmulGroup &group : spec.groups) {
    PlannedGroup planned{{}, &group, 0};
    for (const MatmulAnchor &anchor : group.anchors) {
      LOWBIT_ASSIGN_OR_RETURN(MatmulPlan plan, planMatmul(anchor));
      if (!anchor.weight.isDense())
        return unimplemented("weight %s has no kernel of threads",
                             describe(anchor.weight).c_str());
      if ((plan.generic || plan.planes) && plan.activation.quantized)
        return unimplemented("weight %s is not in the rows-in-lanes layout",
                             describe(anchor.weight).c_str());
      slices = std::max(slices, plan.activation.quantized ? threadSlices(plan)
                                                          : unsigned(sumLanes));
      planned.plans.push_back(std::move(plan));
    }
    items += planned.plans[0].rowBlocks;
    quantized &= llvm::all_of(planned.plans, [](const MatmulPlan &plan) {
      return plan.activation.quantized;
    });
    groups.push_back(std::move(planned));
  }
  const unsigned blocks = quantized ? blocksFor(slices) : 1;
  for (PlannedGroup &group : groups) {
    group.firstGroup = launch.groups;
    launch.groups += unsigned(ceilDiv(group.plans[0].rowBlocks, blocks));
  }
  constexpr uint64_t largestShared = 48 << 10; // what every machine gives
  for (const PlannedGroup &group : groups)
    for (const MatmulPlan &plan : group.plans) {
      uint64_t bytes = plan.activation.quantized
                           ? threadSharedBytes(plan, slices, wideTile)
                           : ThreadFloatTile::sharedBytes(plan);
      launch.sharedBytes = std::max(launch.sharedBytes, bytes);
    }
  const uint64_t sharedOfBlock = launch.sharedBytes;
  launch.sharedBytes *= blocks;
  if (launch.sharedBytes > largestShared)
    return unimplemented("a product of %llu bytes of shared memory; kernels of threads "
                         "have %llu",
                         static_cast<unsigned long long>(launch.sharedBytes),
                         static_cast<unsigned long long>(largestShared));
  launch.threads = unsigned(rowsPerBlock) * slices * blocks;
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, sharedOfBlock, target.readOnly, true,
                                  blocks});
  ThreadMatmulEmitter emitter(stage, spec.rowsPerToken, blocks);
  for (const PlannedGroup &group : groups)
    emitter.emit(group);
  launch.bindings = stage.boundArguments();
  return launch;
}
