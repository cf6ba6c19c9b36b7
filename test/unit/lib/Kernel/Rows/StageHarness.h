//===- StageHarness.h - Runs generated stages over guarded memory -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compiles one stage as the compiler does (lib/Codegen) for the baseline and for
// AVX2, loads it as the runtime does, and runs it over buffers that lie against
// unmapped pages, once before and once behind them, in one piece and item by item.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_LIB_KERNEL_ROWS_STAGEHARNESS_H
#define TEST_UNIT_LIB_KERNEL_ROWS_STAGEHARNESS_H

#include "lib/Kernel/ValueBuilder.h"
#include "lowbit/Support/Status.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
} // namespace mlir

namespace lowbit::test {

using Buffer = std::vector<uint8_t>;

/// `count` numbers as bytes.
template <typename T> Buffer bytesOf(const std::vector<T> &values) {
  Buffer bytes(values.size() * sizeof(T));
  if (!bytes.empty())
    std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}
template <typename T> std::vector<T> numbersOf(const Buffer &bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!values.empty())
    std::memcpy(values.data(), bytes.data(), values.size() * sizeof(T));
  return values;
}
/// `count` bytes of 0xff: NaN as f32, -1 as an integer.
inline Buffer unwritten(size_t count) { return Buffer(count, 0xff); }

/// What a stage runs on.
struct StageInput {
  std::vector<Buffer> bindings;
  int64_t tokens = 1, position = 0, capacity = 0;
  int64_t items = 0;
};

/// Emits the stage "stage"; returns its scratch bytes.
using EmitStage = std::function<StatusOr<uint64_t>(
    mlir::ModuleOp, const kernel::KernelCapabilities &)>;
/// Judges the bindings after one run; `where` names machine and circumstances.
using CheckStage =
    std::function<void(const std::vector<Buffer> &after, const std::string &where)>;

/// Runs everything; failures are reported to GoogleTest. AVX2 each time (where the host
/// has it), the baseline every third time, always with LOWBIT_FULL_SWEEP.
void runStage(const EmitStage &emit, const StageInput &input, const CheckStage &check);

/// The status of emitting alone.
Status emitOnly(const EmitStage &emit);

/// N19: equal bits, or both NaN.
inline bool sameFloat(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (a != a && b != b);
}

/// Deterministic numbers.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed * 0x9e3779b97f4a7c15ull + 1) {}
  uint64_t next();
  /// Uniform in [0, bound).
  int64_t below(int64_t bound) { return int64_t(next() % uint64_t(bound)); }
  /// In [-scale, scale], 24 random bits.
  float number(float scale = 1.0f);
  std::vector<float> numbers(size_t count, float scale = 1.0f);

private:
  uint64_t state;
};

/// Rows of `columns` numbers, `stride` apart, NaN beyond the columns.
std::vector<float> paddedRows(const std::vector<float> &rows, int64_t columns,
                              int64_t stride);

} // namespace lowbit::test

#endif // TEST_UNIT_LIB_KERNEL_ROWS_STAGEHARNESS_H
