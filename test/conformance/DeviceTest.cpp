//===- DeviceTest.cpp - What every device must do -------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Module.h"
#include "lowbit/Runtime/Session.h"
#include "runtime/Device/CPU/CodeImage.h"
#include "test/conformance/TinyModule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <dlfcn.h>
#include <numeric>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::test;

namespace {

struct DeviceCase {
  const char *device;
  unsigned threads;
};

/// Whether this machine has a driver of its own.
bool haveGpu() { return ::access("/dev/nvidiactl", R_OK | W_OK) == 0; }

class DeviceTest : public ::testing::TestWithParam<DeviceCase> {
protected:
  void SetUp() override {
    // Loaded before, it is the libcuda.so.1 that the device finds.
    if (std::string_view(GetParam().device) == "cuda" && !haveGpu()) {
      ASSERT_NE(::dlopen(LOWBIT_PTX_DRIVER, RTLD_NOW | RTLD_LOCAL), nullptr)
          << ::dlerror();
    }
    DeviceOptions options;
    options.threads = GetParam().threads;
    options.guardPages = true;
    auto made = builtinDevices().create(GetParam().device, options);
    ASSERT_TRUE(made.isOk()) << made.status().toString();
    device = std::move(*made);
  }
  /// The tiny module on this device; null (and a skip) without a C compiler.
  std::unique_ptr<Module> tinyModule() {
    if (!haveCompiler())
      return nullptr;
    EXPECT_TRUE(writeTinyModule(folder.file("m.lowbit")).isOk());
    auto module = Module::load(folder.file("m.lowbit"), *device);
    EXPECT_TRUE(module.isOk()) << module.status().toString();
    return module.isOk() ? std::move(*module) : nullptr;
  }
  std::unique_ptr<Buffer> buffer(uint64_t bytes) {
    auto made = device->allocate(bytes, MemoryKind::io);
    EXPECT_TRUE(made.isOk());
    return std::move(*made);
  }

  TemporaryFolder folder;
  std::unique_ptr<Device> device;
};

TEST_P(DeviceTest, MemoryIsAlignedZeroAndPadded) {
  for (uint64_t size : {0, 1, 63, 64, 65, 4096, 5000, 1 << 20}) {
    std::unique_ptr<Buffer> memory = buffer(size);
    EXPECT_EQ(memory->size(), size);
    EXPECT_EQ(memory->address() % LOWBIT_BINDING_ALIGNMENT, 0u);
    std::vector<uint8_t> bytes(size, 0xff);
    ASSERT_TRUE(device->read(*memory, 0, bytes).isOk());
    for (uint8_t byte : bytes)
      ASSERT_EQ(byte, 0);
    // The padding belongs to the buffer: with guard pages this would fault.
    if (uint8_t *host = memory->hostBytes())
      host[(std::max<uint64_t>(size, 1) + 63) / 64 * 64 - 1] = 1;
  }
}

TEST_P(DeviceTest, CopiesStayInside) {
  std::unique_ptr<Buffer> memory = buffer(100);
  std::vector<uint8_t> bytes(40);
  std::iota(bytes.begin(), bytes.end(), uint8_t(1));
  EXPECT_TRUE(device->write(*memory, 60, bytes).isOk());
  EXPECT_FALSE(device->write(*memory, 61, bytes).isOk());
  EXPECT_FALSE(device->write(*memory, UINT64_MAX, bytes).isOk());
  EXPECT_FALSE(device->clear(*memory, 100, 1).isOk());
  EXPECT_TRUE(device->clear(*memory, 100, 0).isOk());
  std::vector<uint8_t> back(40);
  EXPECT_TRUE(device->read(*memory, 60, back).isOk());
  EXPECT_EQ(back, bytes);
  EXPECT_FALSE(device->read(*memory, 99, back).isOk());
  EXPECT_TRUE(device->clear(*memory, 60, 39).isOk());
  EXPECT_TRUE(device->read(*memory, 60, back).isOk());
  EXPECT_EQ(back[38], 0);
  EXPECT_EQ(back[39], 40);
}

TEST_P(DeviceTest, MemoryIsAccounted) {
  auto kind = static_cast<unsigned>(MemoryKind::io);
  {
    std::unique_ptr<Buffer> first = buffer(1000);
    std::unique_ptr<Buffer> second = buffer(24);
    EXPECT_EQ(device->memory().current[kind], 1024u);
  }
  EXPECT_EQ(device->memory().current[kind], 0u);
  EXPECT_EQ(device->memory().peak[kind], 1024u);
}

TEST_P(DeviceTest, ImpossibleSizesAreErrors) {
  for (uint64_t size : {UINT64_MAX, UINT64_MAX - 63, UINT64_MAX / 2}) {
    auto made = device->allocate(size, MemoryKind::state);
    EXPECT_FALSE(made.isOk());
    EXPECT_EQ(made.status().code(), StatusCode::resourceExhausted);
  }
}

TEST_P(DeviceTest, UnknownStagesAreNotFound) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  EXPECT_TRUE(module->executable().findStage("mix").isOk());
  auto missing = module->executable().findStage("mixx");
  ASSERT_FALSE(missing.isOk());
  EXPECT_EQ(missing.status().code(), StatusCode::notFound);
}

