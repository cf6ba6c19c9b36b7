//===- Activation.h - Elementwise functions over abstract values ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Semantics.md N9 to N11, written once: the same sequence of f32 operations on every
// target, for scalars and vectors.
//
//===----------------------------------------------------------------------===//

#ifndef LIB_KERNEL_ACTIVATION_H
#define LIB_KERNEL_ACTIVATION_H

#include "lib/Kernel/ValueBuilder.h"

namespace lowbit::kernel {

enum class Activation : uint8_t { silu, geluTanh, relu2, sigmoid, tanh, exp };

/// N10.
AbstractValue emitExp(ValueBuilder &b, AbstractValue x);
/// N9.
AbstractValue emitRsqrt(ValueBuilder &b, AbstractValue x);
/// N10, N11.
AbstractValue emitActivation(ValueBuilder &b, Activation kind, AbstractValue x);

/// N8: the integers nearest to `x`, clamped to [lo, hi], NaN gives 0; i32.
/// -2^21 < lo <= hi < 2^21.
AbstractValue emitClampToInt(ValueBuilder &b, AbstractValue x, int lo, int hi);

/// `larger > smaller ? larger : smaller` with a NaN in the first never taken (N7).
AbstractValue emitMax(ValueBuilder &b, AbstractValue candidate,
                      AbstractValue largest);

/// `tree` (N1) over all lanes of `vectors`, taken one vector after the other; equal
/// types of a power of two of lanes and a power of two of vectors. A scalar.
AbstractValue emitLaneTree(ValueBuilder &b, std::span<const AbstractValue> vectors);

} // namespace lowbit::kernel

#endif // LIB_KERNEL_ACTIVATION_H
