//===- IRValueBuilder.h - Abstract arithmetic as MLIR -----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Emits arith, math and vector operations, and llvm.call_intrinsic for what
// those dialects cannot say. No operation here becomes a library call on a
// machine that has the stated capabilities. Never emits fast-math flags.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_IRVALUEBUILDER_H
#define LIB_KERNEL_IRVALUEBUILDER_H

#include "lib/Kernel/ValueBuilder.h"

#include "mlir/IR/Builders.h"

namespace lowbit::kernel {

class IRValueBuilder final : public ValueBuilder {
public:
  /// Emits at the insertion point that `builder` has at each call.
  IRValueBuilder(mlir::OpBuilder &builder, mlir::Location loc,
                 KernelCapabilities capabilities)
      : ValueBuilder(std::move(capabilities)), builder(builder), loc(loc) {}

  /// The abstract type follows from `value`, a builtin integer or float (f32,
  /// f64) or a one-dimensional vector of those.
  static AbstractValue wrap(mlir::Value value);
  static mlir::Value unwrap(AbstractValue value);
  static mlir::Type irType(mlir::MLIRContext *context, ValueType type);

  mlir::OpBuilder &opBuilder() { return builder; }
  mlir::Location location() const { return loc; }

protected:
  AbstractValue emit(const Instruction &instruction) override;
  /// Calls a function of the enclosing module, made at the first use: unrolled
  /// dots would otherwise repeat some twenty instructions a term.
  AbstractValue emitFmaByDoubles(AbstractValue a, AbstractValue b,
                                 AbstractValue c) override;

private:
  mlir::Value emitBinary(Opcode opcode, mlir::Value a, mlir::Value b);
  mlir::Value emitConversion(const Instruction &i, mlir::Type type,
                             mlir::Value a);
  mlir::Value emitIntrinsic(llvm::StringRef name, mlir::Type type,
                            mlir::ValueRange operands);

  mlir::OpBuilder &builder;
  mlir::Location loc;
};

} // namespace lowbit::kernel

#endif // LIB_KERNEL_IRVALUEBUILDER_H
