//===- TokenizerSpecTest.cpp - The tokenizer section ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSpecs.h"

#include "lib/Import/TokenizerGguf.h"
#include "runtime/Text/Tokenizer.h"

#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>
#include <random>

using namespace lowbit;
using namespace lowbit::import;
using namespace lowbit::test;

TEST(TokenizerSpec, RoundTripsAsBytes) {
  for (const TokenizerSpec &spec :
       {smallByteLevel(), smallSentencePiece(), TokenizerSpec()}) {
    ASSERT_TRUE(validate(spec).isOk()) << validate(spec).toString();
    std::vector<uint8_t> bytes = serializeTokenizer(spec);
    StatusOr<TokenizerSpec> parsed = parseTokenizer(bytes);
    ASSERT_TRUE(parsed.isOk()) << parsed.status().toString();
    EXPECT_TRUE(*parsed == spec);
    EXPECT_EQ(serializeTokenizer(*parsed), bytes);
  }
}

TEST(TokenizerSpec, EveryTruncationIsAnError) {
  std::vector<uint8_t> bytes = serializeTokenizer(smallSentencePiece());
  for (size_t length = 0; length < bytes.size(); ++length) {
    std::span<const uint8_t> part(bytes.data(), length);
    EXPECT_FALSE(parseTokenizer(part).isOk()) << length;
  }
  bytes.push_back(0);
  EXPECT_FALSE(parseTokenizer(bytes).isOk());
}

TEST(TokenizerSpec, ByteFlipsGiveAnErrorOrAUsableTokenizer) {
  std::mt19937 random(1);
  for (const TokenizerSpec &spec : {smallByteLevel(), smallSentencePiece()}) {
    const std::vector<uint8_t> bytes = serializeTokenizer(spec);
    size_t refused = 0;
    for (int i = 0; i < 5000; ++i) {
      std::vector<uint8_t> damaged = bytes;
      // The numbers at the front matter more than the many texts behind.
      size_t range =
          i % 2 ? damaged.size() : std::min<size_t>(200, damaged.size());
      damaged[random() % range] ^= static_cast<uint8_t>(1 + random() % 255);
      StatusOr<TokenizerSpec> parsed = parseTokenizer(damaged);
      if (!parsed.isOk()) {
        EXPECT_FALSE(parsed.status().message().empty());
        ++refused;
        continue;
      }
      StatusOr<Tokenizer> tokenizer = Tokenizer::create(std::move(*parsed));
      if (!tokenizer.isOk())
        continue;
      StatusOr<std::vector<int32_t>> ids =
          tokenizer->encode("hello <|im_end|> abc \xff\xc3 12");
      if (ids.isOk())
        (void)tokenizer->decode(*ids);
    }
    EXPECT_GT(refused, 0u);
  }
}

namespace {
struct BadSpec {
  const char *message;
  std::function<void(TokenizerSpec &)> damage;
};
} // namespace