TEST_P(DeviceTest, BadLaunchesAreErrors) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  PlanDims dims = {};
  Launch launch;
  EXPECT_FALSE(device->launch(launch).isOk());
  launch.executable = &module->executable();
  launch.dims = &dims;
  for (StageLaunch stage : {StageLaunch{1000, 1, 1, 0}, StageLaunch{0, -1, 1, 0},
                            StageLaunch{0, 1, 0, 0}}) {
    launch.stages = {&stage, 1};
    EXPECT_FALSE(device->launch(launch).isOk());
  }
  StageLaunch nothing{0, 0, 1, 0};
  launch.stages = {&nothing, 1};
  EXPECT_TRUE(device->launch(launch).isOk());
  EXPECT_TRUE(device->wait().isOk());
}

TEST_P(DeviceTest, EveryItemRunsOnceInRangesOfTheGrain) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  if (!device->executes())
    GTEST_SKIP() << "the device computes nothing";
  uint32_t stage = *module->executable().findStage("ranges");
  PlanDims dims = {};
  for (int64_t items : {1, 2, 7, 64, 1000, 4097})
    for (int64_t grain : {1, 3, 64, 5000}) {
      std::unique_ptr<Buffer> out = buffer(items * 8);
      std::vector<int64_t> values(items, -1);
      std::span<uint8_t> bytes(reinterpret_cast<uint8_t *>(values.data()),
                               items * 8);
      ASSERT_TRUE(device->write(*out, 0, bytes).isOk());
      StageLaunch one{stage, items, grain, 128};
      uint64_t address = out->address();
      Launch launch{&module->executable(), {&one, 1}, {&address, 1}, &dims};
      ASSERT_TRUE(device->launch(launch).isOk());
      ASSERT_TRUE(device->wait().isOk());
      ASSERT_TRUE(device->read(*out, 0, bytes).isOk());
      for (int64_t i = 0; i < items; ++i) {
        ASSERT_GE(values[i], 0) << "item " << i << " did not run";
        ASSERT_EQ(values[i] % grain, 0);
        ASSERT_LE(values[i], i);
        ASSERT_TRUE(i == 0 || values[i] >= values[i - 1]);
      }
    }
}

TEST_P(DeviceTest, KernelsRoundToNearestAndKeepDenormals) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  if (!device->executes())
    GTEST_SKIP() << "the device computes nothing";
  constexpr int64_t items = 500;
  std::unique_ptr<Buffer> out = buffer(items * 8);
  StageLaunch one{*module->executable().findStage("floats"), items, 1, 0};
  uint64_t address = out->address();
  PlanDims dims = {};
  Launch launch{&module->executable(), {&one, 1}, {&address, 1}, &dims};
#if defined(__x86_64__)
  // A caller that flushes denormals and rounds down must not change a result,
  // and gets its own setting back.
  unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(0x1f80 | 0x8040 | 0x2000);
#endif
  Status status = device->launch(launch);
#if defined(__x86_64__)
  EXPECT_EQ(__builtin_ia32_stmxcsr() & 0xe040u, 0xa040u);
  __builtin_ia32_ldmxcsr(before);
