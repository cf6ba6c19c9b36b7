//===- MatrixTypes.h - What dense and sparse mma share ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_MATRIXTYPES_H
#define RUNTIME_SIMULATOR_MATRIXTYPES_H

#include "runtime/Simulator/Decoder.h"
#include "runtime/Simulator/TensorCore.h"

namespace lowbit::ptx {

/// Element types of A and B; the integers come first.
enum class MmaType : uint8_t { u4, s4, u8, s8, b1, f16, bf16, tf32, e4m3, e5m2, f64 };

struct MmaTypeRow {
  const char *name;
  MmaType type;
  unsigned bits;
};

/// Takes the next modifier, which must name an element type.
bool eatMmaType(Decoder &decoder, MmaTypeRow &type);
/// The type for the rounding model; f16 for what is no float.
TensorInput tensorInput(MmaType type);
/// Finishes an `.aligned` instruction: every lane of the warp takes part.
bool finishSync(Decoder &decoder, Handler handler, Pipe pipe);
/// The rest of `mma` when the next modifier is `.sp` (OpsSparse.cpp).
bool decodeSparseMma(Decoder &decoder);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_MATRIXTYPES_H
