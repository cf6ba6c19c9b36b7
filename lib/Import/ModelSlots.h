//===- ModelSlots.h - Which tensors a model needs, found ----- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A decoder layer has a fixed list of parameters; a family has some of them.
// The tables of names (GGUF, Hugging Face) are data. Resolving them against the
// checkpoint gives each a type and a source, and one error that lists
// everything missing, left over or of another shape.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_MODELSLOTS_H
#define LOWBIT_LIB_IMPORT_MODELSLOTS_H

#include "lib/Import/Checkpoint.h"
#include "lib/Import/ModelConfig.h"

#include "dialects/Lowbit/IR/LowbitOps.h"

#include <array>
#include <string>
#include <vector>

namespace mlir::lowbit {

/// Parameters of a layer, in the order of a block's arguments.
enum class LayerRole : unsigned {
  attnNorm,
  q,
  qBias,
  k,
  kBias,
  v,
  vBias,
  attnSubNorm,
  o,
  oBias,
  ffnNorm,
  gate,
  gateBias,
  up,
  upBias,
  ffnSubNorm,
  down,
  downBias,
};
inline constexpr unsigned numLayerRoles = 18;

/// One parameter. Absent when `type` is null.
struct Slot {
  std::string symbol;
  std::string tensor; ///< name in the checkpoint
  Type type; ///< !lowbit.tensor for matrices, tensor<Nxf32> for vectors
  Attribute source;
  /// Packed BitNet: its input is quantized to int8 per token by definition.
  bool int8Input = false;
  int64_t elements = 0;

  explicit operator bool() const { return static_cast<bool>(type); }
};

struct LayerSlots {
  std::array<Slot, numLayerRoles> roles;
  int64_t window = 0; ///< tokens a position sees; 0: all
  const Slot &operator[](LayerRole role) const {
    return roles[static_cast<unsigned>(role)];
  }
  Slot &operator[](LayerRole role) {
    return roles[static_cast<unsigned>(role)];
  }
};

struct ModelSlots {
  Slot embedding;
  Slot outputNorm;
  Slot output; ///< absent when the head is tied to the embedding
  std::vector<LayerSlots> layers;
};

/// What the readers of configurations cannot know: limits of the IR, kinds of
/// models that have no IR yet, and that there are no more layers than the
/// checkpoint has tensors. (Ranges of single numbers are theirs.)
::lowbit::Status
checkImportable(const ::lowbit::import::ModelConfig &config,
                const ::lowbit::import::Checkpoint &checkpoint);

/// Finds every tensor of a checked configuration. `context` has the dialect
/// loaded.
::lowbit::StatusOr<ModelSlots>
resolveModelSlots(const ::lowbit::import::ModelConfig &config,
                  const ::lowbit::import::Checkpoint &checkpoint,
                  MLIRContext *context);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_MODELSLOTS_H
