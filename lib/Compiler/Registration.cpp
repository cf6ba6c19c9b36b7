//===- Registration.cpp - Every dialect and pass of the compiler ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Compiler/Registration.h"

#include "dialects/Lowbit/IR/LowbitDialect.h"
#include "lowbit/Compiler/Phases.h"
#include "passes/Compress/Passes.h"
#include "passes/Conversion/Passes.h"
#include "passes/Encoding/Passes.h"
#include "passes/Fusion/Passes.h"
#include "passes/Quantize/Passes.h"
#include "passes/Schedule/Passes.h"
#include "passes/Structure/Passes.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/GPU/IR/GPUDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "lib/Codegen/CPU/CpuCodegen.h"
#include "mlir/IR/DialectRegistry.h"

void mlir::lowbit::registerAllDialects(DialectRegistry &registry) {
  registry.insert<LowbitDialect, arith::ArithDialect, func::FuncDialect,
                  gpu::GPUDialect, LLVM::LLVMDialect, math::MathDialect,
                  NVVM::NVVMDialect, scf::SCFDialect, tensor::TensorDialect,
                  vector::VectorDialect>();
  registerCpuCodegenDialects(registry);
}

void mlir::lowbit::registerAllPasses() {
  registerCompressPasses();
  registerQuantizePasses();
  registerEncodingPasses();
  registerFusionPasses();
  registerSchedulePasses();
  registerStructurePasses();
  registerConversionPasses();
  registerPhasePipelines();
}
