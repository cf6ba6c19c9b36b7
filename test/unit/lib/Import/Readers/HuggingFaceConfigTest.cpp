//===- HuggingFaceConfigTest.cpp - config.json in its spellings -----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ModelConfig.h"

#include <gtest/gtest.h>

using namespace lowbit;
using namespace lowbit::import;

namespace {

/// A config of `type` (class, model_type) with further fields.
std::string configText(const std::string &names, const std::string &more = "") {
  return "{" + names +
         R"(,"hidden_size":64,"intermediate_size":172,"num_hidden_layers":4,)"
         R"("num_attention_heads":8,"vocab_size":512)" +
         (more.empty() ? "" : "," + more) + "}";
}

const std::string llama =
    R"("architectures":["LlamaForCausalLM"],"model_type":"llama")";
const std::string mistral = R"("architectures":["MistralForCausalLM"])";
const std::string qwen2 = R"("architectures":["Qwen2ForCausalLM"])";
const std::string bitnet = R"("architectures":["BitNetForCausalLM"])";

ModelConfig parse(const std::string &names, const std::string &more = "") {
  auto config = parseHuggingFaceConfig(configText(names, more), "config.json");
  EXPECT_TRUE(config.isOk()) << config.status().toString() << "\n" << more;
  return config.isOk() ? *config : ModelConfig();
}

void expectError(const std::string &names, const std::string &more,
                 const std::string &text) {
  auto config = parseHuggingFaceConfig(configText(names, more), "config.json");
  ASSERT_FALSE(config.isOk()) << "accepted; expected: " << text;
  const std::string &message = config.status().message();
  EXPECT_NE(message.find(text), std::string::npos) << message;
  EXPECT_EQ(message.rfind("'config.json'", 0), 0u) << message;
}

TEST(HuggingFaceConfig, Defaults) {
  ModelConfig config = parse(llama);
  EXPECT_EQ(config.family, ModelFamily::llama);
  EXPECT_EQ(config.kvHeads, 8);
  EXPECT_EQ(config.headDim, 8);
  EXPECT_EQ(config.rmsEps, 1e-6);
  EXPECT_EQ(config.contextLength, 2048);
  EXPECT_EQ(config.rope.theta, 10000);
  EXPECT_EQ(config.rope.pairs, RopePairs::half);
  EXPECT_FALSE(config.tieEmbeddings);
  EXPECT_EQ(config.activation, Activation::silu);
  EXPECT_EQ(parse(R"("model_type":"llama")").family, ModelFamily::llama);
  EXPECT_EQ(parse(bitnet).activation, Activation::relu2);
  EXPECT_EQ(parse(bitnet).rope.theta, 500000);
}

TEST(HuggingFaceConfig, BothSpellings) {
  ModelConfig old = parse(
      llama,
      R"("torch_dtype":"bfloat16","rope_theta":500000.0,"rope_scaling":{)"
      R"("rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,)"
      R"("high_freq_factor":4.0,"original_max_position_embeddings":8192})");
  ModelConfig now = parse(
      llama,
      R"("dtype":"bfloat16","rope_parameters":{"rope_theta":500000.0,)"
      R"("rope_type":"llama3","factor":8.0,"low_freq_factor":1.0,)"
      R"("high_freq_factor":4.0,"original_max_position_embeddings":8192})");
  for (const ModelConfig &config : {old, now}) {
    EXPECT_EQ(config.dtype, "bfloat16");
    EXPECT_EQ(config.rope.theta, 500000);
    EXPECT_EQ(config.rope.scaling, RopeScalingKind::llama3);
    EXPECT_EQ(config.rope.factor, 8);
    EXPECT_EQ(config.rope.lowFrequencyFactor, 1);
    EXPECT_EQ(config.rope.highFrequencyFactor, 4);
    EXPECT_EQ(config.rope.originalContext, 8192);
  }
  EXPECT_EQ(parse(llama, R"("rope_scaling":null,"head_dim":null)").headDim, 8);
  ModelConfig linear =
      parse(llama, R"("rope_scaling":{"type":"linear","factor":2.5})");
  EXPECT_EQ(linear.rope.scaling, RopeScalingKind::linear);
  EXPECT_EQ(linear.rope.factor, 2.5);
}

TEST(HuggingFaceConfig, Families) {
  ModelConfig config = parse(qwen2, R"("num_key_value_heads":2)");
  EXPECT_TRUE(config.attentionBias);
  EXPECT_FALSE(config.attentionOutputBias);
  EXPECT_EQ(config.slidingWindow, 0);
  config = parse(llama, R"("attention_bias":true,"mlp_bias":true)");
  EXPECT_TRUE(config.attentionBias && config.attentionOutputBias);
  EXPECT_TRUE(config.mlpBias);
  config = parse(mistral, R"("head_dim":32,"sliding_window":null)");
  EXPECT_EQ(config.headDim, 32);
  EXPECT_EQ(config.slidingWindow, 0);
  EXPECT_EQ(parse(mistral).slidingWindow, 4096);
  EXPECT_EQ(parse(mistral, R"("sliding_window":5)").slidingWindow, 5);
  EXPECT_EQ(parse(llama, R"("sliding_window":5)").slidingWindow, 0);
  config = parse(llama, R"("bos_token_id":1,"eos_token_id":[2,3])");
  EXPECT_EQ(config.bosIds, std::vector<int64_t>{1});
  EXPECT_EQ(config.eosIds, (std::vector<int64_t>{2, 3}));
}

