//===- TensorCore.h - Arithmetic of the tensor cores ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Integer and binary products are exact. For floats NVIDIA's units compute, in
// steps of a few products, a sum that is not IEEE's: products are exact and not
// normalised, all terms and the accumulator are aligned to the largest exponent
// and truncated below a fixed place, the exact sum of what is left is truncated
// to binary32. (Khattak and Mikaitis, arXiv 2512.07004; the parameters below
// reproduce the results they recorded on V100 to B200.)
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_TENSORCORE_H
#define RUNTIME_SIMULATOR_TENSORCORE_H

#include <cstdint>

namespace lowbit::ptx {

enum class TensorInput : uint8_t { f16, bf16, tf32, e4m3, e5m2 };

/// Products that one step adds, and bits kept below binary32's last place of
/// the largest term.
struct TensorModel {
  unsigned step;
  int extraBits;
};
TensorModel tensorModel(uint32_t arch, TensorInput input);

/// An input taken apart: value = (-1)^sign * magnitude * 2^(exponent - bits)
/// with the significand's `bits` fraction bits, not normalised.
struct TensorTerm {
  int32_t magnitude; ///< Negative terms are negative.
  int32_t exponent;
  bool special; ///< Infinity or NaN.
};
TensorTerm tensorTerm(uint32_t code, TensorInput input);
/// Fraction bits of the input format.
unsigned tensorFraction(TensorInput input);

/// d[n] = c[n] + sum over k of a[k] * b[k][n] for `columns` <= 8 columns; codes
/// as stored in the fragments (tf32: binary32 bits, the low 13 are ignored).
void tensorDot(const uint32_t *a, const uint32_t (*b)[8], unsigned k,
               unsigned columns, const float *c, float *d, TensorInput input,
               TensorModel model);

/// The same for two input formats (fp8 may differ).
void tensorTile(const uint32_t (*a)[32], const uint32_t (*b)[8], unsigned k,
                unsigned rows, const float (*c)[8], float (*d)[8],
                TensorInput inputA, TensorInput inputB, TensorModel model);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_TENSORCORE_H
