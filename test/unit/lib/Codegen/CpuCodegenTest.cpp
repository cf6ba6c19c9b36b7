//===- CpuCodegenTest.cpp - Stages to a shared object ---------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/CPU/CpuCodegen.h"

#include "lowbit-c/kernel.h"
#include "test/unit/IgnoreLeaks.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <cmath>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::StatusCode;
using ::lowbit::StatusOr;

namespace {

/// Writes body's value for each item: f32 at binding 1 from f32 at binding 0.
std::string stageText(const std::string &name, const std::string &body) {
  return "llvm.func @" + name +
         R"((%bindings: !llvm.ptr, %dims: !llvm.ptr, %scratch: !llvm.ptr,
             %begin: i64, %end: i64) {
    %one = arith.constant 1 : i64
    %in = llvm.load %bindings : !llvm.ptr -> !llvm.ptr
    %outSlot = llvm.getelementptr %bindings[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
    %out = llvm.load %outSlot : !llvm.ptr -> !llvm.ptr
    scf.for %i = %begin to %end step %one : i64 {
      %from = llvm.getelementptr %in[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %to = llvm.getelementptr %out[%i] : (!llvm.ptr, i64) -> !llvm.ptr, f32
      %x = llvm.load %from : !llvm.ptr -> f32
)" + body + R"(
      llvm.store %y, %to : f32, !llvm.ptr
    }
    llvm.return
  })";
}

const char *const twice = "%y = arith.addf %x, %x : f32";

CpuCodegenOptions optionsOf(const std::string &cpu) {
  CpuCodegenOptions options;
  options.triple = "x86_64-unknown-linux-gnu";
  options.cpu = cpu;
  return options;
}

struct Compiler {
  Compiler() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.loadDialect<LLVM::LLVMDialect, arith::ArithDialect, scf::SCFDialect,
                        math::MathDialect, vector::VectorDialect>();
    context.allowUnregisteredDialects();
  }
  static DialectRegistry registry() {
    DialectRegistry registry;
    registerCpuCodegenDialects(registry);
    return registry;
  }
  StatusOr<CpuImage> compile(const std::string &text,
                             const std::vector<std::string> &stages,
                             const CpuCodegenOptions &options) {
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    if (!module)
      return ::lowbit::invalidArgument("the test's text does not parse");
    return compileCpuModule(*module, stages, options);
  }
  MLIRContext context;
};

class Library {
public:
  explicit Library(const std::vector<uint8_t> &image) {
    descriptor = memfd_create("kernels", MFD_CLOEXEC);
    if (write(descriptor, image.data(), image.size()) != ssize_t(image.size()))
      std::abort();
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    EXPECT_NE(handle, nullptr) << dlerror();
  }
  ~Library() {
    if (handle)
      dlclose(handle);
    close(descriptor);
  }
  const lowbit_code_table *query(uint32_t version) const {
    auto function =
        reinterpret_cast<lowbit_query_fn>(dlsym(handle, LOWBIT_QUERY_SYMBOL));
    return function ? function(version) : nullptr;
  }

private:
  int descriptor = -1;
  void *handle = nullptr;
};

std::vector<float> apply(lowbit_stage_fn stage, std::vector<float> in) {
  std::vector<float> out(in.size());
  void *bindings[] = {in.data(), out.data()};
  int64_t dims[LOWBIT_DIM_COUNT] = {};
  stage(bindings, dims, nullptr, 0, int64_t(in.size()));
  return out;
}

} // namespace

TEST(CpuCodegen, TableOfStagesInTheOrderGiven) {
  Compiler compiler;
  auto image = compiler.compile(
      stageText("a", twice) + stageText("b", "%y = arith.mulf %x, %x : f32"), {"b", "a"},
      optionsOf("x86-64"));
  ASSERT_TRUE(image.isOk()) << image.status().toString();
  Library library(image->sharedObject);
  EXPECT_EQ(library.query(LOWBIT_KERNEL_ABI_VERSION + 1), nullptr);
  EXPECT_EQ(library.query(0), nullptr);
  const lowbit_code_table *table = library.query(LOWBIT_KERNEL_ABI_VERSION);
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->abi_version, LOWBIT_KERNEL_ABI_VERSION);
  ASSERT_EQ(table->stage_count, 2u);
  EXPECT_STREQ(table->names[0], "b");
  EXPECT_STREQ(table->names[1], "a");
  EXPECT_EQ(apply(table->stages[0], {3, 5}), (std::vector<float>{9, 25}));
  EXPECT_EQ(apply(table->stages[1], {3, 5}), (std::vector<float>{6, 10}));
}

