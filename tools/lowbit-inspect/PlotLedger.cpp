//===- PlotLedger.cpp - Bits against error of each parameter --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compress/Ledger.h"
#include "lowbit/Format/Module.h"
#include "tools/common/Console.h"
#include "tools/lowbit-inspect/Drawing.h"
#include "tools/lowbit-inspect/Inspect.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace lowbit;
using namespace lowbit::compress;

namespace {

constexpr Color axis = {90, 90, 90};
constexpr Color grid = {225, 225, 225};
constexpr std::array<Color, 6> stepColors = {{{31, 78, 121},
                                              {200, 80, 40},
                                              {90, 140, 90},
                                              {120, 70, 150},
                                              {190, 150, 20},
                                              {60, 160, 170}}};
constexpr std::array<const char *, 6> colorNames = {
    "blue", "red", "green", "violet", "yellow", "teal"};

constexpr int plotWidth = 640, plotHeight = 400;
constexpr int left = 56, top = 12, bottom = 28, right = 16;
constexpr double leastError = 1e-4, mostError = 1.0;

/// Error on a logarithmic axis; what is beyond an end lies on it.
int yOf(double error) {
  double clamped = std::clamp(error, leastError, mostError);
  double share = std::log10(clamped / leastError) /
                 std::log10(mostError / leastError);
  return top + static_cast<int>((1 - share) * plotHeight);
}

} // namespace

Status lowbit::plotLedger(const ModuleReader &module, const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(std::vector<LedgerStep> steps,
                          parseLedger(module.ledger()));
  double mostBits = 0;
  for (const LedgerStep &step : steps)
    for (const LedgerParameter &parameter : step.parameters)
      mostBits = std::max(mostBits, parameter.bitsAfter);
  if (mostBits <= 0)
    return failedPrecondition("%s: the ledger has no compressed parameter; "
                              "compile with --recipe",
                              module.name().c_str());
  const int bitsShown =
      static_cast<int>(std::ceil(std::min(mostBits, 32.0) + 0.5));
  auto xOf = [&](double bits) {
    return left + static_cast<int>(std::clamp(bits / bitsShown, 0.0, 1.0) *
                                   plotWidth);
  };
  Picture picture(left + plotWidth + right, top + plotHeight + bottom, 3, 255);
  for (int bits = 0; bits <= bitsShown; bits += bitsShown > 12 ? 4 : 1) {
    fill(picture, xOf(bits), top, xOf(bits) + 1, top + plotHeight,
                 bits ? grid : axis);
    drawDigits(picture, xOf(bits) - 3, top + plotHeight + 8, std::to_string(bits),
                   axis);
  }
  for (int decade = -4; decade <= 0; ++decade) {
    int y = yOf(std::pow(10.0, decade));
    fill(picture, left, y, left + plotWidth, y + 1, decade == -4 ? axis : grid);
    drawDigits(picture, 4, y - 5, "1e" + std::to_string(decade), axis);
  }
  std::string legend;
  size_t drawn = 0;
  for (const LedgerStep &step : steps) {
    if (step.parameters.empty())
      continue;
    const size_t color = drawn++ % stepColors.size();
    for (const LedgerParameter &parameter : step.parameters) {
      int x = xOf(parameter.bitsAfter), y = yOf(parameter.weightError);
      fill(picture, x - 2, y - 2, x + 3, y + 3, stepColors[color]);
    }
    legend += formatString("\n  %-7s %s", colorNames[color],
                           (step.pipeline.empty() ? step.pass : step.pipeline)
                               .c_str());
  }
  LOWBIT_RETURN_IF_ERROR(writePng(path, picture));
  std::fprintf(stderr,
               "lowbit-inspect: %s: one point a parameter and step; right: bits "
               "a weight, 0 to %d; up: relative error of the weights, 1e-4 to "
               "1%s\n",
               path.c_str(), bitsShown, legend.c_str());
  return {};
}
