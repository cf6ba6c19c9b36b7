//===- Tokenizer.cpp - The tokenizer section ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/Tokenizer.h"

#include "lowbit/Format/ByteStream.h"

#include <cmath>

using namespace lowbit;

static constexpr uint32_t tokenizerMagic = 0x4b54424c; // "LBTK"
static constexpr uint32_t tokenizerVersion = 1;
static constexpr size_t maxPatternBytes = 4096;

//===----------------------------------------------------------------------===//
// Validation
//===----------------------------------------------------------------------===//

static bool isByteTokenText(std::string_view text) {
  auto isHex = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') ||
           (c >= 'a' && c <= 'f');
  };
  return text.size() == 6 && text.starts_with("<0x") && isHex(text[3]) &&
         isHex(text[4]) && text[5] == '>';
}

static Status validateTokens(const TokenizerSpec &spec) {
  size_t count = spec.tokens.size();
  if (count == 0 || count > maxTokens)
    return invalidArgument("tokenizer requires 1 to %zu tokens, got %zu",
                           maxTokens, count);
  if (spec.types.size() != count)
    return invalidArgument("tokenizer has %zu tokens but %zu token types",
                           count, spec.types.size());
  for (size_t id = 0; id < count; ++id) {
    if (spec.tokens[id].size() > maxTokenBytes)
      return invalidArgument("token %zu has %zu bytes, the limit is %zu", id,
                             spec.tokens[id].size(), maxTokenBytes);
    auto type = static_cast<unsigned>(spec.types[id]);
    if (type < 1 || type > 6)
      return invalidArgument("token %zu has unknown type %u", id, type);
    if (spec.types[id] == TokenType::byte && !isByteTokenText(spec.tokens[id]))
      return invalidArgument(
          "token %zu has type 'byte', which requires a text like '<0x0A>'", id);
  }
  return Status::success();
}

static Status validateMerges(const TokenizerSpec &spec) {
  size_t count = spec.tokens.size();
  if (spec.merges.size() > maxMerges)
    return invalidArgument("tokenizer has %zu merges, the limit is %zu",
                           spec.merges.size(), maxMerges);
  for (size_t rank = 0; rank < spec.merges.size(); ++rank) {
    const TokenMerge &merge = spec.merges[rank];
    if (merge.left >= count || merge.right >= count || merge.result >= count)
      return invalidArgument("merge %zu names a token outside 0..%zu", rank,
                             count - 1);
    const std::string &left = spec.tokens[merge.left];
    const std::string &right = spec.tokens[merge.right];
    const std::string &result = spec.tokens[merge.result];
    if (left.empty() || right.empty() ||
        result.size() != left.size() + right.size() ||
        result.compare(0, left.size(), left) != 0 ||
        result.compare(left.size(), right.size(), right) != 0)
      return invalidArgument("merge %zu (tokens %u and %u) requires a result "
                             "that is their concatenation, got token %u",
                             rank, merge.left, merge.right, merge.result);
  }
  return Status::success();
}

static Status validateLists(const TokenizerSpec &spec) {
  size_t count = spec.tokens.size();
  for (size_t i = 0; i < spec.added.size(); ++i) {
    uint32_t id = spec.added[i].id;
    if (id >= count)
      return invalidArgument("added token %u is outside 0..%zu", id, count - 1);
    if (i > 0 && spec.added[i - 1].id >= id)
      return invalidArgument("added tokens must be sorted by id, got %u twice "
                             "or out of order",
                             id);
    if (spec.tokens[id].empty())
      return invalidArgument("added token %u has an empty text", id);
  }
  for (size_t i = 0; i < spec.endOfGeneration.size(); ++i) {
    uint32_t id = spec.endOfGeneration[i];
    if (id >= count)
      return invalidArgument("end-of-generation id %u is outside 0..%zu", id,
                             count - 1);
    if (i > 0 && spec.endOfGeneration[i - 1] >= id)
      return invalidArgument("end-of-generation ids must be sorted, got %u "
                             "twice or out of order",
                             id);
  }
  const std::pair<const char *, int32_t> ids[] = {{"bos", spec.bosId},
                                                  {"eos", spec.eosId},
                                                  {"unk", spec.unkId},
                                                  {"pad", spec.padId}};
  for (auto [name, id] : ids)
    if (id < -1 || (id >= 0 && static_cast<size_t>(id) >= count))
      return invalidArgument("%s token id %d is outside 0..%zu", name, id,
                             count - 1);
  if (spec.addBos && spec.bosId < 0)
    return invalidArgument("tokenizer adds BOS but has no bos token id");
  if (spec.addEos && spec.eosId < 0)
    return invalidArgument("tokenizer adds EOS but has no eos token id");
  return Status::success();
}

