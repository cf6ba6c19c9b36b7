//===- TokenizerJson.cpp - Hugging Face tokenizers ------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/TokenizerJson.h"

#include "lib/Import/InFile.h"
#include "lib/Import/JsonText.h"
#include "lowbit/Support/MappedFile.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/JSON.h"

#include <filesystem>

using namespace lowbit;
using namespace lowbit::import;
namespace json = llvm::json;

static constexpr llvm::StringLiteral spaceSymbol = "\u2581";
static constexpr uint64_t maxFileBytes = uint64_t(1) << 28;

namespace {
/// Reads tokenizer.json first, then what the files beside it add.
class TokenizerReader {
public:
  explicit TokenizerReader(const HuggingFaceTokenizerFiles &files)
      : files(files) {}

  StatusOr<TokenizerSpec> run();

private:
  Status readTokenizer(const json::Object &root);
  Status readModel(const json::Object &root);
  Status readVocabulary(const json::Object &vocabulary,
                        const json::Array *addedTokens);
  Status readAdded(const json::Array &addedTokens);
  Status readMerges(const json::Array &merges);
  Status readNormalizer(const json::Value &value);
  Status readPreTokenizer(const json::Value &value, bool alone);
  Status readSplit(const json::Object &object);
  Status readMetaspace(const json::Object &object);
  Status readPostProcessor(const json::Value &value);
  Status readTemplateProcessing(const json::Object &object);
  Status readTokenizerConfig(const json::Object &root);
  Status readGenerationConfig(const json::Object &root);
  Status setKind();
  int32_t idOf(llvm::StringRef text) const;

  const HuggingFaceTokenizerFiles &files;
  TokenizerSpec spec;
  llvm::StringMap<uint32_t> ids;
  bool byteLevel = false;     ///< a ByteLevel pre-tokenizer was seen
  bool spacesEscaped = false; ///< spaces become U+2581
};
} // namespace

static Status unsupported(const char *what, llvm::StringRef value) {
  return unimplemented("%s '%.100s' is not supported", what,
                       value.str().c_str());
}

static llvm::StringRef typeOf(const json::Object &object) {
  return object.getString("type").value_or("");
}

int32_t TokenizerReader::idOf(llvm::StringRef text) const {
  auto found = ids.find(text);
  return found == ids.end() ? -1 : static_cast<int32_t>(found->second);
}

//===----------------------------------------------------------------------===//
// Vocabulary and merges
//===----------------------------------------------------------------------===//

/// Checks one id against the limits; `count` entries exist in all.
static StatusOr<uint32_t> checkedId(std::optional<int64_t> id, size_t count,
                                    llvm::StringRef text) {
  // Holes are allowed, a hostile id that makes us reserve gigabytes is not.
  size_t limit = std::min(maxTokens, 2 * count + 65536);
  if (!id || *id < 0 || static_cast<uint64_t>(*id) >= limit)
    return invalidArgument("the id of token '%.100s' must be an "
                           "integer below %zu",
                           text.str().c_str(), limit);
  return static_cast<uint32_t>(*id);
}

