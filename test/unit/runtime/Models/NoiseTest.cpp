//===- NoiseTest.cpp ------------------------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The fixtures are draws of PyTorch 2 (test/Inputs/noise/make_noise.py).
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Npy.h"
#include "runtime/Models/Noise.h"

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

using namespace lowbit;

namespace {

constexpr uint64_t seeds[] = {0, 1, 42, 0xFFFFFFFF, 0x123456789ABCDEF};
constexpr size_t sizes[] = {1, 2, 7, 15, 16, 17, 31, 64, 300};
constexpr size_t chain[] = {3, 20, 5, 16, 5, 7};
constexpr float tolerance = 4e-6f;

/// Row `row` of a stored f32 array.
std::vector<float> fixture(const char *name, size_t row) {
  StatusOr<NpyArray> array =
      readNpy(std::string(LOWBIT_SOURCE_DIR "/test/Inputs/noise/") + name);
  EXPECT_TRUE(array.isOk()) << array.status().toString();
  if (!array.isOk() || array->dtype != "f4" || array->shape.size() != 2)
    return {};
  std::vector<float> values(static_cast<size_t>(array->shape[1]));
  std::memcpy(values.data(), array->bytes.data() + row * values.size() * 4,
              values.size() * 4);
  return values;
}

void expectNear(std::span<const float> actual, std::span<const float> expected,
                const std::string &where) {
  ASSERT_EQ(actual.size(), expected.size()) << where;
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance) << where << " number " << i;
}

TEST(Noise, UniformsEqualPyTorchBitForBit) {
  for (size_t row = 0; row < std::size(seeds); ++row) {
    std::vector<float> expected = fixture("uniform.npy", row);
    std::vector<float> actual(expected.size());
    TorchGenerator(seeds[row]).uniform(actual);
    ASSERT_EQ(actual.size(), 700u);
    EXPECT_EQ(std::memcmp(actual.data(), expected.data(), actual.size() * 4), 0)
        << "seed " << seeds[row];
  }
}

TEST(Noise, NormalsOfAllSizes) {
  for (size_t row = 0; row < std::size(seeds); ++row) {
    std::vector<float> expected = fixture("normal.npy", row);
    size_t at = 0;
    for (size_t size : sizes) {
      std::vector<float> actual(size);
      TorchGenerator(seeds[row]).normal(actual);
      expectNear(actual, std::span(expected).subspan(at, size),
                 "seed " + std::to_string(seeds[row]) + " size " +
                     std::to_string(size));
      at += size;
    }
    EXPECT_EQ(at, expected.size());
  }
}

TEST(Noise, OneGeneratorGoesOn) {
  for (size_t row = 0; row < std::size(seeds); ++row) {
    std::vector<float> expected = fixture("chain.npy", row);
    TorchGenerator generator(seeds[row]);
    size_t at = 0;
    for (size_t size : chain) {
      std::vector<float> actual(size);
      generator.normal(actual);
      expectNear(actual, std::span(expected).subspan(at, size),
                 "after " + std::to_string(at));
      at += size;
    }
    EXPECT_EQ(at, expected.size());
  }
}

/// The f64 steps round to the f32 nearest to the exact value; the C library's
/// logarithm and cosine are good enough to say so.
TEST(Noise, NormalsAreRoundedOnce) {
  std::vector<float> uniforms(1 << 16), normals(1 << 16);
  TorchGenerator(7).uniform(uniforms);
  TorchGenerator(7).normal(normals);
  size_t different = 0;
  for (size_t i = 0; i < normals.size(); i += 16)
    for (size_t j = i; j < i + 8; ++j) {
      double radius = std::sqrt(-2 * std::log(1.0 - uniforms[j]));
      double angle = 2 * M_PI * uniforms[j + 8];
      different += normals[j] != static_cast<float>(radius * std::cos(angle));
      different += normals[j + 8] != static_cast<float>(radius * std::sin(angle));
    }
  // Both are within an ulp of f64: they round apart about once in 2^27.
  EXPECT_LE(different, 1u);
}

TEST(Noise, ExtremeUniformsStayFinite) {
  // 2^22 draws contain uniforms within 1e-6 of 0 and 1.
  std::vector<float> normals(1 << 22);
  TorchGenerator(3).normal(normals);
  double sum = 0, squares = 0;
  for (float value : normals) {
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  EXPECT_NEAR(sum / normals.size(), 0, 2e-3);
  EXPECT_NEAR(squares / normals.size(), 1, 3e-3);
}

} // namespace
