//===- ArchiveTest.cpp - Bytes of parameters ------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Import/ImportFixture.h"

#include "mlir/IR/Builders.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::test::TestFolder;
using ::lowbit::test::TestTensor;

namespace {

class ArchiveTest : public mlir::lowbit::test::ImportTest {
protected:
  /// The error of materializing @p of `text` without a checkpoint.
  std::string errorOf(StringRef text) {
    OwningOpRef<ModuleOp> module = parse(text);
    if (!module)
      return "does not parse";
    ComponentBytes components;
    auto archive = ParameterArchive::createEmpty();
    ::lowbit::Status status =
        archive->materialize(paramOf(*module, "p"), components);
    return status.isOk() ? "no error" : status.message();
  }
};

//===----------------------------------------------------------------------===//
// Computed parameters
//===----------------------------------------------------------------------===//

/// Numbers that are dropped are gone; what was kept before and after is not.
TEST_F(ArchiveTest, DroppedNumbersAreGone) {
  OwningOpRef<ModuleOp> module = parse("lowbit.param @p : tensor<4xf32>");
  ASSERT_TRUE(module);
  auto archive = ParameterArchive::createEmpty();
  ParamOp param = paramOf(*module, "p");
  auto keep = [&](float value) {
    const std::vector<float> numbers(4, value);
    std::vector<uint8_t> bytes(16);
    std::memcpy(bytes.data(), numbers.data(), 16);
    return *archive->addComputed(module->getContext(), {bytes});
  };
  ComputedSourceAttr first = keep(1), middle = keep(2), last = keep(3);
  archive->dropComputed(last);
  archive->dropComputed(middle);
  archive->dropComputed(middle);
  ComputedSourceAttr next = keep(4);
  EXPECT_NE(next.getId(), middle.getId());
  EXPECT_NE(next.getId(), last.getId());
  param.setSourceAttr(first);
  EXPECT_EQ(decoded(*archive, param), std::vector<float>(4, 1.0f));
  param.setSourceAttr(next);
  EXPECT_EQ(decoded(*archive, param), std::vector<float>(4, 4.0f));
  param.setSourceAttr(middle);
  EXPECT_FALSE(archive->decode(param).isOk());
}

//===----------------------------------------------------------------------===//
// Rotary tables
//===----------------------------------------------------------------------===//

TEST_F(ArchiveTest, RopeTableIsTheFormulaRoundedOnce) {
  OwningOpRef<ModuleOp> module =
      parse("lowbit.param @p : tensor<40x4x2xf32> = "
            "#lowbit.rope_table<theta = 1.0e4 : f64>");
  ASSERT_TRUE(module);
  std::vector<float> table =
      decoded(*ParameterArchive::createEmpty(), paramOf(*module, "p"));
  ASSERT_EQ(table.size(), 40u * 8u);
  for (int position = 0; position < 40; ++position)
    for (int i = 0; i < 4; ++i) {
      double angle = position * std::pow(10000.0, -2.0 * i / 8.0);
      EXPECT_EQ(table[position * 8 + 2 * i],
                static_cast<float>(std::cos(angle)));
      EXPECT_EQ(table[position * 8 + 2 * i + 1],
                static_cast<float>(std::sin(angle)));
    }
}

/// Frequencies of transformers 4.57.1's _compute_llama3_parameters in double
/// precision for Llama 3.2's numbers (theta 5e5, factor 32, low 1, high 4,
/// original context 8192), head dimension 64: pairs on both sides and inside of
/// the blend.
TEST_F(ArchiveTest, Llama3ScalingMatchesTransformers) {
  OwningOpRef<ModuleOp> module = parse(
      "lowbit.param @p : tensor<2x32x2xf32> = #lowbit.rope_table<theta = 5.0e5 "
      ": f64, factor = 3.2e1 : f64, low_freq_factor = 1.0 : f64, "
      "high_freq_factor = 4.0 : f64, original_context = 8192>");
  ASSERT_TRUE(module);
  std::vector<float> table =
      decoded(*ParameterArchive::createEmpty(), paramOf(*module, "p"));
  ASSERT_EQ(table.size(), 128u);
  const std::pair<int, double> expected[] = {
      {0, 1.0},
      {10, 0.016560440080994446},
      {15, 0.001290547928209264},
      {16, 0.00042955679655936815},
      {17, 9.70828780262767e-05},
      {18, 1.9461638184831125e-05},
      {19, 1.291476718704739e-05},
      {20, 8.570255489881478e-06},
      {31, 9.41830672543491e-08},
  };
  for (auto [pair, frequency] : expected)
    EXPECT_EQ(table[64 + 2 * pair + 1], static_cast<float>(std::sin(frequency)))
        << pair;
}

TEST_F(ArchiveTest, LinearScalingDividesFrequencies) {
  OwningOpRef<ModuleOp> module = parse(
      "lowbit.param @p : tensor<9x2x2xf32> = #lowbit.rope_table<theta = 1.0e4 "
      ": f64, factor = 4.0 : f64>\n"
      "lowbit.param @q : tensor<3x2x2xf32> = "
      "#lowbit.rope_table<theta = 1.0e4 : f64>");
  ASSERT_TRUE(module);
  auto archive = ParameterArchive::createEmpty();
  std::vector<float> scaled = decoded(*archive, paramOf(*module, "p"));
  std::vector<float> plain = decoded(*archive, paramOf(*module, "q"));
  // Position 4p of the scaled table is position p of the plain one.
  for (int position = 0; position < 3; ++position)
    for (int i = 0; i < 4; ++i)
      EXPECT_EQ(scaled[4 * position * 4 + i], plain[position * 4 + i]);
}

TEST_F(ArchiveTest, BadRopeTablesAreRefused) {
  EXPECT_EQ(errorOf("lowbit.param @p : tensor<4x2x2xf32> = "
                    "#lowbit.rope_table<theta = 0.0 : f64>"),
            "parameter 'p': rope table requires theta > 0, got 0");
  EXPECT_EQ(errorOf("lowbit.param @p : tensor<4x2x2xf32> = "
                    "#lowbit.rope_table<theta = 1.0 : f64, factor = -1.0 : "
                    "f64>"),
            "parameter 'p': rope table requires factor > 0, got -1");
  EXPECT_NE(errorOf("lowbit.param @p : tensor<4x2x2xf32> = "
                    "#lowbit.rope_table<theta = 1.0 : f64, low_freq_factor = "
                    "4.0 : f64, high_freq_factor = 1.0 : f64, original_context "
                    "= 8>")
                .find("0 < low_freq_factor < high_freq_factor"),
            std::string::npos);
  EXPECT_NE(errorOf("lowbit.param @p : tensor<1099511627776x1048576x2xf32> = "
                    "#lowbit.rope_table<theta = 1.0 : f64>")
                .find("parameter 'p'"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Splats and bound parameters
//===----------------------------------------------------------------------===//

constexpr const char *uint4Param =
    "lowbit.param @p : !lowbit.tensor<12x64xf32, #lowbit.leaf<uint<4>, scale = "
    "[f16 per map<(n, k) -> (n, k floordiv 32)>], offset = [f16 per map<(n, k) "
    "-> (n, k floordiv 32)>]>>";

TEST_F(ArchiveTest, ParameterWithoutSourceSaysHowToBindIt) {
  EXPECT_EQ(errorOf(uint4Param),
            "parameter 'p': it has no source; bind it with "
            "--weights=FILE.safetensors or --weights=splat");
  EXPECT_NE(errorOf("lowbit.param @p : tensor<4xf32> = #lowbit.file<tensor = "
                    "\"x\", format = \"F32\">")
                .find("its checkpoint is not open"),
            std::string::npos);
}

TEST_F(ArchiveTest, SplatFillsEveryLayout) {
  OwningOpRef<ModuleOp> module = parse(uint4Param);
  ASSERT_TRUE(module);
  auto archive = ParameterArchive::createEmpty();
  archive->bindSplat(0.5f, 99); // clamped to 15
  ParamOp param = paramOf(*module, "p");
  for (int lanes = 0; lanes < 2; ++lanes) {
    for (float value : decoded(*archive, param))
      EXPECT_EQ(value, 0.5f * 15 + 0.5f);
    useRowsInLanes(param);
  }
}

TEST_F(ArchiveTest, HugeSplatIsAnErrorAndNotACrash) {
  EXPECT_NE(errorOf("lowbit.param @p : !lowbit.tensor<1099511627776x32xf32, "
                    "#lowbit.leaf<uint<4>>> = #lowbit.splat<value = 1.0 : f32, "
                    "code = 1>")
                .find("parameter 'p': "),
            std::string::npos);
}

/// Codes (12 x 64), scales and offsets (12 x 2) of `uint4Param`.
std::vector<TestTensor> uint4Tensors() {
  TestTensor codes{"p.codes", "U8", {12, 64}, {}};
  for (int i = 0; i < 12 * 64; ++i)
    codes.bytes.push_back(static_cast<uint8_t>((i * 7 + i / 64) % 16));
  TestTensor scale{"p.scale", "F16", {12, 2}, {}};
  TestTensor offset{"p.offset", "F16", {12, 2}, {}};
  for (int i = 0; i < 24; ++i) {
    uint16_t s = static_cast<uint16_t>(0x3c00 + 16 * i); // 1 + i / 64
    uint16_t o = static_cast<uint16_t>(0xbc00 + 16 * i);
    for (int byte = 0; byte < 2; ++byte) {
      scale.bytes.push_back(static_cast<uint8_t>(s >> (8 * byte)));
      offset.bytes.push_back(static_cast<uint8_t>(o >> (8 * byte)));
    }
  }
  return {codes, scale, offset};
}

TEST_F(ArchiveTest, BoundComponentsKeepTheirNumbersInEveryLayout) {
  TestFolder folder("lowbit-bound");
  ::lowbit::test::writeSafetensors(folder.path("w.safetensors"),
                                   uint4Tensors());
  OwningOpRef<ModuleOp> module = parse(uint4Param);
  ASSERT_TRUE(module);
  auto archive = ParameterArchive::createEmpty();
  ::lowbit::Status bound = archive->bindFile(folder.path("w.safetensors"));
  ASSERT_TRUE(bound.isOk()) << bound.toString();
  ParamOp param = paramOf(*module, "p");
  std::vector<float> plain = decoded(*archive, param);
  ASSERT_EQ(plain.size(), 12u * 64u);
  for (int n = 0; n < 12; ++n)
    for (int k = 0; k < 64; ++k) {
      int i = n * 64 + k, g = n * 2 + k / 32;
      float scale = 1.0f + g / 64.0f;
      EXPECT_EQ(plain[i], scale * ((i * 7 + i / 64) % 16) - scale);
    }
  auto before = archive->contentHash(param);
  useRowsInLanes(param);
  EXPECT_EQ(decoded(*archive, param), plain);
  ASSERT_TRUE(before.isOk());
}

TEST_F(ArchiveTest, UnfitBoundComponentsAreNamed) {
  TestFolder folder("lowbit-unfit");
  OwningOpRef<ModuleOp> module = parse(uint4Param);
  ASSERT_TRUE(module);
  ParamOp param = paramOf(*module, "p");
  auto errorWith = [&](std::vector<TestTensor> tensors) {
    std::string path = folder.path("w.safetensors");
    ::lowbit::test::writeSafetensors(path, tensors);
    auto archive = ParameterArchive::createEmpty();
    EXPECT_TRUE(archive->bindFile(path).isOk());
    ComponentBytes components;
    return archive->materialize(param, components).message();
  };
  std::vector<TestTensor> tensors = uint4Tensors();
  tensors.pop_back();
  EXPECT_EQ(errorWith(tensors), "parameter 'p': '" +
                                    folder.path("w.safetensors") +
                                    "' has no tensor 'p.offset' of shape [12 x "
                                    "2]");
  tensors = uint4Tensors();
  tensors[1].shape = {2, 12};
  EXPECT_NE(errorWith(tensors).find("is F16 of shape [2 x 12], expected 16-bit "
                                    "floats of [12 x 2]"),
            std::string::npos);
  tensors = uint4Tensors();
  tensors[0].bytes[70] = 16; // beyond uint<4>
  EXPECT_NE(errorWith(tensors).find("16"), std::string::npos);
  auto archive = ParameterArchive::createEmpty();
  EXPECT_FALSE(archive->bindFile("weights.bin").isOk());
}

TEST_F(ArchiveTest, VectorsAndSingleNumbersAreBoundInTheirOwnShape) {
  TestFolder folder("lowbit-vector");
  OwningOpRef<ModuleOp> module =
      parse("lowbit.param @v : tensor<3xf32>\n"
            "lowbit.param @w : !lowbit.tensor<1x2xf32, #lowbit.leaf<fp<f32>>>\n"
            "lowbit.param @t : !lowbit.tensor<1x2xf32, #lowbit.leaf<int<8>, "
            "scale = [f32 per tensor]>>");
  ASSERT_TRUE(module);
  auto bytesOf = [](std::vector<float> values) {
    std::vector<uint8_t> bytes(values.size() * sizeof(float));
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  };
  ::lowbit::test::writeSafetensors(folder.path("w.safetensors"),
                                   {{"v", "F32", {3}, bytesOf({1, 2, 3})},
                                    {"w", "F32", {1, 2}, bytesOf({4, 5})},
                                    {"t.codes", "I8", {1, 2}, {0xff, 2}},
                                    {"t.scale", "F32", {1}, bytesOf({0.5f})}});
  auto archive = ParameterArchive::createEmpty();
  ASSERT_TRUE(archive->bindFile(folder.path("w.safetensors")).isOk());
  EXPECT_EQ(decoded(*archive, paramOf(*module, "v")),
            (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(decoded(*archive, paramOf(*module, "w")),
            (std::vector<float>{4, 5}));
  EXPECT_EQ(decoded(*archive, paramOf(*module, "t")),
            (std::vector<float>{-0.5f, 1}));
  auto first = archive->contentHash(paramOf(*module, "v"));
  auto second = archive->contentHash(paramOf(*module, "t"));
  ASSERT_TRUE(first.isOk() && second.isOk());
  EXPECT_NE(*first, *second);
}

TEST_F(ArchiveTest, SplatsOfOneTypeHaveOneHash) {
  OwningOpRef<ModuleOp> module =
      parse("lowbit.param @a : tensor<3xf32>\nlowbit.param @b : tensor<3xf32>\n"
            "lowbit.param @c : tensor<4xf32>");
  ASSERT_TRUE(module);
  auto archive = ParameterArchive::createEmpty();
  EXPECT_FALSE(archive->contentHash(paramOf(*module, "a")).isOk());
  archive->bindSplat(1.0f, 1);
  auto a = archive->contentHash(paramOf(*module, "a"));
  auto b = archive->contentHash(paramOf(*module, "b"));
  auto c = archive->contentHash(paramOf(*module, "c"));
  ASSERT_TRUE(a.isOk() && b.isOk() && c.isOk());
  EXPECT_EQ(*a, *b);
  EXPECT_NE(*a, *c);
}

TEST_F(ArchiveTest, SignedCodesMayBeStoredAsOrdinaryBytes) {
  TestFolder folder("lowbit-signed");
  OwningOpRef<ModuleOp> module = parse(
      "lowbit.param @p : !lowbit.tensor<1x32xf32, #lowbit.leaf<ternary>>");
  ASSERT_TRUE(module);
  TestTensor codes{"p", "I8", {1, 32}, std::vector<uint8_t>(32, 1)};
  codes.bytes[3] = 0xff;
  codes.bytes[4] = 3;
  codes.bytes[5] = 0;
  ::lowbit::test::writeSafetensors(folder.path("w.safetensors"), {codes});
  auto archive = ParameterArchive::createEmpty();
  ASSERT_TRUE(archive->bindFile(folder.path("w.safetensors")).isOk());
  ParamOp param = paramOf(*module, "p");
  for (int lanes = 0; lanes < 2; ++lanes) {
    std::vector<float> values = decoded(*archive, param);
    ASSERT_EQ(values.size(), 32u);
    EXPECT_EQ(values[3], -1.0f);
    EXPECT_EQ(values[4], -1.0f);
    EXPECT_EQ(values[5], 0.0f);
    EXPECT_EQ(values[6], 1.0f);
    useRowsInLanes(param);
  }
}

} // namespace
