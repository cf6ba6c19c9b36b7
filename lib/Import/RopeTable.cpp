//===- RopeTable.cpp - Rotary tables in f64 -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ParameterArchive.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// The attribute's numbers with their defaults.
struct Frequencies {
  double theta;
  double factor = 1.0;
  double low = 0.0;
  double high = 0.0;
  double context = 0.0;

  explicit Frequencies(RopeTableAttr source)
      : theta(source.getTheta().getValueAsDouble()),
        context(static_cast<double>(source.getOriginalContext())) {
    if (source.getFactor())
      factor = source.getFactor().getValueAsDouble();
    if (source.getLowFreqFactor())
      low = source.getLowFreqFactor().getValueAsDouble();
    if (source.getHighFreqFactor())
      high = source.getHighFreqFactor().getValueAsDouble();
  }

  bool isLlama3() const { return low != 0.0 || high != 0.0; }

  Status check() const {
    auto positive = [](double x) { return std::isfinite(x) && x > 0.0; };
    if (!positive(theta))
      return invalidArgument("rope table requires theta > 0, got %g", theta);
    if (!positive(factor))
      return invalidArgument("rope table requires factor > 0, got %g", factor);
    if (isLlama3() &&
        !(positive(low) && positive(high) && low < high && context >= 1.0))
      return invalidArgument(
          "llama3 rope scaling requires 0 < low_freq_factor < high_freq_factor "
          "and original_context >= 1, got %g, %g and %g",
          low, high, context);
    return Status::success();
  }

  /// Frequency of pair `i` of `dim` / 2.
  double of(int64_t i, int64_t dim) const {
    double plain = std::pow(theta, -2.0 * static_cast<double>(i) /
                                       static_cast<double>(dim));
    if (!isLlama3())
      return plain / factor;
    double wavelength = 2.0 * M_PI / plain;
    if (wavelength > context / low)
      return plain / factor;
    if (wavelength < context / high)
      return plain;
    double smooth = (context / wavelength - low) / (high - low);
    return (1.0 - smooth) * plain / factor + smooth * plain;
  }
};

} // namespace

StatusOr<std::vector<float>>
mlir::lowbit::computeRopeTable(RopeTableAttr source, int64_t positions,
                               int64_t dim) {
  Frequencies frequencies(source);
  LOWBIT_RETURN_IF_ERROR(frequencies.check());
  // 2^28 numbers are 1 GiB: a million positions of heads of 256.
  if (positions < 1 || dim < 2 || dim % 2 != 0 ||
      positions > (int64_t(1) << 28) / dim)
    return invalidArgument(
        "rope table of %lld positions and %lld elements a head: both must be "
        "positive, the second even, and their product at most 2^28",
        static_cast<long long>(positions), static_cast<long long>(dim));
  std::vector<double> rates;
  for (int64_t i = 0; i < dim / 2; ++i)
    rates.push_back(frequencies.of(i, dim));
  std::vector<float> table(positions * dim);
  float *out = table.data();
  for (int64_t position = 0; position < positions; ++position)
    for (double rate : rates) {
      double angle = static_cast<double>(position) * rate;
      *out++ = static_cast<float>(std::cos(angle));
      *out++ = static_cast<float>(std::sin(angle));
    }
  return table;
}
