//===- Perplexity.cpp - How well a model predicts a text ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Perplexity.h"

#include <algorithm>
#include <cmath>

using namespace lowbit;

double lowbit::negativeLogLikelihood(std::span<const float> logits,
                                     int32_t target) {
  float largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (float value : logits)
    sum += std::exp(value - largest);
  return std::log(sum) - (static_cast<double>(logits[target]) - largest);
}

StatusOr<PerplexityResult>
lowbit::measurePerplexity(Llm &llm, const Tokenizer &tokenizer,
                          std::string_view text,
                          const PerplexityOptions &options) {
  if (options.window < (options.bos ? 1 : 2) || options.windows < 0)
    return invalidArgument("a window of %lld tokens scores nothing",
                           static_cast<long long>(options.window));
  int32_t bosId = tokenizer.spec().bosId;
  if (options.bos && bosId < 0)
    return invalidArgument("the model's tokenizer has no BOS token; leave out "
                           "--bos");
  EncodeOptions encode;
  encode.addSpecial = false;
  encode.spacePrefix = false;
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                          tokenizer.encode(text, encode));
  int64_t available = static_cast<int64_t>(ids.size()) / options.window;
  int64_t windows =
      options.windows > 0 ? std::min(options.windows, available) : available;
  if (windows == 0)
    return invalidArgument("the text has %zu tokens, a window needs %lld",
                           ids.size(), static_cast<long long>(options.window));

  PerplexityResult result;
  double total = 0;
  std::vector<int32_t> fed;
  for (int64_t w = 0; w < windows; ++w) {
    const int32_t *window = ids.data() + w * options.window;
    // Position p of `fed` predicts targets[p].
    fed.clear();
    if (options.bos)
      fed.push_back(bosId);
    fed.insert(fed.end(), window, window + options.window - 1);
    const int32_t *targets = options.bos ? window : window + 1;
    llm.reset();
    LOWBIT_RETURN_IF_ERROR(llm.feed(
        fed, LogitRows::all,
        [&](int64_t position, std::span<const float> logits) -> Status {
          int32_t target = targets[position];
          if (target >= static_cast<int64_t>(logits.size()))
            return invalidArgument("the tokenizer gives id %d, the model has %zu "
                                   "logits",
                                   target, logits.size());
          total += negativeLogLikelihood(logits, target);
          result.bytes +=
              static_cast<int64_t>(tokenizer.tokenBytes(target, true).size());
          ++result.tokens;
          return {};
        }));
    ++result.windows;
    result.nll = total / static_cast<double>(result.tokens);
    result.perplexity = std::exp(result.nll);
    if (options.onProgress)
      options.onProgress(result.windows, windows, result.perplexity);
  }
  if (result.bytes > 0)
    result.bitsPerByte =
        total / std::log(2.0) / static_cast<double>(result.bytes);
  return result;
}
