//===- Drawing.cpp - Boxes and digits in a picture ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-inspect/Drawing.h"

#include <algorithm>

using namespace lowbit;

void lowbit::fill(Picture &picture, int left, int top, int right, int bottom,
                  const Color &color) {
  int width = static_cast<int>(picture.width);
  int height = static_cast<int>(picture.height);
  for (int y = std::max(top, 0); y < std::min(bottom, height); ++y)
    for (int x = std::max(left, 0); x < std::min(right, width); ++x)
      std::copy(color.begin(), color.end(),
                picture.pixels.begin() +
                    (static_cast<size_t>(y) * width + x) * 3);
}

void lowbit::drawDigits(Picture &picture, int left, int top,
                        std::string_view text, const Color &color) {
  // 3 x 5 dots a character, a row of three bits each, topmost first.
  static constexpr std::string_view known = "0123456789.-e";
  static constexpr std::array<uint16_t, 13> dots = {
      075557, 026227, 071747, 071717, 055711, 074717, 074757,
      071111, 075757, 075717, 000002, 000700, 007746};
  for (char c : text) {
    size_t glyph = known.find(c);
    for (int bit = 0; glyph != std::string_view::npos && bit < 15; ++bit) {
      if (!(dots[glyph] >> (14 - bit) & 1))
        continue;
      int x = left + 2 * (bit % 3), y = top + 2 * (bit / 3);
      fill(picture, x, y, x + 2, y + 2, color);
    }
    left += 8;
  }
}
