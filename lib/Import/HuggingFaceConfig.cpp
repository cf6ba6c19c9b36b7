//===- HuggingFaceConfig.cpp - config.json of Hugging Face folders --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "ModelConfig.h"

#include "InFile.h"
#include "JsonText.h"

#include "lowbit/Support/MappedFile.h"

#include <cmath>
#include <limits>

namespace lowbit::import {
namespace {

using llvm::json::Array;
using llvm::json::Object;
using llvm::json::Value;

constexpr uint64_t maxConfigBytes = 16u << 20;
constexpr int64_t maxExtent = (int64_t{1} << 31) - 1;
constexpr int64_t maxLayersOrHeadDim = 65536;

/// Fields of one JSON object. An absent field and null are the same, as in
/// transformers; a field of the wrong type is an error that names it.
class Fields {
public:
  Fields(const Object &object, std::string what, std::string prefix = "")
      : object(object), what(std::move(what)), prefix(std::move(prefix)) {}

  const Value *find(llvm::StringRef key) const {
    const Value *value = object.get(key);
    return value && value->kind() != Value::Null ? value : nullptr;
  }

  Status wrong(llvm::StringRef key, const char *expected) const {
    return invalidArgument("'%s': field \"%s%s\" is not %s", what.c_str(),
                           prefix.c_str(), key.str().c_str(), expected);
  }

  /// An integer in [least, 2^31).
  StatusOr<std::optional<int64_t>> integer(llvm::StringRef key,
                                           int64_t least = 1) const {
    const Value *value = find(key);
    if (!value)
      return std::optional<int64_t>();
    std::optional<int64_t> number = value->getAsInteger();
    if (!number || *number < least || *number > maxExtent)
      return wrong(key, formatString("an integer in %lld..%lld",
                                     static_cast<long long>(least),
                                     static_cast<long long>(maxExtent))
                            .c_str());
    return number;
  }

  StatusOr<int64_t> requiredInteger(llvm::StringRef key) const {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> number, integer(key));
    if (!number)
      return invalidArgument("'%s': field \"%s%s\" is missing", what.c_str(),
                             prefix.c_str(), key.str().c_str());
    return *number;
  }

  StatusOr<std::optional<double>> positive(llvm::StringRef key) const {
    const Value *value = find(key);
    if (!value)
      return std::optional<double>();
    std::optional<double> number = value->getAsNumber();
    if (!number || !(*number > 0) || !std::isfinite(*number))
      return wrong(key, "a positive number");
    return number;
  }

  StatusOr<std::optional<bool>> boolean(llvm::StringRef key) const {
    const Value *value = find(key);
    if (!value)
      return std::optional<bool>();
    std::optional<bool> flag = value->getAsBoolean();
    if (!flag)
      return wrong(key, "true or false");
    return flag;
  }

  StatusOr<std::optional<std::string>> string(llvm::StringRef key) const {
    const Value *value = find(key);
    if (!value)
      return std::optional<std::string>();
    auto text = value->getAsString();
    if (!text)
      return wrong(key, "a string");
    return std::optional<std::string>(text->str());
  }

  /// Null where absent.
  StatusOr<const Object *> nested(llvm::StringRef key) const {
    const Value *value = find(key);
    if (!value)
      return static_cast<const Object *>(nullptr);
    const Object *result = value->getAsObject();
    if (!result)
      return wrong(key, "an object");
    return result;
  }

  /// One token id or a list of them.
  StatusOr<std::vector<int64_t>> ids(llvm::StringRef key) const {
    std::vector<int64_t> result;
    const Value *value = find(key);
    if (!value)
      return result;
    auto add = [&](const Value &element) {
      std::optional<int64_t> id = element.getAsInteger();
      if (!id || *id < 0 || *id > maxExtent)
        return false;
      result.push_back(*id);
      return true;
    };
    if (const Array *list = value->getAsArray()) {
      for (const Value &element : *list)
        if (!add(element))
          return wrong(key, "a list of token ids");
    } else if (!add(*value)) {
      return wrong(key, "a token id");
    }
    return result;
  }

