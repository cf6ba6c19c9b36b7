//===- ModelImporter.h - Checkpoint to lowbit IR -------------- -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The import phase. A module has these symbols, whichever file it comes from:
//
//   lowbit.param @token_embedding, @output_norm, @output (absent when the head
//     is tied to the embedding), @rope
//   lowbit.param @l<i>.attn_norm, .q, .k, .v, .q_bias, .k_bias, .v_bias,
//     .attn_sub_norm, .o, .o_bias, .ffn_norm, .gate, .up, .gate_bias, .up_bias,
//     .ffn_sub_norm, .down, .down_bias (those that the model has)
//   lowbit.param_set @layer<i>, lowbit.kv_cache @kv, lowbit.block @block<j>
//   func.func @forward(%ids: tensor<?xi32>, %pos: i64) -> tensor<?xDxf32>
//   func.func @head(%h: tensor<?xDxf32>) -> tensor<?xVxf32>
//
// A block's arguments are (%h, %pos, %rope, %kv, parameters in set order).
// Module attributes: `lowbit.source` (path, sha256, kind) and `lowbit.meta`
// (the entries of ImportedModel::meta that begin with "model." or "llm.").
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_MODELIMPORTER_H
#define LOWBIT_LIB_IMPORT_MODELIMPORTER_H

#include "lib/Import/ModelConfig.h"
#include "lib/Import/ParameterArchive.h"
#include "lowbit/Format/Tokenizer.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace mlir::lowbit {

struct ImportOptions {
  /// Rows of the rotary table, an upper bound of what `-c` can ask for later;
  /// 0: the smaller of the model's context and 8192. Above the model's context
  /// it counts as the model's context.
  int64_t maxContext = 0;
  /// False for shape-only work (inspect, tests): no tokenizer is read.
  bool readTokenizer = true;
};

struct ImportedModel {
  OwningOpRef<ModuleOp> module;
  std::shared_ptr<ParameterArchive> archive;
  ::lowbit::TokenizerSpec tokenizer;
  ::lowbit::import::ModelConfig config;
  /// Keys of ModuleMeta (include/lowbit/Format/Module.h) and their values.
  std::vector<std::pair<std::string, std::string>> meta;
};

/// Imports a GGUF file or a Hugging Face folder. `context` needs the dialects
/// of registerAllDialects; they are loaded here.
::lowbit::StatusOr<ImportedModel> importModel(llvm::StringRef path,
                                              const ImportOptions &options,
                                              MLIRContext &context);

/// Adds the count of parameters and the source to `model.meta`, and the module
/// attributes.
void finishImport(ImportedModel &model);

/// What `importModel` gives beside the IR, for a module that was imported
/// before (`--compile-from`): reopens the checkpoint of its `lowbit.source`.
/// `module` of the result is empty. Fails with failedPrecondition when the
/// module names no checkpoint.
::lowbit::StatusOr<ImportedModel> reopenModel(ModuleOp module);

} // namespace mlir::lowbit

#endif // LOWBIT_LIB_IMPORT_MODELIMPORTER_H
