//===- StageFunction.h - The frame of one generated stage -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A stage is an `llvm.func` with the signature of include/lowbit-c/kernel.h. The
// frame creates it, reads binding pointers and dims in the entry block, and offers
// the few memory and loop operations that every stage needs. All indices are i64.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_STAGEFUNCTION_H
#define LIB_KERNEL_STAGEFUNCTION_H

#include "lib/Kernel/IRValueBuilder.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lowbit::kernel {

class StageFunction {
public:
  /// Appends an empty stage named `name` to `module`; the builder then stands before
  /// its `llvm.return`. Loads the dialects it needs.
  StageFunction(mlir::ModuleOp module, llvm::StringRef name,
                KernelCapabilities capabilities);

  mlir::OpBuilder &builder() { return opBuilder; }
  mlir::Location loc() { return function.getLoc(); }
  /// Abstract arithmetic at the builder's insertion point.
  IRValueBuilder &values() { return valueBuilder; }
  mlir::LLVM::LLVMFuncOp func() const { return function; }

  /// Pointer of binding `index` (`!llvm.ptr`), read once in the entry block.
  mlir::Value binding(unsigned index);
  /// dims[index], read once in the entry block.
  mlir::Value dim(unsigned index);
  mlir::Value scratch() { return function.getArgument(2); }
  mlir::Value begin() { return function.getArgument(3); }
  mlir::Value end() { return function.getArgument(4); }

  // i64 arithmetic.
  mlir::Value index(int64_t value);
  mlir::Value addI(mlir::Value a, mlir::Value b);
  mlir::Value addI(mlir::Value a, int64_t b);
  mlir::Value subI(mlir::Value a, mlir::Value b);
  mlir::Value mulI(mlir::Value a, int64_t b);
  mlir::Value mulI(mlir::Value a, mlir::Value b);
  /// Quotient and remainder of a non-negative value; b > 0.
  mlir::Value divI(mlir::Value a, int64_t b);
  mlir::Value remI(mlir::Value a, int64_t b);
  mlir::Value minI(mlir::Value a, mlir::Value b);
  mlir::Value maxI(mlir::Value a, mlir::Value b);
  mlir::Value lessI(mlir::Value a, mlir::Value b);

  // Memory. Offsets are bytes.
  mlir::Value at(mlir::Value pointer, mlir::Value byteOffset);
  mlir::Value at(mlir::Value pointer, int64_t byteOffset);
  /// `alignment` in bytes; 0 = the natural one of the scalar.
  mlir::Value load(mlir::Type type, mlir::Value pointer, unsigned alignment = 0);
  void store(mlir::Value value, mlir::Value pointer, unsigned alignment = 0);
  AbstractValue load(ValueType type, mlir::Value pointer, unsigned alignment = 0);
  void store(AbstractValue value, mlir::Value pointer, unsigned alignment = 0);
  /// Read prefetch into every cache level; never faults.
  void prefetch(mlir::Value pointer);

  /// for (i = lo; i < hi; i += step) carried = body(i, carried). Returns the last
  /// carried values.
  using LoopBody = std::function<llvm::SmallVector<mlir::Value>(
      mlir::Value i, mlir::ValueRange carried)>;
  llvm::SmallVector<mlir::Value> loop(mlir::Value lo, mlir::Value hi, int64_t step,
                                      mlir::ValueRange init, const LoopBody &body);
  /// The same without carried values.
  void loop(mlir::Value lo, mlir::Value hi, int64_t step,
            const std::function<void(mlir::Value i)> &body);
  /// if (condition) body(), else otherwise() (may be empty).
  void ifThen(mlir::Value condition, const std::function<void()> &body,
              const std::function<void()> &otherwise = {});

private:
  mlir::OpBuilder opBuilder;
  mlir::LLVM::LLVMFuncOp function;
  IRValueBuilder valueBuilder;
  mlir::Operation *entryAnchor = nullptr; ///< entry loads go before it
  llvm::SmallVector<mlir::Value> bindings;
  llvm::SmallVector<mlir::Value> dims;
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_STAGEFUNCTION_H
