//===- ParameterReads.h - What a function reads of parameters -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_PARAMETERREADS_H
#define LOWBIT_FORMAT_PARAMETERREADS_H

#include "lowbit/Format/Components.h"
#include "lowbit/Format/Plan.h"

#include <set>

namespace lowbit {

/// What one call of a function reads of a module's parameters.
struct ParameterReads {
  std::set<uint32_t> components; ///< bound by its dispatches
  uint64_t bytes = 0; ///< that its kernels read (PlanKernel::parameterBytes, one token)
};

/// Of a function of a valid plan.
ParameterReads parameterReads(const Plan &plan, const Function &function);

/// Stored bytes of components; those that share their bytes count once. Numbers
/// without a component count nothing.
uint64_t storedBytes(const ComponentTable &table, const std::set<uint32_t> &components);

} // namespace lowbit

#endif // LOWBIT_FORMAT_PARAMETERREADS_H
