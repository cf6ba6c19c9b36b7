//===- Noise.h - Random numbers of PyTorch's CPU generator ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A seed means the same picture here as in a PyTorch pipeline on the CPU. The
// uniforms equal PyTorch's bit for bit. The normals are computed from them in f64
// with the plain operations + - * / sqrt, which are the same everywhere, and
// rounded to f32 once; PyTorch's own kernels use f32 approximations that differ
// from these, and between CPUs, by up to 4e-6.
//
// Sources: M. Matsumoto, T. Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998),
// for the generator; the behaviour of torch.rand and torch.randn as observed.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_NOISE_H
#define LOWBIT_RUNTIME_MODELS_NOISE_H

#include <array>
#include <cstdint>
#include <span>

namespace lowbit {

/// `torch.manual_seed(seed)` and the draws after it. One object goes on where the
/// last call ended, as PyTorch's default generator does.
class TorchGenerator {
public:
  /// PyTorch keeps 64 bits of seed but starts the twister from the low 32.
  explicit TorchGenerator(uint64_t seed);

  /// The next 32 bits of the Mersenne Twister MT19937.
  uint32_t next();
  /// Fills with `torch.rand(n)`: in [0, 1), multiples of 2^-24.
  void uniform(std::span<float> values);
  /// Fills with `torch.randn(n)`, to within 4e-6 of PyTorch: 16 and more numbers
  /// by Box-Muller in blocks of 16 of f32 uniforms, fewer by pairs of f64 ones.
  void normal(std::span<float> values);

private:
  float uniform24();
  double uniform53();
  double smallNormal();
  void twist();

  std::array<uint32_t, 624> state;
  unsigned used = 624;
  /// The second number of a pair of the path for fewer than 16, kept between
  /// calls like PyTorch does.
  bool hasSpare = false;
  double spare = 0;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_NOISE_H
