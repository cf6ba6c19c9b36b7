//===- ThreadRows.cpp - Row stages for machines of many threads -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/ElementDecoder.h"
#include "lib/Kernel/ThreadStages.h"
#include "lowbit-c/kernel.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::kernel;
using mlir::SmallVector;
using mlir::Value;
using V = AbstractValue;

static constexpr int64_t warpThreads = 32, sumColumns = 16;
static constexpr ValueType scalarF32{Scalar::f32, 0}, scalarI32{Scalar::i32, 0};

static int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

namespace {

/// The body of a prologue for the token of a group. Normed numbers are computed anew
/// wherever they are needed, which costs less than storing them.
class ThreadPrologue {
public:
  ThreadPrologue(StageFunction &stage, const PrologueStage &spec)
      : stage(stage), b(stage.values()), spec(spec), reductions(stage, 0),
        token(stage.threadRowBlock()) {}

  void emit() {
    if (spec.norm)
      emitStatistics();
    if (spec.output)
      overThreads(stage.index(spec.columns), [&](Value column) {
        stage.store(number(column), rowAddress(stage, *spec.output, token, column));
      });
    if (!spec.quantize)
      return;
    if (spec.quantize->group)
      emitGroups();
    else
      emitWholeRow();
  }

private:
  void overThreads(Value end, const std::function<void(Value)> &body) {
    stage.loop(stage.thread(), end, stage.threads(), body);
  }
  V input(Value column) {
    return stage.load(scalarF32, rowAddress(stage, spec.input, token, column));
  }
  V centered(Value column) {
    return mean ? b.subF(input(column), *mean) : input(column);
  }
  V parameter(unsigned binding, Value column) {
    return stage.load(scalarF32,
                      stage.at(stage.binding(binding), stage.mulI(column, 4)));
  }

  /// Of all rows, or of this one.
  V modulation(const std::optional<unsigned> &vector,
               const std::optional<RowsRef> &rows, Value column) {
    return rows ? stage.load(scalarF32, rowAddress(stage, *rows, token, column))
                : parameter(*vector, column);
  }

  /// N12: mean and reciprocal root.
  void emitStatistics() {
    const NormSpec &norm = *spec.norm;
    V count = b.constantFloat(scalarF32, double(spec.columns));
    if (norm.layer) {
      V sum = reductions.rowSum(
          spec.columns, [&](V acc, Value column) { return b.addF(acc, input(column)); });
      mean = b.divF(sum, count);
    }
    V squares = reductions.rowSum(spec.columns, [&](V acc, Value column) {
      V x = centered(column);
      return b.fma(x, x, acc);
    });
    V variance = b.divF(squares, count);
    root = emitRsqrt(b, b.addF(variance, b.constantFloat(scalarF32, norm.eps)));
  }

  /// The row's number after the norm, if there is one.
  V number(Value column) {
    if (!spec.norm)
      return input(column);
    const NormSpec &norm = *spec.norm;
    V y = b.mulF(centered(column), root);
    if (norm.weight)
      y = b.mulF(y, parameter(*norm.weight, column));
    if (norm.bias)
      y = b.addF(y, parameter(*norm.bias, column));
    if (norm.scale || norm.scaleRows) {
      V one = b.constantFloat(scalarF32, 1.0);
      y = b.fma(y, b.addF(one, modulation(norm.scale, norm.scaleRows, column)),
                modulation(norm.shift, norm.shiftRows, column));
    }
    return y;
  }

  /// N7: stores the scale in one thread; returns the factor of the codes.
  V emitScale(V largest, Value place, Value chosenThread) {
    const QuantizeSpec &quantize = *spec.quantize;
    V top = b.constantFloat(scalarF32, quantize.hi);
    largest = emitMax(b, b.constantFloat(scalarF32, quantize.floor), largest);
    stage.ifThen(stage.lessI(chosenThread, stage.index(1)), [&] {
      stage.store(b.divF(largest, top),
                  stage.at(stage.binding(quantize.scales), stage.mulI(place, 4)));
    });
    return b.divF(top, largest);
  }

  V code(Value column, V factor) {
    return emitClampToInt(b, b.mulF(number(column), factor), spec.quantize->lo,
                          spec.quantize->hi);
  }

  void storeCode(V code, Value column) {
    Value place = stage.addI(stage.mulI(token, roundUp(spec.columns, 32)), column);
    stage.store(b.truncate(code, Scalar::i8),
                stage.at(stage.binding(spec.quantize->codes), place));
  }
  /// `sum` belongs to the 16 columns from `column` on.
  void storeSum(V sum, Value column) {
    Value place = stage.addI(stage.mulI(token, roundUp(spec.columns, 32)), column);
    stage.store(sum, stage.at(stage.binding(*spec.quantize->sums),
                              stage.mulI(stage.divI(place, sumColumns), 4)));
  }

