//===- ArchiveImpl.h - Inside of the parameter archive -------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_ARCHIVEIMPL_H
#define LOWBIT_LIB_IMPORT_ARCHIVEIMPL_H

#include "lib/Import/Checkpoint.h"
#include "lib/Import/ParameterArchive.h"
#include "lib/Import/SpillStore.h"

#include <mutex>
#include <optional>

namespace mlir::lowbit {

struct SplatValue {
  float value = 0.0f;
  int64_t code = 0;
};

struct ParameterArchive::Impl {
  std::string path;
  std::string kind = "mlir";
  std::optional<::lowbit::import::Checkpoint> checkpoint;
  std::optional<::lowbit::import::Checkpoint> bound;
  std::optional<SplatValue> splat;
  std::optional<uint64_t> randomSeed;
  ::lowbit::import::SpillStore spill;
  std::once_flag digestOnce;
  std::string digest;
};

/// A tensor of the checkpoint as a `#lowbit.file` attribute names it, checked
/// against the rows and columns that the parameter has.
struct FileTensor {
  ::lowbit::import::StoredTensor stored;
  const ::lowbit::SourceLayout *layout = nullptr;
  std::optional<::lowbit::import::StoredTensor> scale;
  bool invertScale = false;
  int64_t rows = 0;
  int64_t columns = 0;
};

/// Finds the tensors that `source` names and checks format, type and bytes.
::lowbit::StatusOr<FileTensor>
resolveFile(const ::lowbit::import::Checkpoint &checkpoint,
            FileSourceAttr source, int64_t rows, int64_t columns);

/// The three sources, written in the layout of `leaf`.
::lowbit::Status writeFromFile(const FileTensor &file,
                               const ::lowbit::LeafDesc &leaf,
                               ComponentBytes &components, unsigned threads);
::lowbit::Status writeSplat(const SplatValue &splat,
                            const ::lowbit::LeafDesc &leaf,
                            ComponentBytes &components, unsigned threads);
::lowbit::Status
writeFromBound(std::span<const ::lowbit::import::StoredTensor> stored,
               const ::lowbit::LeafDesc &leaf, ComponentBytes &components,
               unsigned threads);

/// Components in the canonical layout of `leaf`, repacked to its own.
::lowbit::Status
writeFromCanonical(std::span<const std::span<const uint8_t>> canonical,
                   const ::lowbit::LeafDesc &leaf, ComponentBytes &components,
                   unsigned threads);
/// Entry of the spill store that `source` names.
::lowbit::Status writeFromSpill(const ::lowbit::import::SpillStore &spill,
                                ComputedSourceAttr source,
                                const ::lowbit::LeafDesc &leaf,
                                ComponentBytes &components, unsigned threads);
/// The components of a sum or product, which only passes make; false, and
/// nothing done, when the type of `param` is neither.
::lowbit::StatusOr<bool> writeTree(const ::lowbit::import::SpillStore &spill,
                                   ParamOp param, ComponentBytes &components);
/// Reproducible numbers for tests: float codes of about +-0.1, uniform integer
/// codes, positive float parameters.
::lowbit::Status writeRandom(uint64_t seed, llvm::StringRef name,
                             const ::lowbit::LeafDesc &leaf,
                             ComponentBytes &components);

/// The tensors of `bound` that hold the components of a parameter, in canonical
/// order, checked against the canonical layout of `leaf` (or against the shape
/// of `vector`, a builtin tensor).
::lowbit::StatusOr<std::vector<::lowbit::import::StoredTensor>>
findBound(const ::lowbit::import::Checkpoint &bound, const std::string &name,
          const ::lowbit::LeafDesc &leaf, RankedTensorType vector);

/// The encoding of `type` without a layout, and with it.
::lowbit::StatusOr<::lowbit::LeafDesc> canonicalLeaf(LowbitTensorType type);

/// A builtin f32 tensor seen as an f32 leaf: [all but the last, last].
::lowbit::StatusOr<::lowbit::LeafDesc> leafOfVector(RankedTensorType type);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_ARCHIVEIMPL_H
