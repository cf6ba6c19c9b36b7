//===- ImportTest.cpp - Checkpoints made here, to IR ----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/Gguf.h"
#include "test/unit/lib/Import/ImportFixture.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::test::TestFolder;
using ::lowbit::test::TestModel;
using ::lowbit::test::TestTensor;

namespace {

using ImportModelTest = mlir::lowbit::test::ImportTest;

template <typename Op>
std::vector<Op> opsOf(ModuleOp module) {
  std::vector<Op> ops;
  module.walk([&](Op op) { ops.push_back(op); });
  return ops;
}

/// The bytes of an F32 tensor as numbers.
std::vector<float> floatsOf(const TestTensor &tensor) {
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

/// Value of packed ternary element (n, k) by the format's own words: byte row r
/// holds rows r, r + R, r + 2R, r + 3R at shifts 0, 2, 4, 6.
float ternaryAt(const TestTensor &packed, int64_t n, int64_t k) {
  int64_t strips = packed.shape[0], columns = packed.shape[1];
  uint8_t byte = packed.bytes[(n % strips) * columns + k];
  return static_cast<float>(((byte >> (2 * (n / strips))) & 3) - 1);
}

TEST_F(ImportModelTest, LlamaHasOneBlockAndASetForEachLayer) {
  TestFolder folder("lowbit-llama");
  TestModel model;
  model.addAll();
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  ModuleOp module = *imported.module;
  EXPECT_EQ(opsOf<BlockOp>(module).size(), 1u);
  EXPECT_EQ(opsOf<ParamSetOp>(module).size(), 2u);
  EXPECT_EQ(opsOf<LayerOp>(module).size(), 2u);
  EXPECT_EQ(opsOf<QuantizeOp>(module).size(), 0u);
  ASSERT_EQ(opsOf<KVCacheOp>(module).size(), 1u);
  EXPECT_EQ(opsOf<KVCacheOp>(module)[0].getSlots(), 2);
  for (RopeOp rope : opsOf<RopeOp>(module))
    EXPECT_EQ(rope.getPairs(), RopePairs::Half);
  EXPECT_EQ(opsOf<AttentionOp>(module)[0].getMask(), MaskKind::Causal);
  EXPECT_EQ(imported.archive->kind(), "huggingface");
  EXPECT_EQ(imported.archive->sha256().size(), 64u);

  // Values: the file's own, for a matrix, a vector and the untied head.
  for (auto [symbol, name] :
       {std::pair("l1.gate", "model.layers.1.mlp.gate_proj.weight"),
        std::pair("l0.ffn_norm",
                  "model.layers.0.post_attention_layernorm.weight"),
        std::pair("output", "lm_head.weight")}) {
    ParamOp param = paramOf(module, symbol);
    EXPECT_EQ(decoded(*imported.archive, param), floatsOf(model.find(name)));
    if (isa<LowbitTensorType>(param.getType())) {
      useRowsInLanes(param);
      EXPECT_EQ(decoded(*imported.archive, param, /*threads=*/3),
                floatsOf(model.find(name)));
    }
  }
}

TEST_F(ImportModelTest, ImportedTextParsesBackToItself) {
  for (bool packed : {false, true}) {
    TestFolder folder("lowbit-print");
    TestModel model;
    model.tied = packed;
    model.packed = packed;
    model.subNorms = packed;
    if (packed) {
      model.architecture = "BitNetForCausalLM";
      model.type = "bitnet";
      model.activation = "relu2";
      model.extra = ",\"quantization_config\":{\"quant_method\":\"bitnet\","
                    "\"linear_class\":\"bitlinear\",\"quantization_mode\":"
                    "\"offline\"}";
    }
    model.addAll();
    model.writeTo(folder);
    ImportedModel imported = import(folder.path());
    ASSERT_TRUE(imported.module);
    std::string text = print(*imported.module);
    OwningOpRef<ModuleOp> again = parse(text);
    ASSERT_TRUE(again);
    EXPECT_TRUE(succeeded(verify(*again)));
    EXPECT_EQ(print(*again), text);
    // The text alone finds the checkpoint again.
    auto archive = ParameterArchive::openFor(*again);
    ASSERT_TRUE(archive.isOk()) << archive.status().toString();
    EXPECT_EQ(decoded(**archive, paramOf(*again, "l0.down")),
              decoded(*imported.archive, paramOf(*imported.module, "l0.down")));
    auto hash = (*archive)->contentHash(paramOf(*again, "l0.down"));
    auto other = (*archive)->contentHash(paramOf(*again, "l1.down"));
    ASSERT_TRUE(hash.isOk() && other.isOk());
    EXPECT_NE(*hash, *other);
    EXPECT_EQ(*hash, *imported.archive->contentHash(
                         paramOf(*imported.module, "l0.down")));
  }
}

TEST_F(ImportModelTest, AChangedCheckpointIsNotReopened) {
  TestFolder folder("lowbit-changed");
  TestModel model;
  model.addAll();
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  model.find("model.norm.weight").bytes[0] ^= 1;
  model.writeTo(folder);
  auto archive = ParameterArchive::openFor(*imported.module);
  ASSERT_FALSE(archive.isOk());
  EXPECT_NE(archive.status().message().find("has changed since"),
            std::string::npos);
}

TEST_F(ImportModelTest, MistralHasItsHeadDimAndWindow) {
  TestFolder folder("lowbit-mistral");
  TestModel model;
  model.architecture = "MistralForCausalLM";
  model.type = "mistral";
  model.heads = 3;
  model.headDim = 16; // 48 columns of queries for a hidden size of 24
  model.extra = ",\"sliding_window\":8";
  model.addAll();
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  auto attention = opsOf<AttentionOp>(*imported.module);
  ASSERT_EQ(attention.size(), 1u);
  EXPECT_EQ(attention[0].getMask(), MaskKind::Window);
  EXPECT_EQ(attention[0].getWindow(), 8);
  EXPECT_EQ(attention[0].getScale().convertToFloat(), 0.25f);
  EXPECT_EQ(cast<LowbitTensorType>(paramOf(*imported.module, "l0.o").getType())
                .getShape()[1],
            48);
  // A window that no position can leave is no window.
  ImportedModel shortened = import(folder.path(), /*maxContext=*/8);
  ASSERT_TRUE(shortened.module);
  EXPECT_EQ(opsOf<AttentionOp>(*shortened.module)[0].getMask(),
            MaskKind::Causal);
  EXPECT_EQ(cast<RankedTensorType>(paramOf(*shortened.module, "rope").getType())
                .getShape()[0],
            8);
}

TEST_F(ImportModelTest, Qwen2HasBiasesAndItsWindowMakesASecondBlock) {
  TestFolder folder("lowbit-qwen2");
  TestModel model;
  model.architecture = "Qwen2ForCausalLM";
  model.type = "qwen2";
  model.qkvBias = true;
  model.layers = 3;
  model.extra = ",\"use_sliding_window\":true,\"sliding_window\":8,"
                "\"max_window_layers\":2";
  model.addAll();
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  ModuleOp module = *imported.module;
  int64_t biased = 0;
  for (MatmulOp matmul : opsOf<MatmulOp>(module))
    biased += static_cast<bool>(matmul.getBias());
  auto blocks = opsOf<BlockOp>(module);
  ASSERT_EQ(blocks.size(), 2u); // layers 0, 1 are causal, layer 2 has a window
  EXPECT_EQ(biased, 6);
  auto layers = opsOf<LayerOp>(module);
  ASSERT_EQ(layers.size(), 3u);
  EXPECT_EQ(layers[0].getCallee(), "block0");
  EXPECT_EQ(layers[1].getCallee(), "block0");
  EXPECT_EQ(layers[2].getCallee(), "block1");
  EXPECT_EQ(decoded(*imported.archive, paramOf(module, "l2.k_bias")),
            floatsOf(model.find("model.layers.2.self_attn.k_proj.bias")));
}

TEST_F(ImportModelTest, PackedBitNetKeepsCodesAndScaleOfBothClasses) {
  for (const char *linearClass : {"bitlinear", "autobitlinear"}) {
    TestFolder folder("lowbit-bitnet");
    TestModel model;
    model.architecture = "BitNetForCausalLM";
    model.type = "bitnet";
    model.activation = "relu2";
    model.tied = model.packed = model.subNorms = true;
    model.extra = std::string(",\"quantization_config\":{\"quant_method\":"
                              "\"bitnet\",\"linear_class\":\"") +
                  linearClass +
                  "\",\"quantization_mode\":\"offline\","
                  "\"modules_to_not_convert\":null}";
    model.addAll();
    model.writeTo(folder);
    ImportedModel imported = import(folder.path());
    ASSERT_TRUE(imported.module);
    ModuleOp module = *imported.module;
    // q, k, v share a quantization, so do gate and up; o and down have theirs.
    EXPECT_EQ(opsOf<QuantizeOp>(module).size(), 4u);
    EXPECT_EQ(opsOf<QuantizeOp>(module)[0].getFloor().convertToFloat(), 1e-5f);
    EXPECT_EQ(opsOf<NormOp>(module).size(),
              5u); // four of the block, one at the end
    EXPECT_EQ(opsOf<ActivationOp>(module)[0].getKind(), ActivationKind::Relu2);
    EXPECT_FALSE(module.lookupSymbol("output"));

    ParamOp param = paramOf(module, "l1.up");
    const TestTensor &packed = model.find("model.layers.1.mlp.up_proj.weight");
    float scale =
        floatsOf(model.find("model.layers.1.mlp.up_proj.weight_scale"))[0];
    if (StringRef(linearClass) == "bitlinear")
      scale = 1.0f / scale;
    for (int lanes = 0; lanes < 2; ++lanes) {
      std::vector<float> values = decoded(*imported.archive, param, 1 + lanes);
      ASSERT_EQ(values.size(), static_cast<size_t>(model.inner * model.hidden));
      for (int64_t n = 0; n < model.inner; ++n)
        for (int64_t k = 0; k < model.hidden; ++k)
          ASSERT_EQ(values[n * model.hidden + k],
                    scale * ternaryAt(packed, n, k))
              << n << ", " << k;
      useRowsInLanes(param);
    }
  }
}

TEST_F(ImportModelTest, BitNetWithoutQuantizationIsAFloatModel) {
  TestFolder folder("lowbit-bitfloat");
  TestModel model;
  model.architecture = "BitNetForCausalLM";
  model.type = "bitnet";
  model.activation = "relu2";
  model.subNorms = true;
  model.addAll();
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  EXPECT_EQ(opsOf<QuantizeOp>(*imported.module).size(), 0u);
  EXPECT_EQ(opsOf<NormOp>(*imported.module).size(), 5u);
}

TEST_F(ImportModelTest, AllTensorProblemsAreInOneError) {
  TestFolder folder("lowbit-problems");
  TestModel model;
  model.addAll();
  model.remove("model.layers.0.self_attn.q_proj.weight");
  model.remove("model.norm.weight");
  TestTensor &down = model.find("model.layers.1.mlp.down_proj.weight");
  std::swap(down.shape[0], down.shape[1]);
  model.add("model.layers.0.self_attn.q_norm.weight", {8});
  model.add("model.layers.0.self_attn.rotary_emb.inv_freq", {4}); // tolerated
  model.writeTo(folder);
  EXPECT_EQ(
      importError(folder.path()),
      "the tensors of '" + folder.path() + "' are not those of the model in '" +
          folder.path("config.json") +
          "' (llama): 2 missing tensors: 'model.norm.weight' [24], "
          "'model.layers.0.self_attn.q_proj.weight' [24 x 24]; unfit tensor "
          "'model.layers.1.mlp.down_proj.weight' is [40 x 24], expected [24 x "
          "40]; left-over tensor 'model.layers.0.self_attn.q_norm.weight' [8]");
}

TEST_F(ImportModelTest, ATiedHeadStoredTwiceIsTolerated) {
  TestFolder folder("lowbit-tied");
  TestModel model;
  model.addAll(); // with lm_head.weight
  model.tied = true;
  model.writeTo(folder);
  ImportedModel imported = import(folder.path());
  ASSERT_TRUE(imported.module);
  EXPECT_FALSE((*imported.module).lookupSymbol("output"));
}

TEST_F(ImportModelTest, WrongTypesOfTensorsAreNamed) {
  TestFolder folder("lowbit-types");
  TestModel model;
  model.addAll();
  TestTensor &gate = model.find("model.layers.0.mlp.gate_proj.weight");
  gate.dtype = "I32";
  model.writeTo(folder);
  EXPECT_NE(importError(folder.path())
                .find("'model.layers.0.mlp.gate_proj.weight' is stored as I32, "
                      "expected a float type"),
            std::string::npos);
}

/// Every number of a configuration that would break the IR is refused by name.
TEST_F(ImportModelTest, HostileConfigurations) {
  auto errorWith = [&](auto change) {
    TestFolder folder("lowbit-hostile");
    TestModel model;
    model.addAll();
    change(model);
    model.writeTo(folder);
    return importError(folder.path());
  };
  struct Case {
    void (*change)(TestModel &);
    const char *expected;
  };
  const Case cases[] = {
      {[](TestModel &m) { m.layers = 1000000; }, "layers"},
      {[](TestModel &m) { m.layers = 0; }, "layers"},
      {[](TestModel &m) { m.hidden = -24; }, "hidden"},
      {[](TestModel &m) { m.hidden = int64_t(1) << 40; }, "hidden"},
      {[](TestModel &m) { m.heads = 0; }, "heads"},
      {[](TestModel &m) { m.kvHeads = 2; }, "heads"},
      {[](TestModel &m) { m.headDim = 7; }, "head"},
      {[](TestModel &m) { m.context = 0; }, ""},
      {[](TestModel &m) { m.vocabulary = int64_t(1) << 33; }, "vocab"},
      {[](TestModel &m) { m.activation = "mish"; }, "mish"},
      {[](TestModel &m) {
         m.extra = ",\"rope_scaling\":{\"rope_type\":"
                   "\"yarn\",\"factor\":2.0}";
       },
       "yarn"},
  };
  for (const Case &test : cases) {
    std::string error = errorWith(test.change);
    EXPECT_NE(error, "no error") << test.expected;
    EXPECT_NE(error.find(test.expected), std::string::npos) << error;
    EXPECT_NE(error.find("config.json"), std::string::npos) << error;
  }
}

TEST_F(ImportModelTest, PathsThatAreNoModel) {
  TestFolder folder("lowbit-nomodel");
  EXPECT_NE(importError(folder.path("absent")).find("does not exist"),
            std::string::npos);
  EXPECT_NE(importError(folder.path()).find("has no config.json"),
            std::string::npos);
  folder.write("x.gguf", "not a model");
  EXPECT_NE(importError(folder.path("x.gguf")).find("x.gguf"),
            std::string::npos);
  ::lowbit::test::writeSafetensors(
      folder.path("w.safetensors"),
      {{"a", "F32", {1}, std::vector<uint8_t>(4, 0)}});
  EXPECT_NE(importError(folder.path("w.safetensors")).find("config.json"),
            std::string::npos);
}

TEST_F(ImportModelTest, OtherRotaryDivisorsThanLlama3AreRefused) {
  TestFolder folder("lowbit-freqs");
  std::string path = folder.path("m.gguf");
  std::filesystem::copy(std::string(LOWBIT_SOURCE_DIR) +
                            "/test/Inputs/import/llama3-q8.gguf",
                        path);
  auto file = ::lowbit::import::GgufFile::open(path);
  ASSERT_TRUE(file.isOk());
  const auto *tensor = file->find("rope_freqs.weight");
  ASSERT_TRUE(tensor);
  auto setDivisors = [&](size_t begin, size_t end, float value) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekp(static_cast<std::streamoff>(tensor->offset + 4 * begin));
    for (size_t i = begin; i < end; ++i)
      stream.write(reinterpret_cast<const char *>(&value), sizeof(value));
  };
  setDivisors(16, 17, 3.0f); // the blend gives 3.29
  EXPECT_NE(importError(path).find("'rope_freqs.weight' is not the llama3 rule "
                                   "over 8192 positions (divisor 16 is 3"),
            std::string::npos)
      << importError(path);
  setDivisors(0, 32, 1.0f); // no scaling at all
  ImportedModel plain = import(path);
  ASSERT_TRUE(plain.module);
  EXPECT_EQ(plain.config.rope.scaling, ::lowbit::import::RopeScalingKind::none);
}

TEST_F(ImportModelTest, FoldersWithoutATokenizerTakeIds) {
  TestFolder folder("lowbit-notokenizer");
  TestModel model;
  model.addAll();
  model.writeTo(folder);
  auto imported = importModel(folder.path(), ImportOptions(), context);
  ASSERT_TRUE(imported.isOk()) << imported.status().toString();
  EXPECT_EQ(imported->tokenizer.kind, ::lowbit::TokenizerKind::none);
  folder.write("tokenizer.model", "something");
  imported = importModel(folder.path(), ImportOptions(), context);
  ASSERT_FALSE(imported.isOk());
  EXPECT_NE(imported.status().toString().find("tokenizer.json"),
            std::string::npos);
}

TEST_F(ImportModelTest, ContextLimits) {
  TestFolder folder("lowbit-context");
  TestModel model;
  model.context = 100000;
  model.addAll();
  model.writeTo(folder);
  auto rows = [&](int64_t maxContext) {
    ImportedModel imported = import(folder.path(), maxContext);
    return imported.module ? cast<RankedTensorType>(
                                 paramOf(*imported.module, "rope").getType())
                                 .getShape()[0]
                           : 0;
  };
  EXPECT_EQ(rows(0), 8192);
  EXPECT_EQ(rows(16), 16);
  EXPECT_EQ(rows(50000), 50000);
  EXPECT_EQ(rows(1 << 30), 100000);
  ImportOptions options;
  options.maxContext = -1;
  EXPECT_FALSE(importModel(folder.path(), options, context).isOk());
}

} // namespace
