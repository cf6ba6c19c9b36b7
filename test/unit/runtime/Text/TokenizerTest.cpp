//===- TokenizerTest.cpp - Encoding and decoding --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "TestSpecs.h"

#include "runtime/Text/Tokenizer.h"
#include "runtime/Text/Utf8.h"

#include <ctime>
#include <gtest/gtest.h>
#include <random>

using namespace lowbit;
using namespace lowbit::test;

using Ids = std::vector<int32_t>;

static Tokenizer make(TokenizerSpec spec) {
  StatusOr<Tokenizer> tokenizer = Tokenizer::create(std::move(spec));
  EXPECT_TRUE(tokenizer.isOk()) << tokenizer.status().toString();
  return std::move(tokenizer).value();
}

/// The tokens' texts, separated by '|'.
static std::string pieces(const Tokenizer &tokenizer, std::string_view text,
                          EncodeOptions options = {}) {
  StatusOr<Ids> ids = tokenizer.encode(text, options);
  EXPECT_TRUE(ids.isOk()) << ids.status().toString();
  std::string result;
  if (ids.isOk())
    for (int32_t id : *ids)
      result += (result.empty() ? "" : "|") + tokenizer.tokenBytes(id, true);
  return result;
}

TEST(ByteLevel, MergesByRankWithinWords) {
  Tokenizer tokenizer = make(smallByteLevel());
  EXPECT_EQ(pieces(tokenizer, "hello hell"), "hello| |hell");
  EXPECT_EQ(pieces(tokenizer, "aaaaa"), "aaaa|a");
  EXPECT_EQ(pieces(tokenizer, "aaa"), "aa|a");
  EXPECT_EQ(pieces(tokenizer, ""), "");
  EXPECT_EQ(pieces(tokenizer, "llo"), "ll|o");
}

TEST(ByteLevel, LongWordsEqualShortOnesPieceByPiece) {
  // 24 symbols is where the queue takes over from the scan.
  Tokenizer tokenizer = make(smallByteLevel());
  for (size_t length = 1; length < 80; ++length) {
    std::string expected;
    size_t left = length;
    auto take = [&](size_t n) {
      for (; left >= n; left -= n)
        expected += (expected.empty() ? "" : "|") + std::string(n, 'a');
    };
    take(4);
    take(2);
    take(1);
    EXPECT_EQ(pieces(tokenizer, std::string(length, 'a')), expected);
  }
}

TEST(ByteLevel, SpecialTokensOnlyWhenAsked) {
  Tokenizer tokenizer = make(smallByteLevel());
  EncodeOptions parse;
  parse.parseSpecial = true;
  EXPECT_EQ(tokenizer.encode("<|im_start|>aa<|im_end|>", parse).value().size(),
            3u);
  EXPECT_GT(tokenizer.encode("<|im_start|>aa<|im_end|>").value().size(), 10u);
  EXPECT_EQ(tokenizer.findAdded("<|im_end|>"), 257);
  EXPECT_EQ(tokenizer.findAdded("<|im_en"), -1);
  EXPECT_EQ(tokenizer.findAdded(""), -1);
  EXPECT_TRUE(tokenizer.isEndOfGeneration(257));
  EXPECT_FALSE(tokenizer.isEndOfGeneration(256));
  EXPECT_FALSE(tokenizer.isEndOfGeneration(-1));
  Ids ids = {256, static_cast<int32_t>(idOf(tokenizer.spec(), "hello")), 257,
             -5, 1 << 30};
  EXPECT_EQ(tokenizer.decode(ids), "hello");
  DecodeOptions show;
  show.skipSpecial = false;
  EXPECT_EQ(tokenizer.decode(ids, show), "<|im_start|>hello<|im_end|>");
}

TEST(ByteLevel, MissingByteIsNamed) {
  TokenizerSpec spec = smallByteLevel();
  spec.types['q'] = TokenType::unused;
  StatusOr<Ids> ids = make(spec).encode("q");
  ASSERT_FALSE(ids.isOk());
  EXPECT_NE(ids.status().message().find("0x71"), std::string::npos);
}