#endif
  ASSERT_TRUE(status.isOk());
  std::vector<float> values(2 * items);
  ASSERT_TRUE(device->read(*out, 0,
                           {reinterpret_cast<uint8_t *>(values.data()),
                            values.size() * 4})
                  .isOk());
  for (int64_t i = 0; i < items; ++i) {
    ASSERT_EQ(values[2 * i], 1.0f / 3.0f);
    ASSERT_EQ(values[2 * i + 1], 1e-30f * 1e-12f);
    ASSERT_NE(values[2 * i + 1], 0.0f);
  }
}

TEST_P(DeviceTest, SessionRunsAPlan) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  SessionOptions options;
  options.capacity = 20;
  options.tokens = 8;
  auto session = Session::create(*module, options);
  ASSERT_TRUE(session.isOk()) << session.status().toString();
  EXPECT_EQ((*session)->options().capacity, 128);
  std::vector<int32_t> ids = {3, 1, 4, 1, 5};
  std::unique_ptr<Buffer> input = buffer(ids.size() * 4);
  std::unique_ptr<Buffer> hidden = buffer(ids.size() * tinyStride * 4);
  std::unique_ptr<Buffer> logits = buffer(ids.size() * tinyStride * 4);
  ASSERT_TRUE(device->write(*input, 0,
                            {reinterpret_cast<const uint8_t *>(ids.data()),
                             ids.size() * 4})
                  .isOk());
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = static_cast<int64_t>(ids.size());
  Buffer *in[] = {input.get()}, *mid[] = {hidden.get()}, *out[] = {logits.get()};
  Status status =
      (*session)->invoke(*(*session)->findFunction("forward"), dims, in, mid);
  ASSERT_TRUE(status.isOk()) << status.toString();
  ASSERT_TRUE((*session)
                  ->invoke(*(*session)->findFunction("head"), dims, mid, out)
                  .isOk());
  EXPECT_EQ((*session)->statistics()[1].calls, 2u);
  EXPECT_EQ((*session)->statistics()[3].calls, 0u);
  EXPECT_EQ((*session)->statistics()[4].calls, 2u);
  if (!device->executes())
    return;
  std::vector<float> values(ids.size() * tinyStride);
  ASSERT_TRUE(device->read(*logits, 0,
                           {reinterpret_cast<uint8_t *>(values.data()),
                            values.size() * 4})
                  .isOk());
  std::vector<std::vector<float>> expected = tinyReference(ids);
  for (size_t t = 0; t < ids.size(); ++t)
    for (int64_t v = 0; v < tinyVocabulary; ++v)
      ASSERT_EQ(values[t * tinyStride + v], expected[t][v]) << t << " " << v;
}

TEST_P(DeviceTest, SessionRefusesBadCalls) {
  std::unique_ptr<Module> module = tinyModule();
  if (!module)
    GTEST_SKIP() << "no C compiler";
  SessionOptions options;
  options.capacity = 128;
  options.tokens = 4;
  auto session = Session::create(*module, options);
  ASSERT_TRUE(session.isOk());
  EXPECT_FALSE((*session)->findFunction("backward").isOk());
  uint32_t forward = *(*session)->findFunction("forward");
  std::unique_ptr<Buffer> ids = buffer(16), hidden = buffer(4 * tinyStride * 4);
  Buffer *in[] = {ids.get()}, *out[] = {hidden.get()};
  auto call = [&](int64_t tokens, int64_t position) {
    PlanDims dims = {};
    dims[LOWBIT_DIM_TOKENS] = tokens;
    dims[LOWBIT_DIM_POSITION] = position;
    return (*session)->invoke(forward, dims, in, out);
  };
  EXPECT_TRUE(call(4, 124).isOk());
  EXPECT_FALSE(call(0, 0).isOk());
  EXPECT_FALSE(call(5, 0).isOk());
  EXPECT_FALSE(call(4, 125).isOk());
  EXPECT_FALSE(call(1, -1).isOk());
  EXPECT_FALSE(call(1, INT64_MAX).isOk());
  PlanDims dims = {};
  dims[LOWBIT_DIM_TOKENS] = 4;
  EXPECT_FALSE((*session)->invoke(forward, dims, {}, out).isOk());
  Buffer *null[] = {nullptr};
  EXPECT_FALSE((*session)->invoke(forward, dims, null, out).isOk());
  std::unique_ptr<Buffer> small = buffer(4 * tinyStride * 4 - 1);
  Buffer *tooSmall[] = {small.get()};
  EXPECT_FALSE((*session)->invoke(forward, dims, in, tooSmall).isOk());
  EXPECT_FALSE((*session)->invoke(99, dims, in, out).isOk());
}

