//===- RopeFrequencies.h - Rotary factors stored as a tensor -- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// GGUF converters do not write the numbers of Llama 3's rotary scaling but
// their result: a tensor `rope_freqs.weight` of divisors, one for each pair.
// The IR states the rule, so the rule is found again.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_ROPEFREQUENCIES_H
#define LOWBIT_LIB_IMPORT_ROPEFREQUENCIES_H

#include "lib/Import/Checkpoint.h"
#include "lib/Import/ModelConfig.h"

namespace lowbit::import {

/// Replaces `config.rope.frequencyTensor` by the llama3 rule whose divisors the
/// tensor holds (within 1e-5: they were computed in f32), with the low and high
/// frequency factors 1 and 4 over 8192 positions that all released Llama 3
/// models have, or by no scaling where every divisor is 1. Refuses any other
/// tensor.
Status resolveRopeFrequencies(const Checkpoint &checkpoint,
                              ModelConfig &config);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_ROPEFREQUENCIES_H
