//===- GgufConfig.cpp - Model facts out of GGUF metadata ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GgufConfig.h"
#include "Gguf.h"
#include "InFile.h"
#include "ModelConfig.h"

#include <algorithm>
#include <cmath>

namespace lowbit::import {
namespace {

constexpr int64_t maxExtent = (int64_t{1} << 31) - 1;

/// Access to the keys "ARCH.name".
class Keys {
public:
  Keys(const GgufFile &file, std::string architecture)
      : file(file), architecture(std::move(architecture)) {}

  std::string full(const char *key) const { return architecture + "." + key; }

  Status wrong(const char *key, const std::string &rule) const {
    return at(key, invalidArgument("metadata key '%s' %s", full(key).c_str(),
                                   rule.c_str()));
  }
  Status unsupported(const char *key, const std::string &rule) const {
    return at(key, unimplemented("metadata key '%s' %s", full(key).c_str(),
                                 rule.c_str()));
  }

  /// An integer in [least, 2^31), or nothing where the key is absent.
  StatusOr<std::optional<int64_t>> integer(const char *key,
                                           int64_t least = 1) const {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> number,
                            file.getInt(full(key)));
    if (number && (*number < least || *number > maxExtent))
      return wrong(key, formatString("is %lld; it must be in %lld..%lld",
                                     static_cast<long long>(*number),
                                     static_cast<long long>(least),
                                     static_cast<long long>(maxExtent)));
    return number;
  }

  StatusOr<int64_t> requiredInteger(const char *key) const {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> number, integer(key));
    if (!number)
      return invalidArgument("'%s': metadata key '%s' is missing",
                             file.path().c_str(), full(key).c_str());
    return *number;
  }

  StatusOr<std::optional<double>> positive(const char *key) const {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<double> number,
                            file.getFloat(full(key)));
    if (number && (!(*number > 0) || !std::isfinite(*number)))
      return wrong(key, "is not a positive number");
    return number;
  }

  const GgufFile &file;

private:
  Status at(const char *key, const Status &error) const {
    const GgufValue *value = file.findKey(full(key));
    return inFile(error, file.path(),
                  value ? std::optional(value->offset) : std::nullopt);
  }

  std::string architecture;
};

/// The key that a size was read from; of token ids the whole key.
const char *keyName(ConfigField field) {
  switch (field) {
  case ConfigField::layers:
    return "block_count";
  case ConfigField::heads:
    return "attention.head_count";
  case ConfigField::kvHeads:
    return "attention.head_count_kv";
  case ConfigField::headDim:
    return "attention.key_length";
  case ConfigField::ropeDim:
    return "rope.dimension_count";
  case ConfigField::bosIds:
    return "tokenizer.ggml.bos_token_id";
  case ConfigField::eosIds:
    return "tokenizer.ggml.eos_token_id";
  }
  return "unknown";
}

Status readSizes(const Keys &keys, ModelConfig &config) {
  LOWBIT_ASSIGN_OR_RETURN(config.hiddenSize,
                          keys.requiredInteger("embedding_length"));
  LOWBIT_ASSIGN_OR_RETURN(config.intermediateSize,
                          keys.requiredInteger("feed_forward_length"));
  LOWBIT_ASSIGN_OR_RETURN(config.layers, keys.requiredInteger("block_count"));
  LOWBIT_ASSIGN_OR_RETURN(config.heads,
                          keys.requiredInteger("attention.head_count"));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> number,
                          keys.integer("attention.head_count_kv"));
  config.kvHeads = number.value_or(config.heads);
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("attention.key_length"));
  if (!number && config.hiddenSize % config.heads != 0)
    return keys.wrong("attention.head_count",
                      formatString("is %lld, which does not divide the "
                                   "embedding length %lld",
                                   static_cast<long long>(config.heads),
                                   static_cast<long long>(config.hiddenSize)));
  config.headDim = number.value_or(config.hiddenSize / config.heads);
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("attention.value_length"));
  if (number && *number != config.headDim)
    return keys.unsupported(
        "attention.value_length",
        formatString("gives values of %lld numbers beside keys of %lld; only "
                     "equal lengths are supported",
                     static_cast<long long>(*number),
                     static_cast<long long>(config.headDim)));
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("context_length"));
  config.contextLength = number.value_or(2048);
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("vocab_size"));
  if (!number) {
    LOWBIT_ASSIGN_OR_RETURN(const GgufTensor *embedding,
                            keys.file.require("token_embd.weight"));
    number = embedding->rows();
    if (*number > maxExtent)
      return invalidArgument(
          "'%s': offset %llu: tensor 'token_embd.weight' has "
          "%lld rows",
          keys.file.path().c_str(),
          static_cast<unsigned long long>(embedding->entryOffset),
          static_cast<long long>(*number));
  }
  config.vocabSize = *number;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> eps,
                          keys.positive("attention.layer_norm_rms_epsilon"));
  config.rmsEps = eps.value_or(1e-5);
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("attention.sliding_window", 0));
  config.slidingWindow = number.value_or(0);
  LOWBIT_ASSIGN_OR_RETURN(number, keys.integer("expert_count", 0));
  if (number.value_or(0) > 0)
    return keys.unsupported("expert_count", "asks for a mixture of experts, "
                                            "which is not supported");
  return Status::success();
}

