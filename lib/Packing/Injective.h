//===- Injective.h - V5 by enumerating one period --------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_PACKING_INJECTIVE_H
#define LOWBIT_LIB_PACKING_INJECTIVE_H

#include "lowbit/Packing/IndexMap.h"

namespace lowbit {

/// Elements of a box and the places that they take: `width` bits from `bit` on in
/// word `word`; without `bit` a whole place. With `digit` elements of different
/// digits share the same run of bits.
struct Placement {
  const IndexMap *word = nullptr;
  const IndexMap *bit = nullptr;
  unsigned width = 1;
  const IndexMap *digit = nullptr;
};

/// V5: no two elements of the box [0, shape), of one placement or of two, share a
/// place in an array of extents `storage`. Ranges were checked before.
Status checkInjective(std::span<const Placement> placements,
                      std::span<const int64_t> shape,
                      std::span<const int64_t> storage, const char *what);

} // namespace lowbit

#endif // LOWBIT_LIB_PACKING_INJECTIVE_H
