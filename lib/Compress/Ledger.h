//===- Ledger.h - What was done to a model's numbers -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One entry a step, from import to the last pass; stored in the module and
// printed by `lowbit-inspect --ledger`.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_COMPRESS_LEDGER_H
#define LOWBIT_LIB_COMPRESS_LEDGER_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace lowbit::compress {

/// What a step did to one parameter. Errors compare with the numbers before it.
struct LedgerParameter {
  std::string name;
  std::vector<int64_t> shape;
  std::string encoding;  ///< after the step: "int4, scale f16/32"
  double bitsBefore = 0; ///< a logical weight, metadata included
  double bitsAfter = 0;
  double sparsity = 0;      ///< share of zero weights after the step
  double weightError = 0;   ///< |before - after| / |before| (Frobenius)
  double largestError = 0;  ///< of one weight
  std::optional<double> bound;       ///< that the pass guarantees for it
  std::optional<double> outputError; ///< as weightError, of outputs on
                                     ///< calibration data
  std::string note;
};

struct LedgerStep {
  std::string pass;      ///< "quantize"
  std::string pipeline;  ///< text that repeats the step, with all options
  std::string exactness; ///< "E0" ... "E3"
  std::string note;
  std::vector<LedgerParameter> parameters;
  /// Of all compressed matrices of the model together.
  std::optional<double> bitsBefore, bitsAfter;
  std::optional<double> sparsity;
  /// With --eval=FILE.
  std::optional<double> perplexityBefore, perplexityAfter;
  std::optional<double> seconds;
  /// What else a pass measured, by name.
  std::vector<std::pair<std::string, double>> metrics;
};

/// One step as a JSON object on one line, and back.
std::string toJson(const LedgerStep &step);
StatusOr<LedgerStep> parseLedgerStep(std::string_view json);

/// The ledger of a module: {"steps": [...]}, one step a line, and back.
std::string ledgerJson(const std::vector<LedgerStep> &steps);
StatusOr<std::vector<LedgerStep>> parseLedger(std::string_view json);

/// Tables for people: a line a step, then a line a parameter of each step.
std::string ledgerText(const std::vector<LedgerStep> &steps);

} // namespace lowbit::compress

#endif // LOWBIT_LIB_COMPRESS_LEDGER_H
