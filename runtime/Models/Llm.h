//===- Llm.h - A language model with its cache ------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_MODELS_LLM_H
#define LOWBIT_RUNTIME_MODELS_LLM_H

#include "lowbit/Runtime/Session.h"

#include <functional>

namespace lowbit {

struct LlmOptions {
  /// Tokens that the cache holds; 0: the model's own context length.
  int64_t context = 0;
  /// Prompt tokens of one call. Results do not depend on it.
  int64_t ubatch = 128;
  bool timeKernels = false;
};

/// Which rows of the logits feed() computes.
enum class LogitRows : uint8_t { none, last, all };

/// Runs the functions "forward" and "head" of a module. Not thread-safe; the
/// module must outlive it.
class Llm {
public:
  static StatusOr<std::unique_ptr<Llm>> create(const Module &module,
                                               const LlmOptions &options);

  /// Number of logits; ids are below it.
  int64_t vocabulary() const { return vocabularySize; }
  /// Tokens that fit the cache.
  int64_t context() const { return contextLength; }
  /// Tokens fed since the last reset.
  int64_t position() const { return tokensFed; }

  /// Called with the position of a token and the logits after it (vocabulary()
  /// numbers, valid during the call).
  using RowFunction =
      std::function<Status(int64_t position, std::span<const float> logits)>;

  /// Feeds tokens after those fed before. Ids outside the vocabulary, and more
  /// tokens than the context holds, are an error before anything is computed.
  Status feed(std::span<const int32_t> ids, LogitRows rows,
              const RowFunction &onRow = {});
  /// Logits after the last token of the last feed() with `last` or `all`.
  std::span<const float> logits() const { return lastLogits; }
  /// Forgets everything fed.
  void reset() { tokensFed = 0; }

  Session &session() { return *run; }
  const Session &session() const { return *run; }
  /// Bytes of parameters that the kernels have read so far (by the plan).
  uint64_t parameterBytesRead() const;

private:
  Llm() = default;
  Status bindFunctions(const Plan &plan);
  Status computeRows(int64_t first, int64_t count, const RowFunction &onRow);

  std::unique_ptr<Session> run;
  uint32_t forward = 0;
  uint32_t head = 0;
  int64_t vocabularySize = 0;
  int64_t logitStride = 0;
  int64_t hiddenStride = 0;
  int64_t contextLength = 0;
  int64_t ubatch = 1;
  int64_t headRows = 1;
  int64_t tokensFed = 0;
  std::unique_ptr<Buffer> ids;
  std::unique_ptr<Buffer> hidden;
  std::unique_ptr<Buffer> headHidden;
  std::unique_ptr<Buffer> headLogits;
  std::vector<uint8_t> staging;
  std::vector<float> rowLogits;
  std::vector<float> lastLogits;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_MODELS_LLM_H
