//===- RunLlm.cpp - Text from a language model ----------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Models/Generate.h"
#include "runtime/Text/ChatTemplate.h"
#include "tools/common/Console.h"
#include "tools/lowbit-run/RunOptions.h"

#include <chrono>
#include <cstdio>

using namespace lowbit;

static std::string joinIds(std::span<const int32_t> ids) {
  std::string text;
  for (int32_t id : ids)
    text += (text.empty() ? "" : ",") + std::to_string(id);
  return text;
}

static Status noTokenizer(const RunOptions &options, const char *flag) {
  return failedPrecondition("%s has no tokenizer, so %s cannot be used; give "
                            "--tokens",
                            options.module.module.c_str(), flag);
}

/// The ids of each line of a file, as -p would feed them.
static Status tokenizeLines(const std::string &path,
                            const Tokenizer &tokenizer) {
  LOWBIT_ASSIGN_OR_RETURN(std::string text, readTextFile(path));
  std::string output;
  std::string_view rest = text;
  for (size_t line = 1; !rest.empty(); ++line) {
    size_t end = rest.find('\n');
    StatusOr<std::vector<int32_t>> ids = tokenizer.encode(rest.substr(0, end));
    if (!ids.isOk())
      return std::move(ids).status().addNote(
          formatString("in line %zu of %s", line, path.c_str()));
    output += joinIds(*ids) + "\n";
    rest = end == std::string_view::npos ? "" : rest.substr(end + 1);
  }
  return printText(output);
}

/// The prompt's ids; `shown` gets the text that is printed before the answer.
static StatusOr<std::vector<int32_t>>
makePrompt(const RunOptions &options, const Tokenizer *tokenizer,
           std::string &shown) {
  if (options.hasTokens) {
    LOWBIT_ASSIGN_OR_RETURN(std::vector<int64_t> numbers,
                            parseIntegerList(options.tokenList));
    std::vector<int32_t> ids;
    for (int64_t number : numbers) {
      if (number < 0 || number > INT32_MAX)
        return invalidArgument("--tokens: %lld is not a token id",
                               static_cast<long long>(number));
      ids.push_back(static_cast<int32_t>(number));
    }
    if (tokenizer)
      shown = tokenizer->decode(ids);
    return ids;
  }
  if (!tokenizer)
    return noTokenizer(options, "text");
  shown = options.prompt;
  if (!options.promptFile.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(shown, readTextFile(options.promptFile));
  }
  if (!options.chat)
    return tokenizer->encode(shown);
  std::vector<ChatMessage> messages;
  if (!options.systemMessage.empty())
    messages.push_back({ChatRole::system, options.systemMessage});
  messages.push_back({ChatRole::user, shown});
  shown.clear();
  LOWBIT_ASSIGN_OR_RETURN(std::string text,
                          renderChat(tokenizer->spec(), messages));
  EncodeOptions encode;
  encode.addSpecial = false;
  encode.parseSpecial = true;
  return tokenizer->encode(text, encode);
}

