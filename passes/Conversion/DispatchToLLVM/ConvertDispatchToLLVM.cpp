//===- ConvertDispatchToLLVM.cpp - Kernel code for CPU targets ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Conversion/DispatchToLLVM/DispatchLowering.h"
#include "passes/Conversion/Passes.h"

#include "lowbit/Target/Cpu.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OperationSupport.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_CONVERTDISPATCHTOLLVMPASS
#include "passes/Conversion/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;

std::string mlir::lowbit::kernelModuleName(StringRef target) {
  std::string name = "kernels_" + target.str();
  for (char &c : name)
    if (!llvm::isAlnum(c))
      c = '_';
  return name;
}

::lowbit::StatusOr<::lowbit::kernel::KernelCapabilities>
mlir::lowbit::cpuKernelCapabilities(StringRef target) {
  LOWBIT_ASSIGN_OR_RETURN(const ::lowbit::CpuTarget *cpu,
                          ::lowbit::parseCpuTarget(target.str()));
  ::lowbit::kernel::KernelCapabilities capabilities;
  capabilities.vectorBits = cpu->capabilities.vectorBytes * 8;
  capabilities.fma = cpu->capabilities.fma;
  capabilities.halfConversion = cpu->capabilities.f16c;
  if (cpu->capabilities.pairwiseU8S8) {
    capabilities.maddU8S8Intrinsic = "llvm.x86.avx2.pmadd.ub.sw";
    capabilities.maddI16Intrinsic = "llvm.x86.avx2.pmadd.wd";
  }
  if (cpu->capabilities.vnni)
    capabilities.dot4U8S8Intrinsic = "llvm.x86.avx512.vpdpbusd.256";
  return capabilities;
}

/// "matmul_uint4_576x1536", "attention", ...: what the region's anchor is.
static std::string describeDispatch(DispatchOp dispatch) {
  std::string name;
  for (Operation &op : dispatch.getBody().front()) {
    if (auto matmul = dyn_cast<MatmulOp>(op)) {
      ArrayRef<int64_t> shape = matmul.getWeight().getType().getShape();
      auto leaf = matmul.getWeight().getType().getLeafDesc();
      std::string code = "low";
      if (leaf.isOk()) {
        const ::lowbit::NumberDesc &number = leaf->code;
        code = number.isFloat()
                   ? std::string(::lowbit::floatFormatName(number.format))
                   : (number.kind == ::lowbit::NumberKind::signedInt ? "int"
                                                                     : "uint") +
                         std::to_string(number.width);
      }
      if (name.empty())
        name = "matmul_" + code + "_" + std::to_string(shape[1]) + "x" +
               std::to_string(shape[0]);
      else if (StringRef(name).starts_with("matmul"))
        name += "_" + std::to_string(shape[0]);
    }
  }
  if (!name.empty())
    return name;
  for (Operation &op : dispatch.getBody().front())
    // Views name nothing unless they stand alone.
    if (!isa<ReturnOp>(op) && (!isa<RepeatRowsOp, CycleRowsOp>(op) ||
                               llvm::hasNItems(dispatch.getBody().front(), 2))) {
      StringRef opName = isa<KVAppendOp>(op) ? "kv_append"
                                             : op.getName().stripDialect();
      if (!name.empty())
        name += "_";
      name += opName.str();
    }
  return name.empty() ? "empty" : name;
}

static bool areEqual(DispatchOp a, DispatchOp b) {
  if (a.getStrategiesAttr() != b.getStrategiesAttr() ||
      a.getRowsAttr() != b.getRowsAttr() ||
      a.getOperandTypes() != b.getOperandTypes() ||
      a.getResultTypes() != b.getResultTypes())
    return false;
  return OperationEquivalence::isRegionEquivalentTo(
      &a.getBody(), &b.getBody(), OperationEquivalence::IgnoreLocations);
}

KernelTable mlir::lowbit::collectKernels(ModuleOp module) {
  KernelTable table;
  llvm::StringMap<unsigned> used;
  module.walk([&](DispatchOp dispatch) {
    for (auto [index, other] : llvm::enumerate(table.representatives))
      if (areEqual(dispatch, other)) {
        table.kernelOf[dispatch] = index;
        return;
      }
    table.kernelOf[dispatch] = table.representatives.size();
    table.representatives.push_back(dispatch);
    std::string name = describeDispatch(dispatch);
    unsigned count = used[name]++;
    table.names.push_back(count ? name + "_v" + std::to_string(count) : name);
  });
  return table;
}

namespace {

struct ConvertDispatchToLLVMPass
    : mlir::lowbit::impl::ConvertDispatchToLLVMPassBase<
          ConvertDispatchToLLVMPass> {
  using Base::Base;

  void runOnOperation() override {
    KernelTable table = collectKernels(getOperation());
    for (const std::string &target : targets) {
      if (StringRef(target).starts_with("nvptx:"))
        continue; // PTX is text of its own, made by lib/Codegen/NVPTX
      auto cpu = ::lowbit::parseCpuTarget(target);
      if (!cpu.isOk()) {
        getOperation().emitError()
            << "option 'targets': " << cpu.status().message();
        return signalPassFailure();
      }
      std::string name = "cpu:" + std::string((*cpu)->name);
      if (failed(convert(table, name)))
        return signalPassFailure();
    }
  }

private:
  LogicalResult convert(const KernelTable &table, StringRef target) {
    auto capabilities = cpuKernelCapabilities(target);
    if (!capabilities.isOk())
      return getOperation().emitError() << capabilities.status().message();
    std::string moduleName = kernelModuleName(target);
    for (auto old : llvm::make_early_inc_range(
             getOperation().getOps<ModuleOp>()))
      if (old.getSymName() == StringRef(moduleName))
        old.erase();
    OpBuilder builder = OpBuilder::atBlockEnd(getOperation().getBody());
    auto kernels = ModuleOp::create(builder, getOperation().getLoc(), moduleName);
    for (auto [index, name] : llvm::enumerate(table.names)) {
      DispatchOp dispatch = table.representatives[index];
      auto lowered = lowerDispatch(dispatch, name, *capabilities, kernels);
      if (!lowered.isOk())
        return dispatch.emitError() << lowered.status().message();
    }
    return success();
  }
};

} // namespace