TEST(HuggingFaceConfig, Qwen2Windows) {
  ModelConfig config = parse(
      qwen2,
      R"("use_sliding_window":true,"sliding_window":9,"max_window_layers":2)");
  EXPECT_EQ(config.slidingWindow, 9);
  EXPECT_EQ(config.slidingWindowFromLayer, 2);
  config = parse(qwen2, R"("use_sliding_window":true,"sliding_window":9)");
  EXPECT_EQ(config.slidingWindow, 0) << "28 full layers come first";
  config = parse(
      qwen2, R"("use_sliding_window":true,"sliding_window":9,"layer_types":[)"
             R"("full_attention","sliding_attention","sliding_attention",)"
             R"("sliding_attention"])");
  EXPECT_EQ(config.slidingWindow, 9);
  EXPECT_EQ(config.slidingWindowFromLayer, 1);
  expectError(qwen2,
              R"("use_sliding_window":true,"sliding_window":9,"layer_types":[)"
              R"("sliding_attention","full_attention","sliding_attention",)"
              R"("full_attention"])",
              "layer_types");
  expectError(qwen2, R"("layer_types":["full_attention"])", "layer_types");
}

TEST(HuggingFaceConfig, Bitnet) {
  ModelConfig config =
      parse(bitnet, R"("quantization_config":{)"
                    R"("quant_method":"bitnet","linear_class":)"
                    R"("autobitlinear","quantization_mode":)"
                    R"("offline","modules_to_not_convert":null})");
  ASSERT_TRUE(config.bitnet.has_value());
  EXPECT_TRUE(config.bitnet->scaleMultiplies);
  config = parse(llama, R"("quantization_config":{"quant_method":"bitnet",)"
                        R"("modules_to_not_convert":["lm_head"]})");
  EXPECT_FALSE(config.bitnet->scaleMultiplies);
  EXPECT_EQ(config.bitnet->linearClass, "bitlinear");
  EXPECT_EQ(config.bitnet->notConverted, std::vector<std::string>{"lm_head"});
  EXPECT_FALSE(parse(bitnet).bitnet.has_value());
  expectError(bitnet, R"("quantization_config":{"quant_method":"gptq"})",
              "gptq");
  expectError(bitnet,
              R"("quantization_config":{"quant_method":"bitnet",)"
              R"("linear_class":"other"})",
              "other");
  expectError(bitnet, R"("quantization_config":[])", "quantization_config");
}

TEST(HuggingFaceConfig, Refusals) {
  expectError(R"("architectures":["GPT2LMHeadModel"])", "", "GPT2LMHeadModel");
  expectError(R"("model_type":"mamba")", "", "mamba");
  expectError(R"("x":1)", "", "\"architectures\"");
  expectError(llama, R"("head_dim":7)", "odd");
  expectError(llama, R"("head_dim":"8")", "\"head_dim\"");
  expectError(llama, R"("num_key_value_heads":3)", "do not divide");
  expectError(llama, R"("num_key_value_heads":0)", "\"num_key_value_heads\"");
  expectError(llama, R"("rms_norm_eps":0)", "\"rms_norm_eps\"");
  expectError(llama, R"("rope_scaling":{"type":"yarn","factor":2})", "yarn");
  expectError(llama, R"("rope_scaling":{"type":"linear"})",
              "rope_scaling.factor");
  expectError(llama, R"("rope_parameters":{"full_attention":{}})",
              "\"rope_par");
  expectError(llama, R"("partial_rotary_factor":0.5)", "partial_rotary_factor");
  expectError(llama, R"("hidden_act":"mish")", "mish");
  expectError(llama, R"("bos_token_id":512)", "vocabulary");
  expectError(llama, R"("bos_token_id":-1)", "\"bos_token_id\"");
  expectError(llama, R"("tie_word_embeddings":"yes")", "tie_word_embeddings");
  expectError(llama, R"("max_position_embeddings":1e30)",
              "max_position_embeddings");
  expectError(llama, R"("max_position_embeddings":99999999999)",
              "max_position_embeddings");
  auto text = parseHuggingFaceConfig("{\"hidden_size\":1}", "c");
  EXPECT_FALSE(text.isOk());
  EXPECT_FALSE(parseHuggingFaceConfig("[]", "c").isOk());
  EXPECT_FALSE(parseHuggingFaceConfig("", "c").isOk());
}

} // namespace
