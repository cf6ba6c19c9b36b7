//===- PrunerTest.cpp - Which blocks go, and what it costs ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Pruner.h"
#include "test/unit/lib/Compress/Matrices.h"

#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::compress;

TEST(Pruner, DropsTheAskedShareAndNothingElse) {
  const int64_t rows = 24, columns = 64;
  std::vector<float> w = randomMatrix(1, rows, columns);
  for (BlockShape block : {BlockShape{1, 16}, BlockShape{4, 8}, BlockShape{8, 64}})
    for (double sparsity : {0.0, 0.3, 0.5, 0.99})
      for (bool balanced : {false, true}) {
        PruneOptions options;
        options.block = block;
        options.sparsity = sparsity;
        options.balanced = balanced;
        auto pruned = pruneBlocks(w, rows, columns, nullptr, options);
        ASSERT_TRUE(pruned.isOk());
        const int64_t across = columns / block.columns, down = rows / block.rows;
        auto drop = [&](int64_t blocks) {
          return std::min(blocks - 1, static_cast<int64_t>(
                                          std::llround(sparsity * blocks)));
        };
        int64_t expected = balanced ? down * (across - drop(across))
                                    : down * across - drop(down * across);
        EXPECT_EQ(pruned->keptBlocks, expected);
        if (balanced)
          EXPECT_EQ(pruned->mostInRow, pruned->leastInRow);
        // [[out]] = mask * [[in]]; nothing dropped is larger than what is kept.
        double largestDropped = 0, smallestKept = 1e30;
        for (int64_t i = 0; i < down; ++i)
          for (int64_t j = 0; j < across; ++j) {
            double norm = 0;
            bool kept = pruned->kept[i * across + j];
            for (int64_t n = i * block.rows; n < (i + 1) * block.rows; ++n)
              for (int64_t k = j * block.columns; k < (j + 1) * block.columns; ++k) {
                ASSERT_EQ(pruned->weights[n * columns + k],
                          kept ? w[n * columns + k] : 0.0f);
                norm += static_cast<double>(w[n * columns + k]) * w[n * columns + k];
              }
            if (kept)
              smallestKept = std::min(smallestKept, norm);
            else
              largestDropped = std::max(largestDropped, norm);
          }
        if (!balanced)
          EXPECT_LE(largestDropped, smallestKept);
      }
}

TEST(Pruner, SaliencyByInputsKeepsOutputs) {
  const int64_t rows = 32, columns = 128, tokens = 600;
  for (uint32_t seed = 0; seed < 4; ++seed) {
    std::vector<float> x = correlatedInputs(seed, tokens, columns);
    for (int64_t i = 0; i < tokens * columns; ++i)
      x[i] *= 1.0f + static_cast<float>(i % columns / 16 % 3);
    std::vector<float> w = randomMatrix(seed + 50, rows, columns);
    Hessian hessian(columns);
    hessian.add(x.data(), tokens, columns, 2);
    double errors[3];
    for (Saliency saliency :
         {Saliency::magnitude, Saliency::activation, Saliency::obs}) {
      PruneOptions options;
      options.saliency = saliency;
      auto pruned = pruneBlocks(w, rows, columns, &hessian, options);
      ASSERT_TRUE(pruned.isOk());
      errors[static_cast<int>(saliency)] =
          hessian.outputError(w, pruned->weights, rows, 1);
      for (int64_t n = 0; n < rows; ++n)
        for (int64_t k = 0; k < columns; ++k)
          if (!pruned->kept[n * columns / 16 + k / 16])
            ASSERT_EQ(pruned->weights[n * columns + k], 0.0f);
    }
    EXPECT_LT(errors[1], errors[0]);
    EXPECT_LT(errors[2], 0.7 * errors[1]);
  }
}

TEST(Pruner, SameBitsOnAnyThreads) {
  std::vector<float> x = correlatedInputs(1, 300, 64), w = randomMatrix(2, 40, 64);
  Hessian hessian(64);
  hessian.add(x.data(), 300, 64, 1);
  PruneOptions options;
  options.saliency = Saliency::obs;
  auto one = pruneBlocks(w, 40, 64, &hessian, options);
  options.threads = 3;
  auto three = pruneBlocks(w, 40, 64, &hessian, options);
  EXPECT_EQ(one->weights, three->weights);
  EXPECT_EQ(one->kept, three->kept);
}

TEST(Pruner, Refusals) {
  std::vector<float> w(60);
  PruneOptions options;
  EXPECT_EQ(pruneBlocks(w, 3, 20, nullptr, options).status().message(),
            "requires a block that divides the matrix, got 1x16 for 3x20");
}