  const Object &object;
  std::string what;
  std::string prefix;
};

/// Class defaults of transformers, which apply where a field is absent.
struct Defaults {
  ModelFamily family;
  const char *className;
  const char *modelType;
  double rmsEps;
  double theta;
  int64_t context;
  const char *activation;
};

constexpr Defaults families[] = {
    {ModelFamily::llama, "LlamaForCausalLM", "llama", 1e-6, 10000.0, 2048,
     "silu"},
    {ModelFamily::mistral, "MistralForCausalLM", "mistral", 1e-6, 10000.0,
     131072, "silu"},
    {ModelFamily::qwen2, "Qwen2ForCausalLM", "qwen2", 1e-6, 10000.0, 32768,
     "silu"},
    {ModelFamily::bitnet, "BitNetForCausalLM", "bitnet", 1e-5, 500000.0, 2048,
     "relu2"},
};

/// The field of config.json that a size was read from.
const char *fieldName(ConfigField field) {
  switch (field) {
  case ConfigField::layers:
    return "num_hidden_layers";
  case ConfigField::heads:
    return "num_attention_heads";
  case ConfigField::kvHeads:
    return "num_key_value_heads";
  case ConfigField::headDim:
    return "head_dim";
  case ConfigField::ropeDim:
    return "partial_rotary_factor";
  case ConfigField::bosIds:
    return "bos_token_id";
  case ConfigField::eosIds:
    return "eos_token_id";
  }
  return "unknown";
}

StatusOr<const Defaults *> familyOf(const Fields &fields, ModelConfig &config) {
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> type,
                          fields.string("model_type"));
  std::string name;
  if (const Value *value = fields.find("architectures")) {
    const Array *list = value->getAsArray();
    if (!list || list->empty() || !(*list)[0].getAsString())
      return fields.wrong("architectures", "a list of class names");
    name = (*list)[0].getAsString()->str();
  }
  config.architecture = !name.empty() ? name : type.value_or("");
  if (config.architecture.empty())
    return invalidArgument(
        "'%s': fields \"architectures\" and \"model_type\" are "
        "missing",
        fields.what.c_str());
  for (const Defaults &defaults : families)
    if (name.empty()
            ? *type == defaults.modelType
            : llvm::StringRef(name).equals_insensitive(defaults.className))
      return &defaults;
  return inFile(
      unimplemented(
          "field \"%s\": architecture '%s' is not supported; supported "
          "are LlamaForCausalLM, MistralForCausalLM, Qwen2ForCausalLM "
          "and BitNetForCausalLM",
          name.empty() ? "model_type" : "architectures",
          config.architecture.c_str()),
      fields.what);
}

Status readSizes(const Fields &fields, const Defaults &defaults,
                 ModelConfig &config) {
  LOWBIT_ASSIGN_OR_RETURN(config.hiddenSize,
                          fields.requiredInteger("hidden_size"));
  LOWBIT_ASSIGN_OR_RETURN(config.intermediateSize,
                          fields.requiredInteger("intermediate_size"));
  LOWBIT_ASSIGN_OR_RETURN(config.layers,
                          fields.requiredInteger("num_hidden_layers"));
  LOWBIT_ASSIGN_OR_RETURN(config.heads,
                          fields.requiredInteger("num_attention_heads"));
  LOWBIT_ASSIGN_OR_RETURN(config.vocabSize,
                          fields.requiredInteger("vocab_size"));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> kvHeads,
                          fields.integer("num_key_value_heads"));
  config.kvHeads = kvHeads.value_or(config.heads);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> headDim,
                          fields.integer("head_dim"));
  if (!headDim && config.hiddenSize % config.heads != 0)
    return invalidArgument("'%s': field \"head_dim\" is missing and "
                           "num_attention_heads %lld does not divide "
                           "hidden_size %lld",
                           fields.what.c_str(),
                           static_cast<long long>(config.heads),
                           static_cast<long long>(config.hiddenSize));
  config.headDim = headDim.value_or(config.hiddenSize / config.heads);
  config.ropeDim = config.headDim;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> context,
                          fields.integer("max_position_embeddings"));
  config.contextLength = context.value_or(defaults.context);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> eps,
                          fields.positive("rms_norm_eps"));
  config.rmsEps = eps.value_or(defaults.rmsEps);
  return Status::success();
}