  /// One code a lane of a warp; `column` is the lane's own. Lanes where `exists` is
  /// false have a zero code, which is stored only with `storeAll`.
  void emitCodes(V code, Value column, Value exists, bool storeAll) {
    if (exists)
      code = b.select(IRValueBuilder::wrap(exists), code, b.constantInt(scalarI32, 0));
    V sum = code;
    for (unsigned mask = 1; mask < sumColumns; mask *= 2)
      sum = b.add(sum, stage.exchange(sum, mask));
    auto store = [&] {
      storeCode(code, column);
      if (!spec.quantize->sums)
        return;
      Value first = stage.remI(reductions.lane(), sumColumns);
      stage.ifThen(stage.lessI(first, stage.index(1)), [&] { storeSum(sum, column); });
    };
    if (exists && !storeAll)
      stage.ifThen(exists, store);
    else
      store();
  }

  void emitWholeRow() {
    Value zero = IRValueBuilder::unwrap(b.constantFloat(scalarF32, 0.0));
    auto largest = stage.loop(
        stage.thread(), stage.index(spec.columns), stage.threads(), {zero},
        [&](Value column, mlir::ValueRange old) {
          V next = emitMax(b, b.absF(number(column)), IRValueBuilder::wrap(old[0]));
          return SmallVector<Value>{IRValueBuilder::unwrap(next)};
        });
    V factor = emitScale(reductions.groupMax(IRValueBuilder::wrap(largest[0])), token,
                         stage.thread());
    // Warps walk whole runs of 32 columns: the padding gets zeros.
    stage.loop(stage.mulI(reductions.warp(), warpThreads),
               stage.index(roundUp(spec.columns, warpThreads)), stage.threads(),
               [&](Value first) {
                 Value column = stage.addI(first, reductions.lane());
                 Value exists, inside = column;
                 if (spec.columns % warpThreads) {
                   exists = stage.lessI(column, stage.index(spec.columns));
                   inside = stage.minI(column, stage.index(spec.columns - 1));
                 }
                 emitCodes(code(inside, factor), column, exists, true);
               });
  }

  void emitGroups() {
    int64_t group = spec.quantize->group, groups = spec.columns / group;
    stage.loop(reductions.warp(), stage.index(groups), reductions.warps(), [&](Value g) {
      Value first = stage.mulI(g, group);
      // Calls `body` with the lane's column and whether it lies in the group.
      auto overLanes = [&](Value offset, const std::function<void(Value, Value)> &body) {
        Value place = stage.addI(offset, reductions.lane());
        Value exists;
        if (group % warpThreads) {
          exists = stage.lessI(place, stage.index(group));
          place = stage.minI(place, stage.index(group - 1));
        }
        body(stage.addI(first, place), exists);
      };
      Value zero = IRValueBuilder::unwrap(b.constantFloat(scalarF32, 0.0));
      auto largest = stage.loop(
          stage.index(0), stage.index(group), warpThreads, {zero},
          [&](Value offset, mlir::ValueRange old) {
            V next;
            overLanes(offset, [&](Value column, Value) { // a column twice does no harm
              next = emitMax(b, b.absF(number(column)), IRValueBuilder::wrap(old[0]));
            });
            return SmallVector<Value>{IRValueBuilder::unwrap(next)};
          });
      V factor = emitScale(reductions.warpMax(IRValueBuilder::wrap(largest[0])),
                           stage.addI(stage.mulI(token, groups), g), reductions.lane());
      stage.loop(stage.index(0), stage.index(group), warpThreads, [&](Value offset) {
        overLanes(offset, [&](Value column, Value exists) {
          emitCodes(code(column, factor), column, exists, false);
        });
      });
    });
    if (spec.columns % 32 == 0)
      return;
    stage.ifThen(stage.lessI(stage.thread(), stage.index(sumColumns)), [&] {
      Value column = stage.addI(stage.index(spec.columns), stage.thread());
      V zero = b.constantInt(scalarI32, 0);
      storeCode(zero, column);
      if (spec.quantize->sums)
        stage.ifThen(stage.lessI(stage.thread(), stage.index(1)),
                     [&] { storeSum(zero, column); });
    });
  }

  StageFunction &stage;
  ValueBuilder &b;
  const PrologueStage &spec;
  GroupReductions reductions;
  Value token;
  std::optional<V> mean;
  V root;
};

} // namespace

