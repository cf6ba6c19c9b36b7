//===- ParameterArchive.h - Bytes of a module's parameters ---- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Weights never stand in the IR. A `lowbit.param` names its source, and the
// archive turns that source into the components of the parameter's type, in the
// layout which that type asks for at the time of the call: right after import
// the canonical one, after the encode phase rows-in-lanes.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_PARAMETERARCHIVE_H
#define LOWBIT_LIB_IMPORT_PARAMETERARCHIVE_H

#include "dialects/Lowbit/IR/LowbitOps.h"

#include "lowbit/Support/Hash.h"
#include "lowbit/Support/Status.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mlir {
class ModuleOp;
}

namespace mlir::lowbit {

/// The stored arrays of one parameter, in canonical order (componentsOf). A
/// builtin tensor has one: its f32 elements, row-major.
using ComponentBytes = std::vector<std::vector<uint8_t>>;

struct MaterializeOptions {
  /// Threads that pack rows; the bytes do not depend on it. 0 counts as 1.
  unsigned threads = 1;
};

/// Owns a mapped checkpoint and what else parameters are bound to.
/// `materialize` and `contentHash` may be called by several threads at once;
/// the bind functions may not.
class ParameterArchive {
public:
  /// Opens a GGUF file, a Hugging Face folder or one .safetensors file.
  static ::lowbit::StatusOr<std::shared_ptr<ParameterArchive>>
  open(const std::string &path);
  /// An archive without a checkpoint: for `.mlir` input with computed tables,
  /// splats, and parameters bound by name.
  static std::shared_ptr<ParameterArchive> createEmpty();
  /// The archive of a module: reopens the checkpoint that its `lowbit.source`
  /// attribute names and refuses one whose hash has changed; empty without
  /// that attribute.
  static ::lowbit::StatusOr<std::shared_ptr<ParameterArchive>>
  openFor(ModuleOp module);
  ~ParameterArchive();

  /// `--weights=FILE.safetensors`: a parameter without source named NAME
  /// (`l0.q` for `@l0.q`) takes its components from the tensors NAME.codes,
  /// NAME.scale, ... (ComponentDesc::name), each of the extents and container
  /// type of the *canonical* layout; a parameter of one component may be stored
  /// as NAME. Repacked to the type's layout when it has another one.
  ::lowbit::Status bindFile(const std::string &path);
  /// `--weights=splat`: parameters without source, and those whose file source
  /// has no checkpoint behind it, have float numbers `value` and codes `code`
  /// (clamped to the code's range).
  void bindSplat(float value, int64_t code);

  /// Parameters without source and without any of the above get reproducible
  /// numbers from `seed` and their name (tests of passes).
  void bindRandom(uint64_t seed);

  /// Keeps the components of a parameter that a pass computed, in the canonical
  /// layout of its type, and returns the source that names them. May be called
  /// by several threads, but then the numbers depend on their order.
  ::lowbit::StatusOr<ComputedSourceAttr>
  addComputed(MLIRContext *context, const ComponentBytes &components);
  /// Forgets what addComputed kept; no parameter may name `source` any more.
  void dropComputed(ComputedSourceAttr source);
  /// The components that params of `module` still name go to `path`; returns
  /// false, and writes nothing, when there are none.
  ::lowbit::StatusOr<bool> saveComputed(ModuleOp module,
                                        const std::string &path) const;
  /// Takes up a file of saveComputed.
  ::lowbit::Status loadComputed(const std::string &path);

  /// All numbers of a parameter, row-major, by Semantics.md E3.
  ::lowbit::StatusOr<std::vector<float>>
  decode(ParamOp param, const MaterializeOptions &options = {}) const;

  /// Fills `components` (resized; capacity is kept between calls). Fails with
  /// the parameter's name when the source is missing, has another shape, or
  /// does not denote what the type says.
  ::lowbit::Status materialize(ParamOp param, ComponentBytes &components,
                               const MaterializeOptions &options = {}) const;

  /// Equal for parameters whose components are equal by construction: same
  /// stored bytes and format, or same table, and same type. Reads the source
  /// once, unpacks nothing.
  ::lowbit::StatusOr<::lowbit::Hash128> contentHash(ParamOp param) const;

  /// Path of the checkpoint; empty without one.
  const std::string &path() const;
  /// "gguf", "huggingface", "safetensors", or "mlir" without a checkpoint.
  const std::string &kind() const;
  /// SHA-256 in hexadecimal of the checkpoint; computed once, on first use. Of
  /// a folder: of the lines that `sha256sum` prints for config.json and the
  /// safetensors files, sorted by name. Empty without a checkpoint.
  const std::string &sha256() const;
  /// The name of a checkpoint for titles: last part of its path.
  std::string name() const;

  struct Impl;
  /// For the importer, which shares the readers.
  Impl &implementation() { return *impl; }

private:
  explicit ParameterArchive(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// All numbers that `components` of `leaf` denote, row-major (E3).
::lowbit::StatusOr<std::vector<float>>
decodeComponents(const ::lowbit::LeafDesc &leaf,
                 const ComponentBytes &components, unsigned threads = 1);

/// Rotary table `[positions][dim / 2][2]` of (cos, sin), computed in f64 and
/// rounded once (Semantics.md N13). `source` as in `#lowbit.rope_table`.
/// Formulas of transformers' modeling_rope_utils: linear divides every
/// frequency by `factor`; llama3 divides the low ones and blends between the
/// two wavelengths original_context / low_freq_factor and original_context /
/// high_freq_factor.
::lowbit::StatusOr<std::vector<float>>
computeRopeTable(RopeTableAttr source, int64_t positions, int64_t dim);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_PARAMETERARCHIVE_H