TEST(ByteLevel, BadPatternIsNamed) {
  TokenizerSpec spec = smallByteLevel();
  spec.splitPatterns = {"(unclosed"};
  StatusOr<Tokenizer> tokenizer = Tokenizer::create(spec);
  ASSERT_FALSE(tokenizer.isOk());
  EXPECT_NE(tokenizer.status().message().find("(unclosed"), std::string::npos);
  EXPECT_FALSE(Tokenizer::create(TokenizerSpec()).isOk());
}

TEST(ByteLevel, CostlyPatternsEndInAnError) {
  TokenizerSpec spec = smallByteLevel();
  spec.splitPatterns = {"(a+)+$"};
  Tokenizer tokenizer = make(spec);
  EXPECT_FALSE(tokenizer.encode(std::string(64, 'a') + "b").isOk());
  spec.splitPatterns = {"(?=a)|x*"}; // only empty matches
  EXPECT_EQ(pieces(make(spec), "aaab"), "aa|a|b");
}

TEST(SentencePiece, MergesByScore) {
  Tokenizer tokenizer = make(smallSentencePiece());
  // bc scores above ab.
  EXPECT_EQ(pieces(tokenizer, "abc"), "<s>| a|bc");
  EXPECT_EQ(pieces(tokenizer, "ab"), "<s>| ab");
  EncodeOptions plain;
  plain.addSpecial = false;
  plain.spacePrefix = false;
  EXPECT_EQ(pieces(tokenizer, "ab", plain), "ab");
  EXPECT_EQ(tokenizer.encode("", plain).value(), Ids());
  EXPECT_EQ(tokenizer.encode("").value(), Ids{1});
}

TEST(SentencePiece, UnknownCharactersAreBytes) {
  Tokenizer tokenizer = make(smallSentencePiece());
  EncodeOptions plain;
  plain.addSpecial = false;
  plain.spacePrefix = false;
  EXPECT_EQ(tokenizer.encode("\u00e9", plain).value(),
            (Ids{3 + 0xc3, 3 + 0xa9}));
  EXPECT_EQ(tokenizer.encode("\xff", plain).value(), Ids{3 + 0xff});
  TokenizerSpec spec = smallSentencePiece();
  spec.byteFallback = false;
  EXPECT_EQ(make(spec).encode("zz", plain).value(), (Ids{0, 0}));
  spec.fuseUnknown = true;
  EXPECT_EQ(make(spec).encode("zzaz", plain).value(),
            (Ids{0, static_cast<int32_t>(idOf(spec, "a")), 0}));
  spec.unkId = -1;
  EXPECT_FALSE(make(spec).encode("z", plain).isOk());
}

TEST(SentencePiece, PrefixSpaceComesAndGoes) {
  Tokenizer tokenizer = make(smallSentencePiece());
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab").value()), "ab");
  DecodeOptions middle;
  middle.atStart = false;
  EXPECT_EQ(tokenizer.decode(tokenizer.encode("ab").value(), middle), " ab");
  EncodeOptions parse;
  parse.parseSpecial = true;
  EXPECT_EQ(pieces(tokenizer, "a</s>a", parse), "<s>| a|</s>| a");
  TokenizerSpec spec = smallSentencePiece();
  spec.spacePrefix = SpacePrefix::first;
  EXPECT_EQ(pieces(make(spec), "a</s>a", parse), "<s>| a|</s>|a");
  EXPECT_EQ(pieces(make(spec), "</s>a", parse), "<s>|</s>|a");
  spec.spacePrefixOnlyIfMissing = true;
  EXPECT_EQ(pieces(make(spec), " a"), "<s>| a");
  spec.spacePrefixOnlyIfMissing = false;
  EXPECT_EQ(pieces(make(spec), " a"), "<s>| | a");
}

TEST(RoundTrip, AnyBytes) {
  std::mt19937 random(7);
  Tokenizer byteLevel = make(smallByteLevel());
  Tokenizer sentencePiece = make(smallSentencePiece());
  EncodeOptions plain;
  plain.addSpecial = false;
  for (int i = 0; i < 3000; ++i) {
    std::string text(random() % 60, '\0');
    for (char &c : text)
      c = i % 2 ? static_cast<char>(random())
                : "helo ab\xc3\xa9\xe2\x96\x81<"[random() % 13];
    EXPECT_EQ(byteLevel.decode(byteLevel.encode(text, plain).value()), text);
    // U+2581 stands for a space there and does not come back.
    if (text.find("\xe2\x96\x81") == std::string::npos)
      EXPECT_EQ(sentencePiece.decode(sentencePiece.encode(text, plain).value()),
                text);
  }
}

