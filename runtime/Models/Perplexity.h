//===- Perplexity.h - How well a model predicts a text ----------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_PERPLEXITY_H
#define LOWBIT_RUNTIME_MODELS_PERPLEXITY_H

#include "runtime/Models/Llm.h"
#include "runtime/Text/Tokenizer.h"

namespace lowbit {

struct PerplexityOptions {
  int64_t window = 512; ///< tokens of a window, >= 2 (>= 1 with bos)
  int64_t windows = 0;  ///< 0: as many as the text has, a partial one left out
  bool bos = false;     ///< BOS before each window; then every token is scored
  /// Called after each window with the figures so far. May be empty.
  std::function<void(int64_t done, int64_t total, double perplexity)> onProgress;
};

struct PerplexityResult {
  int64_t windows = 0;
  int64_t tokens = 0; ///< scored
  int64_t bytes = 0;  ///< of text that the scored tokens stand for
  double nll = 0;     ///< mean over the scored tokens, in nats
  double perplexity = 0;
  double bitsPerByte = 0;
};

/// INTERFACE.md's definition: the text is tokenized once, without special tokens
/// and without a dummy prefix space; consecutive windows, each from an empty
/// cache; without `bos` the first token of a window is not scored.
/// `llm` needs a context of at least the window (plus one with bos).
StatusOr<PerplexityResult> measurePerplexity(Llm &llm,
                                             const Tokenizer &tokenizer,
                                             std::string_view text,
                                             const PerplexityOptions &options);

/// -log softmax(logits)[target], summed in f64.
double negativeLogLikelihood(std::span<const float> logits, int32_t target);

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_PERPLEXITY_H
