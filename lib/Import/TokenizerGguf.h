//===- TokenizerGguf.h - Tokenizers out of GGUF metadata --------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A pure function over a plain struct, which the GGUF importer fills from the
// keys named below. Standard library only.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_TOKENIZERGGUF_H
#define LOWBIT_LIB_IMPORT_TOKENIZERGGUF_H

#include "lowbit/Format/Tokenizer.h"

#include <optional>

namespace lowbit::import {

/// The tokenizer keys of a GGUF file; views point into the file.
struct GgufTokenizerMetadata {
  std::string fileName;                 ///< for messages
  /// Where the entry of each key begins in the file, for messages.
  std::vector<std::pair<std::string_view, uint64_t>> offsets;
  std::string model;                    ///< tokenizer.ggml.model
  std::string pre;                      ///< tokenizer.ggml.pre, empty if absent
  std::vector<std::string_view> tokens; ///< tokenizer.ggml.tokens
  std::vector<float> scores;            ///< tokenizer.ggml.scores, may be empty
  std::vector<int64_t> tokenTypes; ///< tokenizer.ggml.token_type, may be empty
  std::vector<std::string_view> merges; ///< tokenizer.ggml.merges, may be empty
  std::optional<int64_t> bosId;         ///< tokenizer.ggml.bos_token_id
  std::optional<int64_t> eosId;         ///< tokenizer.ggml.eos_token_id
  std::optional<int64_t> unkId;         ///< tokenizer.ggml.unknown_token_id
  std::optional<int64_t> padId;         ///< tokenizer.ggml.padding_token_id
  std::optional<int64_t> eotId;         ///< tokenizer.ggml.eot_token_id
  std::optional<int64_t> eomId;         ///< tokenizer.ggml.eom_token_id
  std::optional<bool> addBos;           ///< tokenizer.ggml.add_bos_token
  std::optional<bool> addEos;           ///< tokenizer.ggml.add_eos_token
  std::optional<bool> addSpacePrefix;   ///< tokenizer.ggml.add_space_prefix
  std::string chatTemplate;             ///< tokenizer.chat_template
};

/// Model "llama" (SentencePiece BPE by score) or "gpt2" (byte-level BPE);
/// others are unimplemented. The result is valid (lowbit::validate).
StatusOr<TokenizerSpec>
tokenizerFromGgufMetadata(const GgufTokenizerMetadata &metadata);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_TOKENIZERGGUF_H
