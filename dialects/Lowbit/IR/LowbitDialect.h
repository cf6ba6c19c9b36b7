//===- LowbitDialect.h - The lowbit dialect -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITDIALECT_H
#define DIALECTS_LOWBIT_IR_LOWBITDIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/Lowbit/IR/LowbitDialect.h.inc"

#endif // DIALECTS_LOWBIT_IR_LOWBITDIALECT_H
