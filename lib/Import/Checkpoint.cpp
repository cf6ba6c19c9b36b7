//===- Checkpoint.cpp - One view of the files we import -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Checkpoint.h"

#include "lowbit/Support/Hash.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::import;

const char *lowbit::import::checkpointKindName(CheckpointKind kind) {
  switch (kind) {
  case CheckpointKind::gguf:
    return "gguf";
  case CheckpointKind::huggingface:
    return "huggingface";
  case CheckpointKind::safetensors:
    return "safetensors";
  }
  return "unknown";
}

std::string lowbit::import::shapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    if (i != 0)
      text += " x ";
    text += std::to_string(shape[i]);
  }
  return text + "]";
}

static StoredTensor viewOf(const GgufTensor &tensor, const std::string &file) {
  return {tensor.name,   ggmlTypeName(tensor.typeId),
          tensor.layout, tensor.shape,
          tensor.bytes,  file,
          tensor.offset};
}

static StoredTensor viewOf(const SafeTensor &tensor) {
  return {tensor.name,  tensor.dtype, safetensorsLayout(tensor.dtype),
          tensor.shape, tensor.bytes, tensor.file,
          tensor.offset};
}

StatusOr<Checkpoint> Checkpoint::open(const std::string &path) {
  Checkpoint checkpoint;
  checkpoint.name = path;
  if (!llvm::sys::fs::exists(path))
    return notFound(
        "'%s' does not exist; expected a GGUF file or a folder with "
        "config.json and safetensors",
        path.c_str());
  if (llvm::sys::fs::is_directory(path)) {
    llvm::SmallString<128> config(path);
    llvm::sys::path::append(config, "config.json");
    if (!llvm::sys::fs::exists(config))
      return invalidArgument(
          "folder '%s' has no config.json; expected a Hugging "
          "Face model folder",
          path.c_str());
    checkpoint.checkpointKind = CheckpointKind::huggingface;
  } else if (llvm::StringRef(path).ends_with(".safetensors")) {
    checkpoint.checkpointKind = CheckpointKind::safetensors;
  } else {
    LOWBIT_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(path));
    checkpoint.ggufFile.emplace(std::move(file));
    return checkpoint;
  }
  LOWBIT_ASSIGN_OR_RETURN(SafetensorsModel model, SafetensorsModel::open(path));
  checkpoint.safetensors.emplace(std::move(model));
  return checkpoint;
}

std::optional<StoredTensor>
Checkpoint::find(std::string_view tensorName) const {
  if (ggufFile) {
    const GgufTensor *tensor = ggufFile->find(tensorName);
    return tensor ? std::optional(viewOf(*tensor, ggufFile->path()))
                  : std::nullopt;
  }
  const SafeTensor *tensor = safetensors->find(tensorName);
  return tensor ? std::optional(viewOf(*tensor)) : std::nullopt;
}

std::vector<StoredTensor> Checkpoint::tensors() const {
  std::vector<StoredTensor> views;
  if (ggufFile)
    for (const GgufTensor &tensor : ggufFile->tensors())
      views.push_back(viewOf(tensor, ggufFile->path()));
  else
    for (const SafeTensor *tensor : safetensors->tensors())
      views.push_back(viewOf(*tensor));
  return views;
}

StatusOr<std::string> Checkpoint::sha256() const {
  if (ggufFile)
    return toHex(lowbit::sha256(ggufFile->bytes()));
  if (checkpointKind == CheckpointKind::safetensors)
    return toHex(lowbit::sha256(safetensors->files().front().bytes()));
  llvm::SmallString<128> config(name);
  llvm::sys::path::append(config, "config.json");
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file,
                          MappedFile::open(config.str().str()));
  std::vector<std::pair<std::string, std::span<const uint8_t>>> parts;
  parts.emplace_back("config.json", file.bytes());
  for (const SafetensorsFile &shard : safetensors->files())
    parts.emplace_back(llvm::sys::path::filename(shard.path()).str(),
                       shard.bytes());
  std::sort(parts.begin(), parts.end(),
            [](const auto &a, const auto &b) { return a.first < b.first; });
  std::string lines;
  for (const auto &[part, bytes] : parts)
    lines += toHex(lowbit::sha256(bytes)) + "  " + part + "\n";
  return toHex(lowbit::sha256(
      {reinterpret_cast<const uint8_t *>(lines.data()), lines.size()}));
}
