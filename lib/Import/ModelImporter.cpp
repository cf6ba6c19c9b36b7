//===- ModelImporter.cpp - Checkpoint to lowbit IR ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelImporter.h"
#include "lib/Import/ArchiveImpl.h"
#include "lib/Import/GgufConfig.h"
#include "lib/Import/ModelBuilder.h"
#include "lib/Import/ModelSlots.h"
#include "lib/Import/RopeFrequencies.h"
#include "lib/Import/TokenizerGguf.h"
#include "lib/Import/TokenizerJson.h"

#include "dialects/Lowbit/IR/LowbitDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <algorithm>

using namespace mlir;
using namespace mlir::lowbit;
using namespace ::lowbit::import;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::TokenizerSpec;

/// Rows of the rotary table unless --max-context asks for another number.
static constexpr int64_t defaultMaxContext = 8192;

/// The tokenizer of a GGUF file; kind `none` where it has none.
static StatusOr<TokenizerSpec> ggufTokenizer(const GgufFile &file) {
  LOWBIT_ASSIGN_OR_RETURN(std::optional<GgufTokenizerMetadata> metadata,
                          readGgufTokenizer(file));
  if (!metadata)
    return TokenizerSpec();
  return tokenizerFromGgufMetadata(*metadata);
}

/// The tokenizer of a folder. One without any tokenizer file (a bare model as
/// save_pretrained writes it) takes and gives ids only; one that has a
/// tokenizer in a form that we do not read is an error.
static StatusOr<TokenizerSpec> folderTokenizer(const std::string &folder) {
  auto has = [&](const char *file) {
    llvm::SmallString<128> path(folder);
    llvm::sys::path::append(path, file);
    return llvm::sys::fs::exists(path);
  };
  for (const char *file :
       {"tokenizer.json", "tokenizer.model", "tokenizer_config.json",
        "vocab.json", "vocab.txt", "merges.txt", "tekken.json"})
    if (has(file))
      return readHuggingFaceTokenizer(folder);
  return TokenizerSpec();
}

//===----------------------------------------------------------------------===//
// What a checkpoint gives beside the IR
//===----------------------------------------------------------------------===//

