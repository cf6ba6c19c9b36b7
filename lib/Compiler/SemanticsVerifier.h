//===- SemanticsVerifier.h - Interpret before and after each pass -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Translation validation (`--verify-semantics`): every function of the module is
// interpreted on seeded inputs before and after each pass that changed the IR. A
// pass of class E0 must give the same bits, one of class E1 the same numbers up to
// 1e-5 of the largest; for the lossy classes the difference is reported.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_SEMANTICSVERIFIER_H
#define LIB_COMPILER_SEMANTICSVERIFIER_H

#include "lib/Import/ParameterArchive.h"

#include "mlir/Pass/PassInstrumentation.h"

#include <functional>
#include <memory>

namespace mlir {
class PassManager;

namespace lowbit {

class SemanticsVerifier {
public:
  /// `report` receives one line for each pass that changed the IR.
  SemanticsVerifier(ModuleOp module, std::shared_ptr<ParameterArchive> archive,
                    std::function<void(const std::string &)> report);
  ~SemanticsVerifier();

  /// Watches the passes of `manager`, which must run on the module and must not
  /// run passes in parallel (MLIRContext::disableMultithreading).
  void attach(PassManager &manager);

  /// What the first pass that broke its class did: names the pass, the function,
  /// the op and the first element that differs. Ok otherwise.
  ::lowbit::Status status() const;

  struct Impl;

private:
  std::shared_ptr<Impl> impl;
};

} // namespace lowbit
} // namespace mlir

#endif // LIB_COMPILER_SEMANTICSVERIFIER_H
