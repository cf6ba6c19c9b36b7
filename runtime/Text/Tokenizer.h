//===- Tokenizer.h - Text to token ids and back -----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Byte-level BPE (GPT-2, SmolLM, Llama 3, Qwen 2) and SentencePiece-style BPE
// (Llama 2), driven by a TokenizerSpec. Encoding a text of n bytes takes
// O(n log n) whatever the text: merges come from a priority queue.
//
// A Tokenizer is immutable; any number of threads may use one at a time.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_TEXT_TOKENIZER_H
#define LOWBIT_RUNTIME_TEXT_TOKENIZER_H

#include "lowbit/Format/Tokenizer.h"

#include <memory>

namespace lowbit {

struct EncodeOptions {
  /// Adds BOS and EOS where the tokenizer says so.
  bool addSpecial = true;
  /// Text that reads like a control token ("<|im_start|>") becomes that token.
  bool parseSpecial = false;
  /// The tokenizer's dummy prefix space, where it has one.
  bool spacePrefix = true;
};

struct DecodeOptions {
  /// Leaves out control tokens; otherwise they appear as their text.
  bool skipSpecial = true;
  /// The ids start a text: the dummy prefix space, where the tokenizer adds
  /// one, is taken away again.
  bool atStart = true;
};

class Tokenizer {
public:
  /// Validates `spec` and prepares the tables. Fails on a spec of kind `none`
  /// and on a split pattern that PCRE2 refuses.
  static StatusOr<Tokenizer> create(TokenizerSpec spec);

  Tokenizer(Tokenizer &&);
  Tokenizer &operator=(Tokenizer &&);
  ~Tokenizer();

  /// Token ids of `text`, which may be any bytes. Fails when a character has no
  /// token and the tokenizer has neither byte fallback nor an unknown token.
  StatusOr<std::vector<int32_t>>
  encode(std::string_view text, const EncodeOptions &options = {}) const;

  /// The exact bytes that `ids` stand for; not UTF-8 when they are not. Ids
  /// outside the vocabulary give nothing.
  std::string decode(std::span<const int32_t> ids,
                     const DecodeOptions &options = {}) const;

  /// The bytes of one token; empty for a control token unless `showSpecial`.
  std::string tokenBytes(int32_t id, bool showSpecial = false) const;

  /// The id of a control or user-defined token by its text, or -1.
  int32_t findAdded(std::string_view text) const;

  bool isEndOfGeneration(int32_t id) const;
  bool isSpecial(int32_t id) const;
  const TokenizerSpec &spec() const;

private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

/// Turns a stream of ids into text that is valid UTF-8 at every point: the
/// bytes of an unfinished character are held back, bytes that can never be part
/// of one become U+FFFD. Keeps a reference to the tokenizer.
class StreamDecoder {
public:
  explicit StreamDecoder(const Tokenizer &tokenizer,
                         const DecodeOptions &options = {});

  /// The text that this token completes; may be empty.
  std::string push(int32_t id);
  /// The end of the stream: what was held back, as U+FFFD.
  std::string finish();

private:
  const Tokenizer *tokenizer;
  DecodeOptions options;
  bool dropSpace;
  std::string held;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_TEXT_TOKENIZER_H
