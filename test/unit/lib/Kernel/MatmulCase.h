//===- MatmulCase.h - Random products and their scalar result ---*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A test product: random logical numbers, the bytes lib/Packing makes of them,
// and the result computed one element at a time straight from
// dialects/Lowbit/Semantics.md.
//
//===----------------------------------------------------------------------===//

#ifndef TEST_UNIT_LIB_KERNEL_MATMULCASE_H
#define TEST_UNIT_LIB_KERNEL_MATMULCASE_H

#include "lowbit/Packing/Encoding.h"
#include "lowbit/Packing/Layouts.h"

#include <string>
#include <vector>

namespace lowbit::test {

inline NumberDesc f16() { return NumberDesc::floating(FloatFormat::f16); }
inline NumberDesc f32() { return NumberDesc::floating(FloatFormat::f32); }
inline NumberDesc bf16() { return NumberDesc::floating(FloatFormat::bf16); }
inline NumberDesc uintOf(unsigned width) {
  return NumberDesc::unsignedInt(width);
}
inline NumberDesc intOf(unsigned width) { return NumberDesc::signedInt(width); }

struct ParamSpec {
  NumberDesc number;
  bool perRow = true;
  int64_t columns = 0; ///< 0: does not depend on the column
};

struct MatmulSpec {
  std::string name;
  NumberDesc code;
  std::vector<ParamSpec> scales = {}, offsets = {};
  std::vector<ParamSpec> zero = {}; ///< none or one
  bool offsetNegated = false;
  bool quantized = true;
  int64_t activationGroup = 32; ///< 0: one scale a token
  Status (*layout)(LeafDesc &leaf) = applyRowsInLanesLayout;
};

/// Memory aligned to 64 bytes and padded to a multiple of it; `guarded` puts
/// the end right before an unmapped page.
class Bytes {
public:
  explicit Bytes(size_t size = 0);
  ~Bytes();
  Bytes(Bytes &&other) noexcept;
  Bytes &operator=(Bytes &&other) noexcept;
  uint8_t *data() const { return begin; }
  size_t size() const { return length; }
  template <typename T>
  T *as() const {
    return reinterpret_cast<T *>(begin);
  }

private:
  uint8_t *begin = nullptr, *mapping = nullptr;
  size_t length = 0, mapped = 0;
};

/// Logical numbers of a parameter: [granule rows][granule columns].
struct ParamValues {
  ParamSpec spec;
  int64_t granules = 1;
  std::vector<float> values;
  float at(int64_t n, int64_t k) const {
    int64_t row = spec.perRow ? n : 0,
            column = spec.columns ? k / spec.columns : 0;
    return values[size_t(row * granules + column)];
  }
};

struct MatmulCase {
  MatmulCase(const MatmulSpec &spec, int64_t rows, int64_t columns,
             int64_t tokens, uint64_t seed);

  /// y(n) of token t by the clauses N3, N4, N5.
  float reference(int64_t n, int64_t t) const;

  MatmulSpec spec;
  int64_t rows, columns, tokens;
  LeafDesc leaf;
  std::vector<Bytes> components; ///< of the weight, componentsOf's order
  Bytes x, scales, sums;         ///< activation as the stage reads it
  int64_t stride;                ///< floats (f32) or codes of one token

private:
  float decode(int64_t n, int64_t k) const;
  float referenceFloat(int64_t n, int64_t t) const;
  float referenceGrouped(int64_t n, int64_t t) const;
  float referenceOneGroup(int64_t n, int64_t t) const;
  int64_t integerTerm(int64_t n, int64_t k) const; ///< I_S * (c - Z)
  int64_t integerOffset(int64_t n, int64_t k) const;
  float floatProduct(const std::vector<ParamValues> &params, int64_t n,
                     int64_t k) const;
  float activationScale(int64_t t, int64_t k) const;
  bool sameGroup(int64_t k, int64_t next) const;
  void pack(uint64_t &seed);
  void makeActivation(uint64_t &seed);

  std::vector<double> codes; ///< logical
  std::vector<ParamValues> scaleValues, zeroValues, offsetValues;
};

/// Encodings that every kernel of products is tried with.
std::vector<MatmulSpec> allSpecs();
/// Layouts and granularities that only the element-by-element way computes.
std::vector<MatmulSpec> unusualSpecs();

/// `tree` of N1.
float treeSum(std::vector<float> values);

} // namespace lowbit::test

#endif // TEST_UNIT_LIB_KERNEL_MATMULCASE_H
