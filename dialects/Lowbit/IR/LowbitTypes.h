//===- LowbitTypes.h - Compressed tensor and cache types -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef DIALECTS_LOWBIT_IR_LOWBITTYPES_H
#define DIALECTS_LOWBIT_IR_LOWBITTYPES_H

#include "dialects/Lowbit/IR/LowbitAttrs.h"

#define GET_TYPEDEF_CLASSES
#include "dialects/Lowbit/IR/LowbitTypes.h.inc"

#endif // DIALECTS_LOWBIT_IR_LOWBITTYPES_H