TEST(TokenizerSpec, ValidationNamesTheRule) {
  const BadSpec cases[] = {
      {"1 to", [](TokenizerSpec &s) { s.tokens.clear(); }},
      {"token types", [](TokenizerSpec &s) { s.types.pop_back(); }},
      {"unknown type", [](TokenizerSpec &s) { s.types[5] = TokenType(9); }},
      {"<0x0A>", [](TokenizerSpec &s) { s.types[5] = TokenType::byte; }},
      {"has no scores", [](TokenizerSpec &s) { s.scores.assign(3, 0.0f); }},
      {"outside", [](TokenizerSpec &s) { s.merges[0].left = 1u << 30; }},
      {"concatenation", [](TokenizerSpec &s) { s.merges[0].result = 3; }},
      {"bos token id", [](TokenizerSpec &s) { s.bosId = 100000; }},
      {"adds BOS",
       [](TokenizerSpec &s) {
         s.addBos = true;
         s.bosId = -1;
       }},
      {"adds EOS",
       [](TokenizerSpec &s) {
         s.addEos = true;
         s.eosId = -1;
       }},
      {"added token", [](TokenizerSpec &s) { s.added[0].id = 1u << 30; }},
      {"sorted by id", [](TokenizerSpec &s) { s.added[1].id = 256; }},
      {"empty text", [](TokenizerSpec &s) { s.tokens[256].clear(); }},
      {"end-of-generation",
       [](TokenizerSpec &s) { s.endOfGeneration = {1u << 30}; }},
      {"must be sorted", [](TokenizerSpec &s) { s.endOfGeneration = {5, 4}; }},
      {"split pattern",
       [](TokenizerSpec &s) { s.splitPatterns.emplace_back(); }},
      {"split patterns",
       [](TokenizerSpec &s) { s.splitPatterns.resize(100, "a"); }},
      {"must be empty", [](TokenizerSpec &s) { s.kind = TokenizerKind::none; }},
      {"unknown tokenizer kind",
       [](TokenizerSpec &s) { s.kind = TokenizerKind(7); }},
      {"no split patterns",
       [](TokenizerSpec &s) { s.kind = TokenizerKind::sentencePieceBpe; }},
  };
  for (const BadSpec &bad : cases) {
    TokenizerSpec spec = smallByteLevel();
    bad.damage(spec);
    Status status = validate(spec);
    ASSERT_FALSE(status.isOk()) << bad.message;
    EXPECT_NE(status.message().find(bad.message), std::string::npos)
        << status.message();
    EXPECT_FALSE(parseTokenizer(serializeTokenizer(spec)).isOk());
  }
  TokenizerSpec scores = smallSentencePiece();
  scores.scores[4] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(validate(scores).isOk());
  scores = smallSentencePiece();
  scores.scores.pop_back();
  EXPECT_FALSE(validate(scores).isOk());
}

TEST(TokenizerSpec, ByteLevelAlphabetIsGpt2s) {
  std::vector<bool> seen(0x144);
  for (unsigned byte = 0; byte < 256; ++byte) {
    uint32_t letter = byteLevelLetter(static_cast<uint8_t>(byte));
    ASSERT_LT(letter, 0x144u);
    EXPECT_FALSE(seen[letter]);
    seen[letter] = true;
    EXPECT_EQ(byteOfLevelLetter(letter), static_cast<int>(byte));
  }
  EXPECT_EQ(byteLevelLetter(' '), 0x120u);
  EXPECT_EQ(byteLevelLetter('\n'), 0x10au);
  EXPECT_EQ(byteLevelLetter(0xad), 0x143u);
  EXPECT_EQ(byteLevelLetter(0x7f), 0x121u);
  EXPECT_EQ(byteOfLevelLetter(' '), -1);
  EXPECT_EQ(byteOfLevelLetter(0x144), -1);
  EXPECT_EQ(toByteLevel(" a\xc3"), "\u0120a\u00c3");
}

//===----------------------------------------------------------------------===//
// GGUF metadata
//===----------------------------------------------------------------------===//

static GgufTokenizerMetadata
byteLevelMetadata(const TokenizerSpec &spec, std::vector<std::string> &merges) {
  GgufTokenizerMetadata meta;
  meta.fileName = "x.gguf";
  meta.model = "gpt2";
  meta.pre = "gpt-2";
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    meta.tokens.push_back(spec.tokens[id]);
    meta.tokenTypes.push_back(static_cast<int64_t>(spec.types[id]));
  }
  for (const TokenMerge &merge : spec.merges)
    merges.push_back(spec.tokens[merge.left] + " " + spec.tokens[merge.right]);
  meta.merges.assign(merges.begin(), merges.end());
  meta.bosId = spec.bosId;
  meta.eosId = spec.eosId;
  return meta;
}