static Status validateScores(const TokenizerSpec &spec) {
  if (spec.kind == TokenizerKind::byteLevelBpe) {
    if (!spec.scores.empty())
      return invalidArgument(
          "a byte-level tokenizer works by merges and has no "
          "scores, got %zu",
          spec.scores.size());
    return Status::success();
  }
  if (!spec.merges.empty() && !spec.scores.empty())
    return invalidArgument(
        "a SentencePiece tokenizer has either merges or scores, got both");
  if (spec.merges.empty() && spec.scores.size() != spec.tokens.size())
    return invalidArgument(
        "a SentencePiece tokenizer without merges requires a "
        "score for each of its %zu tokens, got %zu",
        spec.tokens.size(), spec.scores.size());
  for (size_t id = 0; id < spec.scores.size(); ++id)
    if (!std::isfinite(spec.scores[id]))
      return invalidArgument("the score of token %zu is not finite", id);
  return Status::success();
}

Status lowbit::validate(const TokenizerSpec &spec) {
  if (static_cast<unsigned>(spec.kind) > 2)
    return invalidArgument("unknown tokenizer kind %u",
                           static_cast<unsigned>(spec.kind));
  if (static_cast<unsigned>(spec.normalizer) > 1)
    return invalidArgument("unknown text normalizer %u",
                           static_cast<unsigned>(spec.normalizer));
  if (static_cast<unsigned>(spec.spacePrefix) > 2)
    return invalidArgument("unknown space prefix rule %u",
                           static_cast<unsigned>(spec.spacePrefix));
  if (static_cast<unsigned>(spec.chatTemplate) > 8)
    return invalidArgument("unknown chat template kind %u",
                           static_cast<unsigned>(spec.chatTemplate));
  if (spec.chatTemplateText.size() > maxChatTemplateBytes ||
      spec.chatDefaultSystem.size() > maxChatTemplateBytes)
    return invalidArgument("the chat template is longer than %zu bytes",
                           maxChatTemplateBytes);
  if (spec.preTokenizer.size() > maxPatternBytes)
    return invalidArgument("the name of the pre-tokenizer is longer than %zu "
                           "bytes",
                           maxPatternBytes);
  if (spec.kind == TokenizerKind::none) {
    if (!spec.tokens.empty() || !spec.types.empty() || !spec.scores.empty() ||
        !spec.merges.empty() || !spec.added.empty() ||
        !spec.endOfGeneration.empty() || !spec.splitPatterns.empty() ||
        spec.addBos || spec.addEos || spec.bosId != -1 || spec.eosId != -1 ||
        spec.unkId != -1 || spec.padId != -1)
      return invalidArgument("a tokenizer of kind 'none' must be empty");
    return Status::success();
  }
  if (spec.splitPatterns.size() > maxSplitPatterns)
    return invalidArgument("tokenizer has %zu split patterns, the limit is %zu",
                           spec.splitPatterns.size(), maxSplitPatterns);
  for (const std::string &pattern : spec.splitPatterns)
    if (pattern.empty() || pattern.size() > maxPatternBytes)
      return invalidArgument("a split pattern has %zu bytes, 1 to %zu are "
                             "allowed",
                             pattern.size(), maxPatternBytes);
  if (spec.kind == TokenizerKind::sentencePieceBpe &&
      !spec.splitPatterns.empty())
    return invalidArgument("a SentencePiece tokenizer has no split patterns, "
                           "got %zu",
                           spec.splitPatterns.size());
  LOWBIT_RETURN_IF_ERROR(validateTokens(spec));
  LOWBIT_RETURN_IF_ERROR(validateMerges(spec));
  LOWBIT_RETURN_IF_ERROR(validateScores(spec));
  return validateLists(spec);
}

//===----------------------------------------------------------------------===//
// Bytes
//===----------------------------------------------------------------------===//

static void writeBool(ByteWriter &writer, bool value) {
  writer.u8(value ? 1 : 0);
}

std::vector<uint8_t> lowbit::serializeTokenizer(const TokenizerSpec &spec) {
  ByteWriter writer;
  writer.u32(tokenizerMagic);
  writer.u32(tokenizerVersion);
  writer.u8(static_cast<uint8_t>(spec.kind));
  writer.u8(static_cast<uint8_t>(spec.normalizer));
  writer.u8(static_cast<uint8_t>(spec.spacePrefix));
  writer.u8(static_cast<uint8_t>(spec.chatTemplate));
  for (bool flag : {spec.addBos, spec.addEos, spec.spacePrefixOnlyIfMissing,
                    spec.byteFallback, spec.ignoreMerges, spec.fuseUnknown})
    writeBool(writer, flag);
  for (int32_t id : {spec.bosId, spec.eosId, spec.unkId, spec.padId})
    writer.u32(static_cast<uint32_t>(id));
  writer.string(spec.preTokenizer);
  writer.u32(static_cast<uint32_t>(spec.splitPatterns.size()));
  for (const std::string &pattern : spec.splitPatterns)
    writer.string(pattern);
  writer.string(spec.chatDefaultSystem);
  writer.string(spec.chatTemplateText);
  writer.u32(static_cast<uint32_t>(spec.tokens.size()));
  for (const std::string &token : spec.tokens)
    writer.string(token);
  writer.u32(static_cast<uint32_t>(spec.types.size()));
  for (TokenType type : spec.types)
    writer.u8(static_cast<uint8_t>(type));
  writer.u32(static_cast<uint32_t>(spec.scores.size()));
  for (float score : spec.scores)
    writer.f32(score);
  writer.u32(static_cast<uint32_t>(spec.merges.size()));
  for (const TokenMerge &merge : spec.merges) {
    writer.u32(merge.left);
    writer.u32(merge.right);
    writer.u32(merge.result);
  }
  writer.u32(static_cast<uint32_t>(spec.added.size()));
  for (const AddedToken &token : spec.added) {
    writer.u32(token.id);
    for (bool flag :
         {token.special, token.leftStrip, token.rightStrip, token.singleWord})
      writeBool(writer, flag);
  }
  writer.u32(static_cast<uint32_t>(spec.endOfGeneration.size()));
  for (uint32_t id : spec.endOfGeneration)
    writer.u32(id);
  return writer.take();
}

