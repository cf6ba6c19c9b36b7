//===- FloatControl.h - The floating-point environment of kernels -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_DEVICE_CPU_FLOATCONTROL_H
#define LOWBIT_RUNTIME_DEVICE_CPU_FLOATCONTROL_H

#include <cstdint>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lowbit {

/// While it lives: round to nearest even, denormals kept, no traps (Semantics.md
/// section N). Restores what the caller's thread had before.
class ExactFloatScope {
public:
#if defined(__x86_64__)
  ExactFloatScope() : saved(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~ExactFloatScope() { _mm_setcsr(saved); }

private:
  unsigned saved;
#elif defined(__aarch64__)
  ExactFloatScope() {
    __asm__ volatile("mrs %0, fpcr" : "=r"(saved));
    __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t(0)));
  }
  ~ExactFloatScope() { __asm__ volatile("msr fpcr, %0" : : "r"(saved)); }

private:
  uint64_t saved;
#endif
public:
  ExactFloatScope(const ExactFloatScope &) = delete;
  ExactFloatScope &operator=(const ExactFloatScope &) = delete;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_DEVICE_CPU_FLOATCONTROL_H
