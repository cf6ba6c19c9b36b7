//===- RunPerplexity.cpp - Perplexity of a module on a text ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Perplexity.h"
#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <chrono>

using namespace lowbit;

Status lowbit::runPerplexity(const BenchOptions &options) {
  int64_t threads = 0;
  if (!options.threadList.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(threads, parseInteger(options.threadList));
  }
  if (threads < 0 || threads > 1024 || options.window < 1 ||
      options.window > (int64_t(1) << 30))
    return invalidArgument("--threads and --window must be positive");
  LOWBIT_ASSIGN_OR_RETURN(
      LoadedModule loaded,
      LoadedModule::load(options.module, static_cast<unsigned>(threads)));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> tokenizer,
                          loaded.tokenizer());
  if (!tokenizer)
    return failedPrecondition("%s has no tokenizer, so it has no perplexity on "
                              "a text",
                              options.module.module.c_str());
  LOWBIT_ASSIGN_OR_RETURN(std::string text,
                          readTextFile(options.perplexityFile));
  LlmOptions llmOptions;
  llmOptions.ubatch = options.ubatch;
  llmOptions.context = options.window + 1;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm,
                          Llm::create(*loaded.module, llmOptions));
  PerplexityOptions settings;
  settings.window = options.window;
  settings.windows = options.windows;
  settings.bos = options.bos;
  Progress progress(options.quiet);
  settings.onProgress = [&](int64_t done, int64_t total, double perplexity) {
    progress.show(formatString("window %lld of %lld, perplexity %.4f",
                               static_cast<long long>(done),
                               static_cast<long long>(total), perplexity));
  };
  auto begin = std::chrono::steady_clock::now();
  LOWBIT_ASSIGN_OR_RETURN(
      PerplexityResult result,
      measurePerplexity(*llm, *tokenizer, text, settings));
  double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  progress.clear();
  if (options.format == BenchFormat::json) {
    JsonWriter json;
    json.beginObject();
    json.field("tokens", result.tokens);
    json.field("nll", result.nll);
    json.field("perplexity", result.perplexity);
    json.field("bits_per_byte", result.bitsPerByte);
    json.field("bytes", result.bytes);
    json.field("windows", result.windows);
    json.field("window", options.window);
    json.field("bos", options.bos);
    json.field("file", options.perplexityFile);
    json.field("seconds", seconds);
    writeModuleFields(json, loaded);
    writeMemoryFields(json, *loaded.device);
    json.endObject();
    return printText(json.result());
  }
  if (options.format == BenchFormat::csv)
    return printText(formatString(
        "tokens,nll,perplexity,bits_per_byte,windows\n%lld,%.9g,%.9g,%.9g,%lld\n",
        static_cast<long long>(result.tokens), result.nll, result.perplexity,
        result.bitsPerByte, static_cast<long long>(result.windows)));
  return printText(formatString(
      "| windows | tokens | nats/token | perplexity | bits/byte | seconds |\n"
      "| ---: | ---: | ---: | ---: | ---: | ---: |\n"
      "| %lld | %lld | %.5f | %.4f | %.4f | %.1f |\n",
      static_cast<long long>(result.windows),
      static_cast<long long>(result.tokens), result.nll, result.perplexity,
      result.bitsPerByte, seconds));
}