/// `rope_parameters` (transformers 5) or `rope_theta` and `rope_scaling` (4).
Status readRope(const Fields &fields, const Defaults &defaults,
                ModelConfig &config) {
  RopeConfig &rope = config.rope;
  rope.pairs = RopePairs::half;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> theta,
                          fields.positive("rope_theta"));
  rope.theta = theta.value_or(defaults.theta);
  LOWBIT_ASSIGN_OR_RETURN(std::optional<double> partial,
                          fields.positive("partial_rotary_factor"));

  const char *key =
      fields.find("rope_parameters") ? "rope_parameters" : "rope_scaling";
  LOWBIT_ASSIGN_OR_RETURN(const Object *object, fields.nested(key));
  if (object) {
    Fields scaling(*object, fields.what, std::string(key) + ".");
    for (const auto &member : *object)
      if (member.second.getAsObject())
        return unimplemented("'%s': field \"%s\" differs between kinds of "
                             "layers, which is not supported",
                             fields.what.c_str(), key);
    LOWBIT_ASSIGN_OR_RETURN(theta, scaling.positive("rope_theta"));
    rope.theta = theta.value_or(rope.theta);
    LOWBIT_ASSIGN_OR_RETURN(std::optional<double> inner,
                            scaling.positive("partial_rotary_factor"));
    partial = inner ? inner : partial;
    LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> kind,
                            scaling.string("rope_type"));
    if (!kind) {
      LOWBIT_ASSIGN_OR_RETURN(kind, scaling.string("type"));
    }
    auto required = [&](const char *name) -> StatusOr<double> {
      LOWBIT_ASSIGN_OR_RETURN(std::optional<double> number,
                              scaling.positive(name));
      if (!number)
        return invalidArgument("'%s': field \"%s.%s\" is missing",
                               fields.what.c_str(), key, name);
      return *number;
    };
    if (!kind || *kind == "default") {
      rope.scaling = RopeScalingKind::none;
    } else if (*kind == "linear") {
      rope.scaling = RopeScalingKind::linear;
      LOWBIT_ASSIGN_OR_RETURN(rope.factor, required("factor"));
    } else if (*kind == "llama3") {
      rope.scaling = RopeScalingKind::llama3;
      LOWBIT_ASSIGN_OR_RETURN(rope.factor, required("factor"));
      LOWBIT_ASSIGN_OR_RETURN(rope.lowFrequencyFactor,
                              required("low_freq_factor"));
      LOWBIT_ASSIGN_OR_RETURN(rope.highFrequencyFactor,
                              required("high_freq_factor"));
      LOWBIT_ASSIGN_OR_RETURN(
          rope.originalContext,
          scaling.requiredInteger("original_max_position_embeddings"));
      if (rope.highFrequencyFactor <= rope.lowFrequencyFactor)
        return invalidArgument("'%s': field \"%s.high_freq_factor\" is not "
                               "above low_freq_factor",
                               fields.what.c_str(), key);
    } else {
      return unimplemented("'%s': field \"%s.rope_type\": rope scaling '%s' is "
                           "not supported; supported are default, linear and "
                           "llama3",
                           fields.what.c_str(), key, kind->c_str());
    }
  }
  if (partial && *partial != 1.0)
    return unimplemented("'%s': field \"partial_rotary_factor\" %g is not "
                         "supported; only 1 is",
                         fields.what.c_str(), *partial);
  return Status::success();
}