/// A title: GGUF's own name, else the file's or folder's. Titles are printed,
/// so one with control characters is none.
static std::string titleOf(const Checkpoint &checkpoint,
                           const ParameterArchive &archive) {
  if (const GgufFile *gguf = checkpoint.gguf()) {
    auto name = gguf->getString("general.name");
    if (name.isOk() && *name && !(*name)->empty() && (*name)->size() < 256 &&
        llvm::none_of(**name,
                      [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
      return **name;
    return llvm::sys::path::stem(archive.name()).str();
  }
  return archive.name();
}

static StatusOr<ImportedModel> openModel(const std::string &path,
                                         bool readTokenizer) {
  ImportedModel model;
  LOWBIT_ASSIGN_OR_RETURN(model.archive, ParameterArchive::open(path));
  const Checkpoint &checkpoint = *model.archive->implementation().checkpoint;
  switch (checkpoint.kind()) {
  case CheckpointKind::gguf: {
    LOWBIT_ASSIGN_OR_RETURN(model.config, readGgufConfig(*checkpoint.gguf()));
    LOWBIT_RETURN_IF_ERROR(resolveRopeFrequencies(checkpoint, model.config));
    if (readTokenizer) {
      LOWBIT_ASSIGN_OR_RETURN(model.tokenizer,
                              ggufTokenizer(*checkpoint.gguf()));
    }
    break;
  }
  case CheckpointKind::huggingface: {
    LOWBIT_ASSIGN_OR_RETURN(model.config, readHuggingFaceConfig(path));
    if (readTokenizer) {
      LOWBIT_ASSIGN_OR_RETURN(model.tokenizer, folderTokenizer(path));
    }
    break;
  }
  case CheckpointKind::safetensors:
    return ::lowbit::unimplemented(
        "'%s' is a single safetensors file, which does not say what model it "
        "is; give the folder that has its config.json, or a description with "
        "--model=FILE.mlir",
        path.c_str());
  }
  LOWBIT_RETURN_IF_ERROR(checkImportable(model.config, checkpoint));
  // Ids that the model has no row for would index past the embedding.
  if (static_cast<int64_t>(model.tokenizer.tokens.size()) >
      model.config.vocabSize)
    return invalidArgument(
        "'%s': the tokenizer has %zu tokens, 'token_embedding' only %lld rows",
        path.c_str(), model.tokenizer.tokens.size(),
        static_cast<long long>(model.config.vocabSize));
  model.meta = {
      {"model.kind", "llm"},
      {"model.name", titleOf(checkpoint, *model.archive)},
      {"model.architecture", modelFamilyName(model.config.family)},
      {"llm.vocabulary", std::to_string(model.config.vocabSize)},
      {"llm.hidden", std::to_string(model.config.hiddenSize)},
      {"llm.context", std::to_string(model.config.contextLength)},
      {"source.name", model.archive->name()},
      {"source.sha256", model.archive->sha256()},
  };
  return model;
}

/// Logical weights, each parameter counted once; the rotary table is none.
static int64_t countParameters(const ModelSlots &slots) {
  int64_t count = slots.embedding.elements + slots.outputNorm.elements +
                  slots.output.elements;
  for (const LayerSlots &layer : slots.layers)
    for (const Slot &slot : layer.roles)
      count += slot.elements;
  return count;
}

/// The same of any module: all that comes from the checkpoint.
static int64_t countParameters(ModuleOp module) {
  int64_t count = 0;
  for (auto param : module.getOps<ParamOp>()) {
    if (!isa_and_nonnull<FileSourceAttr>(param.getSourceAttr()))
      continue;
    Type type = param.getType();
    if (auto packed = dyn_cast<LowbitTensorType>(type))
      type = packed.getDecodedType();
    count += cast<ShapedType>(type).getNumElements();
  }
  return count;
}

static void addModuleAttributes(const ImportedModel &model) {
  ModuleOp module = *model.module;
  Builder builder(module.getContext());
  auto text = [&](StringRef key, StringRef value) {
    return builder.getNamedAttr(key, builder.getStringAttr(value));
  };
  module->setAttr("lowbit.source", builder.getDictionaryAttr({
                                       text("kind", model.archive->kind()),
                                       text("path", model.archive->path()),
                                       text("sha256", model.archive->sha256()),
                                   }));
  SmallVector<NamedAttribute> entries;
  for (const auto &[key, value] : model.meta)
    if (!StringRef(key).starts_with("source."))
      entries.push_back(text(key, value));
  module->setAttr("lowbit.meta", builder.getDictionaryAttr(entries));
}

void mlir::lowbit::finishImport(ImportedModel &model) {
  model.meta.emplace_back("model.parameters",
                          std::to_string(countParameters(*model.module)));
  model.meta.emplace_back("source.name", model.archive->name());
  model.meta.emplace_back("source.sha256", model.archive->sha256());
  std::sort(model.meta.begin(), model.meta.end());
  addModuleAttributes(model);
}

/// A model whose meta entries stand in the module: not a language model.
static StatusOr<ImportedModel> reopenDescribed(ModuleOp module, DictionaryAttr meta) {
  ImportedModel model;
  LOWBIT_ASSIGN_OR_RETURN(model.archive, ParameterArchive::openFor(module));
  for (NamedAttribute entry : meta)
    if (auto text = dyn_cast<StringAttr>(entry.getValue()))
      model.meta.emplace_back(entry.getName().str(), text.getValue().str());
  model.meta.emplace_back("source.name", model.archive->name());
  model.meta.emplace_back("source.sha256", model.archive->sha256());
  std::sort(model.meta.begin(), model.meta.end());
  return model;
}

StatusOr<ImportedModel> mlir::lowbit::importModel(StringRef path,
                                                  const ImportOptions &options,
                                                  MLIRContext &context) {
  context.loadDialect<LowbitDialect, arith::ArithDialect, func::FuncDialect>();
  LOWBIT_ASSIGN_OR_RETURN(ImportedModel model,
                          openModel(path.str(), options.readTokenizer));
  const Checkpoint &checkpoint = *model.archive->implementation().checkpoint;
  LOWBIT_ASSIGN_OR_RETURN(
      ModelSlots slots, resolveModelSlots(model.config, checkpoint, &context));
  if (options.maxContext < 0 || options.maxContext >= (int64_t(1) << 31))
    return invalidArgument(
        "the largest context must be 1 to 2^31 - 1, got %lld",
        static_cast<long long>(options.maxContext));
  const int64_t positions =
      std::min(model.config.contextLength,
               options.maxContext ? options.maxContext : defaultMaxContext);
  LOWBIT_ASSIGN_OR_RETURN(model.module,
                          buildModel(model.config, slots, positions, &context));
  model.meta.emplace_back("model.parameters",
                          std::to_string(countParameters(slots)));
  std::sort(model.meta.begin(), model.meta.end());
  addModuleAttributes(model);
  return model;
}

StatusOr<ImportedModel> mlir::lowbit::reopenModel(ModuleOp module) {
  auto source = module->getAttrOfType<DictionaryAttr>("lowbit.source");
  auto path = source ? source.getAs<StringAttr>("path") : StringAttr();
  if (!path)
    return ::lowbit::failedPrecondition(
        "the module has no 'lowbit.source' with a 'path': it was not imported "
        "from a checkpoint");
  if (auto meta = module->getAttrOfType<DictionaryAttr>("lowbit.meta"))
    if (auto kind = meta.getAs<StringAttr>("model.kind"))
      if (kind.getValue() != "llm")
        return reopenDescribed(module, meta);
  LOWBIT_ASSIGN_OR_RETURN(ImportedModel model,
                          openModel(path.getValue().str(), true));
  LOWBIT_ASSIGN_OR_RETURN(model.archive, ParameterArchive::openFor(module));
  if (auto meta = module->getAttrOfType<DictionaryAttr>("lowbit.meta"))
    if (auto count = meta.getAs<StringAttr>("model.parameters"))
      model.meta.emplace_back("model.parameters", count.getValue().str());
  std::sort(model.meta.begin(), model.meta.end());
  return model;
}
