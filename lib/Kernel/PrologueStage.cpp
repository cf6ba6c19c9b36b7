//===- PrologueStage.cpp - Norm and quantization of rows ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/RowSums.h"

#include "lowbit/Support/CheckedMath.h"

namespace lowbit::kernel {

using V = AbstractValue;
using mlir::Value;

static constexpr int64_t width = 8, block = 16;
static constexpr ValueType scalarF32{Scalar::f32, 0};
static constexpr ValueType intVector{Scalar::i32, 8};

static int64_t roundUp(int64_t value, int64_t to) { return (value + to - 1) / to * to; }

Value rowAddress(StageFunction &stage, const RowsRef &rows, Value token, Value column) {
  Value row = stage.divI(token, rows.repeat * rows.parts);
  if (rows.parts != 1)
    column = stage.addI(column,
                        stage.mulI(stage.remI(token, rows.parts), rows.partColumns));
  if (rows.cycle)
    row = stage.remI(row, rows.cycle);
  Value element =
      stage.addI(stage.mulI(row, rows.stride), stage.addI(column, rows.first));
  return stage.at(stage.binding(rows.binding), stage.mulI(element, 4));
}

namespace {

/// Emits the body for one token.
class PrologueEmitter {
public:
  PrologueEmitter(StageFunction &stage, const PrologueStage &spec)
      : stage(stage), b(stage.values()), spec(spec) {}

  void emit(Value token) {
    RowAccess row = [this, token](Value column) {
      return stage.load(rowVector, rowAddress(stage, spec.input, token, column), 32);
    };
    if (spec.norm) {
      Value normed = spec.output
                         ? rowAddress(stage, *spec.output, token, stage.index(0))
                         : stage.at(stage.scratch(),
                                    int64_t(rowSumScratchBytes(spec.columns)));
      emitNorm(token, row, normed);
      row = [this, normed](Value column) {
        return stage.load(rowVector, stage.at(normed, stage.mulI(column, 4)), 32);
      };
    }
    if (spec.quantize)
      emitQuantize(token, row);
  }

private:
  /// Eight columns from `column` on.
  using RowAccess = std::function<V(Value column)>;

  V parameter(unsigned binding, Value column) {
    return stage.load(rowVector, stage.at(stage.binding(binding), stage.mulI(column, 4)),
                      32);
  }
  V splat(V scalar) { return b.splat(scalar, width); }

  /// One number of a modulation for each of eight columns, if there is one.
  std::optional<V> modulation(std::optional<unsigned> vector,
                              const std::optional<RowsRef> &rows, Value token,
                              Value column) {
    if (vector)
      return parameter(*vector, column);
    if (rows)
      return stage.load(rowVector, rowAddress(stage, *rows, token, column), 32);
    return std::nullopt;
  }

  void emitNorm(Value token, const RowAccess &row, Value out) {
    const NormSpec &norm = *spec.norm;
    V count = b.constantFloat(scalarF32, double(spec.columns));
    std::optional<V> mean;
    if (norm.layer) {
      V sum = emitRowSum(stage, spec.columns, stage.scratch(),
                         [&](V acc, Value column) { return b.addF(acc, row(column)); });
      mean = b.divF(sum, count);
    }
    auto centered = [&](Value column) {
      V x = row(column);
      return mean ? b.subF(x, splat(*mean)) : x;
    };
    V squares = emitRowSum(stage, spec.columns, stage.scratch(),
                           [&](V acc, Value column) {
                             V x = centered(column);
                             return b.fma(x, x, acc);
                           });
    V variance = b.divF(squares, count);
    V r = emitRsqrt(b, b.addF(variance, b.constantFloat(scalarF32, norm.eps)));
    stage.loop(stage.index(0), stage.index(roundUp(spec.columns, width)), width,
               [&](Value column) {
                 V y = b.mulF(centered(column), splat(r));
                 if (norm.weight)
                   y = b.mulF(y, parameter(*norm.weight, column));
                 if (norm.bias)
                   y = b.addF(y, parameter(*norm.bias, column));
                 auto scale = modulation(norm.scale, norm.scaleRows, token, column);
                 auto shift = modulation(norm.shift, norm.shiftRows, token, column);
                 if (scale && shift) {
                   V one = b.constantFloat(rowVector, 1.0);
                   y = b.fma(y, b.addF(one, *scale), *shift);
                 }
                 stage.store(y, stage.at(out, stage.mulI(column, 4)), 32);
               });
  }

  /// N7 for each group of columns.
  void emitQuantize(Value token, const RowAccess &row) {
    const QuantizeSpec &quantize = *spec.quantize;
    int64_t group = quantize.group ? quantize.group : spec.columns;
    int64_t groups = spec.columns / group;
    stage.loop(stage.index(0), stage.index(groups), 1, [&](Value g) {
      Value first = stage.mulI(g, group);
      V largest = emitLargest(row, first, group);
      V floor = b.constantFloat(scalarF32, quantize.floor);
      largest = emitMax(b, floor, largest);
      V top = b.constantFloat(scalarF32, quantize.hi);
      Value place = stage.addI(stage.mulI(token, groups), g);
      stage.store(b.divF(largest, top),
                  stage.at(stage.binding(quantize.scales), stage.mulI(place, 4)));
      emitCodes(token, row, first, group, b.divF(top, largest));
    });
    // The padding up to a multiple of 32 columns.
    int64_t written = groups * roundUp(group, block);
    for (; written < roundUp(spec.columns, 32); written += block)
      storeBlock(token, stage.index(written), b.constantInt(intVector, 0),
                 b.constantInt(intVector, 0));
  }