/// `layer_types` must be full attention in the first layers and a window in the
/// others; gives the first layer with a window (or `layers`).
StatusOr<int64_t> firstWindowLayer(const Fields &fields, const Array &types,
                                   int64_t layers) {
  if (static_cast<int64_t>(types.size()) != layers)
    return invalidArgument(
        "'%s': field \"layer_types\" has %zu entries for %lld "
        "layers",
        fields.what.c_str(), types.size(), static_cast<long long>(layers));
  int64_t first = layers;
  for (int64_t i = 0; i < layers; ++i) {
    auto type = types[static_cast<size_t>(i)].getAsString();
    if (!type || (*type != "full_attention" && *type != "sliding_attention"))
      return unimplemented("'%s': field \"layer_types\": layer %lld is neither "
                           "full_attention nor sliding_attention",
                           fields.what.c_str(), static_cast<long long>(i));
    if (*type == "sliding_attention")
      first = std::min(first, i);
    else if (i > first)
      return unimplemented(
          "'%s': field \"layer_types\": full attention in layer "
          "%lld after a sliding window in layer %lld is not "
          "supported",
          fields.what.c_str(), static_cast<long long>(i),
          static_cast<long long>(first));
  }
  return first;
}

Status readWindow(const Fields &fields, ModelConfig &config) {
  LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> window,
                          fields.integer("sliding_window"));
  if (config.family == ModelFamily::mistral) {
    // Absent means the class default; null means none.
    if (!fields.object.get("sliding_window"))
      window = 4096;
  } else if (config.family == ModelFamily::qwen2) {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<bool> use,
                            fields.boolean("use_sliding_window"));
    if (!use.value_or(false))
      window.reset();
    else if (!fields.object.get("sliding_window"))
      window = 4096;
    LOWBIT_ASSIGN_OR_RETURN(std::optional<int64_t> first,
                            fields.integer("max_window_layers", 0));
    config.slidingWindowFromLayer = first.value_or(28);
  } else if (window) {
    // Llama and BitNet ignore the field.
    window.reset();
  }
  config.slidingWindow = window.value_or(0);
  if (const Value *value = fields.find("layer_types")) {
    const Array *types = value->getAsArray();
    if (!types)
      return fields.wrong("layer_types", "a list");
    LOWBIT_ASSIGN_OR_RETURN(int64_t first,
                            firstWindowLayer(fields, *types, config.layers));
    if (first < config.layers && config.slidingWindow == 0)
      return invalidArgument(
          "'%s': field \"layer_types\" has sliding_attention "
          "but there is no sliding_window",
          fields.what.c_str());
    config.slidingWindowFromLayer = first;
  }
  if (config.slidingWindow == 0 ||
      config.slidingWindowFromLayer >= config.layers) {
    config.slidingWindow = 0;
    config.slidingWindowFromLayer = 0;
  }
  return Status::success();
}

