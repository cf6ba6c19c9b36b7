//===- Interpreter.h - Executes lowbit IR by the semantics ------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks a module op by op and computes each with lib/Reference/Operations. Any
// phase's IR up to `schedule` can be run: layouts only say where a parameter's
// bytes are, dispatches are executed as the region they hold.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_REFERENCE_INTERPRETER_H
#define LOWBIT_LIB_REFERENCE_INTERPRETER_H

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lib/Reference/Value.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <functional>

namespace lowbit::reference {

/// Fills the stored arrays of a parameter, in canonical order and in the layout
/// of its type; a builtin tensor has one array, its elements in row-major order.
/// `mlir::lowbit::ParameterArchive::materialize` fits.
using ParameterProvider = std::function<Status(
    mlir::lowbit::ParamOp, std::vector<std::vector<uint8_t>> &)>;

/// Executes an op that the interpreter itself does not know.
using OpHandler = std::function<Status(
    mlir::Operation *, llvm::ArrayRef<Value> operands,
    llvm::SmallVectorImpl<Value> &results)>;

/// Called after every op that has results, for comparing two programs.
using OpObserver =
    std::function<void(mlir::Operation *, llvm::ArrayRef<Value> results)>;

/// Caches live as long as the interpreter: successive calls continue a text.
class Interpreter {
public:
  /// `module` must be verified and outlive the interpreter.
  Interpreter(mlir::ModuleOp module, ParameterProvider parameters);

  /// Calls a `func.func`. Errors carry the location of the op as a note.
  StatusOr<llvm::SmallVector<Value>> call(llvm::StringRef function,
                                          llvm::ArrayRef<Value> inputs);

  /// Empties every cache.
  void resetCaches() { caches.clear(); }
  void registerHandler(llvm::StringRef opName, OpHandler handler);
  void setObserver(OpObserver function) { observer = std::move(function); }

private:
  using Frame = llvm::DenseMap<mlir::Value, Value>;

  Status callFunction(llvm::StringRef name, llvm::ArrayRef<Value> inputs,
                      llvm::SmallVectorImpl<Value> &results);
  Status runRegion(mlir::Region &region, llvm::ArrayRef<Value> arguments,
                   llvm::SmallVectorImpl<Value> &results);
  Status runOp(mlir::Operation *op, llvm::ArrayRef<Value> operands,
               llvm::SmallVectorImpl<Value> &results);
  Status runLayer(mlir::lowbit::LayerOp layer, llvm::ArrayRef<Value> inputs,
                  llvm::SmallVectorImpl<Value> &results);
  StatusOr<Value> parameter(mlir::FlatSymbolRefAttr symbol);
  Value cacheSlot(mlir::lowbit::KVCacheOp cache, int64_t slot);

  mlir::ModuleOp module;
  mlir::SymbolTableCollection symbols;
  ParameterProvider provider;
  OpObserver observer;
  llvm::StringMap<OpHandler> handlers;
  llvm::DenseMap<mlir::Attribute, Value> parameters;
  llvm::StringMap<std::vector<Value>> caches;
  unsigned depth = 0;
};

/// The element type of a builtin scalar or tensor element, or an error.
StatusOr<ElementType> elementTypeOf(mlir::Type type);

/// An op without regions, symbols or state: compute ops, values, and the
/// upstream ops that our passes emit. Fails with `unimplemented` on others.
Status executeOp(mlir::Operation *op, llvm::ArrayRef<Value> operands,
                 llvm::SmallVectorImpl<Value> &results);

} // namespace lowbit::reference

#endif // LOWBIT_LIB_REFERENCE_INTERPRETER_H