TEST(RoundTrip, StreamIsUtf8AtEveryPoint) {
  std::mt19937 random(9);
  Tokenizer tokenizer = make(smallByteLevel());
  EncodeOptions plain;
  plain.addSpecial = false;
  const char *characters[] = {"a", "\u00e9", "\u6211", "\U0001f680"};
  auto isUtf8 = [](std::string_view text) {
    for (size_t at = 0; at < text.size();) {
      size_t length = text::characterLength(text, at);
      if (length == 0)
        return false;
      at += length;
    }
    return true;
  };
  for (int i = 0; i < 2000; ++i) {
    std::string text(random() % 40, '\0');
    bool valid = i % 2;
    if (valid) {
      text.clear();
      for (unsigned n = random() % 12; n > 0; --n)
        text += characters[random() % 4];
    } else {
      for (char &c : text)
        c = static_cast<char>(random() % 4 ? 0x80 + random() % 128 : random());
    }
    StreamDecoder stream(tokenizer);
    std::string out;
    StatusOr<Ids> ids = tokenizer.encode(text, plain);
    ASSERT_TRUE(ids.isOk());
    for (int32_t id : *ids) {
      std::string part = stream.push(id);
      EXPECT_TRUE(isUtf8(part));
      out += part;
    }
    std::string rest = stream.finish();
    EXPECT_TRUE(isUtf8(rest));
    if (valid) {
      EXPECT_EQ(out + rest, text);
    }
  }
}

TEST(RoundTrip, StreamReplacesWhatCannotBeText) {
  Tokenizer tokenizer = make(smallByteLevel());
  StreamDecoder stream(tokenizer);
  auto byte = [&](unsigned value) { return static_cast<int32_t>(value); };
  EXPECT_EQ(stream.push(byte(0xe6)), "");
  EXPECT_EQ(stream.push(byte(0x88)), "");
  EXPECT_EQ(stream.push(byte(0x91)), "\u6211");
  EXPECT_EQ(stream.push(byte(0xe6)), "");
  EXPECT_EQ(stream.push(byte('a')), "\ufffda");
  EXPECT_EQ(stream.push(byte(0xf0)), "");
  EXPECT_EQ(stream.finish(), "\ufffd");
  EXPECT_EQ(stream.finish(), "");
}

/// Processor seconds for one encoding: other processes do not count.
static double seconds(const Tokenizer &tokenizer, const std::string &text) {
  std::clock_t start = std::clock();
  EXPECT_TRUE(tokenizer.encode(text).isOk());
  return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

TEST(Cost, LongWordsAreNotQuadratic) {
  // A quadratic loop would take many minutes on a word of 1 MB.
  std::string longWord(size_t(1) << 20, 'a');
  EXPECT_LT(seconds(make(smallByteLevel()), longWord), 30.0);
  EXPECT_LT(seconds(make(smallSentencePiece()), longWord), 30.0);
  EXPECT_LT(seconds(make(smallByteLevel()), std::string(1 << 20, ' ')), 30.0);
}

TEST(Utf8, WellFormedOnly) {
  auto length = [](std::string_view text) {
    return text::characterLength(text, 0);
  };
  EXPECT_EQ(length("a"), 1u);
  EXPECT_EQ(length("\u00e9"), 2u);
  EXPECT_EQ(length("\U0010ffff"), 4u);
  for (const char *bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x9f\xbf", "\xed\xa0\x80",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xe6\x88",
        "\xff"})
    EXPECT_EQ(length(bad), 0u);
  EXPECT_TRUE(text::isCharacterPrefix("\xe6\x88"));
  EXPECT_TRUE(text::isCharacterPrefix("\xf0"));
  EXPECT_FALSE(text::isCharacterPrefix("\xed\xa0"));
  EXPECT_FALSE(text::isCharacterPrefix("a"));
  EXPECT_FALSE(text::isCharacterPrefix(""));
  EXPECT_EQ(text::normalizeNfc("e\u0301\xff"
                               "e\u0301 \u212b"),
            "\u00e9\xff\u00e9 \u00c5");
}