  V emitLargest(const RowAccess &row, Value first, int64_t group) {
    V zero = b.constantFloat(rowVector, 0.0);
    int64_t whole = group / width * width;
    V largest = zero;
    if (whole) {
      auto carried = stage.loop(
          first, stage.addI(first, whole), width, {IRValueBuilder::unwrap(zero)},
          [&](Value column, mlir::ValueRange old) {
            V next = emitMax(b, b.absF(row(column)), IRValueBuilder::wrap(old[0]));
            return llvm::SmallVector<Value>{IRValueBuilder::unwrap(next)};
          });
      largest = IRValueBuilder::wrap(carried[0]);
    }
    if (whole < group) {
      V last = b.absF(row(stage.addI(first, whole)));
      largest = emitMax(b, keepLanes(stage, last, group - whole), largest);
    }
    for (int lanes = width / 2; lanes >= 1; lanes /= 2) {
      std::vector<int> low, high;
      for (int i = 0; i < lanes; ++i) {
        low.push_back(i);
        high.push_back(i + lanes);
      }
      largest = emitMax(b, b.shuffle(largest, high), b.shuffle(largest, low));
    }
    return b.extractLane(largest, 0);
  }

  V codesAt(const RowAccess &row, Value column, V factor) {
    return emitClampToInt(b, b.mulF(row(column), factor), spec.quantize->lo,
                          spec.quantize->hi);
  }

  void emitCodes(Value token, const RowAccess &row, Value first, int64_t group,
                 V factor) {
    V factors = splat(factor);
    int64_t whole = group / block * block;
    if (whole)
      stage.loop(first, stage.addI(first, whole), block, [&](Value column) {
        storeBlock(token, column, codesAt(row, column, factors),
                   codesAt(row, stage.addI(column, width), factors));
      });
    int64_t rest = group - whole;
    if (!rest)
      return;
    Value column = stage.addI(first, whole);
    V low = keepLanes(stage, codesAt(row, column, factors), rest);
    V high = b.constantInt(intVector, 0);
    if (rest > width)
      high = keepLanes(stage, codesAt(row, stage.addI(column, width), factors),
                       rest - width);
    storeBlock(token, column, low, high);
  }

  /// Codes and their sum for 16 columns.
  void storeBlock(Value token, Value column, V low, V high) {
    const QuantizeSpec &quantize = *spec.quantize;
    int64_t padded = roundUp(spec.columns, 32);
    Value place = stage.addI(stage.mulI(token, padded), column);
    Value codes = stage.at(stage.binding(quantize.codes), place);
    stage.store(b.truncate(low, Scalar::i8), codes, 8);
    stage.store(b.truncate(high, Scalar::i8), stage.at(codes, width), 8);
    if (!quantize.sums)
      return;
    V sum = b.add(low, high);
    for (int lanes = width / 2; lanes >= 1; lanes /= 2) {
      std::vector<int> first, second;
      for (int i = 0; i < lanes; ++i) {
        first.push_back(i);
        second.push_back(i + lanes);
      }
      sum = b.add(b.shuffle(sum, first), b.shuffle(sum, second));
    }
    Value slot = stage.divI(place, block);
    stage.store(b.extractLane(sum, 0),
                stage.at(stage.binding(*quantize.sums), stage.mulI(slot, 4)));
  }

  StageFunction &stage;
  ValueBuilder &b;
  const PrologueStage &spec;
};

} // namespace

Status checkPrologueStage(const PrologueStage &spec) {
  if (spec.quantize && spec.quantize->group &&
      (spec.quantize->group % block != 0 || spec.columns % spec.quantize->group != 0))
    return unimplemented("activation groups of %lld columns: a multiple of 16 that "
                         "divides %lld is needed",
                         static_cast<long long>(spec.quantize->group),
                         static_cast<long long>(spec.columns));
  if (spec.columns < 1 || spec.columns > (int64_t(1) << 24))
    return invalidArgument("rows of %lld columns are beyond the kernels' limits",
                           static_cast<long long>(spec.columns));
  if (spec.norm &&
      (spec.norm->scale.has_value() != spec.norm->shift.has_value() ||
       spec.norm->scaleRows.has_value() != spec.norm->shiftRows.has_value()))
    return invalidArgument("a modulation has a scale and a shift, not one of them");
  return Status::success();
}

StatusOr<uint64_t> emitPrologueStage(mlir::ModuleOp module, const PrologueStage &spec,
                                     const KernelCapabilities &capabilities) {
  LOWBIT_RETURN_IF_ERROR(checkPrologueStage(spec));
  StageFunction stage(module, spec.name, capabilities);
  PrologueEmitter emitter(stage, spec);
  stage.loop(stage.begin(), stage.end(), 1,
             [&](Value token) { emitter.emit(token); });
  return rowSumScratchBytes(spec.columns) + uint64_t(roundUp(spec.columns, 16)) * 4;
}

Status emitElementwiseStage(
    mlir::ModuleOp module, const std::string &name, int64_t columns,
    const KernelCapabilities &capabilities,
    const std::function<void(StageFunction &, Value, Value)> &body) {
  StageFunction stage(module, name, capabilities);
  stage.loop(stage.begin(), stage.end(), 1, [&](Value token) {
    stage.loop(stage.index(0), stage.index(roundUp(columns, width)), width,
               [&](Value column) { body(stage, token, column); });
  });
  return Status::success();
}

} // namespace lowbit::kernel