static double rate(int64_t count, double seconds) {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

static Status writeStats(const RunOptions &options, const LoadedModule &loaded,
                         const Llm &llm, const GenerateResult &result,
                         double loadSeconds) {
  JsonWriter json;
  json.beginObject();
  writeModuleFields(json, loaded);
  json.field("load_seconds", loadSeconds);
  json.field("prompt_tokens", result.promptTokens);
  json.field("prompt_seconds", result.promptSeconds);
  json.field("prompt_tokens_per_second",
             rate(result.promptTokens, result.promptSeconds));
  json.field("generated_tokens", static_cast<uint64_t>(result.tokens.size()));
  json.field("decode_steps", result.decodeSteps);
  json.field("decode_seconds", result.decodeSeconds);
  json.field("decode_tokens_per_second",
             rate(result.decodeSteps, result.decodeSeconds));
  json.field("end", generateEndName(result.end));
  json.field("parameter_bytes_read", llm.parameterBytesRead());
  json.field("decode_parameter_bytes_read", result.decodeParameterBytes);
  json.field("decode_gigabytes_per_second",
             result.decodeSeconds > 0
                 ? static_cast<double>(result.decodeParameterBytes) /
                       result.decodeSeconds / 1e9
                 : 0.0);
  json.field("context", llm.context());
  json.field("ubatch", options.ubatch);
  writeMemoryFields(json, *loaded.device);
  writeKernelCalls(json, loaded.module->plan(), llm.session().statistics(),
                   llm.session().options().timeKernels);
  json.endObject();
  return writeTextFile(options.stats, json.result());
}

static StatusOr<GenerateResult> runGeneration(const RunOptions &options,
                                              Llm &llm,
                                              const Tokenizer *tokenizer,
                                              std::span<const int32_t> prompt) {
  GenerateOptions generateOptions;
  generateOptions.tokens = options.tokens;
  generateOptions.sampler = options.sampler;
  generateOptions.stops = options.stops;
  generateOptions.ignoreEnd = options.ignoreEnd;
  generateOptions.interrupt = &interruptFlag();
  generateOptions.onText = [](std::string_view text) { return printText(text); };
  std::optional<NpyRowWriter> rows;
  if (!options.dumpLogits.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(
        rows, NpyRowWriter::create(options.dumpLogits, llm.vocabulary()));
    generateOptions.onLogits = [&rows](int64_t, std::span<const float> logits) {
      return rows->append(logits);
    };
  }
  LOWBIT_ASSIGN_OR_RETURN(
      GenerateResult result,
      generate(llm, tokenizer, prompt, generateOptions));
  if (rows)
    LOWBIT_RETURN_IF_ERROR(rows->finish());
  return result;
}

StatusOr<int> lowbit::runLlm(const RunOptions &options) {
  auto begin = std::chrono::steady_clock::now();
  LOWBIT_ASSIGN_OR_RETURN(
      LoadedModule loaded,
      LoadedModule::load(options.module,
                         static_cast<unsigned>(options.module.threads)));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<Tokenizer> stored, loaded.tokenizer());
  const Tokenizer *tokenizer = stored ? &*stored : nullptr;
  if (!options.tokenizeFile.empty()) {
    if (!tokenizer)
      return noTokenizer(options, "--tokenize");
    LOWBIT_RETURN_IF_ERROR(tokenizeLines(options.tokenizeFile, *tokenizer));
    return static_cast<int>(exitOk);
  }
  std::string shown;
  LOWBIT_ASSIGN_OR_RETURN(std::vector<int32_t> prompt,
                          makePrompt(options, tokenizer, shown));
  LlmOptions llmOptions;
  llmOptions.context = options.context;
  llmOptions.ubatch = options.ubatch;
  llmOptions.timeKernels = options.timeKernels;
  LOWBIT_ASSIGN_OR_RETURN(std::unique_ptr<Llm> llm,
                          Llm::create(*loaded.module, llmOptions));
  double loadSeconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  if (!options.quiet)
    LOWBIT_RETURN_IF_ERROR(printText(shown));

  LOWBIT_ASSIGN_OR_RETURN(GenerateResult result,
                          runGeneration(options, *llm, tokenizer, prompt));
  if (!tokenizer && options.dumpTokens.empty())
    LOWBIT_RETURN_IF_ERROR(printText(joinIds(result.tokens)));
  // With -q standard output holds the generated text and nothing else.
  if (!options.quiet)
    LOWBIT_RETURN_IF_ERROR(printText("\n"));
  if (!options.dumpTokens.empty())
    LOWBIT_RETURN_IF_ERROR(
        writeTextFile(options.dumpTokens, joinIds(result.tokens) + "\n"));
  if (!options.stats.empty())
    LOWBIT_RETURN_IF_ERROR(
        writeStats(options, loaded, *llm, result, loadSeconds));
  if (!options.quiet)
    std::fprintf(stderr,
                 "[%s; loaded in %.2f s; prompt %lld tokens, %.1f tok/s; "
                 "decode %lld tokens, %.1f tok/s, %.2f GB/s of parameters]\n",
                 loaded.device->describe().c_str(), loadSeconds,
                 static_cast<long long>(result.promptTokens),
                 rate(result.promptTokens, result.promptSeconds),
                 static_cast<long long>(result.decodeSteps),
                 rate(result.decodeSteps, result.decodeSeconds),
                 result.decodeSeconds > 0
                     ? static_cast<double>(result.decodeParameterBytes) /
                           result.decodeSeconds / 1e9
                     : 0.0);
  return static_cast<int>(result.end == GenerateEnd::interrupted
                              ? exitInterrupted
                              : exitOk);
}
