//===- Generate.cpp - The decode loop -------------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Generate.h"

#include <algorithm>
#include <chrono>

using namespace lowbit;

const char *lowbit::generateEndName(GenerateEnd end) {
  switch (end) {
  case GenerateEnd::length:
    return "length";
  case GenerateEnd::endToken:
    return "end-token";
  case GenerateEnd::stop:
    return "stop";
  case GenerateEnd::context:
    return "context";
  case GenerateEnd::interrupted:
    return "interrupted";
  }
  return "unknown";
}

std::string StopFilter::push(std::string_view text, bool &stopped) {
  held += text;
  size_t first = std::string::npos;
  for (const std::string &stop : stops)
    if (!stop.empty())
      first = std::min(first, held.find(stop));
  stopped = first != std::string::npos;
  size_t ready = stopped ? first : held.size();
  // Keep the longest tail that begins a stop text.
  for (const std::string &stop : stops) {
    if (stopped)
      break;
    size_t longest = std::min(stop.size(), held.size());
    for (size_t length = longest; length > 0; --length)
      if (held.compare(held.size() - length, length, stop, 0, length) == 0) {
        ready = std::min(ready, held.size() - length);
        break;
      }
  }
  std::string result = held.substr(0, ready);
  held = stopped ? std::string() : held.substr(ready);
  return result;
}

std::string StopFilter::finish() { return std::move(held); }

static double secondsSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
      .count();
}

namespace {

/// One generation under way.
struct Generation {
  Llm &llm;
  const Tokenizer *tokenizer;
  const GenerateOptions &options;
  Sampler sampler;
  StopFilter filter;
  std::optional<StreamDecoder> decoder;
  GenerateResult result;

  Generation(Llm &llm, const Tokenizer *tokenizer,
             const GenerateOptions &options)
      : llm(llm), tokenizer(tokenizer), options(options),
        sampler(options.sampler), filter(options.stops) {
  }

  bool interrupted() const {
    return options.interrupt && options.interrupt->load();
  }
  Status show(const std::string &text) {
    if (text.empty() || !options.onText)
      return {};
    return options.onText(text);
  }
  Status run(std::span<const int32_t> prompt);
  /// Samples one token; returns false when the generation has ended.
  StatusOr<bool> step();
};

} // namespace

StatusOr<bool> Generation::step() {
  auto ended = [&](GenerateEnd end) {
    result.end = end;
    return false;
  };
  auto made = static_cast<int64_t>(result.tokens.size());
  if (options.tokens >= 0 && made >= options.tokens)
    return ended(GenerateEnd::length);
  if (interrupted())
    return ended(GenerateEnd::interrupted);
  LOWBIT_ASSIGN_OR_RETURN(int32_t id, sampler.sample(llm.logits()));
  if (tokenizer && !options.ignoreEnd && tokenizer->isEndOfGeneration(id))
    return ended(GenerateEnd::endToken);
  sampler.accept(id);
  result.tokens.push_back(id);
  if (decoder) {
    bool stopped = false;
    LOWBIT_RETURN_IF_ERROR(show(filter.push(decoder->push(id), stopped)));
    if (stopped)
      return ended(GenerateEnd::stop);
  }
  // The last token asked for needs no logits after it.
  if (options.tokens >= 0 && made + 1 >= options.tokens && !options.onLogits)
    return ended(GenerateEnd::length);
  if (llm.position() >= llm.context())
    return ended(GenerateEnd::context);
  LOWBIT_RETURN_IF_ERROR(
      llm.feed({&id, 1}, LogitRows::last, options.onLogits));
  ++result.decodeSteps;
  return true;
}

Status Generation::run(std::span<const int32_t> prompt) {
  if (prompt.empty())
    return invalidArgument("the prompt has no tokens; give some text");
  result.promptTokens = static_cast<int64_t>(prompt.size());
  if (tokenizer) {
    // After nothing but BOS the output is the start of a text.
    DecodeOptions decode;
    decode.atStart = std::all_of(prompt.begin(), prompt.end(), [&](int32_t id) {
      return tokenizer->isSpecial(id);
    });
    decoder.emplace(*tokenizer, decode);
  }
  for (int32_t id : prompt)
    sampler.accept(id);
  auto begin = std::chrono::steady_clock::now();
  LogitRows rows = options.onLogits ? LogitRows::all
                   : options.tokens == 0 ? LogitRows::none
                                         : LogitRows::last;
  LOWBIT_RETURN_IF_ERROR(llm.feed(prompt, rows, options.onLogits));
  result.promptSeconds = secondsSince(begin);

  uint64_t bytesBefore = llm.parameterBytesRead();
  begin = std::chrono::steady_clock::now();
  for (bool more = true; more;) {
    LOWBIT_ASSIGN_OR_RETURN(more, step());
  }
  result.decodeSeconds = secondsSince(begin);
  result.decodeParameterBytes = llm.parameterBytesRead() - bytesBefore;
  if (decoder && result.end != GenerateEnd::stop) {
    bool stopped = false;
    LOWBIT_RETURN_IF_ERROR(show(filter.push(decoder->finish(), stopped)));
    if (!stopped)
      LOWBIT_RETURN_IF_ERROR(show(filter.finish()));
  }
  return {};
}

StatusOr<GenerateResult> lowbit::generate(Llm &llm, const Tokenizer *tokenizer,
                                          std::span<const int32_t> prompt,
                                          const GenerateOptions &options) {
  LOWBIT_RETURN_IF_ERROR(validate(options.sampler));
  Generation generation(llm, tokenizer, options);
  LOWBIT_RETURN_IF_ERROR(generation.run(prompt));
  return std::move(generation.result);
}
