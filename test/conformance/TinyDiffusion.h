//===- TinyDiffusion.h - A hand-made diffusion module -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TEST_CONFORMANCE_TINYDIFFUSION_H
#define LOWBIT_TEST_CONFORMANCE_TINYDIFFUSION_H

#include "lowbit/Format/Module.h"

#include <string>

namespace lowbit::test {

/// Latents of 1 x 3 x 5 numbers (rows of 16), classes 0 to 3 and the null class
/// 4, features of two frequencies. Variants:
///   "a"  c = label + the sum of the time features + weight A (`condition`),
///        prediction = c * x + weight of the loop
///   "b"  the same with weight B, no `condition`: `predict` takes time and label
DenoiseSchedule tinySchedule();
Status writeTinyDiffusion(const std::string &path,
                          const DenoiseSchedule &schedule);
inline constexpr float tinyWeightA = 0.25f, tinyWeightB = -0.5f,
                       tinyWeightLoop = 0.125f;

} // namespace lowbit::test

#endif // LOWBIT_TEST_CONFORMANCE_TINYDIFFUSION_H
