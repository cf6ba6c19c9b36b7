//===- CompressionSession.h - What compression passes share ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Passes that compute weights need the bytes behind the IR, threads, a place to
// say how far they are, and a way to run the model. The compile driver attaches
// these to the dialect of its context; in lowbit-opt a pass makes its own.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_COMPRESSIONSESSION_H
#define PASSES_COMPRESS_COMPRESSIONSESSION_H

#include "lib/Import/ParameterArchive.h"

#include "mlir/IR/DialectInterface.h"

#include <functional>

namespace mlir::lowbit {

class ModelRunner;

/// DESIGN section 5.
enum class Exactness { E0, E1, E2, E3 };
const char *exactnessName(Exactness exactness);
std::optional<Exactness> parseExactness(StringRef name);

struct CompressionSession {
  std::shared_ptr<ParameterArchive> archive;
  unsigned threads = 1;
  /// Runs the model on text; null without --calibration and --eval.
  ModelRunner *runner = nullptr;
  /// Passes of a higher class refuse to run.
  Exactness maxExactness = Exactness::E3;
  /// Wall time of each step goes into the ledger.
  bool times = true;
  /// Called with a pass's name and a detail while it works; may be empty.
  std::function<void(const std::string &pass, const std::string &detail)>
      progress;

  /// The session attached to the context's lowbit dialect, or null.
  static CompressionSession *find(MLIRContext *context);
  /// Attaches (or replaces) it. `session` must outlive the passes.
  static void attach(MLIRContext *context, CompressionSession *session);
  /// The attached one, or, in tools without a driver, one that the context
  /// keeps, with the archive of `module`; `randomSeed` >= 0 binds random
  /// numbers.
  static ::lowbit::StatusOr<CompressionSession *>
  findOrOpen(ModuleOp module, int64_t randomSeed);
};

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_COMPRESSIONSESSION_H
