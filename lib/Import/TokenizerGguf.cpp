//===- TokenizerGguf.cpp - Tokenizers out of GGUF metadata ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/TokenizerGguf.h"

#include "lib/Import/InFile.h"

#include <unordered_map>

using namespace lowbit;
using namespace lowbit::import;

namespace {
/// One conversion; the metadata outlives it.
class GgufConverter {
public:
  explicit GgufConverter(const GgufTokenizerMetadata &metadata)
      : meta(metadata) {}

  StatusOr<TokenizerSpec> run();
  /// The key being converted, for errors.
  std::string_view key() const { return current; }

private:
  Status readTokens();
  Status readIds();
  Status readMerges();
  Status readSentencePiece();
  Status readByteLevel();

  const GgufTokenizerMetadata &meta;
  TokenizerSpec spec;
  std::string_view current = "tokenizer.ggml.model";
};
} // namespace

Status GgufConverter::readTokens() {
  current = "tokenizer.ggml.tokens";
  size_t count = meta.tokens.size();
  if (count == 0 || count > maxTokens)
    return invalidArgument("'tokenizer.ggml.tokens' requires 1 to %zu entries, "
                           "got %zu",
                           maxTokens, count);
  current = "tokenizer.ggml.token_type";
  if (!meta.tokenTypes.empty() && meta.tokenTypes.size() != count)
    return invalidArgument(
        "'tokenizer.ggml.token_type' has %zu entries for %zu "
        "tokens",
        meta.tokenTypes.size(), count);
  spec.tokens.reserve(count);
  for (std::string_view token : meta.tokens)
    spec.tokens.emplace_back(token);
  spec.types.assign(count, TokenType::normal);
  for (size_t id = 0; id < meta.tokenTypes.size(); ++id) {
    int64_t type = meta.tokenTypes[id];
    if (type < 1 || type > 6)
      return invalidArgument(
          "'tokenizer.ggml.token_type'[%zu] is %lld, expected "
          "1 to 6",
          id, static_cast<long long>(type));
    spec.types[id] = static_cast<TokenType>(type);
    if (spec.tokens[id].empty())
      continue;
    AddedToken added;
    added.id = static_cast<uint32_t>(id);
    added.special = spec.types[id] != TokenType::userDefined;
    if (spec.types[id] == TokenType::control ||
        spec.types[id] == TokenType::unknown ||
        spec.types[id] == TokenType::userDefined)
      spec.added.push_back(added);
  }
  return Status::success();
}

Status GgufConverter::readIds() {
  auto convert = [&](const char *key, const std::optional<int64_t> &value,
                     int32_t fallback, int32_t &id) -> Status {
    current = key;
    id = fallback;
    if (!value)
      return Status::success();
    // Converters write -1 or 0xffffffff for "none".
    if (*value == -1 || *value == 0xffffffffll) {
      id = -1;
      return Status::success();
    }
    if (*value < 0 || static_cast<uint64_t>(*value) >= spec.tokens.size())
      return invalidArgument("'%s' is %lld, but there are %zu tokens", key,
                             static_cast<long long>(*value),
                             spec.tokens.size());
    id = static_cast<int32_t>(*value);
    return Status::success();
  };
  // Files of SentencePiece models may leave out its standard ids.
  bool standardIds =
      spec.kind == TokenizerKind::sentencePieceBpe && spec.tokens.size() > 2;
  LOWBIT_RETURN_IF_ERROR(convert("tokenizer.ggml.bos_token_id", meta.bosId,
                                 standardIds ? 1 : -1, spec.bosId));
  LOWBIT_RETURN_IF_ERROR(convert("tokenizer.ggml.eos_token_id", meta.eosId,
                                 standardIds ? 2 : -1, spec.eosId));
  LOWBIT_RETURN_IF_ERROR(convert("tokenizer.ggml.unknown_token_id", meta.unkId,
                                 standardIds ? 0 : -1, spec.unkId));
  LOWBIT_RETURN_IF_ERROR(
      convert("tokenizer.ggml.padding_token_id", meta.padId, -1, spec.padId));
  int32_t id = -1;
  LOWBIT_RETURN_IF_ERROR(
      convert("tokenizer.ggml.eot_token_id", meta.eotId, -1, id));
  if (id >= 0)
    spec.endOfGeneration.push_back(static_cast<uint32_t>(id));
  LOWBIT_RETURN_IF_ERROR(
      convert("tokenizer.ggml.eom_token_id", meta.eomId, -1, id));
  if (id >= 0)
    spec.endOfGeneration.push_back(static_cast<uint32_t>(id));
  return Status::success();
}

