//===- Settings.cpp - Options of the driver to options of phases ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Settings.h"

#include "lowbit/Target/Cpu.h"
#include "lowbit/Target/Nvptx.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;

std::optional<EmitKind> mlir::lowbit::parseEmitKind(StringRef name) {
  static const std::pair<StringRef, EmitKind> kinds[] = {
      {"module", EmitKind::module}, {"mlir", EmitKind::mlir},
      {"llvm", EmitKind::llvm},     {"obj", EmitKind::obj},
      {"asm", EmitKind::assembly},  {"ptx", EmitKind::ptx},
      {"cubin", EmitKind::cubin}};
  for (const auto &[text, kind] : kinds)
    if (name == text)
      return kind;
  return std::nullopt;
}

static StatusOr<std::string> fullTargetName(const std::string &target) {
  if (StringRef(target).starts_with("nvptx:")) {
    LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::NvptxTarget *chip,
                            ::lowbit::parseNvptxTarget(target));
    return "nvptx:" + std::string(chip->name);
  }
  LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::CpuTarget *cpu,
                          ::lowbit::parseCpuTarget(target));
  return "cpu:" + std::string(cpu->name);
}

static Status setActivations(StringRef activations, PhaseOptions &phases) {
  StringRef all = activations;
  if (activations == "f32") {
    phases.activations = "f32";
  } else if (activations == "int8") {
    phases.activations = "auto";
  } else if (activations == "int8:token") {
    phases.activations = "token";
  } else if (activations.consume_front("int8:group=")) {
    phases.activations = "group";
    if (activations.getAsInteger(10, phases.activationGroup) ||
        phases.activationGroup < 1 || phases.activationGroup % 16 != 0)
      return invalidArgument("--activations=int8:group=G requires a positive "
                             "multiple of 16, got '%s'",
                             activations.str().c_str());
  } else if (activations == "f16" || activations == "bf16" || activations == "fp8" ||
             activations == "int4") {
    return ::lowbit::unimplemented("--activations=%s is not supported yet; use int8 "
                                   "or f32",
                                   all.str().c_str());
  } else {
    return invalidArgument("--activations requires int8, int8:token, int8:group=G or "
                           "f32, got '%s'",
                           all.str().c_str());
  }
  return Status::success();
}

StatusOr<PhaseOptions> mlir::lowbit::phaseOptions(const CompileOptions &options) {
  PhaseOptions phases;
  std::vector<std::string> targets = options.targets;
  if (targets.empty())
    targets.push_back("host");
  for (const std::string &target : targets) {
    LOWBIT_ASSIGN_OR_RETURN(std::string name, fullTargetName(target));
    if (!llvm::is_contained(phases.targets, name))
      phases.targets.push_back(std::move(name));
  }
  phases.hoistSteps = options.hoistSteps;
  LOWBIT_RETURN_IF_ERROR(setActivations(options.activations, phases));
  return phases;
}
