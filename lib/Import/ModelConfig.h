//===- ModelConfig.h - What a checkpoint says about its model - -*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The facts of a decoder-only language model, whichever file they come from:
// config.json in the spellings of transformers 4 and 5, or GGUF metadata.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_LIB_IMPORT_MODELCONFIG_H
#define LOWBIT_LIB_IMPORT_MODELCONFIG_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lowbit::import {

class GgufFile;

enum class ModelFamily : uint8_t { llama, mistral, qwen2, bitnet };
const char *modelFamilyName(ModelFamily family);

enum class RopeScalingKind : uint8_t { none, linear, llama3 };
/// Which numbers of a head rotate together: (2i, 2i+1) or (i, i + d/2).
enum class RopePairs : uint8_t { adjacent, half };

struct RopeConfig {
  double theta = 10000.0;
  RopePairs pairs = RopePairs::half;
  RopeScalingKind scaling = RopeScalingKind::none;
  double factor = 1.0;              ///< linear, llama3
  double lowFrequencyFactor = 1.0;  ///< llama3
  double highFrequencyFactor = 4.0; ///< llama3
  int64_t originalContext = 0;      ///< llama3
  /// GGUF converters store llama3 scaling as a tensor `rope_freqs.weight` that
  /// divides the frequencies; then scaling is none and this is true.
  bool frequencyTensor = false;
};

enum class Activation : uint8_t { silu, relu2, gelu, geluTanh, relu };

/// quantization_config of Hugging Face's packed BitNet.
struct BitnetQuantization {
  /// True for linear_class "autobitlinear": weights multiply weight_scale. For
  /// "bitlinear" the stored number is the reciprocal of the scale.
  bool scaleMultiplies = false;
  std::string linearClass;
  std::string mode; ///< "offline" (packed in the file) or "online"
  bool useRmsNorm = false;
  std::vector<std::string> notConverted;
};

struct ModelConfig {
  std::string source; ///< file that the facts come from
  ModelFamily family = ModelFamily::llama;
  std::string architecture; ///< as written: "LlamaForCausalLM", "llama"
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t layers = 0;
  int64_t heads = 0;
  int64_t kvHeads = 0;
  int64_t headDim = 0;
  int64_t ropeDim = 0; ///< rotated numbers of a head (headDim unless stated)
  int64_t vocabSize = 0;
  int64_t contextLength = 0;
  double rmsEps = 1e-5;
  RopeConfig rope;
  /// Tokens a position sees, itself included; 0: all.
  int64_t slidingWindow = 0;
  /// First layer that uses the window (Qwen2's max_window_layers).
  int64_t slidingWindowFromLayer = 0;
  bool tieEmbeddings = false;
  bool attentionBias = false;       ///< q, k, v
  bool attentionOutputBias = false; ///< o
  bool mlpBias = false;
  Activation activation = Activation::silu;
  std::vector<int64_t> bosIds; ///< empty: none stated
  std::vector<int64_t> eosIds;
  std::string dtype; ///< "float32", "bfloat16", ... or empty
  std::optional<BitnetQuantization> bitnet;
};

/// Reads `folder`/config.json. Refuses what the importer does not implement
/// (other architectures, rope kinds, quantization methods) by name.
StatusOr<ModelConfig> readHuggingFaceConfig(const std::string &folder);
/// The same from text; `what` names it in errors.
StatusOr<ModelConfig> parseHuggingFaceConfig(std::string_view text,
                                             const std::string &what);

/// From GGUF metadata and tensor names (architectures llama and qwen2; Mistral
/// and SmolLM files are `llama`).
StatusOr<ModelConfig> readGgufConfig(const GgufFile &file);

/// What a rule of checkModelConfig is about; each reader knows the name of that
/// field in its own file.
enum class ConfigField : uint8_t {
  layers,
  heads,
  kvHeads,
  headDim,
  ropeDim,
  bosIds,
  eosIds
};
using WrongConfigField =
    std::function<Status(ConfigField field, const std::string &detail)>;

/// Rules that hold whatever the file: heads divide, sizes are within limits,
/// token ids are within the vocabulary. `wrong` makes the error. Both readers
/// have called it.
Status checkModelConfig(const ModelConfig &config,
                        const WrongConfigField &wrong);

} // namespace lowbit::import

#endif // LOWBIT_LIB_IMPORT_MODELCONFIG_H
