//===- EncodingProduct.h - Products with a tree of encodings -----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_PACKING_ENCODINGPRODUCT_H
#define LOWBIT_PACKING_ENCODINGPRODUCT_H

#include "lowbit/Packing/Encoding.h"

namespace lowbit {

/// The product of `input` with the matrix that `encoding` denotes, out of products with
/// its leaves (Semantics.md): E9, the terms of a sum added in order; E10, the last
/// factor of a product first; E11, an elastic encoding is its full member.
/// `multiply(input, leaf, number)` gives the product with a leaf, `number` being its
/// place in leavesOf(encoding) counted from `first`; `add(a, b)` the sum. Leaf `first`
/// is part of every output once, and nothing is multiplied with what it gives: where a
/// bias belongs.
template <typename Value, typename Multiply, typename Add>
Value multiplyByEncoding(const EncodingDesc &encoding, Value input,
                         const Multiply &multiply, const Add &add, size_t first = 0) {
  if (encoding.kind == EncodingKind::leaf)
    return multiply(input, encoding.leaf, first);
  if (encoding.kind == EncodingKind::prod) {
    size_t number = first;
    for (const EncodingDesc &term : encoding.terms)
      number += leavesOf(term).size();
    for (size_t i = encoding.terms.size(); i-- > 0;) {
      number -= leavesOf(encoding.terms[i]).size();
      input = multiplyByEncoding(encoding.terms[i], input, multiply, add, number);
    }
    return input;
  }
  // A sum; an elastic encoding has one term.
  size_t number = first;
  Value sum{};
  for (const EncodingDesc &term : encoding.terms) {
    Value next = multiplyByEncoding(term, input, multiply, add, number);
    sum = number == first ? next : add(sum, next);
    number += leavesOf(term).size();
  }
  return sum;
}

} // namespace lowbit

#endif // LOWBIT_PACKING_ENCODINGPRODUCT_H