TEST(CpuCodegen, ImagesDoNotVary) {
  std::string text = stageText("a", "%y = math.sqrt %x : f32") + stageText("b", twice);
  std::vector<uint8_t> first;
  for (int i = 0; i < 3; ++i) {
    Compiler compiler;
    auto image = compiler.compile(text, {"a", "b"}, optionsOf("x86-64-v3"));
    ASSERT_TRUE(image.isOk()) << image.status().toString();
    if (i == 0)
      first = image->sharedObject;
    EXPECT_EQ(image->sharedObject, first);
  }
  EXPECT_LT(first.size(), 8192u) << "two stages are a few kilobytes";
}

TEST(CpuCodegen, RefusesLibraryCalls) {
  Compiler compiler;
  auto image = compiler.compile("llvm.func @helper(f32) -> f32\n" +
                                    stageText("a", "%y = llvm.call @helper(%x) : "
                                                   "(f32) -> f32"),
                                {"a"}, optionsOf("x86-64"));
  ASSERT_FALSE(image.isOk());
  EXPECT_NE(image.status().message().find("'helper'"), std::string::npos)
      << image.status().toString();
  // An operation that the machine lacks becomes a call of the C library.
  image = compiler.compile(stageText("a", "%y = math.fma %x, %x, %x : f32"), {"a"},
                           optionsOf("x86-64"));
  ASSERT_FALSE(image.isOk());
  EXPECT_NE(image.status().message().find("'fmaf'"), std::string::npos)
      << image.status().toString();
  image = compiler.compile(stageText("a", "%y = math.fma %x, %x, %x : f32"), {"a"},
                           optionsOf("x86-64-v3"));
  EXPECT_TRUE(image.isOk()) << image.status().toString();
}

TEST(CpuCodegen, LoopsOfStoresAndLoadsStayLoops) {
  Compiler compiler;
  auto image =
      compiler.compile(stageText("zero", "%y = arith.constant 0.0 : f32") +
                           stageText("copy", "%y = arith.bitcast %x : f32 to f32"),
                       {"zero", "copy"}, optionsOf("x86-64-v3"));
  ASSERT_TRUE(image.isOk()) << image.status().toString();
}

TEST(CpuCodegen, ProductsAndSumsAreNotFused) {
  Compiler compiler;
  auto image = compiler.compile(
      stageText("a", "%p = arith.mulf %x, %x : f32\n %y = arith.subf %p, %x : f32"),
      {"a"}, optionsOf("x86-64-v3"));
  ASSERT_TRUE(image.isOk()) << image.status().toString();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    GTEST_SKIP() << "this processor lacks AVX2";
  Library library(image->sharedObject);
  const float x = 1.0f + 0x1p-12f;
  volatile float product = x * x;
  ASSERT_NE(std::fma(x, x, -x), product - x) << "the number does not tell them apart";
  EXPECT_EQ(apply(library.query(LOWBIT_KERNEL_ABI_VERSION)->stages[0], {x})[0],
            product - x);
}

TEST(CpuCodegen, OtherArchitectures) {
  Compiler compiler;
  CpuCodegenOptions options;
  options.triple = "aarch64-unknown-linux-gnu";
  options.cpu = "generic";
  options.keepAssembly = options.keepLLVM = true;
  auto image =
      compiler.compile(stageText("a", "%y = math.fma %x, %x, %x : f32"), {"a"}, options);
  ASSERT_TRUE(image.isOk()) << image.status().toString();
  ASSERT_GT(image->sharedObject.size(), 20u);
  // ELF's e_machine: 183 is AArch64.
  EXPECT_EQ(image->sharedObject[18], 183);
  EXPECT_EQ(image->object[18], 183);
  EXPECT_NE(image->assembly.find("fmadd"), std::string::npos);
  EXPECT_NE(image->llvmText.find("define internal void @a"), std::string::npos);
}

