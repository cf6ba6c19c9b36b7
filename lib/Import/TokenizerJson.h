//===- TokenizerJson.h - Hugging Face tokenizers ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// tokenizer.json and the files beside it. Only BPE is read (byte-level and
// SentencePiece style); Unigram and WordPiece are named errors, as is every
// normalizer, pre-tokenizer or option whose effect we could not reproduce.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_TOKENIZERJSON_H
#define LOWBIT_LIB_IMPORT_TOKENIZERJSON_H

#include "lowbit/Format/Tokenizer.h"

namespace lowbit::import {

/// Texts of the files of a Hugging Face folder; empty where a file is absent.
struct HuggingFaceTokenizerFiles {
  std::string folder; ///< for messages
  std::string_view tokenizerJson;
  std::string_view tokenizerConfigJson;
  std::string_view generationConfigJson;
  std::string_view chatTemplateJinja;
};

/// The result is valid (lowbit::validate).
StatusOr<TokenizerSpec>
tokenizerFromHuggingFace(const HuggingFaceTokenizerFiles &files);

/// Reads the files of `folder` (tokenizer.json is required) and converts them.
StatusOr<TokenizerSpec> readHuggingFaceTokenizer(const std::string &folder);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_TOKENIZERJSON_H
