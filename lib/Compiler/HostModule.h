//===- HostModule.h - IR of the compress phase to running code -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LIB_COMPILER_HOSTMODULE_H
#define LIB_COMPILER_HOSTMODULE_H

#include "lib/Compiler/Link.h"
#include "lowbit/Compiler/Phases.h"

#include <functional>

namespace mlir::lowbit {

/// The kernels of a scheduled module for one CPU target.
struct CpuCode {
  TargetCode code;
  std::vector<LoweredDispatch> lowered; ///< parallel to the kernel table
};

struct CpuCodeOptions {
  bool keepLLVM = false;
  bool keepAssembly = false;
  /// Called with each kernel's name; may be empty.
  std::function<void(const std::string &kernel)> progress;
};

/// Lowers every kernel and compiles them to one image.
::lowbit::StatusOr<CpuCode> generateCpuCode(MLIRContext &context,
                                            const KernelTable &kernels,
                                            const std::string &target,
                                            const CpuCodeOptions &options);

/// Compiles modules for this machine again and again: layers of a model differ
/// in their weights, seldom in their code, which is kept from one call to the
/// next.
class HostCompiler {
public:
  HostCompiler(ParameterArchive &archive, unsigned threads);

  struct Request {
    std::string activations = "f32"; ///< as PhaseOptions
    int64_t activationGroup = 0;
    std::vector<std::pair<std::string, std::string>> meta;
    std::vector<uint8_t> tokenizer;
  };
  /// Runs the phases after the recipe on `module` (changed in place) and writes
  /// a module file.
  ::lowbit::Status compile(ModuleOp module, const Request &request,
                           const std::string &path);

private:
  ParameterArchive &archive;
  unsigned threads;
  /// Kernels of an earlier module, by the text of its dispatches.
  std::map<std::string, CpuCode> known;
};

/// A file name in $TMPDIR or /tmp; the file exists, is empty, and is removed with
/// the object.
class TemporaryFile {
public:
  static ::lowbit::StatusOr<TemporaryFile> create(StringRef suffix);
  TemporaryFile(TemporaryFile &&other) { std::swap(name, other.name); }
  TemporaryFile &operator=(TemporaryFile &&other) {
    std::swap(name, other.name);
    return *this;
  }
  ~TemporaryFile();
  const std::string &path() const { return name; }

private:
  TemporaryFile() = default;
  std::string name;
};

} // namespace mlir::lowbit

#endif // LIB_COMPILER_HOSTMODULE_H
