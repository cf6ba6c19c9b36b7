//===- RunOptions.cpp - Flags of lowbit-run -------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/lowbit-run/RunOptions.h"

#include <algorithm>

using namespace lowbit;

void RunOptions::addTo(Flags &flags) {
  module.addTo(flags);
  flags.heading("text:");
  flags.add("-p, --prompt", prompt, "TEXT", "the prompt");
  flags.add("-f, --file", promptFile, "FILE", "the prompt from a file (-: stdin)");
  flags.add("--tokens", tokenList, "IDS",
            "ids instead of text, comma separated; BOS is never added");
  flags.add("--chat", chat, "put the prompt into the model's chat template");
  flags.add("--system", systemMessage, "TEXT", "system message for --chat");
  flags.add("-n, --predict, --n-predict", tokens, "N",
            "tokens to make (default 256; 0: the prompt only; -1: no limit)");
  flags.add("-c, --ctx-size, --context", context, "N",
            "tokens that the cache holds (default: the model's, up to 8192)");
  flags.add("--ubatch", ubatch, "N",
            "prompt tokens that a call processes (default 128)");
  flags.add("--stop", stops, "TEXT", "end before this text; may be repeated");
  flags.add("--ignore-eos", ignoreEnd, "go on after end-of-generation tokens");
  flags.heading("sampling:");
  flags.add("--temp", sampler.temperature, "T", "temperature (default 0: greedy)");
  flags.add("--top-k", topK, "K", "the K most likely (default 0: all)");
  flags.add("--top-p", sampler.topP, "P", "smallest set of sum P (default 1)");
  flags.add("--min-p", sampler.minP, "P",
            "at least P times the most likely (default 0)");
  flags.add("--repeat-penalty", sampler.repeatPenalty, "R", "default 1: none");
  flags.add("--repeat-last-n", repeatLastN, "N",
            "tokens that are penalized (default 64, -1: all)");
  flags.add("-s, --seed", sampler.seed, "S", "seed (default 0)");
  pictures.addTo(flags);
  flags.heading("output:");
  flags.add("--dump-logits", dumpLogits, "FILE.npy",
            "f32 [tokens, vocabulary], one row for each token fed");
  flags.add("--dump-tokens", dumpTokens, "FILE",
            "the generated ids, comma separated");
  flags.add("--tokenize", tokenizeFile, "FILE",
            "print the ids of each line of a file and stop");
  flags.add("--stats", stats, "FILE.json", "times, bytes, memory, kernel calls");
  flags.add("--time-kernels", timeKernels, "with --stats: seconds of each kernel");
  flags.add("-q, --quiet", quiet, "only the generated text on stdout");
  flags.heading("one function:");
  flags.add("--function", function, "NAME", "run a function of the module");
  flags.add("--input", inputs, "VALUE",
            "2x3xf32=1,2,3,4,5,6 or 2x3xf32=0.5 or @FILE.npy; may be repeated");
  flags.add("--output", outputs, "@FILE.npy",
            "where an output goes (default: printed); may be repeated");
  flags.add("--expect", expected, "@FILE.npy",
            "compare an output; exit 4 when it differs; may be repeated");
  flags.add("--tolerance", tolerance, "T",
            "largest |difference| / largest |expected| (default 0: same bits)");
  flags.add("--position", position, "N", "tokens already in the cache");

  flags.addUnsupported("--embeddings", "models with a text encoder");
  flags.addUnsupported("--guidance", "embedded guidance of distilled models");
}

Status RunOptions::finish(const Flags &flags) {
  hasPrompt = flags.given("-p") || flags.given("-f");
  hasTokens = flags.given("--tokens");
  sampler.topK = static_cast<int32_t>(std::clamp<int64_t>(topK, 0, INT32_MAX));
  sampler.repeatLastN =
      static_cast<int32_t>(std::clamp<int64_t>(repeatLastN, -1, INT32_MAX));
  if (module.module.empty())
    return invalidArgument("no module is given; lowbit-compile makes one");
  if (module.threads < 0 || module.threads > 1024)
    return invalidArgument("--threads must be between 1 and 1024");
  if (context < 0 || ubatch < 1)
    return invalidArgument("-c and --ubatch must be positive");
  LOWBIT_RETURN_IF_ERROR(pictures.finish(flags));
  if (pictures.given && (hasPrompt || hasTokens || !function.empty()))
    return invalidArgument("pictures are made from --class, not from text or "
                           "--function");
  // What would be ignored is a mistake.
  if (pictures.given)
    for (const char *flag :
         {"-n", "-c", "--ubatch", "--stop", "--ignore-eos", "--chat", "--system",
          "--temp", "--top-k", "--top-p", "--min-p", "--repeat-penalty",
          "--repeat-last-n", "--dump-logits", "--dump-tokens", "--tokenize",
          "--input", "--output", "--expect", "--tolerance", "--position"})
      if (flags.given(flag))
        return invalidArgument("%s has no meaning for pictures; leave it out",
                               flag);
  if (!function.empty() || !tokenizeFile.empty() || pictures.given)
    return {};
  if ((flags.given("-p") && flags.given("-f")) || (hasPrompt && hasTokens))
    return invalidArgument("give one of -p, -f and --tokens");
  if (!hasPrompt && !hasTokens)
    return invalidArgument("no prompt is given; use -p TEXT, -f FILE or --tokens "
                           "(--class for pictures)");
  if (chat && hasTokens)
    return invalidArgument("--chat needs text, not --tokens");
  return {};
}