TEST(CpuCodegen, RefusesUnknownMachines) {
  Compiler compiler;
  auto statusOf = [&](const CpuCodegenOptions &options) {
    auto image = compiler.compile(stageText("a", twice), {"a"}, options);
    return image.isOk() ? StatusCode::ok : image.status().code();
  };
  CpuCodegenOptions options = optionsOf("x86-64-v9");
  EXPECT_EQ(statusOf(options), StatusCode::invalidArgument);
  options = optionsOf("x86-64");
  options.triple = "pdp11-unknown-linux-gnu";
  EXPECT_EQ(statusOf(options), StatusCode::invalidArgument);
  for (const char *features : {"+avx9", "avx2", "+avx2,+nonsense"}) {
    options = optionsOf("x86-64");
    options.features = features;
    EXPECT_EQ(statusOf(options), StatusCode::invalidArgument) << features;
  }
  options.features = "+avx2,+fma";
  EXPECT_EQ(statusOf(options), StatusCode::ok);
}

TEST(CpuCodegen, RefusesStagesThatAreNone) {
  Compiler compiler;
  CpuCodegenOptions options = optionsOf("x86-64");
  EXPECT_FALSE(compiler.compile(stageText("a", twice), {"b"}, options).isOk());
  EXPECT_FALSE(compiler.compile(stageText("a", twice), {"a", "a"}, options).isOk());
  EXPECT_FALSE(
      compiler.compile("llvm.func @a(%x: i64) { llvm.return }", {"a"}, options).isOk());
  EXPECT_FALSE(
      compiler.compile(stageText("lowbit_query", twice), {"lowbit_query"}, options)
          .isOk());
  auto image = compiler.compile(
      stageText("a", "%y = \"some.thing\"(%x) : (f32) -> f32"), {"a"}, options);
  ASSERT_FALSE(image.isOk());
  EXPECT_NE(image.status().message().find("some.thing"), std::string::npos)
      << image.status().toString();
}

// LLVM aborts where an intrinsic has no instruction; that must stay an error.
TEST(CpuCodegen, SurvivesAnIntrinsicThatTheMachineLacks) {
  Compiler compiler;
  std::string text = stageText("a", R"(
      %b = llvm.load %from {alignment = 1 : i64} : !llvm.ptr -> vector<32xi8>
      %p = llvm.call_intrinsic "llvm.x86.avx2.pmadd.ub.sw"(%b, %b)
           : (vector<32xi8>, vector<32xi8>) -> vector<16xi16>
      %e = vector.extract %p[0] : i16 from vector<16xi16>
      %y = arith.sitofp %e : i16 to f32)");
  auto image = compiler.compile(text, {"a"}, optionsOf("x86-64"));
  ASSERT_FALSE(image.isOk());
  EXPECT_NE(image.status().message().find("pmadd.ub.sw"), std::string::npos)
      << image.status().toString();
  // One that nothing foresees.
  ::lowbit::test::IgnoreLeaks ignoreLeaks;
  image = compiler.compile(
      stageText("b", R"(
      %c = llvm.mlir.constant(1 : i32) : i32
      %b = llvm.load %from {alignment = 1 : i64} : !llvm.ptr -> vector<16xi32>
      %p = llvm.call_intrinsic "llvm.x86.avx512.pternlog.d.512"(%b, %b, %b, %c)
           : (vector<16xi32>, vector<16xi32>, vector<16xi32>, i32) -> vector<16xi32>
      %e = vector.extract %p[0] : i32 from vector<16xi32>
      %y = arith.sitofp %e : i32 to f32)"),
      {"b"}, optionsOf("x86-64"));
  EXPECT_FALSE(image.isOk());
  image = compiler.compile(text, {"a"}, optionsOf("x86-64-v3"));
  EXPECT_TRUE(image.isOk()) << image.status().toString();
}
