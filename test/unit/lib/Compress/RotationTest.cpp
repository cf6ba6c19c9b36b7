//===- RotationTest.cpp - Rotations are orthogonal and fold ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Rotation.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

using namespace lowbit;
using namespace lowbit::compress;

static std::vector<float> randomNumbers(size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::vector<float> numbers(count);
  for (float &number : numbers)
    number = static_cast<float>(static_cast<int>(engine() % 2001) - 1000) / 256;
  return numbers;
}

TEST(Rotation, IsOrthogonal) {
  for (auto [width, block] : {std::pair<int64_t, int64_t>{64, 0}, {576, 0}, {96, 8},
                              {7, 0}, {40, 1}}) {
    auto rotation = Rotation::create(width, block, 5);
    ASSERT_TRUE(rotation.isOk());
    EXPECT_EQ(width % rotation->block(), 0);
    if (block == 0) {
      EXPECT_EQ(rotation->block(), width & -width);
    }
    // Q Q^T = 1: the rows of the identity times Q.
    std::vector<float> q(static_cast<size_t>(width * width));
    for (int64_t i = 0; i < width; ++i)
      q[static_cast<size_t>(i * width + i)] = 1;
    rotation->applyToRows(q);
    for (int64_t i = 0; i < width; ++i)
      for (int64_t j = 0; j < width; ++j) {
        double dot = 0;
        for (int64_t k = 0; k < width; ++k)
          dot += static_cast<double>(q[static_cast<size_t>(i * width + k)]) *
                 q[static_cast<size_t>(j * width + k)];
        ASSERT_NEAR(dot, i == j ? 1 : 0, 1e-6) << width << " " << i << " " << j;
      }
  }
}

// x W^T = (x Q) (W Q)^T, and what is added to x turns with Q^T W.
TEST(Rotation, FoldsIntoReadersAndWriters) {
  constexpr int64_t width = 48, other = 5;
  auto rotation = Rotation::create(width, 0, 9);
  ASSERT_TRUE(rotation.isOk());
  std::vector<float> x = randomNumbers(width, 1), reader = randomNumbers(other * width, 2),
                     writer = randomNumbers(width * other, 3), z = randomNumbers(other, 4);
  auto times = [](const std::vector<float> &matrix, const std::vector<float> &vector) {
    std::vector<double> result(matrix.size() / vector.size());
    for (size_t i = 0; i < matrix.size(); ++i)
      result[i / vector.size()] += static_cast<double>(matrix[i]) * vector[i % vector.size()];
    return result;
  };
  std::vector<double> read = times(reader, x), written = times(writer, z);
  std::vector<float> plain(written.begin(), written.end());
  rotation->apply(x);
  rotation->applyToRows(reader);
  rotation->applyToColumns(writer);
  rotation->apply(plain);
  std::vector<double> readTurned = times(reader, x), writtenTurned = times(writer, z);
  for (int64_t i = 0; i < other; ++i)
    EXPECT_NEAR(readTurned[static_cast<size_t>(i)], read[static_cast<size_t>(i)], 1e-4);
  for (int64_t i = 0; i < width; ++i)
    EXPECT_NEAR(writtenTurned[static_cast<size_t>(i)], plain[static_cast<size_t>(i)], 1e-4);
}

TEST(Rotation, SeedsAndRefusals) {
  std::vector<float> a(8, 1), b(8, 1), c(8, 1);
  Rotation::create(8, 0, 1)->apply(a);
  Rotation::create(8, 0, 1)->apply(b);
  Rotation::create(8, 0, 2)->apply(c);
  EXPECT_EQ(a, b);
  EXPECT_NE(a, c);
  for (auto [width, block] : {std::pair<int64_t, int64_t>{0, 0}, {8, 3}, {8, 16}, {8, -4}})
    EXPECT_FALSE(Rotation::create(width, block, 1).isOk()) << width << " " << block;
}