Status TokenizerReader::readVocabulary(const json::Object &vocabulary,
                                       const json::Array *addedTokens) {
  size_t count = vocabulary.size() + (addedTokens ? addedTokens->size() : 0);
  if (count == 0 || count > maxTokens)
    return invalidArgument("the vocabulary requires 1 to %zu "
                           "tokens, got %zu",
                           maxTokens, count);
  auto place = [&](llvm::StringRef text, uint32_t id) -> Status {
    if (id >= spec.tokens.size()) {
      spec.tokens.resize(id + 1);
      // An id that nothing names is never produced.
      spec.types.resize(id + 1, TokenType::unused);
    }
    if (spec.types[id] != TokenType::unused && spec.tokens[id] != text)
      return invalidArgument("id %u is both '%.100s' and "
                             "'%.100s'",
                             id, spec.tokens[id].c_str(), text.str().c_str());
    spec.tokens[id] = text.str();
    spec.types[id] = TokenType::normal;
    auto [entry, isNew] = ids.try_emplace(text, id);
    if (!isNew)
      entry->second = std::min(entry->second, id);
    return Status::success();
  };
  for (const auto &entry : vocabulary) {
    llvm::StringRef text = entry.first;
    LOWBIT_ASSIGN_OR_RETURN(
        uint32_t id, checkedId(entry.second.getAsInteger(), count, text));
    LOWBIT_RETURN_IF_ERROR(place(text, id));
  }
  if (!addedTokens)
    return Status::success();
  for (const json::Value &value : *addedTokens) {
    const json::Object *object = value.getAsObject();
    std::optional<llvm::StringRef> text =
        object ? object->getString("content") : std::nullopt;
    if (!text)
      return invalidArgument("an entry of 'added_tokens' has no "
                             "'content'");
    LOWBIT_ASSIGN_OR_RETURN(uint32_t id,
                            checkedId(object->getInteger("id"), count, *text));
    LOWBIT_RETURN_IF_ERROR(place(*text, id));
  }
  return Status::success();
}

Status TokenizerReader::readAdded(const json::Array &addedTokens) {
  for (const json::Value &value : addedTokens) {
    const json::Object &object = *value.getAsObject(); // by readVocabulary
    AddedToken token;
    token.id = static_cast<uint32_t>(*object.getInteger("id"));
    token.special = object.getBoolean("special").value_or(false);
    token.leftStrip = object.getBoolean("lstrip").value_or(false);
    token.rightStrip = object.getBoolean("rstrip").value_or(false);
    token.singleWord = object.getBoolean("single_word").value_or(false);
    if (spec.tokens[token.id].empty())
      continue;
    spec.types[token.id] =
        token.special ? TokenType::control : TokenType::userDefined;
    spec.added.push_back(token);
  }
  return Status::success();
}

Status TokenizerReader::readMerges(const json::Array &merges) {
  if (merges.size() > maxMerges)
    return invalidArgument("%zu merges, the limit is %zu", merges.size(),
                           maxMerges);
  spec.merges.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    llvm::StringRef left, right;
    if (std::optional<llvm::StringRef> text = merges[rank].getAsString()) {
      std::tie(left, right) = text->split(' ');
    } else if (const json::Array *pair = merges[rank].getAsArray();
               pair && pair->size() == 2) {
      left = (*pair)[0].getAsString().value_or("");
      right = (*pair)[1].getAsString().value_or("");
    }
    if (left.empty() || right.empty())
      return invalidArgument("merge %zu is not two pieces", rank);
    int32_t leftId = idOf(left), rightId = idOf(right),
            result = idOf((left + right).str());
    if (leftId < 0 || rightId < 0 || result < 0)
      return invalidArgument("merge %zu ('%.50s' and '%.50s') "
                             "names a piece that is not in the vocabulary",
                             rank, left.str().c_str(), right.str().c_str());
    spec.merges.push_back({static_cast<uint32_t>(leftId),
                           static_cast<uint32_t>(rightId),
                           static_cast<uint32_t>(result)});
  }
  return Status::success();
}

