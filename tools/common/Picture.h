//===- Picture.h - Pictures and PNG files -----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_COMMON_PICTURE_H
#define LOWBIT_TOOLS_COMMON_PICTURE_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace lowbit {

/// 8-bit pixels, row-major, the channels of a pixel together.
struct Picture {
  int64_t width = 0;
  int64_t height = 0;
  unsigned channels = 1; ///< 1: gray, 3: red, green, blue
  std::vector<uint8_t> pixels;

  Picture() = default;
  /// A picture of one value. The sizes must be positive and the bytes must fit
  /// memory.
  Picture(int64_t width, int64_t height, unsigned channels, uint8_t value = 0)
      : width(width), height(height), channels(channels),
        pixels(static_cast<size_t>(width) * static_cast<size_t>(height) *
                   channels,
               value) {}
};

/// Keyword and text of tEXt chunks (iTXt where the text is not ASCII).
using PictureText = std::vector<std::pair<std::string, std::string>>;

/// Whether numbers [channels, height, width] can be drawn: 1 or 3 channels, sides of
/// 1 to 10^6 pixels and at most 2^28 pixels.
Status checkDrawable(int64_t channels, int64_t height, int64_t width);

/// A model's numbers, [channels, height, width] in [-1, 1], as pixels: clamped,
/// (x + 1) * 127.5 rounded half to even in f32; NaN becomes 0. `channels` is 1 or
/// 3.
StatusOr<Picture> pictureOfNumbers(std::span<const float> numbers,
                                   unsigned channels, int64_t height,
                                   int64_t width);

/// Equal pictures in rows of `columns`, left to right, top to bottom, `gap` white
/// pixels between them. Missing ones of the last row are white.
StatusOr<Picture> contactSheet(std::span<const Picture> pictures,
                               int64_t columns, int64_t gap);
/// Whether a sheet of `count` pictures of this size can be made.
Status checkSheet(int64_t count, int64_t height, int64_t width, int64_t columns,
                  int64_t gap);
/// Columns of a sheet of `count` pictures: all in one row up to 10; then 10 where
/// that fills the rows, else the nearest to a square.
int64_t sheetColumns(int64_t count);

/// The bytes of a PNG file. The same picture and text give the same bytes.
StatusOr<std::vector<uint8_t>> encodePng(const Picture &picture,
                                         const PictureText &text);
/// Writes a PNG file, completely or not at all.
Status writePng(const std::string &path, const Picture &picture,
                const PictureText &text = {});

} // namespace lowbit

#endif // LOWBIT_TOOLS_COMMON_PICTURE_H