Status readRope(const Keys &keys, ModelConfig &config) {
  RopeConfig &rope = config.rope;
  // The converters permute q and k of `llama` so that neighbours rotate.
  rope.pairs = config.family == ModelFamily::llama ? RopePairs::adjacent
                                                   : RopePairs::half;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> dim,
                          keys.integer("rope.dimension_count"));
  config.ropeDim = dim.value_or(config.headDim);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> number,
                          keys.positive("rope.freq_base"));
  rope.theta = number.value_or(10000.0);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> kind,
                          keys.file.getString(keys.full("rope.scaling.type")));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> factor,
                          keys.file.getFloat(keys.full("rope.scaling.factor")));
  LOWBIT_ASSIGN_OR_RETURN(number, keys.positive("rope.scale_linear"));
  if (kind && *kind != "none" && *kind != "linear")
    return keys.unsupported(
        "rope.scaling.type",
        formatString("names the scaling '%.64s'; supported are none and linear",
                     kind->c_str()));
  // A factor of zero means none, as does a missing one.
  if ((!kind || *kind == "linear") && factor && *factor != 0.0)
    number = *factor;
  if (number && (!(*number > 0) || !std::isfinite(*number)))
    return keys.wrong("rope.scaling.factor", "is not a positive number");
  if (number && *number != 1.0 && (!kind || *kind == "linear")) {
    rope.scaling = RopeScalingKind::linear;
    rope.factor = *number;
  }
  rope.frequencyTensor = keys.file.find("rope_freqs.weight") != nullptr;
  return Status::success();
}

StatusOr<std::optional<int64_t>> tokenId(const GgufFile &file,
                                         const char *key) {
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> id, file.getInt(key));
  // Converters write 2^32 - 1 or a negative number for "none".
  if (id && (*id < 0 || *id >= UINT32_MAX))
    id.reset();
  return id;
}

} // namespace

