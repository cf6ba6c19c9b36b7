//===- CompressionPass.h - Base of the compression passes ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every step of a recipe does besides its work: refuse to run above the
// driver's exactness class, say how far it is, and leave an entry in the ledger.
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_COMPRESSIONPASS_H
#define PASSES_COMPRESS_COMPRESSIONPASS_H

#include "lib/Compress/Ledger.h"
#include "passes/Compress/CompressionSession.h"

#include "mlir/Pass/Pass.h"

#include <chrono>

namespace mlir::lowbit {

/// Module attribute: an array of strings, the steps so far as JSON.
inline constexpr llvm::StringLiteral ledgerAttrName = "lowbit.ledger";

/// Appends a step to the module's ledger, and reads all of them.
void appendLedgerStep(ModuleOp module, const ::lowbit::compress::LedgerStep &step);
::lowbit::StatusOr<std::vector<::lowbit::compress::LedgerStep>>
readLedger(ModuleOp module);
/// Replaces the last step.
void replaceLastLedgerStep(ModuleOp module,
                           const ::lowbit::compress::LedgerStep &step);

/// Second base class of a compression pass, beside the generated one:
///
///   void runOnOperation() override {
///     if (failed(runStep(*this, getOperation(), randomWeights,
///                        [&](CompressionSession &s) { return compress(s); })))
///       signalPassFailure();
///   }
class CompressionPass {
public:
  virtual ~CompressionPass() = default;
  /// DESIGN section 5; may depend on the options.
  virtual Exactness exactness() const = 0;

protected:
  /// Runs `work` between the checks and the ledger entry, which starts from
  /// what `work` left in `step`. An error status becomes the pass's error, with
  /// the name as written in recipes in front.
  LogicalResult runStep(Pass &pass, ModuleOp module, int64_t randomWeights,
                        llvm::function_ref<::lowbit::Status(CompressionSession &)> work);

  /// Reports progress "3 of 210: l0.q".
  void showProgress(CompressionSession &session, size_t done, size_t total,
                    StringRef what);

  ::lowbit::compress::LedgerStep step;

private:
  std::string recipeName;
};

/// The name of a pass in a recipe: its flag without "lowbit-".
StringRef recipeNameOf(Pass &pass);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_COMPRESSIONPASS_H
