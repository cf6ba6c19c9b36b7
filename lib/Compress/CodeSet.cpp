//===- CodeSet.cpp - The values that a code can take ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/CodeSet.h"

#include <algorithm>
#include <cmath>

using namespace lowbit;
using namespace lowbit::compress;

StatusOr<CodeSet> CodeSet::create(const NumberDesc &code) {
  if (code.isFloat())
    return invalidArgument("requires an integer code; embed-code turns integer "
                           "codes into those of small floats");
  if (code.width > 8)
    return invalidArgument("requires a code of at most 8 bits");
  CodeSet set;
  set.uniform = code.step == 1;
  for (int64_t value = code.lo; value <= code.hi; value += code.step) {
    set.values.push_back(static_cast<float>(value));
    set.bits.push_back(static_cast<uint8_t>(value));
  }
  for (size_t i = 1; i < set.values.size(); ++i)
    set.largestGap =
        std::max(set.largestGap, set.values[i] - set.values[i - 1]);
  return set;
}

float CodeSet::symmetricReach() const {
  return std::max(0.0f, std::min(-lowest(), highest()));
}

size_t CodeSet::indexOf(uint8_t stored) const {
  auto found = std::find(bits.begin(), bits.end(), stored);
  return found == bits.end() ? 0 : found - bits.begin();
}

size_t CodeSet::nearest(float x) const {
  if (!(x >= lowest())) // NaN too
    return x < lowest() ? 0 : nearest(0.0f);
  if (x >= highest())
    return values.size() - 1;
  if (uniform) // N8: round half to even
    return static_cast<size_t>((x + 12582912.0f) - 12582912.0f - lowest());
  size_t above = std::upper_bound(values.begin(), values.end(), x) -
                 values.begin(); // values[above - 1] <= x < values[above]
  float down = x - values[above - 1], up = values[above] - x;
  if (down == up)
    return above % 2 == 0 ? above : above - 1;
  return down < up ? above - 1 : above;
}
