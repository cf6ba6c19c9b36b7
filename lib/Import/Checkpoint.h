//===- Checkpoint.h - One view of the files we import --------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A GGUF file and a folder of safetensors hold the same thing: named arrays of
// bytes in a stored format. The importer and the parameter archive see this
// view and never ask which one it is.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_CHECKPOINT_H
#define LOWBIT_LIB_IMPORT_CHECKPOINT_H

#include "lib/Import/Gguf.h"
#include "lib/Import/Safetensors.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit::import {

enum class CheckpointKind : uint8_t { gguf, huggingface, safetensors };
/// "gguf", "huggingface", "safetensors".
const char *checkpointKindName(CheckpointKind kind);

/// One array. Everything points into the checkpoint.
struct StoredTensor {
  std::string_view name;
  std::string_view type;                ///< as the file calls it: "Q4_1", "U8"
  const SourceLayout *layout = nullptr; ///< null: only a named format reads it
  std::span<const int64_t> shape;       ///< outermost first
  std::span<const uint8_t> bytes;
  std::string_view file;
  uint64_t offset = 0; ///< of its bytes in `file`
};

/// "[49152 x 576]", or "[]" for a single number.
std::string shapeText(std::span<const int64_t> shape);

class Checkpoint {
public:
  /// Opens a GGUF file (told by its magic), a folder with config.json and
  /// safetensors, or one .safetensors file.
  static StatusOr<Checkpoint> open(const std::string &path);

  CheckpointKind kind() const { return checkpointKind; }
  const std::string &path() const { return name; }
  std::optional<StoredTensor> find(std::string_view tensorName) const;
  /// All tensors, in the order of their bytes.
  std::vector<StoredTensor> tensors() const;
  /// Null unless kind() is gguf.
  const GgufFile *gguf() const { return ggufFile ? &*ggufFile : nullptr; }

  /// Hash of the whole checkpoint in hexadecimal. A file: its SHA-256. A
  /// folder: the SHA-256 of what `sha256sum` prints for its config.json and
  /// safetensors files in the order of their names.
  StatusOr<std::string> sha256() const;

private:
  CheckpointKind checkpointKind = CheckpointKind::gguf;
  std::string name;
  std::optional<GgufFile> ggufFile;
  std::optional<SafetensorsModel> safetensors;
};

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_CHECKPOINT_H