INSTANTIATE_TEST_SUITE_P(
    Devices, DeviceTest,
    ::testing::Values(DeviceCase{"cpu", 1}, DeviceCase{"cpu", 2},
                      DeviceCase{"cpu", 3}, DeviceCase{"cpu", 8},
                      DeviceCase{"cuda", 1}, DeviceCase{"null", 1}),
    [](const ::testing::TestParamInfo<DeviceCase> &info) {
      return std::string(info.param.device) +
             std::to_string(info.param.threads);
    });

TEST(DeviceRegistryTest, NamesAndAbsence) {
  DeviceRegistry registry = builtinDevices();
  EXPECT_EQ(registry.names(), (std::vector<std::string>{"cpu", "cuda", "null"}));
  auto automatic = registry.create("auto", {});
  ASSERT_TRUE(automatic.isOk());
  EXPECT_EQ((*automatic)->name(), "cpu");
  auto absent = registry.create("abacus", {});
  ASSERT_FALSE(absent.isOk());
  EXPECT_EQ(absent.status().code(), StatusCode::unavailable);
}

TEST(CodeImageTest, TwoImagesAreNotConfused) {
  if (!haveCompiler())
    GTEST_SKIP() << "no C compiler";
  auto image = [](int value) {
    return compileShared(
        "#include \"lowbit-c/kernel.h\"\n"
        "static void f(void *const *b, const int64_t *d, void *s, int64_t x, "
        "int64_t y) { *(int *)b[0] = " +
        std::to_string(value) +
        "; }\n"
        "static const char *const n[] = {\"f\"};\n"
        "static const lowbit_stage_fn p[] = {f};\n"
        "static const lowbit_code_table t = {1, 1, n, p};\n"
        "const lowbit_code_table *lowbit_query(uint32_t v) { return &t; }\n");
  };
  auto first = CodeImage::load(image(1), "first");
  auto second = CodeImage::load(image(2), "second");
  ASSERT_TRUE(first.isOk() && second.isOk());
  int64_t dims[LOWBIT_DIM_COUNT] = {};
  alignas(64) int value[16] = {};
  void *bindings[] = {value};
  static_cast<CodeImage &>(**first).stage(0)(bindings, dims, nullptr, 0, 1);
  EXPECT_EQ(value[0], 1);
  static_cast<CodeImage &>(**second).stage(0)(bindings, dims, nullptr, 0, 1);
  EXPECT_EQ(value[0], 2);
}

TEST(CodeImageTest, WrongBytesAreErrors) {
  std::vector<uint8_t> garbage(4096, 7);
  EXPECT_FALSE(CodeImage::load(garbage, "garbage").isOk());
  EXPECT_FALSE(CodeImage::load({}, "nothing").isOk());
  garbage[0] = 0x7f;
  garbage[1] = 'E';
  garbage[2] = 'L';
  garbage[3] = 'F';
  EXPECT_FALSE(CodeImage::load(garbage, "header only").isOk());
  if (!haveCompiler())
    GTEST_SKIP() << "no C compiler";
  auto noQuery = CodeImage::load(compileShared("int f(void) { return 1; }"),
                                 "without a query");
  ASSERT_FALSE(noQuery.isOk());
  EXPECT_NE(noQuery.status().message().find("lowbit_query"), std::string::npos);
  auto oldVersion = CodeImage::load(
      compileShared("void *lowbit_query(unsigned v) { return 0; }"), "old");
  ASSERT_FALSE(oldVersion.isOk());
  EXPECT_NE(oldVersion.status().message().find("version"), std::string::npos);
}

} // namespace