Status GgufConverter::readMerges() {
  current = "tokenizer.ggml.merges";
  if (meta.merges.size() > maxMerges)
    return invalidArgument("'tokenizer.ggml.merges' has %zu entries, the limit "
                           "is %zu",
                           meta.merges.size(), maxMerges);
  std::unordered_map<std::string_view, uint32_t> ids;
  ids.reserve(spec.tokens.size());
  for (size_t id = 0; id < spec.tokens.size(); ++id)
    ids.try_emplace(spec.tokens[id], static_cast<uint32_t>(id));
  spec.merges.reserve(meta.merges.size());
  std::string joined;
  for (size_t rank = 0; rank < meta.merges.size(); ++rank) {
    std::string_view text = meta.merges[rank];
    // A space at the start belongs to the left piece.
    size_t space = text.size() < 3 ? std::string_view::npos : text.find(' ', 1);
    if (space == std::string_view::npos || space + 1 == text.size())
      return invalidArgument("'tokenizer.ggml.merges'[%zu] is not two pieces "
                             "separated by a space",
                             rank);
    std::string_view left = text.substr(0, space);
    std::string_view right = text.substr(space + 1);
    joined.assign(left).append(right);
    auto leftId = ids.find(left), rightId = ids.find(right),
         result = ids.find(joined);
    if (leftId == ids.end() || rightId == ids.end() || result == ids.end())
      return invalidArgument(
          "'tokenizer.ggml.merges'[%zu] names a piece that is "
          "not in 'tokenizer.ggml.tokens'",
          rank);
    spec.merges.push_back({leftId->second, rightId->second, result->second});
  }
  return Status::success();
}

Status GgufConverter::readSentencePiece() {
  spec.kind = TokenizerKind::sentencePieceBpe;
  LOWBIT_RETURN_IF_ERROR(readTokens());
  current = "tokenizer.ggml.scores";
  if (meta.scores.size() != spec.tokens.size())
    return invalidArgument("'tokenizer.ggml.scores' has %zu entries for %zu "
                           "tokens",
                           meta.scores.size(), spec.tokens.size());
  spec.scores = meta.scores;
  spec.byteFallback = true;
  spec.spacePrefix = meta.addSpacePrefix.value_or(true)
                         ? SpacePrefix::everySegment
                         : SpacePrefix::none;
  LOWBIT_RETURN_IF_ERROR(readIds());
  spec.addBos = meta.addBos.value_or(true) && spec.bosId >= 0;
  spec.addEos = meta.addEos.value_or(false) && spec.eosId >= 0;
  return Status::success();
}

Status GgufConverter::readByteLevel() {
  spec.kind = TokenizerKind::byteLevelBpe;
  current = "tokenizer.ggml.pre";
  // Files older than the key 'pre' are GPT-2's own.
  std::string_view pre =
      meta.pre.empty() ? "gpt-2" : std::string_view(meta.pre);
  StatusOr<std::vector<std::string>> patterns =
      splitPatternsFor(pre, spec.preTokenizer);
  if (!patterns.isOk())
    return std::move(patterns).status().addNote(
        "named by 'tokenizer.ggml.pre'");
  spec.splitPatterns = std::move(patterns).value();
  LOWBIT_RETURN_IF_ERROR(readTokens());
  LOWBIT_RETURN_IF_ERROR(readMerges());
  LOWBIT_RETURN_IF_ERROR(readIds());
  bool llama3 = spec.preTokenizer == "llama3";
  spec.ignoreMerges = llama3;
  // GGUF does not store the normalizer; Qwen 2's own tokenizer.json has NFC.
  if (spec.preTokenizer == "qwen2")
    spec.normalizer = TextNormalizer::nfc;
  spec.spacePrefix = meta.addSpacePrefix.value_or(false) ? SpacePrefix::first
                                                         : SpacePrefix::none;
  spec.spacePrefixOnlyIfMissing = true;
  spec.addBos = meta.addBos.value_or(llama3) && spec.bosId >= 0;
  spec.addEos = meta.addEos.value_or(false) && spec.eosId >= 0;
  return Status::success();
}

StatusOr<TokenizerSpec> GgufConverter::run() {
  if (meta.model == "llama")
    LOWBIT_RETURN_IF_ERROR(readSentencePiece());
  else if (meta.model == "gpt2")
    LOWBIT_RETURN_IF_ERROR(readByteLevel());
  else
    return unimplemented("'tokenizer.ggml.model' is '%.64s'; supported are "
                         "'llama' (SentencePiece BPE) and 'gpt2' (byte-level "
                         "BPE)",
                         meta.model.c_str());
  // What validate() finds beyond the above is about tokens.
  current = "tokenizer.ggml.tokens";
  spec.chatTemplateText = meta.chatTemplate;
  finishTokenizerSpec(spec);
  LOWBIT_RETURN_IF_ERROR(validate(spec));
  return std::move(spec);
}

StatusOr<TokenizerSpec>
import::tokenizerFromGgufMetadata(const GgufTokenizerMetadata &metadata) {
  GgufConverter converter(metadata);
  StatusOr<TokenizerSpec> spec = converter.run();
  if (spec.isOk() || metadata.fileName.empty())
    return spec;
  std::optional<uint64_t> offset;
  for (const auto &[key, place] : metadata.offsets)
    if (key == converter.key())
      offset = place;
  return inFile(spec.status(), metadata.fileName, offset);
}