StatusOr<ThreadLaunch> kernel::emitThreadPrologue(mlir::ModuleOp module,
                                                  const PrologueStage &spec,
                                                  const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkPrologueStage(spec));
  constexpr int64_t columnsPerWarp = 128, mostWarps = 16, mostColumns = 1 << 18;
  if (spec.columns > mostColumns)
    return unimplemented("rows of %lld columns; kernels of threads take %lld",
                         static_cast<long long>(spec.columns),
                         static_cast<long long>(mostColumns));
  ThreadLaunch launch;
  int64_t warps = (spec.columns + columnsPerWarp - 1) / columnsPerWarp;
  launch.threads = unsigned(std::min(warps, mostWarps) * warpThreads);
  launch.sharedBytes = GroupReductions::bytes(spec.columns);
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, launch.sharedBytes, target.readOnly});
  ThreadPrologue(stage, spec).emit();
  launch.bindings = stage.boundArguments();
  return launch;
}

//===----------------------------------------------------------------------===//
// Rotation and append
//===----------------------------------------------------------------------===//

static Value element(StageFunction &stage, Value base, Value index) {
  return stage.at(base, stage.mulI(index, 4));
}

/// One pair a thread.
static void emitRope(StageFunction &stage, const RopeSpec &rope, Value token,
                     Value position) {
  ValueBuilder &b = stage.values();
  Value angles =
      stage.at(stage.binding(rope.table), stage.mulI(position, rope.pairs * 8));
  stage.loop(
      stage.thread(), stage.index(rope.heads * rope.pairs), stage.threads(),
      [&](Value i) {
        Value column = stage.mulI(stage.divI(i, rope.pairs), rope.headDim);
        Value pair = stage.remI(i, rope.pairs);
        Value first = stage.addI(column, stage.mulI(pair, rope.adjacent ? 2 : 1));
        Value second = stage.addI(first, rope.adjacent ? 1 : rope.pairs);
        V a = stage.load(scalarF32, rowAddress(stage, rope.input, token, first));
        V c = stage.load(scalarF32, rowAddress(stage, rope.input, token, second));
        Value angle = stage.at(angles, stage.mulI(pair, 8));
        V cosine = stage.load(scalarF32, angle);
        V sine = stage.load(scalarF32, stage.at(angle, 4));
        stage.store(b.fma(a, cosine, b.negF(b.mulF(c, sine))),
                    rowAddress(stage, rope.output, token, first));
        stage.store(b.fma(a, sine, b.mulF(c, cosine)),
                    rowAddress(stage, rope.output, token, second));
      });
  int64_t rest = rope.headDim - 2 * rope.pairs;
  if (rest)
    stage.loop(stage.thread(), stage.index(rope.heads * rest), stage.threads(),
               [&](Value i) {
                 Value column = stage.addI(
                     stage.mulI(stage.divI(i, rest), rope.headDim),
                     stage.addI(stage.remI(i, rest), 2 * rope.pairs));
                 stage.store(
                     stage.load(scalarF32, rowAddress(stage, rope.input, token, column)),
                     rowAddress(stage, rope.output, token, column));
               });
}

/// One element of a key and of a value a thread.
static void emitAppend(StageFunction &stage, const AppendSpec &append, Value token,
                       Value position) {
  Value capacity = stage.dim(LOWBIT_DIM_CAPACITY);
  int64_t dim = append.headDim;
  stage.loop(
      stage.thread(), stage.index(append.heads * dim), stage.threads(), [&](Value i) {
        Value head = stage.divI(i, dim), d = stage.remI(i, dim);
        Value slot = stage.mulI(head, stage.mulI(capacity, dim));
        // Keys: eight positions side by side.
        Value inBlock = stage.addI(stage.mulI(d, 8), stage.remI(position, 8));
        Value key = stage.addI(
            slot,
            stage.addI(stage.mulI(stage.divI(position, 8), dim * 8), inBlock));
        Value value = stage.addI(slot, stage.addI(stage.mulI(position, dim), d));
        stage.store(stage.load(scalarF32, rowAddress(stage, append.keys, token, i)),
                    element(stage, stage.binding(append.cacheKeys), key));
        stage.store(stage.load(scalarF32, rowAddress(stage, append.values, token, i)),
                    element(stage, stage.binding(append.cacheValues), value));
      });
}

StatusOr<ThreadLaunch> kernel::emitThreadRope(mlir::ModuleOp module,
                                              const RopeStage &spec,
                                              const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkRopeStage(spec));
  ThreadLaunch launch;
  launch.threads = 256;
  // Rotated keys pass from thread to thread through their rows: no promise about
  // aliases.
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, 0, target.readOnly});
  Value token = stage.threadRowBlock();
  Value position = stage.addI(stage.dim(LOWBIT_DIM_POSITION), token);
  for (const RopeSpec &rope : spec.ropes)
    emitRope(stage, rope, token,
             rope.sequence ? stage.remI(token, rope.sequence) : position);
  if (spec.append) {
    if (!spec.ropes.empty())
      stage.barrier();
    emitAppend(stage, *spec.append, token, position);
  }
  launch.bindings = stage.boundArguments();
  return launch;
}

