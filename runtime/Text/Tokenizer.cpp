//===- Tokenizer.cpp - Text to token ids and back -------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Text/Tokenizer.h"

#include "runtime/Text/AddedTokens.h"
#include "runtime/Text/Bpe.h"
#include "runtime/Text/Splitter.h"
#include "runtime/Text/Utf8.h"

#include <algorithm>

using namespace lowbit;
using namespace lowbit::text;

/// Indices of symbols are 32 bits wide.
static constexpr size_t maxTextBytes = size_t(1) << 30;
static constexpr std::string_view spaceSymbol = "\u2581";

struct Tokenizer::Impl {
  TokenizerSpec spec;
  AddedTokens added;
  Splitter splitter;
  MergeTable merges;
  /// The bytes that each id stands for.
  std::vector<std::string> bytes;
  /// Normal tokens: byte-level by their bytes, SentencePiece by their text.
  TextIds ids;
  size_t longestToken = 0;
  int32_t byteIds[256]; ///< -1 where the vocabulary lacks the byte

  Status prepare();
  std::string computeBytes(size_t id) const;

  Status encodeSegment(std::string_view text, bool prefix,
                       std::vector<int32_t> &result) const;
  Status encodeByteLevel(std::string_view text,
                         std::vector<int32_t> &result) const;
  Status encodeSentencePiece(std::string_view text,
                             std::vector<int32_t> &result) const;
  Status encodeFallback(std::string_view character, bool &afterUnknown,
                        std::vector<int32_t> &result) const;
};

//===----------------------------------------------------------------------===//
// Preparation
//===----------------------------------------------------------------------===//

static int hexDigit(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  return (c | 0x20) - 'a' + 10;
}

/// Bytes for a text in GPT-2's byte alphabet; false when it is not all in it.
static bool fromByteLevel(std::string_view text, std::string &bytes) {
  for (size_t at = 0; at < text.size();) {
    uint32_t codePoint = 0;
    size_t length = characterLength(text, at, &codePoint);
    int byte = length == 0 ? -1 : byteOfLevelLetter(codePoint);
    if (byte < 0)
      return false;
    bytes.push_back(static_cast<char>(byte));
    at += length;
  }
  return true;
}

static std::string replaceAll(std::string_view text, std::string_view from,
                              std::string_view to) {
  std::string result;
  result.reserve(text.size());
  size_t at = 0;
  for (size_t found; (found = text.find(from, at)) != std::string_view::npos;
       at = found + from.size())
    result.append(text.substr(at, found - at)).append(to);
  return result.append(text.substr(at));
}

std::string Tokenizer::Impl::computeBytes(size_t id) const {
  const std::string &text = spec.tokens[id];
  if (spec.types[id] == TokenType::byte)
    return std::string(
        1, static_cast<char>(hexDigit(text[3]) * 16 + hexDigit(text[4])));
  if (spec.kind == TokenizerKind::sentencePieceBpe)
    return replaceAll(text, spaceSymbol, " ");
  std::string result;
  bool letters = spec.types[id] == TokenType::normal ||
                 spec.types[id] == TokenType::unused;
  return letters && fromByteLevel(text, result) ? result : text;
}

Status Tokenizer::Impl::prepare() {
  LOWBIT_ASSIGN_OR_RETURN(splitter, Splitter::create(spec.splitPatterns));
  added = AddedTokens(spec);
  merges = MergeTable(spec.merges);
  bool byteLevel = spec.kind == TokenizerKind::byteLevelBpe;
  std::fill(std::begin(byteIds), std::end(byteIds), -1);
  bytes.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    bytes.push_back(computeBytes(id));
  ids.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    const std::string &text = byteLevel ? bytes[id] : spec.tokens[id];
    TokenType type = spec.types[id];
    bool isByte = byteLevel ? type == TokenType::normal && text.size() == 1
                            : type == TokenType::byte;
    if (isByte) {
      int32_t &byteId = byteIds[static_cast<uint8_t>(bytes[id][0])];
      if (byteId < 0)
        byteId = static_cast<int32_t>(id);
    }
    // A control token never comes out of merges; unused tokens never at all.
    if (type != TokenType::normal || text.empty())
      continue;
    ids.try_emplace(text, static_cast<uint32_t>(id));
    longestToken = std::max(longestToken, text.size());
  }
  return Status::success();
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl) : impl(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer &&) = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) = default;
Tokenizer::~Tokenizer() = default;