Status readLayerKinds(const Fields &fields, const Defaults &defaults,
                      ModelConfig &config) {
  auto flag = [&](const char *key) -> StatusOr<bool> {
    LOWBIT_ASSIGN_OR_RETURN(std::optional<bool> value, fields.boolean(key));
    return value.value_or(false);
  };
  LOWBIT_ASSIGN_OR_RETURN(config.tieEmbeddings, flag("tie_word_embeddings"));
  switch (config.family) {
  case ModelFamily::qwen2:
    config.attentionBias = true;
    break;
  case ModelFamily::llama: {
    LOWBIT_ASSIGN_OR_RETURN(config.mlpBias, flag("mlp_bias"));
    [[fallthrough]];
  }
  case ModelFamily::bitnet: {
    LOWBIT_ASSIGN_OR_RETURN(config.attentionBias, flag("attention_bias"));
    config.attentionOutputBias = config.attentionBias;
    break;
  }
  case ModelFamily::mistral:
    break;
  }

  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> name,
                          fields.string("hidden_act"));
  static constexpr std::pair<const char *, Activation> known[] = {
      {"silu", Activation::silu},
      {"swish", Activation::silu},
      {"relu2", Activation::relu2},
      {"relu", Activation::relu},
      {"gelu", Activation::gelu},
      {"gelu_new", Activation::geluTanh},
      {"gelu_pytorch_tanh", Activation::geluTanh}};
  std::string act = name.value_or(defaults.activation);
  for (const auto &[spelling, activation] : known) {
    if (act == spelling) {
      config.activation = activation;
      return Status::success();
    }
  }
  return unimplemented("'%s': field \"hidden_act\": activation '%s' is not "
                       "supported",
                       fields.what.c_str(), act.c_str());
}

Status readQuantization(const Fields &fields, ModelConfig &config) {
  LOWBIT_ASSIGN_OR_RETURN(const Object *object,
                          fields.nested("quantization_config"));
  if (!object)
    return Status::success();
  Fields inner(*object, fields.what, "quantization_config.");
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> method,
                          inner.string("quant_method"));
  if (!method || *method != "bitnet")
    return unimplemented("'%s': field \"quantization_config.quant_method\": "
                         "method '%s' is not supported; only bitnet is",
                         fields.what.c_str(), method.value_or("").c_str());
  BitnetQuantization bitnet;
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> text,
                          inner.string("linear_class"));
  bitnet.linearClass = text.value_or("bitlinear");
  if (bitnet.linearClass != "bitlinear" &&
      bitnet.linearClass != "autobitlinear")
    return unimplemented("'%s': field \"quantization_config.linear_class\": "
                         "class '%s' is not supported; supported are bitlinear "
                         "and autobitlinear",
                         fields.what.c_str(), bitnet.linearClass.c_str());
  bitnet.scaleMultiplies = bitnet.linearClass == "autobitlinear";
  LOWBIT_ASSIGN_OR_RETURN(text, inner.string("quantization_mode"));
  bitnet.mode = text.value_or("offline");
  if (bitnet.mode != "offline" && bitnet.mode != "online")
    return unimplemented(
        "'%s': field \"quantization_config.quantization_mode\": "
        "mode '%s' is not supported",
        fields.what.c_str(), bitnet.mode.c_str());
  LOWBIT_ASSIGN_OR_RETURN(std::optional<bool> norm,
                          inner.boolean("use_rms_norm"));
  bitnet.useRmsNorm = norm.value_or(false);
  if (const Value *value = inner.find("modules_to_not_convert")) {
    const Array *list = value->getAsArray();
    if (!list)
      return inner.wrong("modules_to_not_convert", "a list");
    for (const Value &element : *list) {
      auto module = element.getAsString();
      if (!module)
        return inner.wrong("modules_to_not_convert", "a list of names");
      bitnet.notConverted.push_back(module->str());
    }
  }
  config.bitnet = std::move(bitnet);
  return Status::success();
}

} // namespace

const char *modelFamilyName(ModelFamily family) {
  switch (family) {
  case ModelFamily::llama:
    return "llama";
  case ModelFamily::mistral:
    return "mistral";
  case ModelFamily::qwen2:
    return "qwen2";
  case ModelFamily::bitnet:
    return "bitnet";
  }
  return "unknown";
}

