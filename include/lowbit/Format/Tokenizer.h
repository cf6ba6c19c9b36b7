//===- Tokenizer.h - What a module knows about its tokenizer ----*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// TokenizerSpec is the neutral description between the importers, which fill it
// at compile time from GGUF metadata or a Hugging Face folder, and the
// runtime's text library (runtime/Text), which works from it alone. It is
// stored as the `tokenizer` section of a module.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_TOKENIZER_H
#define LOWBIT_FORMAT_TOKENIZER_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit {

/// Limits that validate() and parseTokenizer() enforce.
inline constexpr size_t maxTokens = size_t(1) << 22;
inline constexpr size_t maxTokenBytes = size_t(1) << 16;
inline constexpr size_t maxMerges = size_t(1) << 23;
inline constexpr size_t maxSplitPatterns = 16;
inline constexpr size_t maxChatTemplateBytes = size_t(1) << 22;

/// The numbers of these enumerations are part of the module format.
enum class TokenizerKind : uint8_t {
  none = 0,         ///< The module has no tokenizer; only ids go in and out.
  byteLevelBpe = 1, ///< GPT-2: split by patterns, bytes as letters, merges.
  sentencePieceBpe = 2, ///< Llama 2: spaces as U+2581, merges or scores.
};
const char *tokenizerKindName(TokenizerKind kind);

/// As in GGUF's tokenizer.ggml.token_type.
enum class TokenType : uint8_t {
  normal = 1,
  unknown = 2,
  control = 3,     ///< Special; matched in text only with parseSpecial.
  userDefined = 4, ///< Added but ordinary; always matched in text.
  unused = 5,
  byte = 6, ///< Text "<0xHH>"; stands for one byte.
};

enum class TextNormalizer : uint8_t { none = 0, nfc = 1 };

/// Where a space is put in front of text ("dummy prefix").
enum class SpacePrefix : uint8_t {
  none = 0,
  first = 1,        ///< Only at the start of the whole text.
  everySegment = 2, ///< Also after each special or added token.
};

/// Chat templates that runtime/Text renders; `unknown` is an error there.
enum class ChatTemplateKind : uint8_t {
  none = 0,    ///< The model has no template.
  unknown = 1, ///< It has one that we do not recognise.
  chatml = 2,
  llama2 = 3,
  llama3 = 4,
  mistral = 5,
  gemma = 6,
  phi3 = 7,
  zephyr = 8,
};
const char *chatTemplateKindName(ChatTemplateKind kind);

/// Merge number i has rank i: the lowest rank is applied first.
struct TokenMerge {
  uint32_t left = 0;
  uint32_t right = 0;
  uint32_t result = 0; ///< token whose text is left's text followed by right's
  bool operator==(const TokenMerge &) const = default;
};

/// How a control or user-defined token is found in text.
struct AddedToken {
  uint32_t id = 0;
  bool special = false;    ///< matched only with parseSpecial, hidden on decode
  bool leftStrip = false;  ///< takes the white space before it
  bool rightStrip = false; ///< takes the white space after it
  bool singleWord = false; ///< only where no word character touches it
  bool operator==(const AddedToken &) const = default;
};

struct TokenizerSpec {
  TokenizerKind kind = TokenizerKind::none;
  /// Vocabulary text of each id. Byte-level: normal tokens are in GPT-2's byte
  /// alphabet ("\u0120the"), added tokens are plain text. SentencePiece: U+2581
  /// stands for a space. Two ids may share a text; the lower one is used.
  std::vector<std::string> tokens;
  std::vector<TokenType> types; ///< one for each token
  /// SentencePiece without merges: one for each token, finite; the pair that
  /// makes the token with the highest score is merged first. Otherwise empty.
  std::vector<float> scores;
  std::vector<TokenMerge> merges;
  /// Sorted by id, without repetition. Every control and user-defined token
  /// that may be found in text is here.
  std::vector<AddedToken> added;

  /// "gpt2", "smollm", "llama3", "qwen2", "custom" or "none"; for people.
  std::string preTokenizer = "none";
  /// Regular expressions (PCRE2 syntax, UTF and UCP), applied one after
  /// another: each cuts every piece into its matches and what lies between
  /// them.
  std::vector<std::string> splitPatterns;
  TextNormalizer normalizer = TextNormalizer::none;

  bool addBos = false;
  bool addEos = false;
  int32_t bosId = -1; ///< -1: none; so for the others
  int32_t eosId = -1;
  int32_t unkId = -1;
  int32_t padId = -1;
  /// Ids after which generation ends; sorted, contains eosId when there is one.
  std::vector<uint32_t> endOfGeneration;

  SpacePrefix spacePrefix = SpacePrefix::none;
  /// The prefix is left out where the text starts with a space already.
  bool spacePrefixOnlyIfMissing = false;
  bool byteFallback = false; ///< characters without a token become byte tokens
  /// A piece that is itself a token is not built up by merges (Llama 3).
  bool ignoreMerges = false;
  bool fuseUnknown = false; ///< neighbouring unknown characters give one token

  ChatTemplateKind chatTemplate = ChatTemplateKind::none;
  /// System message that the template itself puts in when there is none.
  std::string chatDefaultSystem;
  std::string chatTemplateText; ///< Jinja, as in the checkpoint

  bool operator==(const TokenizerSpec &) const = default;
};

/// Checks every rule stated above: vector lengths, ids in range, merges whose
/// result is the concatenation, finite scores, sorted lists, limits.
Status validate(const TokenizerSpec &spec);

/// The section's bytes; the same spec gives the same bytes.
std::vector<uint8_t> serializeTokenizer(const TokenizerSpec &spec);

/// Reads what serializeTokenizer wrote and validates it. No allocation is
/// larger than a small multiple of `bytes`; errors name the offset.
StatusOr<TokenizerSpec> parseTokenizer(std::span<const uint8_t> bytes);

/// Recognises a Jinja chat template by its text.
ChatTemplateKind recognizeChatTemplate(std::string_view text);
/// The system message that a recognised template adds by itself; else empty.
std::string chatTemplateDefaultSystem(ChatTemplateKind kind,
                                      std::string_view text);

/// Split patterns of a pre-tokenizer that we know by name; also accepts the
/// names of GGUF's tokenizer.ggml.pre ("llama-bpe", "gpt-2", "default"...).
/// `canonical` gets "gpt2", "smollm", "llama3" or "qwen2". Unimplemented for
/// others; the message lists the known names.
StatusOr<std::vector<std::string>> splitPatternsFor(std::string_view name,
                                                    std::string &canonical);

/// GPT-2's reversible map of bytes to printable letters: the code point (below
/// 0x144) that stands for `byte`, and back (-1: none).
uint32_t byteLevelLetter(uint8_t byte);
int byteOfLevelLetter(uint32_t codePoint);
/// Text in the byte alphabet for raw bytes.
std::string toByteLevel(std::string_view bytes);

/// Sorts `added` and `endOfGeneration`, drops repetitions, adds eosId and the
/// control tokens that are known to end a turn ("<|im_end|>", "<|eot_id|>"...)
/// and fills chatTemplate and chatDefaultSystem from chatTemplateText.
/// Importers call it last.
void finishTokenizerSpec(TokenizerSpec &spec);

} // namespace lowbit

#endif // LOWBIT_FORMAT_TOKENIZER_H
