//===- Generate.h - The decode loop -----------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_GENERATE_H
#define LOWBIT_RUNTIME_MODELS_GENERATE_H

#include "runtime/Models/Llm.h"
#include "runtime/Text/Sampler.h"
#include "runtime/Text/Tokenizer.h"

#include <atomic>
#include <functional>
#include <string>
#include <string_view>

namespace lowbit {

struct GenerateOptions {
  /// Tokens to make; negative: until the model ends or the context is full.
  int64_t tokens = -1;
  SamplerOptions sampler;
  /// Texts that end the generation; they are not part of the output.
  std::vector<std::string> stops;
  /// Goes on after end-of-generation tokens (benchmarks).
  bool ignoreEnd = false;
  /// Ends the generation when it becomes true (SIGINT). May be null.
  const std::atomic<bool> *interrupt = nullptr;
  /// Called with text that is ready, valid UTF-8. May be empty.
  std::function<Status(std::string_view)> onText;
  /// Called with the logits after each token fed, prompt included; asking for
  /// them makes the prompt slower. May be empty.
  Llm::RowFunction onLogits;
};

enum class GenerateEnd : uint8_t { length, endToken, stop, context, interrupted };
const char *generateEndName(GenerateEnd end);

struct GenerateResult {
  std::vector<int32_t> tokens; ///< generated, without the end token
  GenerateEnd end = GenerateEnd::length;
  int64_t promptTokens = 0;
  int64_t decodeSteps = 0; ///< tokens fed one by one
  double promptSeconds = 0;
  double decodeSeconds = 0;
  uint64_t decodeParameterBytes = 0; ///< read during the decode steps
};

/// Feeds `prompt` (at least one token) and samples. `tokenizer` may be null: no
/// text, no stops, no end tokens.
StatusOr<GenerateResult> generate(Llm &llm, const Tokenizer *tokenizer,
                                  std::span<const int32_t> prompt,
                                  const GenerateOptions &options);

/// Passes text on, holding back what may become a stop text.
class StopFilter {
public:
  explicit StopFilter(std::span<const std::string> stops) : stops(stops) {}
  /// Adds text; returns what can be shown. `stopped` is set when a stop text is
  /// complete; nothing is shown afterwards.
  std::string push(std::string_view text, bool &stopped);
  /// What was held back, at the end without a stop.
  std::string finish();

private:
  std::span<const std::string> stops;
  std::string held;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_GENERATE_H
