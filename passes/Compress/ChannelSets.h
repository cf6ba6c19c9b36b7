//===- ChannelSets.h - Inner widths that may shrink -------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PASSES_COMPRESS_CHANNELSETS_H
#define PASSES_COMPRESS_CHANNELSETS_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "lowbit/Support/Status.h"

#include <vector>

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// A product whose rows make the channels of a set.
struct ChannelMaker {
  ParamOp matrix;         ///< [units * width, K]
  ParamOp bias;           ///< [units * width], or null
  int64_t width = 1;      ///< rows a unit
  bool carriesValue = true; ///< the channel's size is that of these rows
};

/// An inner width of a layer: units of channels that one product reads and that
/// others make, so that units can go without any other layer noticing.
struct ChannelSet {
  int64_t units = 0;
  int64_t width = 1; ///< columns of the reader a unit
  std::vector<ChannelMaker> makers;
  ParamOp reader; ///< matrix [N, units * width]
};

/// In every layer the product that reads elementwise combinations of other
/// products (a feed-forward layer); units are single channels. Layers that share
/// all their matrices count once; an error where they share only some of them.
::lowbit::StatusOr<std::vector<ChannelSet>>
findFeedForwardChannels(ModuleOp module);

/// In every layer the product that reads attention; a unit is a key/value head
/// with the query heads that read it. An error where attention is read by
/// anything but one product or is made by more than products, rotary embeddings
/// and norms of heads, since all caches of a kind must narrow alike.
::lowbit::StatusOr<std::vector<ChannelSet>> findHeadChannels(ModuleOp module);

/// Gives products, elementwise ops, and attention with what surrounds it the
/// widths that follow from their weights, and caches their number of heads.
void inferWidths(ModuleOp module);

} // namespace mlir::lowbit

#endif // PASSES_COMPRESS_CHANNELSETS_H