StatusOr<ModelConfig> readGgufConfig(const GgufFile &file) {
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> architecture,
                          file.getString("general.architecture"));
  if (!architecture)
    return invalidArgument(
        "'%s': metadata key 'general.architecture' is missing",
        file.path().c_str());
  ModelConfig config;
  config.source = file.path();
  config.architecture = *architecture;
  if (*architecture == "llama") {
    config.family = ModelFamily::llama;
  } else if (*architecture == "qwen2") {
    config.family = ModelFamily::qwen2;
  } else {
    return inFile(unimplemented("metadata key 'general.architecture': "
                                "architecture '%.64s' is not supported; "
                                "supported are llama and qwen2",
                                architecture->c_str()),
                  file.path(), file.findKey("general.architecture")->offset);
  }
  Keys keys(file, *architecture);
  LOWBIT_RETURN_IF_ERROR(readSizes(keys, config));
  LOWBIT_RETURN_IF_ERROR(readRope(keys, config));

  // What GGUF does not state shows in which tensors there are.
  auto has = [&](const char *tensor) { return file.find(tensor) != nullptr; };
  config.tieEmbeddings = !has("output.weight");
  config.attentionBias = has("blk.0.attn_q.bias");
  config.attentionOutputBias = has("blk.0.attn_output.bias");
  config.mlpBias = has("blk.0.ffn_up.bias");
  config.activation = Activation::silu;

  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> id,
                          tokenId(file, "tokenizer.ggml.bos_token_id"));
  if (id)
    config.bosIds.push_back(*id);
  for (const char *key :
       {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"}) {
    LOWBIT_ASSIGN_OR_RETURN(id, tokenId(file, key));
    if (id && std::find(config.eosIds.begin(), config.eosIds.end(), *id) ==
                  config.eosIds.end())
      config.eosIds.push_back(*id);
  }
  LOWBIT_RETURN_IF_ERROR(checkModelConfig(
      config, [&](ConfigField field, const std::string &detail) {
        std::string rule = "is refused: " + detail;
        if (field != ConfigField::bosIds && field != ConfigField::eosIds)
          return keys.wrong(keyName(field), rule);
        const GgufValue *value = file.findKey(keyName(field));
        return inFile(invalidArgument("metadata key '%s' %s", keyName(field),
                                      rule.c_str()),
                      file.path(),
                      value ? std::optional(value->offset) : std::nullopt);
      }));
  return config;
}

StatusOr<std::optional<GgufTokenizerMetadata>>
readGgufTokenizer(const GgufFile &file) {
  GgufTokenizerMetadata data;
  data.fileName = file.path();
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> model,
                          file.getString("tokenizer.ggml.model"));
  if (!model)
    return std::optional<GgufTokenizerMetadata>();
  data.model = std::move(*model);
  for (const auto &[key, value] : file.metadata())
    if (std::string_view(key).starts_with("tokenizer."))
      data.offsets.emplace_back(key, value.offset);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> text,
                          file.getString("tokenizer.ggml.pre"));
  data.pre = text.value_or("");
  LOWBIT_ASSIGN_OR_RETURN(text, file.getString("tokenizer.chat_template"));
  data.chatTemplate = text.value_or("");

  using Views = std::vector<std::string_view>;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<Views> views,
                          file.getStringArray("tokenizer.ggml.tokens"));
  if (!views)
    return invalidArgument(
        "'%s': metadata key 'tokenizer.ggml.tokens' is missing",
        file.path().c_str());
  data.tokens = std::move(*views);
  LOWBIT_ASSIGN_OR_RETURN(views, file.getStringArray("tokenizer.ggml.merges"));
  data.merges = std::move(views).value_or(Views());
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::vector<float>> scores,
                          file.getFloatArray("tokenizer.ggml.scores"));
  data.scores = std::move(scores).value_or(std::vector<float>());
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::vector<int64_t>> types,
                          file.getIntArray("tokenizer.ggml.token_type"));
  data.tokenTypes = std::move(types).value_or(std::vector<int64_t>());

  const std::pair<const char *, std::optional<int64_t> *> ids[] = {
      {"tokenizer.ggml.bos_token_id", &data.bosId},
      {"tokenizer.ggml.eos_token_id", &data.eosId},
      {"tokenizer.ggml.unknown_token_id", &data.unkId},
      {"tokenizer.ggml.padding_token_id", &data.padId},
      {"tokenizer.ggml.eot_token_id", &data.eotId},
      {"tokenizer.ggml.eom_token_id", &data.eomId}};
  for (auto [key, place] : ids) {
    LOWBIT_ASSIGN_OR_RETURN(*place, tokenId(file, key));
  }
  const std::pair<const char *, std::optional<bool> *> flags[] = {
      {"tokenizer.ggml.add_bos_token", &data.addBos},
      {"tokenizer.ggml.add_eos_token", &data.addEos},
      {"tokenizer.ggml.add_space_prefix", &data.addSpacePrefix}};
  for (auto [key, place] : flags) {
    LOWBIT_ASSIGN_OR_RETURN(*place, file.getBool(key));
  }
  return std::optional(std::move(data));
}

} // namespace lowbit::import