StatusOr<ModelConfig> parseHuggingFaceConfig(std::string_view text,
                                             const std::string &what) {
  LOWBIT_ASSIGN_OR_RETURN(Value value, parseJson(text, what));
  const Object *object = value.getAsObject();
  if (!object)
    return invalidArgument("'%s': the file is not a JSON object", what.c_str());
  Fields fields(*object, what);
  ModelConfig config;
  config.source = what;
  LOWBIT_ASSIGN_OR_RETURN(const Defaults *defaults, familyOf(fields, config));
  config.family = defaults->family;
  LOWBIT_RETURN_IF_ERROR(readSizes(fields, *defaults, config));
  LOWBIT_RETURN_IF_ERROR(readRope(fields, *defaults, config));
  LOWBIT_RETURN_IF_ERROR(readWindow(fields, config));
  LOWBIT_RETURN_IF_ERROR(readLayerKinds(fields, *defaults, config));
  LOWBIT_RETURN_IF_ERROR(readQuantization(fields, config));
  LOWBIT_ASSIGN_OR_RETURN(config.bosIds, fields.ids("bos_token_id"));
  LOWBIT_ASSIGN_OR_RETURN(config.eosIds, fields.ids("eos_token_id"));
  LOWBIT_ASSIGN_OR_RETURN(std::optional<std::string> dtype,
                          fields.string("dtype"));
  if (!dtype) {
    LOWBIT_ASSIGN_OR_RETURN(dtype, fields.string("torch_dtype"));
  }
  config.dtype = dtype.value_or("");
  LOWBIT_RETURN_IF_ERROR(checkModelConfig(
      config, [&](ConfigField field, const std::string &detail) {
        return invalidArgument("'%s': field \"%s\": %s", what.c_str(),
                               fieldName(field), detail.c_str());
      }));
  return config;
}

StatusOr<ModelConfig> readHuggingFaceConfig(const std::string &folder) {
  std::string path = folder;
  if (!path.empty() && path.back() != '/')
    path += '/';
  path += "config.json";
  LOWBIT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  if (file.size() > maxConfigBytes)
    return invalidArgument("'%s': %llu bytes are too many for a config.json",
                           path.c_str(),
                           static_cast<unsigned long long>(file.size()));
  return parseHuggingFaceConfig(
      {reinterpret_cast<const char *>(file.bytes().data()),
       file.bytes().size()},
      path);
}

Status checkModelConfig(const ModelConfig &config,
                        const WrongConfigField &wrong) {
  auto ll = [](int64_t value) { return static_cast<long long>(value); };
  if (config.heads % config.kvHeads != 0)
    return wrong(ConfigField::kvHeads,
                 formatString("%lld key/value heads do not divide %lld heads",
                              ll(config.kvHeads), ll(config.heads)));
  if (config.headDim % 2 != 0)
    return wrong(
        ConfigField::headDim,
        formatString("the head dimension %lld is odd", ll(config.headDim)));
  if (config.ropeDim % 2 != 0 || config.ropeDim > config.headDim)
    return wrong(ConfigField::ropeDim,
                 formatString("%lld rotated numbers in heads of %lld; an even "
                              "number up to that is required",
                              ll(config.ropeDim), ll(config.headDim)));
  for (auto [field, size] : {std::pair(ConfigField::layers, config.layers),
                             std::pair(ConfigField::headDim, config.headDim)})
    if (size > maxLayersOrHeadDim)
      return wrong(field, formatString("%lld; at most %lld is supported",
                                       ll(size), ll(maxLayersOrHeadDim)));
  // Everything is within 2^31, so the product cannot overflow.
  if (config.heads * config.headDim > maxExtent)
    return wrong(ConfigField::heads,
                 formatString("%lld heads of %lld numbers exceed 2^31",
                              ll(config.heads), ll(config.headDim)));
  for (auto [field, ids] : {std::pair(ConfigField::bosIds, &config.bosIds),
                            std::pair(ConfigField::eosIds, &config.eosIds)})
    for (int64_t id : *ids)
      if (id >= config.vocabSize)
        return wrong(field, formatString("token id %lld is outside the "
                                         "vocabulary of %lld",
                                         ll(id), ll(config.vocabSize)));
  return Status::success();
}

} // namespace lowbit::import
