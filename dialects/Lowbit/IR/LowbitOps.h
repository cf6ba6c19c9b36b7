//===- LowbitOps.h - Operations of the lowbit dialect -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITOPS_H
#define DIALECTS_LOWBIT_IR_LOWBITOPS_H

#include "dialects/Lowbit/IR/LowbitDialect.h"
#include "dialects/Lowbit/IR/LowbitTypes.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/RegionKindInterface.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/CallInterfaces.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#define GET_OP_CLASSES
#include "dialects/Lowbit/IR/LowbitOps.h.inc"

#endif // DIALECTS_LOWBIT_IR_LOWBITOPS_H