StatusOr<Tokenizer> Tokenizer::create(TokenizerSpec spec) {
  LOWBIT_RETURN_IF_ERROR(validate(spec));
  if (spec.kind == TokenizerKind::none)
    return failedPrecondition("this module has no tokenizer: give token ids "
                              "(--tokens) instead of text");
  auto impl = std::make_unique<Impl>();
  impl->spec = std::move(spec);
  LOWBIT_RETURN_IF_ERROR(impl->prepare());
  return Tokenizer(std::move(impl));
}

//===----------------------------------------------------------------------===//
// Encoding
//===----------------------------------------------------------------------===//

Status Tokenizer::Impl::encodeByteLevel(std::string_view text,
                                        std::vector<int32_t> &result) const {
  std::vector<std::string_view> pieces;
  LOWBIT_RETURN_IF_ERROR(splitter.split(text, pieces));
  std::vector<int32_t> symbols;
  for (std::string_view piece : pieces) {
    if (spec.ignoreMerges) {
      auto whole = ids.find(piece);
      if (whole != ids.end()) {
        result.push_back(static_cast<int32_t>(whole->second));
        continue;
      }
    }
    symbols.clear();
    for (char c : piece) {
      int32_t id = byteIds[static_cast<uint8_t>(c)];
      if (id < 0)
        return invalidArgument("the tokenizer has no token for byte 0x%02x",
                               static_cast<unsigned>(static_cast<uint8_t>(c)));
      symbols.push_back(id);
    }
    merges.apply(symbols);
    result.insert(result.end(), symbols.begin(), symbols.end());
  }
  return Status::success();
}

/// A character without a token of its own: its bytes, or the unknown token.
Status Tokenizer::Impl::encodeFallback(std::string_view character,
                                       bool &afterUnknown,
                                       std::vector<int32_t> &result) const {
  auto hasByte = [&](char c) { return byteIds[static_cast<uint8_t>(c)] >= 0; };
  if (spec.byteFallback &&
      std::all_of(character.begin(), character.end(), hasByte)) {
    for (char c : character)
      result.push_back(byteIds[static_cast<uint8_t>(c)]);
    afterUnknown = false;
    return Status::success();
  }
  if (spec.unkId < 0)
    return invalidArgument(
        "the tokenizer has no token for the character that starts with byte "
        "0x%02x and no unknown token",
        static_cast<unsigned>(static_cast<uint8_t>(character[0])));
  if (!afterUnknown || !spec.fuseUnknown)
    result.push_back(spec.unkId);
  afterUnknown = true;
  return Status::success();
}

Status
Tokenizer::Impl::encodeSentencePiece(std::string_view text,
                                     std::vector<int32_t> &result) const {
  std::string escaped = replaceAll(text, " ", spaceSymbol);
  std::string_view view = escaped;
  bool afterUnknown = false;
  if (!spec.scores.empty()) {
    for (const ScoredSymbol &symbol :
         mergeByScore(view, ids, spec.scores, longestToken)) {
      if (symbol.id >= 0) {
        result.push_back(symbol.id);
        afterUnknown = false;
        continue;
      }
      LOWBIT_RETURN_IF_ERROR(encodeFallback(
          view.substr(symbol.start, symbol.length), afterUnknown, result));
    }
    return Status::success();
  }
  // As Hugging Face does it: characters become ids first, then ids merge.
  std::vector<int32_t> symbols;
  for (size_t at = 0; at < view.size();) {
    size_t length = std::max<size_t>(characterLength(view, at), 1);
    std::string_view character = view.substr(at, length);
    at += length;
    auto found = ids.find(character);
    if (found != ids.end()) {
      symbols.push_back(static_cast<int32_t>(found->second));
      afterUnknown = false;
      continue;
    }
    LOWBIT_RETURN_IF_ERROR(encodeFallback(character, afterUnknown, symbols));
  }
  merges.apply(symbols);
  result.insert(result.end(), symbols.begin(), symbols.end());
  return Status::success();
}

