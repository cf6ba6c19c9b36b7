//===- Plot.cpp - A picture of a file's tensors ---------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-inspect/Drawing.h"
#include "tools/lowbit-inspect/Inspect.h"

#include <algorithm>

using namespace lowbit;

namespace {

constexpr uint8_t background = 255;
constexpr Color grid = {210, 210, 210};
constexpr Color codes = {31, 78, 121};
constexpr Color metadata = {233, 150, 60};
constexpr Color share = {90, 140, 90};

constexpr int bitWidth = 16;          ///< pixels of one bit an element
constexpr int bitsShown = 33;         ///< up to f32 and a little more
constexpr int shareWidth = 256;       ///< pixels of the largest tensor's bytes
constexpr int margin = 8;
constexpr size_t mostRows = 4000;

} // namespace

Status lowbit::plotTensors(const InspectSource &source,
                           const std::string &path) {
  const std::vector<InspectTensor> &tensors = source.tensors();
  if (tensors.empty() || tensors.size() > mostRows)
    return invalidArgument("a picture of %zu tensors cannot be made; 1 to %zu "
                           "are possible",
                           tensors.size(), mostRows);
  int rowHeight = tensors.size() > 400 ? 3 : 6;
  int bars = bitsShown * bitWidth;
  Picture picture(bars + shareWidth + 3 * margin,
                  static_cast<int>(tensors.size()) * rowHeight + 2 * margin, 3,
                  background);
  for (int bits : {0, 1, 2, 4, 8, 16, 32}) {
    int x = margin + bits * bitWidth;
    fill(picture, x, 0, x + 1, INT32_MAX, grid);
  }
  uint64_t largest = 1;
  for (const InspectTensor &tensor : tensors)
    largest = std::max(largest, tensor.bytes);
  int shareLeft = bars + 2 * margin;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const InspectTensor &tensor = tensors[i];
    int top = margin + static_cast<int>(i) * rowHeight;
    int bottom = top + rowHeight - 1;
    auto pixel = [](double bits) {
      return margin + static_cast<int>(std::min<double>(bits, bitsShown) *
                                       bitWidth);
    };
    fill(picture, margin, top, pixel(tensor.codeBits), bottom, codes);
    fill(picture, pixel(tensor.codeBits), top, pixel(tensor.totalBits), bottom,
         metadata);
    int bytes = static_cast<int>(static_cast<double>(tensor.bytes) /
                                 static_cast<double>(largest) * shareWidth);
    fill(picture, shareLeft, top, shareLeft + std::max(bytes, 1), bottom, share);
  }
  LOWBIT_RETURN_IF_ERROR(writePng(path, picture));
  std::fprintf(stderr,
               "lowbit-inspect: %s: one row a tensor, top to bottom as --tensors; "
               "left: bits an element, lines at 1, 2, 4, 8, 16, 32 (blue codes, "
               "orange the rest); right: bytes, full width %s\n",
               path.c_str(), formatBytes(largest).c_str());
  return {};
}