TEST(TokenizerGguf, ByteLevelEqualsTheSpecItCameFrom) {
  TokenizerSpec spec = smallByteLevel();
  std::vector<std::string> merges;
  GgufTokenizerMetadata meta = byteLevelMetadata(spec, merges);
  StatusOr<TokenizerSpec> read = tokenizerFromGgufMetadata(meta);
  ASSERT_TRUE(read.isOk()) << read.status().toString();
  spec.spacePrefixOnlyIfMissing = read->spacePrefixOnlyIfMissing;
  EXPECT_TRUE(*read == spec);
  EXPECT_EQ(read->endOfGeneration, std::vector<uint32_t>{257});
}

TEST(TokenizerGguf, ErrorsNameTheKey) {
  TokenizerSpec spec = smallByteLevel();
  std::vector<std::string> merges;
  const GgufTokenizerMetadata good = byteLevelMetadata(spec, merges);
  auto expect = [&](const char *key,
                    std::function<void(GgufTokenizerMetadata &)> damage) {
    GgufTokenizerMetadata meta = good;
    damage(meta);
    StatusOr<TokenizerSpec> read = tokenizerFromGgufMetadata(meta);
    ASSERT_FALSE(read.isOk()) << key;
    std::string text = read.status().toString();
    EXPECT_NE(text.find(key), std::string::npos) << text;
    EXPECT_NE(text.find("x.gguf"), std::string::npos) << text;
  };
  using Meta = GgufTokenizerMetadata;
  expect("tokenizer.ggml.model", [](Meta &m) { m.model = "bert"; });
  expect("tokenizer.ggml.pre", [](Meta &m) { m.pre = "unheard-of"; });
  expect("tokenizer.ggml.tokens", [](Meta &m) { m.tokens.clear(); });
  expect("tokenizer.ggml.token_type", [](Meta &m) { m.tokenTypes.pop_back(); });
  expect("tokenizer.ggml.token_type", [](Meta &m) { m.tokenTypes[3] = 77; });
  expect("tokenizer.ggml.merges'[1]", [](Meta &m) { m.merges[1] = "ab"; });
  expect("tokenizer.ggml.merges'[1]", [](Meta &m) { m.merges[1] = "q q"; });
  expect("tokenizer.ggml.eos_token_id", [](Meta &m) { m.eosId = 1 << 30; });
  expect("tokenizer.ggml.bos_token_id", [](Meta &m) { m.bosId = -7; });
  expect("tokenizer.ggml.scores", [](Meta &m) { m.model = "llama"; });
}

TEST(TokenizerGguf, SentencePieceDefaults) {
  TokenizerSpec spec = smallSentencePiece();
  GgufTokenizerMetadata meta;
  meta.model = "llama";
  for (size_t id = 0; id < spec.tokens.size(); ++id) {
    meta.tokens.push_back(spec.tokens[id]);
    meta.tokenTypes.push_back(static_cast<int64_t>(spec.types[id]));
  }
  meta.scores = spec.scores;
  StatusOr<TokenizerSpec> read = tokenizerFromGgufMetadata(meta);
  ASSERT_TRUE(read.isOk()) << read.status().toString();
  EXPECT_TRUE(*read == spec);
}

TEST(TokenizerTables, SystemMessageOfATemplate) {
  std::string expression = "{{ '<|im_start|>system\\n' + messages[0].content + "
                           "'<|im_end|>\\n' }}";
  std::string literal =
      "{{- '<|im_start|>system\\nYou\\'re here.<|im_end|>\\n' }}";
  EXPECT_EQ(chatTemplateDefaultSystem(ChatTemplateKind::chatml, expression),
            "");
  EXPECT_EQ(
      chatTemplateDefaultSystem(ChatTemplateKind::chatml, expression + literal),
      "You're here.");
  EXPECT_EQ(recognizeChatTemplate(""), ChatTemplateKind::none);
  EXPECT_EQ(recognizeChatTemplate("{{ messages }}"), ChatTemplateKind::unknown);
  EXPECT_EQ(recognizeChatTemplate("<|im_start|>user<|im_sep|>x<|im_end|>"),
            ChatTemplateKind::unknown);
}
