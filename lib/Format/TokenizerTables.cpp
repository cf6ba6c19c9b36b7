//===- TokenizerTables.cpp - Names, patterns and templates we know --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Tokenizer.h"

#include <algorithm>
#include <tuple>

using namespace lowbit;

const char *lowbit::tokenizerKindName(TokenizerKind kind) {
  switch (kind) {
  case TokenizerKind::none:
    return "none";
  case TokenizerKind::byteLevelBpe:
    return "byte-level-bpe";
  case TokenizerKind::sentencePieceBpe:
    return "sentencepiece-bpe";
  }
  return "invalid";
}

const char *lowbit::chatTemplateKindName(ChatTemplateKind kind) {
  switch (kind) {
  case ChatTemplateKind::none:
    return "none";
  case ChatTemplateKind::unknown:
    return "unknown";
  case ChatTemplateKind::chatml:
    return "chatml";
  case ChatTemplateKind::llama2:
    return "llama2";
  case ChatTemplateKind::llama3:
    return "llama3";
  case ChatTemplateKind::mistral:
    return "mistral";
  case ChatTemplateKind::gemma:
    return "gemma";
  case ChatTemplateKind::phi3:
    return "phi3";
  case ChatTemplateKind::zephyr:
    return "zephyr";
  }
  return "invalid";
}

//===----------------------------------------------------------------------===//
// Pre-tokenizers
//===----------------------------------------------------------------------===//

// As the models' own tokenizer.json files spell them.
static constexpr const char *gpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
static constexpr const char *digitPattern = R"(\p{N})";
static constexpr const char *llama3Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
static constexpr const char *qwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

StatusOr<std::vector<std::string>>
lowbit::splitPatternsFor(std::string_view name, std::string &canonical) {
  // The aliases are GGUF's names for the same patterns.
  static constexpr std::pair<std::string_view, const char *> names[] = {
      {"gpt2", "gpt2"},
      {"gpt-2", "gpt2"},
      {"smollm", "smollm"},
      {"llama3", "llama3"},
      {"llama-v3", "llama3"},
      {"llama-bpe", "llama3"},
      {"falcon3", "llama3"},
      {"qwen2", "qwen2"},
      {"deepseek-r1-qwen", "qwen2"}};
  for (auto [alias, known] : names) {
    if (alias != name)
      continue;
    canonical = known;
    if (canonical == "gpt2")
      return std::vector<std::string>{gpt2Pattern};
    if (canonical == "smollm")
      return std::vector<std::string>{digitPattern, gpt2Pattern};
    if (canonical == "llama3")
      return std::vector<std::string>{llama3Pattern};
    return std::vector<std::string>{qwen2Pattern};
  }
  return unimplemented("pre-tokenizer '%.*s' is not supported; known are gpt2, "
                       "smollm, llama3 (llama-bpe) and qwen2",
                       static_cast<int>(std::min<size_t>(name.size(), 64)),
                       name.data());
}

// GPT-2 maps the printable bytes of Latin-1 to themselves and the 68 others, in
// increasing order, to the code points from 0x100.
static constexpr bool isPrintableLatin1(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) ||
         (byte >= 0xae && byte <= 0xff);
}

uint32_t lowbit::byteLevelLetter(uint8_t byte) {
  if (isPrintableLatin1(byte))
    return byte;
  if (byte <= 0x20)
    return 0x100u + byte;
  if (byte <= 0xa0)
    return 0x100u + 0x21 + (byte - 0x7fu);
  return 0x143; // 0xad, the soft hyphen
}

int lowbit::byteOfLevelLetter(uint32_t codePoint) {
  if (codePoint < 0x100)
    return isPrintableLatin1(codePoint) ? static_cast<int>(codePoint) : -1;
  if (codePoint <= 0x120)
    return static_cast<int>(codePoint - 0x100);
  if (codePoint <= 0x142)
    return static_cast<int>(codePoint - 0x121 + 0x7f);
  return codePoint == 0x143 ? 0xad : -1;
}