//===----------------------------------------------------------------------===//
// Gather and elementwise chains
//===----------------------------------------------------------------------===//

StatusOr<ThreadLaunch> kernel::emitThreadGather(mlir::ModuleOp module,
                                                const GatherStage &spec,
                                                const ThreadTarget &target) {
  LOWBIT_ASSIGN_OR_RETURN(auto components, componentsOf(spec.table));
  if (components.size() != spec.bindings.size())
    return invalidArgument("%zu bindings given for %zu components of the table",
                           spec.bindings.size(), components.size());
  LOWBIT_RETURN_IF_ERROR(ElementDecoder::check(spec.table));
  // One column a thread: each must have a place of its own.
  if (!spec.table.isDense())
    return unimplemented("rows of %s are not gathered by kernels of threads",
                         describe(spec.table).c_str());
  ThreadLaunch launch;
  launch.threads = 128;
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, 0, target.readOnly, true});
  ElementDecoder decoder(stage, spec.table, spec.bindings);
  Value token = stage.threadRowBlock();
  V id = stage.load(scalarI32, element(stage, stage.binding(spec.ids), token));
  Value row =
      IRValueBuilder::unwrap(stage.values().extendUnsigned(id, Scalar::i64));
  stage.loop(stage.thread(), stage.index(spec.table.columns), stage.threads(),
             [&](Value column) {
               stage.store(decoder.decode({row, column, row, column}),
                           rowAddress(stage, spec.output, token, column));
             });
  launch.bindings = stage.boundArguments();
  return launch;
}

/// One number of the patch a thread.
StatusOr<ThreadLaunch> kernel::emitThreadPatches(mlir::ModuleOp module,
                                                 const PatchStage &spec,
                                                 const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkPatchStage(spec));
  ThreadLaunch launch;
  launch.threads = 64;
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, 0, target.readOnly, true});
  int64_t p = spec.patch, across = spec.width / p;
  int64_t tokens = spec.height / p * across;
  Value item = stage.threadRowBlock();
  Value image = stage.divI(item, tokens), token = stage.remI(item, tokens);
  Value top = stage.mulI(stage.divI(token, across), p);
  Value left = stage.mulI(stage.remI(token, across), p);
  stage.loop(
      stage.thread(), stage.index(spec.channels * p * p), stage.threads(),
      [&](Value element) {
        Value c, place;
        if (spec.channelsLast) {
          c = stage.remI(element, spec.channels);
          place = stage.divI(element, spec.channels);
        } else {
          c = stage.divI(element, p * p);
          place = stage.remI(element, p * p);
        }
        Value line = stage.addI(stage.mulI(c, spec.height),
                                stage.addI(top, stage.divI(place, p)));
        Value column = stage.addI(stage.mulI(line, spec.width),
                                  stage.addI(left, stage.remI(place, p)));
        Value pixel = rowAddress(stage, spec.image, image, column);
        Value number = rowAddress(stage, spec.patches, item, element);
        if (spec.toImage)
          stage.store(stage.load(scalarF32, number), pixel);
        else
          stage.store(stage.load(scalarF32, pixel), number);
      });
  launch.bindings = stage.boundArguments();
  return launch;
}

/// One column a thread.
StatusOr<ThreadLaunch> kernel::emitThreadCopy(mlir::ModuleOp module,
                                              const CopyStage &spec,
                                              const ThreadTarget &target) {
  LOWBIT_RETURN_IF_ERROR(checkCopyStage(spec));
  ThreadLaunch launch;
  launch.threads = 128;
  StageFunction stage(module, spec.name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, 0, target.readOnly, true});
  std::pair<Value, Value> rows = copiedRows(stage, spec, stage.threadRowBlock());
  stage.loop(stage.thread(), stage.index(spec.columns), stage.threads(),
             [&](Value column) {
               stage.store(
                   stage.load(scalarF32, rowAddress(stage, spec.input, rows.first, column)),
                   rowAddress(stage, spec.output, rows.second, column));
             });
  launch.bindings = stage.boundArguments();
  return launch;
}

StatusOr<ThreadLaunch> kernel::emitThreadElementwise(
    mlir::ModuleOp module, const std::string &name, int64_t columns,
    const ThreadTarget &target,
    const std::function<void(StageFunction &, Value, Value)> &body) {
  ThreadLaunch launch;
  launch.threads = 256;
  StageFunction stage(module, name, target.capabilities, target.machine,
                      ThreadFrame{launch.threads, 0, target.readOnly, true});
  stage.loop(stage.slice(), stage.index((columns + 7) / 8), stage.slices(),
             [&](Value block) {
               body(stage, stage.threadRowBlock(), stage.mulI(block, 8));
             });
  launch.bindings = stage.boundArguments();
  return launch;
}
