//===- TokenizerFileTest.cpp - Tokenizers out of real files ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FixtureFiles.h"

#include "lib/Import/Gguf.h"
#include "lib/Import/GgufConfig.h"
#include "lib/Import/TokenizerGguf.h"
#include "lib/Import/TokenizerJson.h"
#include "runtime/Text/ChatTemplate.h"
#include "runtime/Text/Tokenizer.h"

#include <cstdlib>
#include <random>

using namespace lowbit;
using namespace lowbit::import;
using namespace lowbit::test;

using Ids = std::vector<int32_t>;

static StatusOr<TokenizerSpec> specFromJson(std::string_view text) {
  return tokenizerFromHuggingFace({"", text, {}, {}, {}});
}

static StatusOr<TokenizerSpec> specFromGguf(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(GgufFile file, GgufFile::open(path));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<GgufTokenizerMetadata> metadata,
                          readGgufTokenizer(file));
  if (!metadata)
    return notFound("'%s' has no tokenizer", path.c_str());
  return tokenizerFromGgufMetadata(*metadata);
}

/// The tokenizer of a spec that went through the module's bytes.
static StatusOr<Tokenizer> throughBytes(StatusOr<TokenizerSpec> spec) {
  if (!spec.isOk())
    return std::move(spec).status();
  LOWBIT_ASSIGN_OR_RETURN(TokenizerSpec parsed,
                          parseTokenizer(serializeTokenizer(*spec)));
  EXPECT_TRUE(parsed == *spec);
  return Tokenizer::create(std::move(parsed));
}

static Ids idsOf(const llvm::json::Array &array) {
  Ids ids;
  for (const llvm::json::Value &value : array)
    ids.push_back(static_cast<int32_t>(*value.getAsInteger()));
  return ids;
}

TEST(TokenizerFile, EqualsHuggingFaceOnTheFixtures) {
  std::string casesPath = fixturePath("cases.json");
  llvm::json::Value file = readJson(casesPath);
  const llvm::json::Array &texts = *file.getAsObject()->getArray("texts");
  size_t compared = 0;
  for (const auto &[name, value] : *file.getAsObject()->getObject("ids")) {
    std::string json = readText(fixturePath(name.str() + ".json"));
    StatusOr<Tokenizer> tokenizer = throughBytes(specFromJson(json));
    ASSERT_TRUE(tokenizer.isOk())
        << name.str() << tokenizer.status().toString();
    EncodeOptions options;
    options.addSpecial = false;
    options.parseSpecial = true;
    const llvm::json::Array &expected = *value.getAsArray();
    ASSERT_EQ(expected.size(), texts.size());
    for (size_t i = 0; i < texts.size(); ++i) {
      llvm::StringRef text = *texts[i].getAsString();
      StatusOr<Ids> ids =
          tokenizer->encode({text.data(), text.size()}, options);
      ASSERT_TRUE(ids.isOk()) << ids.status().toString();
      EXPECT_EQ(*ids, idsOf(*expected[i].getAsArray()))
          << name.str() << " on text " << i << ": " << text.str();
      ++compared;
    }
  }
  EXPECT_GT(compared, 500u);
}

TEST(TokenizerFile, KnownPreTokenizersAreNamed) {
  for (std::string name : {"gpt2", "smollm", "llama3", "qwen2"}) {
    std::string json = readText(fixturePath("small-" + name + ".json"));
    StatusOr<TokenizerSpec> spec = specFromJson(json);
    ASSERT_TRUE(spec.isOk()) << spec.status().toString();
    EXPECT_EQ(spec->preTokenizer, name);
    EXPECT_EQ(spec->ignoreMerges, name == "llama3");
    EXPECT_EQ(spec->normalizer == TextNormalizer::nfc, name == "qwen2");
  }
}

