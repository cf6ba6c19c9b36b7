//===- Value.h - What the reference interpreter computes on -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Dense tensors, compressed tensors and caches. A compressed tensor is held as
// its numbers in logical order: a layout is only where its bytes come from and
// go to, so `convert` changes the description alone.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_REFERENCE_VALUE_H
#define LOWBIT_LIB_REFERENCE_VALUE_H

#include "lowbit/Packing/Encoding.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lowbit::reference {

enum class ElementType : uint8_t { f32, f16, bf16, i1, i8, i16, i32, i64 };
const char *elementTypeName(ElementType type); // "f32", ...
/// Bytes of one stored element (1 for i1).
unsigned elementBytes(ElementType type);
inline bool isFloat(ElementType type) { return type <= ElementType::bf16; }

/// A dense tensor, row-major. 16-bit floats are held widened (exactly, N18);
/// integers sign-extended. A scalar has rank 0.
struct Tensor {
  ElementType element = ElementType::f32;
  std::vector<int64_t> shape;
  std::vector<float> floats;     ///< of a float tensor
  std::vector<int64_t> integers; ///< of an integer tensor

  static Tensor zeros(ElementType element, std::vector<int64_t> shape);
  static Tensor scalar(int64_t value);
  int64_t size() const;
  /// Row `n` of an f32 matrix.
  std::span<const float> row(int64_t n) const;
  std::span<float> row(int64_t n);
  /// "2x3xf32", "i64" for a scalar.
  std::string typeName() const;
};

/// Little-endian elements to a tensor. `bytes` has exactly the tensor's size.
StatusOr<Tensor> tensorFromBytes(ElementType element,
                                 std::vector<int64_t> shape,
                                 std::span<const uint8_t> bytes);
/// The inverse. 16-bit floats round to nearest even.
std::vector<uint8_t> tensorToBytes(const Tensor &tensor);

/// Numbers of one scale, zero or offset factor, one for each granule in row-major
/// order of `ParamDesc::granules`; of a rank scale u, then v; or the entries of a
/// table. Exactly one of the arrays is filled.
struct ParamValues {
  std::vector<float> floats;
  std::vector<int64_t> integers;
};

/// A compressed tensor. `leaf.rows` is the true number of rows, also where the
/// type says `?` (it may be 0 then).
struct CompressedTensor {
  LeafDesc leaf; ///< of a tree: its shape only
  std::vector<int16_t> codes;    ///< integer codes, row-major in the stored space
  std::vector<float> floatCodes; ///< or float codes
  std::vector<ParamValues> scales, offsets;
  ParamValues zero, table;
  /// Under a pattern: stored position of each element, -1 where there is none.
  std::vector<int64_t> places;
  /// Its index components as they came.
  std::vector<std::vector<uint8_t>> index;
  /// A sum, product or elastic encoding, and its terms.
  std::optional<EncodingDesc> tree;
  std::vector<CompressedTensor> terms;

  /// Whether element (n, k) is stored (E8).
  bool isPresent(int64_t n, int64_t k) const;
  /// E2: the parts of element (n, k), which is present.
  int64_t codeMinusZero(int64_t n, int64_t k) const; ///< v of an integer code
  /// E6: v times 2^exponent as an integer, 0 for an absent element. Fails the
  /// tensor's matmul rule C2 unless exactIntegerExponent knows the code.
  int64_t exactValue(int64_t n, int64_t k) const;
  /// 2^-exponent of E6, 1.0 for integers.
  float exactUnit() const;
  float floatScale(int64_t n, int64_t k) const;      ///< F_S, 1.0 without any
  int64_t integerScale(int64_t n, int64_t k) const;  ///< I_S, 1 without any
  float floatOffset(int64_t n, int64_t k) const;     ///< F_O with its sign
  int64_t integerOffset(int64_t n, int64_t k) const; ///< I_O, 1 without any
  /// E3.
  float decode(int64_t n, int64_t k) const;
  void decodeRow(int64_t n, std::span<float> out) const;
};

/// The same for any encoding.
StatusOr<CompressedTensor>
unpackComponents(const EncodingDesc &encoding,
                 std::span<const std::span<const uint8_t>> components);

/// Components (canonical order, in `leaf`'s layout) to numbers. A code or an
/// integer parameter outside its declared range is an error.
StatusOr<CompressedTensor>
unpackComponents(const LeafDesc &leaf,
                 std::span<const std::span<const uint8_t>> components);
/// The inverse; padding is zero bytes.
StatusOr<std::vector<std::vector<uint8_t>>>
packComponents(const CompressedTensor &tensor);

/// One slot of a kv_cache: rows of heads * dim keys and values by position.
struct KVState {
  int64_t heads = 0, dim = 0;
  int64_t length = 0; ///< appended positions
  std::vector<float> keys, values;
  int64_t rowElements() const { return heads * dim; }
};

/// One SSA value. Exactly one pointer is set.
struct Value {
  std::shared_ptr<const Tensor> tensor;
  std::shared_ptr<const CompressedTensor> compressed;
  std::shared_ptr<KVState> cache;

  Value() = default;
  Value(Tensor value) : tensor(std::make_shared<Tensor>(std::move(value))) {}
  Value(CompressedTensor value)
      : compressed(std::make_shared<CompressedTensor>(std::move(value))) {}
  explicit Value(std::shared_ptr<KVState> state) : cache(std::move(state)) {}
};

} // namespace lowbit::reference

#endif // LOWBIT_LIB_REFERENCE_VALUE_H