std::string lowbit::toByteLevel(std::string_view bytes) {
  std::string result;
  result.reserve(2 * bytes.size());
  for (char c : bytes) {
    uint32_t letter = byteLevelLetter(static_cast<uint8_t>(c));
    if (letter < 0x80) {
      result.push_back(static_cast<char>(letter));
      continue;
    }
    result.push_back(static_cast<char>(0xc0 | (letter >> 6)));
    result.push_back(static_cast<char>(0x80 | (letter & 0x3f)));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Chat templates
//===----------------------------------------------------------------------===//

ChatTemplateKind lowbit::recognizeChatTemplate(std::string_view text) {
  auto has = [&](std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (text.empty())
    return ChatTemplateKind::none;
  // <|im_sep|> (phi-4) has another shape than ChatML.
  if (has("<|im_start|>"))
    return has("<|im_end|>") && !has("<|im_sep|>") ? ChatTemplateKind::chatml
                                                   : ChatTemplateKind::unknown;
  if (has("<|start_header_id|>") && has("<|eot_id|>"))
    return ChatTemplateKind::llama3;
  if (has("<start_of_turn>"))
    return ChatTemplateKind::gemma;
  if (has("[INST]")) {
    // [SYSTEM_PROMPT] (Mistral Small 3) and tool-call variants that pad
    // differently are told apart by their own markers.
    if (has("<<SYS>>"))
      return ChatTemplateKind::llama2;
    return has("[SYSTEM_PROMPT]") ? ChatTemplateKind::unknown
                                  : ChatTemplateKind::mistral;
  }
  bool roleMarkers = has("<|assistant|>") || has("'<|' + message['role']");
  if (roleMarkers && has("<|end|>"))
    return ChatTemplateKind::phi3;
  if (roleMarkers && has("<|user|>") && has("eos_token"))
    return ChatTemplateKind::zephyr;
  return ChatTemplateKind::unknown;
}

/// The literal after `opening` up to `closing` in Jinja source, with \n and
/// quotes unescaped; false when an expression is in between.
static bool literalBetween(std::string_view text, size_t start,
                           std::string_view closing, std::string &result) {
  result.clear();
  for (size_t i = start; i < text.size(); ++i) {
    if (text.substr(i).starts_with(closing))
      return true;
    if (text[i] == '\\' && i + 1 < text.size()) {
      ++i;
      result.push_back(text[i] == 'n' ? '\n' : text[i]);
      continue;
    }
    if (text[i] == '\'' || text[i] == '"' || text[i] == '{' || text[i] == '%')
      return false;
    result.push_back(text[i]);
  }
  return false;
}

std::string lowbit::chatTemplateDefaultSystem(ChatTemplateKind kind,
                                              std::string_view text) {
  if (kind != ChatTemplateKind::chatml)
    return "";
  std::string result;
  for (std::string_view opening :
       {"<|im_start|>system\\n", "<|im_start|>system\n"}) {
    for (size_t at = text.find(opening); at != std::string_view::npos;
         at = text.find(opening, at + 1))
      if (literalBetween(text, at + opening.size(), "<|im_end|>", result) &&
          !result.empty())
        return result;
  }
  return "";
}

//===----------------------------------------------------------------------===//
// finishTokenizerSpec
//===----------------------------------------------------------------------===//

void lowbit::finishTokenizerSpec(TokenizerSpec &spec) {
  // Of two entries with the same id the one that matches in fewer places stays.
  auto key = [](const AddedToken &token) {
    return std::tuple(token.id, !token.special, token.leftStrip,
                      token.rightStrip, !token.singleWord);
  };
  std::sort(spec.added.begin(), spec.added.end(),
            [&](const AddedToken &a, const AddedToken &b) {
              return key(a) < key(b);
            });
  spec.added.erase(std::unique(spec.added.begin(), spec.added.end(),
                               [](const AddedToken &a, const AddedToken &b) {
                                 return a.id == b.id;
                               }),
                   spec.added.end());

  static constexpr std::string_view turnEnds[] = {
      "<|im_end|>",      "<|eot_id|>",    "<|eom_id|>",    "<|end|>",
      "<|end_of_text|>", "<|endoftext|>", "<end_of_turn>", "<EOT>"};
  std::vector<uint32_t> &ends = spec.endOfGeneration;
  for (const AddedToken &token : spec.added)
    if (token.special && token.id < spec.tokens.size() &&
        std::find(std::begin(turnEnds), std::end(turnEnds),
                  spec.tokens[token.id]) != std::end(turnEnds))
      ends.push_back(token.id);
  if (spec.eosId >= 0)
    ends.push_back(static_cast<uint32_t>(spec.eosId));
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());

  spec.chatTemplate = recognizeChatTemplate(spec.chatTemplateText);
  spec.chatDefaultSystem =
      chatTemplateDefaultSystem(spec.chatTemplate, spec.chatTemplateText);
}
