//===- Rotation.cpp - Randomized Hadamard transforms ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Rotation.h"

#include <cassert>
#include <cmath>
#include <random>

using namespace lowbit;
using namespace lowbit::compress;

StatusOr<Rotation> Rotation::create(int64_t width, int64_t block, uint64_t seed) {
  if (width < 1)
    return invalidArgument("a rotation of %lld columns is not possible",
                           static_cast<long long>(width));
  const int64_t largest = width & -width;
  if (block == 0)
    block = largest;
  if (block < 1 || (block & (block - 1)) != 0 || width % block != 0)
    return invalidArgument("blocks of %lld are no power of two that divides %lld; the "
                           "largest one is %lld",
                           static_cast<long long>(block),
                           static_cast<long long>(width),
                           static_cast<long long>(largest));
  Rotation rotation;
  rotation.blockSize = block;
  const double factor = 1.0 / std::sqrt(static_cast<double>(block));
  std::mt19937_64 engine(seed);
  for (int64_t i = 0; i < width; ++i)
    rotation.signs.push_back(engine() >> 63 ? -factor : factor);
  return rotation;
}

/// The Walsh-Hadamard transform of each block.
static void transform(std::vector<double> &numbers, int64_t block) {
  const auto size = static_cast<int64_t>(numbers.size());
  for (int64_t half = 1; half < block; half *= 2)
    for (int64_t first = 0; first < size; first += 2 * half)
      for (int64_t i = first; i < first + half; ++i) {
        const double a = numbers[i], b = numbers[i + half];
        numbers[i] = a + b;
        numbers[i + half] = a - b;
      }
}

void Rotation::apply(std::span<float> row) const {
  assert(row.size() == signs.size());
  std::vector<double> numbers(row.size());
  for (size_t i = 0; i < row.size(); ++i)
    numbers[i] = row[i] * signs[i];
  transform(numbers, blockSize);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>(numbers[i]);
}

void Rotation::applyToRows(std::span<float> matrix) const {
  for (size_t at = 0; at < matrix.size(); at += signs.size())
    apply(matrix.subspan(at, signs.size()));
}

// (Q^T A)^T = A^T Q: columns are rows of the transposed matrix.
void Rotation::applyToColumns(std::span<float> matrix) const {
  const size_t columns = matrix.size() / signs.size();
  std::vector<float> column(signs.size());
  for (size_t k = 0; k < columns; ++k) {
    for (size_t n = 0; n < signs.size(); ++n)
      column[n] = matrix[n * columns + k];
    apply(column);
    for (size_t n = 0; n < signs.size(); ++n)
      matrix[n * columns + k] = column[n];
  }
}
