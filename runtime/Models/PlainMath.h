//===- PlainMath.h - Functions from + - * / and sqrt ------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The C library's functions may differ between machines. These do the same f64
// operations everywhere and are good to about 2 units in the last place of f64,
// so their results rounded to f32 are the same bits everywhere.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_PLAINMATH_H
#define LOWBIT_RUNTIME_MODELS_PLAINMATH_H

namespace lowbit {

/// Natural logarithm of a finite, normal x > 0.
double plainLog(double x);
/// sin and cos of 2 pi `turns`, |turns| <= 2^20.
void sinCosOfTurns(double turns, double &sine, double &cosine);
/// sin and cos of `angle` in radians, |angle| <= 2^20.
void sinCosOfRadians(double angle, double &sine, double &cosine);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_PLAINMATH_H