static bool readBool(ByteReader &reader) {
  uint8_t value = reader.u8();
  if (value > 1)
    reader.fail(invalidArgument("a flag must be 0 or 1, got %u", value));
  return value == 1;
}

static void readVocabulary(ByteReader &reader, TokenizerSpec &spec) {
  uint32_t tokens = reader.count(4);
  spec.tokens.reserve(tokens);
  for (uint32_t i = 0; i < tokens && !reader.failed(); ++i)
    spec.tokens.push_back(reader.string(maxTokenBytes, /*binary=*/true));
  uint32_t types = reader.count(1);
  spec.types.reserve(types);
  for (uint32_t i = 0; i < types && !reader.failed(); ++i)
    spec.types.push_back(static_cast<TokenType>(reader.u8()));
  uint32_t scores = reader.count(4);
  spec.scores.reserve(scores);
  for (uint32_t i = 0; i < scores && !reader.failed(); ++i)
    spec.scores.push_back(reader.f32());
  uint32_t merges = reader.count(12);
  spec.merges.reserve(merges);
  for (uint32_t i = 0; i < merges && !reader.failed(); ++i) {
    TokenMerge merge;
    merge.left = reader.u32();
    merge.right = reader.u32();
    merge.result = reader.u32();
    spec.merges.push_back(merge);
  }
  uint32_t added = reader.count(8);
  spec.added.reserve(added);
  for (uint32_t i = 0; i < added && !reader.failed(); ++i) {
    AddedToken token;
    token.id = reader.u32();
    token.special = readBool(reader);
    token.leftStrip = readBool(reader);
    token.rightStrip = readBool(reader);
    token.singleWord = readBool(reader);
    spec.added.push_back(token);
  }
  uint32_t ends = reader.count(4);
  spec.endOfGeneration.reserve(ends);
  for (uint32_t i = 0; i < ends && !reader.failed(); ++i)
    spec.endOfGeneration.push_back(reader.u32());
}

StatusOr<TokenizerSpec> lowbit::parseTokenizer(std::span<const uint8_t> bytes) {
  ByteReader reader(bytes);
  TokenizerSpec spec;
  if (reader.u32() != tokenizerMagic && !reader.failed())
    return invalidArgument("the tokenizer section does not start with 'LBTK'");
  uint32_t version = reader.u32();
  if (version != tokenizerVersion && !reader.failed())
    return invalidArgument("the tokenizer section has version %u, this build "
                           "reads %u",
                           version, tokenizerVersion);
  spec.kind = static_cast<TokenizerKind>(reader.u8());
  spec.normalizer = static_cast<TextNormalizer>(reader.u8());
  spec.spacePrefix = static_cast<SpacePrefix>(reader.u8());
  spec.chatTemplate = static_cast<ChatTemplateKind>(reader.u8());
  for (bool *flag : {&spec.addBos, &spec.addEos, &spec.spacePrefixOnlyIfMissing,
                     &spec.byteFallback, &spec.ignoreMerges, &spec.fuseUnknown})
    *flag = readBool(reader);
  for (int32_t *id : {&spec.bosId, &spec.eosId, &spec.unkId, &spec.padId})
    *id = static_cast<int32_t>(reader.u32());
  spec.preTokenizer = reader.string(maxPatternBytes, /*binary=*/true);
  uint32_t patterns = reader.count(4);
  for (uint32_t i = 0; i < patterns && !reader.failed(); ++i) {
    if (i == maxSplitPatterns)
      return invalidArgument(
          "tokenizer has %u split patterns, the limit is %zu", patterns,
          maxSplitPatterns);
    spec.splitPatterns.push_back(
        reader.string(maxPatternBytes, /*binary=*/true));
  }
  spec.chatDefaultSystem = reader.string(maxChatTemplateBytes, /*binary=*/true);
  spec.chatTemplateText = reader.string(maxChatTemplateBytes, /*binary=*/true);
  readVocabulary(reader, spec);
  LOWBIT_RETURN_IF_ERROR(reader.finish().addNote("in the tokenizer section"));
  LOWBIT_RETURN_IF_ERROR(validate(spec));
  return spec;
}