TEST(TokenizerFile, DamagedJsonIsAnErrorOrAValidSpec) {
  std::mt19937 random(3);
  for (const char *name : {"small-qwen2.json", "spaces-llama.json"}) {
    const std::string json = readText(fixturePath(name));
    for (size_t length = 0; length < json.size(); length += 97)
      EXPECT_FALSE(
          specFromJson(std::string_view(json).substr(0, length)).isOk());
    for (int i = 0; i < 300; ++i) {
      std::string damaged = json;
      // Half of the flips near the end and the start, away from the vocabulary.
      size_t at = random() % damaged.size();
      if (i % 2)
        at = random() % 1500;
      damaged[at] ^= static_cast<char>(1 << (random() % 7));
      StatusOr<TokenizerSpec> spec = specFromJson(damaged);
      if (!spec.isOk()) {
        EXPECT_FALSE(spec.status().message().empty());
        continue;
      }
      EXPECT_TRUE(validate(*spec).isOk());
      StatusOr<Tokenizer> tokenizer = Tokenizer::create(std::move(*spec));
      if (tokenizer.isOk())
        (void)tokenizer->encode("some text <|end|> 123 \u00e9").isOk();
    }
  }
}

TEST(TokenizerFile, UnsupportedPartsAreNamed) {
  const std::string json = readText(fixturePath("small-gpt2.json"));
  auto replaced = [&](const std::string &from, const std::string &to) {
    std::string text = json;
    size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
  };
  struct {
    const char *from, *to, *message;
  } const cases[] = {
      {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", "Unigram"},
      {"\"dropout\":null", "\"dropout\":0.1", "dropout"},
      {"\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}", "NFKC"},
      {"\"post_processor\":null", "\"post_processor\":{\"type\":\"Roberta\"}",
       "Roberta"},
      {"\"type\":\"ByteLevel\"", "\"type\":\"Whitespace\"", "Whitespace"},
      {"\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"",
       "end_of_word_suffix"},
      {"\"id\":64", "\"id\":123456789", "integer below"},
  };
  for (const auto &one : cases) {
    StatusOr<TokenizerSpec> spec = specFromJson(replaced(one.from, one.to));
    ASSERT_FALSE(spec.isOk()) << one.message;
    EXPECT_NE(spec.status().message().find(one.message), std::string::npos)
        << spec.status().message();
  }
  EXPECT_FALSE(specFromJson("").isOk());
  EXPECT_FALSE(specFromJson("[]").isOk());
  EXPECT_FALSE(specFromJson(std::string(50000, '[')).isOk());
}

TEST(TokenizerFile, ConfigFilesBeside) {
  const std::string json = readText(fixturePath("spaces-llama.json"));
  HuggingFaceTokenizerFiles files;
  files.folder = "m";
  files.tokenizerJson = json;
  files.tokenizerConfigJson =
      R"({"bos_token": {"content": "<s>"}, "eos_token": "</s>",
          "tokenizer_class": "LlamaTokenizer", "add_bos_token": true,
          "chat_template": [{"name": "tool_use", "template": "x"},
            {"name": "default", "template": "<start_of_turn>"}]})";
  files.generationConfigJson = R"({"eos_token_id": [2, 5]})";
  StatusOr<TokenizerSpec> spec = tokenizerFromHuggingFace(files);
  ASSERT_TRUE(spec.isOk()) << spec.status().toString();
  EXPECT_EQ(spec->bosId, 1);
  EXPECT_EQ(spec->eosId, 2);
  EXPECT_TRUE(spec->addBos);
  EXPECT_FALSE(spec->addEos);
  EXPECT_EQ(spec->chatTemplate, ChatTemplateKind::gemma);
  EXPECT_TRUE(std::count(spec->endOfGeneration.begin(),
                         spec->endOfGeneration.end(), 5u));
  files.chatTemplateJinja = "<|im_start|><|im_end|>";
  EXPECT_EQ(tokenizerFromHuggingFace(files)->chatTemplate,
            ChatTemplateKind::chatml);
  files.generationConfigJson = R"({"eos_token_id": 123456})";
  spec = tokenizerFromHuggingFace(files);
  ASSERT_FALSE(spec.isOk());
  EXPECT_NE(spec.status().toString().find("eos_token_id"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// Files of the shared folder
//===----------------------------------------------------------------------===//

static std::string sharedPath(const std::string &name) {
  return std::string(LOWBIT_SHARED_DIR "/") + name;
}

TEST(SharedTokenizers, Gpt2Vectors) {
  std::string inputs = readText(sharedPath("data/ggml-vocab-gpt-2.gguf.inp"));
  std::string outputs = readText(sharedPath("data/ggml-vocab-gpt-2.gguf.out"));
  if (inputs.empty())
    GTEST_SKIP() << "no " << sharedPath("data");
  // Once from the GGUF file, once from vocabulary and merges as OpenAI has
  // them.
  std::string json = R"({"pre_tokenizer":{"type":"ByteLevel",
      "add_prefix_space":false},"model":{"type":"BPE","vocab":)" +
                     readText(sharedPath("data/gpt2_vocab.json")) +
                     ",\"merges\":[";
  std::istringstream merges(readText(sharedPath("data/gpt2_merges.txt")));
  bool first = true;
  for (std::string line; std::getline(merges, line);) {
    if (line.empty())
      continue;
    llvm::raw_string_ostream(json)
        << (first ? "" : ",") << llvm::json::Value(line);
    first = false;
  }
  json += "]}}";
  for (StatusOr<TokenizerSpec> spec :
       {specFromGguf(sharedPath("data/ggml-vocab-gpt-2.gguf")),
        specFromJson(json)}) {
    StatusOr<Tokenizer> tokenizer = throughBytes(std::move(spec));
    ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().toString();
    const std::string separator = "\n__ggml_vocab_test__\n";
    std::istringstream expected(outputs);
    size_t compared = 0;
    for (size_t at = 0; at <= inputs.size();) {
      size_t end = inputs.find(separator, at);
      bool last = end == std::string::npos;
      std::string text = inputs.substr(at, last ? end : end - at);
      at = last ? inputs.size() + 1 : end + separator.size();
      std::string line;
      // After the last separator the file ends.
      if (!std::getline(expected, line)) {
        EXPECT_TRUE(text.empty());
        break;
      }
      std::istringstream numbers(line);
      Ids ids;
      for (int32_t id; numbers >> id;)
        ids.push_back(id);
      EXPECT_EQ(tokenizer->encode(text).value(), ids) << text;
      EXPECT_EQ(tokenizer->decode(ids), text);
      ++compared;
    }
    EXPECT_GT(compared, 40u);
  }
}

TEST(SharedTokenizers, Stories260K) {
  std::string folder = sharedPath("models/stories260K-hf");
  if (readText(folder + "/tokenizer.json").empty())
    GTEST_SKIP() << "no " << folder;
  StatusOr<Tokenizer> fromFolder =
      throughBytes(readHuggingFaceTokenizer(folder));
  StatusOr<Tokenizer> fromGguf =
      throughBytes(specFromGguf(sharedPath("models/stories260K.gguf")));
  ASSERT_TRUE(fromFolder.isOk()) << fromFolder.status().toString();
  ASSERT_TRUE(fromGguf.isOk()) << fromGguf.status().toString();
  // The check line of SOURCES.md.
  const std::string line =
      "Once upon a time, there was a little girl named Lily.";
  const Ids expected = {1,   403, 407, 261, 378, 432, 383, 286,
                        261, 376, 298, 315, 421, 395, 317, 426};
  EXPECT_EQ(fromFolder->encode(line).value(), expected);
  EXPECT_EQ(fromGguf->encode(line).value(), expected);
  EXPECT_EQ(fromGguf->decode(expected), line);
  EXPECT_TRUE(fromGguf->isEndOfGeneration(2));
  // Merges and scores are two forms of the same tokenizer.
  std::string text = readText(sharedPath("data/tinystories-val.txt"));
  EncodeOptions plain;
  plain.addSpecial = plain.spacePrefix = false;
  StatusOr<Ids> ids = fromGguf->encode(text, plain);
  ASSERT_TRUE(ids.isOk());
  // What scripts/stories260k.py gives for the whole file (SOURCES.md says
  // 393,026, which that script does not reproduce).
  EXPECT_EQ(ids->size(), 393018u);
  EXPECT_TRUE(*ids == fromFolder->encode(text, plain).value());
}

static uint64_t fnv1a(const Ids &ids) {
  uint64_t value = 0xcbf29ce484222325ull;
  for (int32_t id : ids)
    for (int shift = 0; shift < 32; shift += 8)
      value = (value ^ ((static_cast<uint32_t>(id) >> shift) & 0xff)) *
              0x100000001b3ull;
  return value;
}

static std::string smolLm2Path() {
  const char *fileName = "SmolLM2-135M-Instruct.Q4_1.gguf";
  std::vector<std::string> places;
  if (const char *path = std::getenv("LOWBIT_SMOLLM2_GGUF"))
    places.push_back(path);
  if (const char *cache = std::getenv("XDG_CACHE_HOME"))
    places.push_back(std::string(cache) + "/lowbit/" + fileName);
  if (const char *home = std::getenv("HOME"))
    places.push_back(std::string(home) + "/.cache/lowbit/" + fileName);
  places.push_back(sharedPath("../cache/") + fileName);
  for (const std::string &place : places)
    if (std::ifstream(place).good())
      return place;
  return "";
}

TEST(SharedTokenizers, SmolLm2EqualsHuggingFaceOnWikitext) {
  std::string path = smolLm2Path();
  std::string text = readText(sharedPath("data/wiki.test.raw"));
  if (path.empty() || text.empty())
    GTEST_SKIP() << "needs SmolLM2's GGUF (LOWBIT_SMOLLM2_GGUF) and "
                 << sharedPath("data/wiki.test.raw");
  StatusOr<Tokenizer> tokenizer = throughBytes(specFromGguf(path));
  ASSERT_TRUE(tokenizer.isOk()) << tokenizer.status().toString();
  std::ifstream expected(fixturePath("smollm2-wiki.txt"));
  std::istringstream lines(text);
  size_t compared = 0;
  for (std::string line; compared < 1000 && std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos)
      continue;
    size_t count = 0;
    std::string hash;
    ASSERT_TRUE(expected >> count >> hash);
    StatusOr<Ids> ids = tokenizer->encode(line);
    ASSERT_TRUE(ids.isOk());
    EXPECT_EQ(ids->size(), count) << line;
    EXPECT_EQ(
        formatString("%016llx", static_cast<unsigned long long>(fnv1a(*ids))),
        hash)
        << line;
    EXPECT_EQ(tokenizer->decode(*ids), line);
    ++compared;
  }
  EXPECT_EQ(compared, 1000u);
  EXPECT_EQ(tokenizer->encode(text).value().size(), 303415u); // SOURCES.md

  ChatMessage message{ChatRole::user, "Hi"};
  StatusOr<std::string> chat =
      renderChat(tokenizer->spec(), std::span(&message, 1));
  ASSERT_TRUE(chat.isOk()) << chat.status().toString();
  EXPECT_EQ(
      *chat,
      "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, "
      "trained by Hugging Face<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n"
      "<|im_start|>assistant\n");
  EncodeOptions options;
  options.addSpecial = false;
  options.parseSpecial = true;
  StatusOr<Ids> ids = tokenizer->encode(*chat, options);
  ASSERT_TRUE(ids.isOk());
  EXPECT_EQ(std::count(ids->begin(), ids->end(), 1), 3); // <|im_start|>
  EXPECT_TRUE(tokenizer->isEndOfGeneration(2));          // <|im_end|>
}