Status Tokenizer::Impl::encodeSegment(std::string_view text, bool prefix,
                                      std::vector<int32_t> &result) const {
  std::string normalized;
  if (spec.normalizer == TextNormalizer::nfc) {
    normalized = normalizeNfc(text);
    text = normalized;
  }
  bool present =
      text.starts_with(' ') || (spec.kind == TokenizerKind::sentencePieceBpe &&
                                text.starts_with(spaceSymbol));
  if (prefix && !(spec.spacePrefixOnlyIfMissing && present)) {
    normalized = " " + std::string(text);
    text = normalized;
  }
  return spec.kind == TokenizerKind::byteLevelBpe
             ? encodeByteLevel(text, result)
             : encodeSentencePiece(text, result);
}

StatusOr<std::vector<int32_t>>
Tokenizer::encode(std::string_view text, const EncodeOptions &options) const {
  if (text.size() > maxTextBytes)
    return resourceExhausted("a text of %zu bytes is longer than the limit of "
                             "%zu: encode it in parts",
                             text.size(), maxTextBytes);
  const TokenizerSpec &spec = impl->spec;
  std::vector<int32_t> result;
  if (options.addSpecial && spec.addBos)
    result.push_back(spec.bosId);
  bool first = true;
  for (const TextSegment &segment :
       impl->added.split(text, options.parseSpecial)) {
    if (segment.id >= 0) {
      result.push_back(segment.id);
    } else {
      bool prefix = options.spacePrefix &&
                    (spec.spacePrefix == SpacePrefix::everySegment ||
                     (spec.spacePrefix == SpacePrefix::first && first));
      LOWBIT_RETURN_IF_ERROR(impl->encodeSegment(segment.text, prefix, result));
    }
    first = false;
  }
  if (options.addSpecial && spec.addEos)
    result.push_back(spec.eosId);
  return result;
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

const TokenizerSpec &Tokenizer::spec() const { return impl->spec; }

int32_t Tokenizer::findAdded(std::string_view text) const {
  return impl->added.find(text);
}

bool Tokenizer::isEndOfGeneration(int32_t id) const {
  const std::vector<uint32_t> &ends = impl->spec.endOfGeneration;
  return id >= 0 && std::binary_search(ends.begin(), ends.end(),
                                       static_cast<uint32_t>(id));
}

bool Tokenizer::isSpecial(int32_t id) const {
  if (id < 0 || static_cast<size_t>(id) >= impl->spec.types.size())
    return false;
  TokenType type = impl->spec.types[static_cast<size_t>(id)];
  return type == TokenType::control || type == TokenType::unknown;
}

std::string Tokenizer::tokenBytes(int32_t id, bool showSpecial) const {
  if (id < 0 || static_cast<size_t>(id) >= impl->bytes.size() ||
      (!showSpecial && isSpecial(id)))
    return "";
  return impl->bytes[static_cast<size_t>(id)];
}

/// Whether the first space of a decoded text is the tokenizer's own.
static bool takesPrefixAway(const TokenizerSpec &spec,
                            const DecodeOptions &options) {
  return options.atStart && spec.kind == TokenizerKind::sentencePieceBpe &&
         spec.spacePrefix != SpacePrefix::none;
}

std::string Tokenizer::decode(std::span<const int32_t> ids,
                              const DecodeOptions &options) const {
  std::string result;
  for (int32_t id : ids)
    result += tokenBytes(id, !options.skipSpecial);
  if (takesPrefixAway(impl->spec, options) && result.starts_with(' '))
    result.erase(0, 1);
  return result;
}

static constexpr std::string_view replacementCharacter = "\ufffd";

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer,
                             const DecodeOptions &options)
    : tokenizer(&tokenizer), options(options),
      dropSpace(takesPrefixAway(tokenizer.spec(), options)) {}

std::string StreamDecoder::push(int32_t id) {
  std::string bytes = tokenizer->tokenBytes(id, !options.skipSpecial);
  if (bytes.empty())
    return "";
  if (dropSpace && bytes[0] == ' ')
    bytes.erase(0, 1);
  dropSpace = false;
  held += bytes;
  std::string result;
  size_t at = 0;
  while (at < held.size()) {
    size_t length = characterLength(held, at);
    if (length != 0) {
      result.append(held, at, length);
      at += length;
    } else if (isCharacterPrefix(std::string_view(held).substr(at))) {
      break;
    } else {
      result += replacementCharacter;
      ++at;
    }
  }
  held.erase(0, at);
  return result;
}

std::string StreamDecoder::finish() {
  std::string result(held.empty() ? std::string_view() : replacementCharacter);
  held.clear();
  return result;
}
