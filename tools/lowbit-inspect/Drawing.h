//===- Drawing.h - Boxes and digits in a picture -*- C++ -*- ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_INSPECT_DRAWING_H
#define LOWBIT_TOOLS_LOWBIT_INSPECT_DRAWING_H

#include "tools/common/Picture.h"

#include <array>
#include <string_view>

namespace lowbit {

using Color = std::array<uint8_t, 3>;

/// Fills [left, right) x [top, bottom) of a picture of 3 channels; what lies
/// outside is left out.
void fill(Picture &picture, int left, int top, int right, int bottom,
          const Color &color);

/// Digits, '.', '-' and 'e' of 6 x 10 pixels from (left, top) on; other
/// characters leave a gap.
void drawDigits(Picture &picture, int left, int top, std::string_view text,
                const Color &color);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_INSPECT_DRAWING_H