Status TokenizerReader::readModel(const json::Object &root) {
  const json::Object *model = root.getObject("model");
  if (!model)
    return invalidArgument("there is no object 'model'");
  // Files of the first releases have no type; only BPE has merges.
  const json::Array *merges = model->getArray("merges");
  llvm::StringRef type = typeOf(*model);
  if (type.empty() ? !merges : type != "BPE")
    return unsupported("model type", type);
  if (std::optional<double> dropout = model->getNumber("dropout");
      dropout && *dropout != 0)
    return unsupported("option", "dropout");
  for (const char *affix : {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!model->getString(affix).value_or("").empty())
      return unsupported("option", affix);
  const json::Object *vocabulary = model->getObject("vocab");
  if (!vocabulary || !merges)
    return invalidArgument("'model' requires an object 'vocab' and an array "
                           "'merges'");
  spec.byteFallback = model->getBoolean("byte_fallback").value_or(false);
  spec.fuseUnknown = model->getBoolean("fuse_unk").value_or(false);
  spec.ignoreMerges = model->getBoolean("ignore_merges").value_or(false);

  const json::Array *added = root.getArray("added_tokens");
  LOWBIT_RETURN_IF_ERROR(readVocabulary(*vocabulary, added));
  LOWBIT_RETURN_IF_ERROR(readMerges(*merges));
  if (spec.byteFallback)
    for (unsigned byte = 0; byte < 256; ++byte) {
      int32_t id = idOf(formatString("<0x%02X>", byte));
      if (id >= 0)
        spec.types[static_cast<size_t>(id)] = TokenType::byte;
    }
  if (added)
    LOWBIT_RETURN_IF_ERROR(readAdded(*added));
  if (std::optional<llvm::StringRef> unknown = model->getString("unk_token")) {
    spec.unkId = idOf(*unknown);
    if (spec.unkId < 0)
      return invalidArgument("'unk_token' '%.100s' is not in the "
                             "vocabulary",
                             unknown->str().c_str());
    spec.types[static_cast<size_t>(spec.unkId)] = TokenType::unknown;
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Normalizer and pre-tokenizer
//===----------------------------------------------------------------------===//

Status TokenizerReader::readNormalizer(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("'normalizer' is not an object");
  llvm::StringRef type = typeOf(*object);
  if (type == "Sequence") {
    const json::Array *list = object->getArray("normalizers");
    if (!list)
      return invalidArgument("a normalizer sequence has no "
                             "array 'normalizers'");
    for (const json::Value &entry : *list)
      LOWBIT_RETURN_IF_ERROR(readNormalizer(entry));
    return Status::success();
  }
  if (type == "NFC") {
    spec.normalizer = TextNormalizer::nfc;
    return Status::success();
  }
  if (type == "Prepend") {
    llvm::StringRef text = object->getString("prepend").value_or("");
    if (text != spaceSymbol || spacesEscaped)
      return unsupported("normalizer 'Prepend' of", text);
    spec.spacePrefix = SpacePrefix::everySegment;
    return Status::success();
  }
  if (type == "Replace") {
    const json::Object *pattern = object->getObject("pattern");
    if (!pattern || pattern->getString("String").value_or("") != " " ||
        object->getString("content").value_or("") != spaceSymbol)
      return unsupported("normalizer", "Replace of other than spaces");
    spacesEscaped = true;
    return Status::success();
  }
  return unsupported("normalizer", type);
}

Status TokenizerReader::readSplit(const json::Object &object) {
  const json::Object *pattern = object.getObject("pattern");
  llvm::StringRef behavior = object.getString("behavior").value_or("");
  bool invert = object.getBoolean("invert").value_or(false);
  std::optional<llvm::StringRef> literal, regex;
  if (pattern) {
    literal = pattern->getString("String");
    regex = pattern->getString("Regex");
  }
  // Spaces are U+2581 by then: Gemma's split at ' ' never finds one.
  if (spacesEscaped && literal && *literal == " ")
    return Status::success();
  // Removing what is between the matches leaves everything when the pattern
  // matches everything, as those of the known models do.
  if (behavior != "Isolated" && !(behavior == "Removed" && invert))
    return unsupported("split behavior", behavior);
  if (literal) {
    std::string quoted;
    for (char c : *literal) {
      if (static_cast<unsigned char>(c) < 0x80 && !llvm::isAlnum(c))
        quoted.push_back('\\');
      quoted.push_back(c);
    }
    spec.splitPatterns.push_back(quoted);
    return Status::success();
  }
  if (!regex)
    return invalidArgument("a 'Split' has neither 'String' nor 'Regex'");
  // Oniguruma reads these differently from PCRE2.
  if (regex->contains("&&") || regex->contains("\\h"))
    return unsupported("split pattern", *regex);
  spec.splitPatterns.push_back(regex->str());
  return Status::success();
}

Status TokenizerReader::readMetaspace(const json::Object &object) {
  if (object.getString("replacement").value_or("") != spaceSymbol)
    return unsupported("pre-tokenizer 'Metaspace' with replacement",
                       object.getString("replacement").value_or(""));
  if (object.getBoolean("split").value_or(true))
    return unsupported("pre-tokenizer", "Metaspace with split");
  llvm::StringRef scheme =
      object.getString("prepend_scheme")
          .value_or(object.getBoolean("add_prefix_space").value_or(true)
                        ? "always"
                        : "never");
  if (scheme == "always")
    spec.spacePrefix = SpacePrefix::everySegment;
  else if (scheme == "first")
    spec.spacePrefix = SpacePrefix::first;
  else if (scheme != "never")
    return unsupported("prepend_scheme", scheme);
  spec.spacePrefixOnlyIfMissing = true;
  spacesEscaped = true;
  return Status::success();
}

Status TokenizerReader::readPreTokenizer(const json::Value &value, bool alone) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("'pre_tokenizer' is not an object");
  llvm::StringRef type = typeOf(*object);
  if (type == "Sequence") {
    const json::Array *list = object->getArray("pretokenizers");
    if (!list || !alone)
      return invalidArgument("a pre-tokenizer sequence has no "
                             "array 'pretokenizers' or is nested");
    for (const json::Value &entry : *list)
      LOWBIT_RETURN_IF_ERROR(
          readPreTokenizer(entry, /*alone=*/list->size() == 1));
    return Status::success();
  }
  if (type == "Digits") {
    bool individual = object->getBoolean("individual_digits").value_or(false);
    spec.splitPatterns.push_back(individual ? "\\p{N}" : "\\p{N}+");
    return Status::success();
  }
  if (type == "Split")
    return readSplit(*object);
  if (type == "Metaspace")
    return readMetaspace(*object);
  if (type != "ByteLevel")
    return unsupported("pre-tokenizer", type);
  byteLevel = true;
  if (object->getBoolean("use_regex").value_or(true)) {
    std::string name;
    LOWBIT_ASSIGN_OR_RETURN(std::vector<std::string> gpt2,
                            splitPatternsFor("gpt2", name));
    spec.splitPatterns.push_back(gpt2[0]);
  }
  if (object->getBoolean("add_prefix_space").value_or(true)) {
    // In a sequence each earlier piece would get its own space.
    if (!alone)
      return unsupported("pre-tokenizer",
                         "ByteLevel with add_prefix_space in a sequence");
    spec.spacePrefix = SpacePrefix::everySegment;
    spec.spacePrefixOnlyIfMissing = true;
  }
  return Status::success();
}

Status TokenizerReader::setKind() {
  if (byteLevel && spacesEscaped)
    return unsupported("combination", "ByteLevel with escaped spaces");
  if (!byteLevel && !spacesEscaped)
    return unsupported("tokenizer", "neither ByteLevel nor U+2581 for spaces");
  if (byteLevel) {
    spec.kind = TokenizerKind::byteLevelBpe;
    spec.preTokenizer = spec.splitPatterns.empty() ? "none" : "custom";
    for (const char *known : {"gpt2", "smollm", "llama3", "qwen2"}) {
      std::string name;
      StatusOr<std::vector<std::string>> patterns =
          splitPatternsFor(known, name);
      if (patterns.isOk() && *patterns == spec.splitPatterns)
        spec.preTokenizer = name;
    }
    return Status::success();
  }
  spec.kind = TokenizerKind::sentencePieceBpe;
  if (!spec.splitPatterns.empty())
    return unsupported("combination", "split patterns with escaped spaces");
  if (spec.merges.empty())
    return invalidArgument("'merges' is empty");
  return Status::success();
}

//===----------------------------------------------------------------------===//
// BOS, EOS and the files beside
//===----------------------------------------------------------------------===//

Status TokenizerReader::readTemplateProcessing(const json::Object &object) {
  const json::Array *single = object.getArray("single");
  if (!single)
    return invalidArgument("'TemplateProcessing' has no array 'single'");
  bool afterText = false;
  for (const json::Value &value : *single) {
    const json::Object *entry = value.getAsObject();
    if (entry && entry->getObject("Sequence")) {
      afterText = true;
      continue;
    }
    const json::Object *special =
        entry ? entry->getObject("SpecialToken") : nullptr;
    int32_t id = special ? idOf(special->getString("id").value_or("")) : -1;
    if (id < 0)
      return invalidArgument("'TemplateProcessing' names a token "
                             "that is not in the vocabulary");
    bool &flag = afterText ? spec.addEos : spec.addBos;
    if (flag)
      return unsupported("post-processor",
                         "TemplateProcessing with more than one token a side");
    flag = true;
    (afterText ? spec.eosId : spec.bosId) = id;
  }
  return Status::success();
}

Status TokenizerReader::readPostProcessor(const json::Value &value) {
  const json::Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("'post_processor' is not an object");
  llvm::StringRef type = typeOf(*object);
  if (type == "Sequence") {
    const json::Array *list = object->getArray("processors");
    if (!list)
      return invalidArgument("a post-processor sequence has no "
                             "array 'processors'");
    for (const json::Value &entry : *list)
      LOWBIT_RETURN_IF_ERROR(readPostProcessor(entry));
    return Status::success();
  }
  if (type == "TemplateProcessing")
    return readTemplateProcessing(*object);
  // ByteLevel only trims offsets here.
  return type == "ByteLevel" ? Status::success()
                             : unsupported("post-processor", type);
}

Status TokenizerReader::readTokenizer(const json::Object &root) {
  LOWBIT_RETURN_IF_ERROR(readModel(root));
  auto present = [&](const char *key) -> const json::Value * {
    const json::Value *value = root.get(key);
    return value && value->kind() != json::Value::Null ? value : nullptr;
  };
  if (const json::Value *normalizer = present("normalizer"))
    LOWBIT_RETURN_IF_ERROR(readNormalizer(*normalizer));
  if (const json::Value *preTokenizer = present("pre_tokenizer"))
    LOWBIT_RETURN_IF_ERROR(readPreTokenizer(*preTokenizer, /*alone=*/true));
  if (const json::Value *postProcessor = present("post_processor"))
    LOWBIT_RETURN_IF_ERROR(readPostProcessor(*postProcessor));
  return setKind();
}

Status TokenizerReader::readTokenizerConfig(const json::Object &root) {
  auto named = [&](const char *key, int32_t &id) {
    std::optional<llvm::StringRef> text = root.getString(key);
    if (const json::Object *object = root.getObject(key))
      text = object->getString("content");
    if (text && id < 0)
      id = idOf(*text);
  };
  named("bos_token", spec.bosId);
  named("eos_token", spec.eosId);
  named("unk_token", spec.unkId);
  named("pad_token", spec.padId);

  // These classes rebuild the post-processor from their own flags.
  llvm::StringRef name = root.getString("tokenizer_class").value_or("");
  if (name.starts_with("Llama") || name.starts_with("CodeLlama") ||
      name.starts_with("Gemma")) {
    if (std::optional<bool> add = root.getBoolean("add_bos_token"))
      spec.addBos = *add && spec.bosId >= 0;
    if (std::optional<bool> add = root.getBoolean("add_eos_token"))
      spec.addEos = *add && spec.eosId >= 0;
  }

  if (std::optional<llvm::StringRef> text = root.getString("chat_template"))
    spec.chatTemplateText = text->str();
  if (const json::Array *list = root.getArray("chat_template"))
    for (const json::Value &value : *list) {
      const json::Object *entry = value.getAsObject();
      if (entry && entry->getString("name").value_or("") == "default")
        spec.chatTemplateText = entry->getString("template").value_or("").str();
    }
  return Status::success();
}

Status TokenizerReader::readGenerationConfig(const json::Object &root) {
  auto inRange = [&](int64_t id) {
    return id >= 0 && static_cast<uint64_t>(id) < spec.tokens.size();
  };
  std::vector<int64_t> ends;
  if (std::optional<int64_t> id = root.getInteger("eos_token_id"))
    ends.push_back(*id);
  if (const json::Array *list = root.getArray("eos_token_id"))
    for (const json::Value &value : *list)
      ends.push_back(value.getAsInteger().value_or(-1));
  for (int64_t id : ends) {
    if (!inRange(id))
      return invalidArgument("'eos_token_id' %lld is not "
                             "one of the %zu tokens",
                             static_cast<long long>(id), spec.tokens.size());
    spec.endOfGeneration.push_back(static_cast<uint32_t>(id));
  }
  if (spec.eosId < 0 && !ends.empty())
    spec.eosId = static_cast<int32_t>(ends.front());
  std::optional<int64_t> bos = root.getInteger("bos_token_id");
  if (spec.bosId < 0 && bos && inRange(*bos))
    spec.bosId = static_cast<int32_t>(*bos);
  return Status::success();
}

StatusOr<TokenizerSpec> TokenizerReader::run() {
  auto pathOf = [&](const char *name) {
    return (files.folder.empty() ? "" : files.folder + "/") + std::string(name);
  };
  auto parse = [&](std::string_view text,
                   const char *name) -> StatusOr<json::Object> {
    std::string what = pathOf(name);
    LOWBIT_ASSIGN_OR_RETURN(json::Value value, parseJson(text, what));
    json::Object *object = value.getAsObject();
    if (!object)
      return invalidArgument("'%s' is not a JSON object", what.c_str());
    return std::move(*object);
  };
  if (files.tokenizerJson.empty())
    return notFound("'%s' has no tokenizer.json (other tokenizer files are not "
                    "read: convert them with transformers)",
                    files.folder.c_str());
  LOWBIT_ASSIGN_OR_RETURN(json::Object tokenizer,
                          parse(files.tokenizerJson, "tokenizer.json"));
  const std::string path = pathOf("tokenizer.json");
  LOWBIT_RETURN_IF_ERROR(inFile(readTokenizer(tokenizer), path));
  if (!files.tokenizerConfigJson.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(
        json::Object config,
        parse(files.tokenizerConfigJson, "tokenizer_config.json"));
    LOWBIT_RETURN_IF_ERROR(
        inFile(readTokenizerConfig(config), pathOf("tokenizer_config.json")));
  }
  if (!files.generationConfigJson.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(
        json::Object config,
        parse(files.generationConfigJson, "generation_config.json"));
    LOWBIT_RETURN_IF_ERROR(
        inFile(readGenerationConfig(config), pathOf("generation_config.json")));
  }
  if (!files.chatTemplateJinja.empty())
    spec.chatTemplateText = std::string(files.chatTemplateJinja);
  finishTokenizerSpec(spec);
  LOWBIT_RETURN_IF_ERROR(inFile(validate(spec), path));
  return std::move(spec);
}

StatusOr<TokenizerSpec>
import::tokenizerFromHuggingFace(const HuggingFaceTokenizerFiles &files) {
  return TokenizerReader(files).run();
}

StatusOr<TokenizerSpec>
import::readHuggingFaceTokenizer(const std::string &folder) {
  MappedFile maps[4];
  std::string_view texts[4];
  const char *const names[4] = {"tokenizer.json", "tokenizer_config.json",
                                "generation_config.json",
                                "chat_template.jinja"};
  for (int i = 0; i < 4; ++i) {
    std::string path = folder + "/" + names[i];
    std::error_code error;
    if (!std::filesystem::exists(path, error))
      continue;
    LOWBIT_ASSIGN_OR_RETURN(maps[i], MappedFile::open(path));
    if (maps[i].size() > maxFileBytes)
      return invalidArgument("'%s' has %llu bytes, the limit is %llu",
                             path.c_str(),
                             static_cast<unsigned long long>(maps[i].size()),
                             static_cast<unsigned long long>(maxFileBytes));
    texts[i] = {reinterpret_cast<const char *>(maps[i].bytes().data()),
                static_cast<size_t>(maps[i].size())};
  }
  return tokenizerFromHuggingFace(
      {folder, texts[0], texts[1], texts[2], texts[3]});
}
