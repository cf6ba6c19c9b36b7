//===- StageHarness.cpp - Runs generated stages over guarded memory -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "StageHarness.h"

#include "lib/Codegen/CPU/CpuCodegen.h"
#include "lib/Kernel/StageFunction.h"
#include "lowbit-c/kernel.h"
#include "lowbit/Target/Cpu.h"

#include "mlir/IR/MLIRContext.h"

#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace lowbit;
using namespace lowbit::test;

uint64_t Random::next() {
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state * 0x2545f4914f6cdd1dull >> 11;
}

float Random::number(float scale) {
  return (float(below(1 << 24)) / float(1 << 23) - 1.0f) * scale;
}

std::vector<float> Random::numbers(size_t count, float scale) {
  std::vector<float> values(count);
  for (float &value : values)
    value = number(scale);
  return values;
}

std::vector<float> lowbit::test::paddedRows(const std::vector<float> &rows,
                                            int64_t columns, int64_t stride) {
  int64_t count = int64_t(rows.size()) / columns;
  std::vector<float> padded = numbersOf<float>(unwritten(size_t(count * stride) * 4));
  for (int64_t row = 0; row < count; ++row)
    std::copy_n(&rows[size_t(row * columns)], columns, &padded[size_t(row * stride)]);
  return padded;
}

namespace {

/// A copy of a buffer that ends (or begins) at an unmapped page. Its size is rounded up
/// to 64 bytes, as the runtime's are; the rest is 0xff.
class GuardedCopy {
public:
  GuardedCopy(const Buffer &bytes, bool atEnd) : size(bytes.size()) {
    size_t padded = (size + 63) / 64 * 64, inner = (padded + 4095) / 4096 * 4096;
    length = inner + 8192;
    mapping = static_cast<uint8_t *>(mmap(nullptr, length, PROT_NONE,
                                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mapping == MAP_FAILED ||
        (inner && mprotect(mapping + 4096, inner, PROT_READ | PROT_WRITE) != 0))
      std::abort();
    if (inner)
      std::memset(mapping + 4096, 0xff, inner);
    begin = mapping + 4096 + (atEnd ? inner - padded : 0);
    if (size)
      std::memcpy(begin, bytes.data(), size);
  }
  GuardedCopy(const GuardedCopy &) = delete;
  ~GuardedCopy() { munmap(mapping, length); }
  uint8_t *data() const { return begin; }
  Buffer contents() const { return Buffer(begin, begin + size); }

private:
  uint8_t *mapping = nullptr, *begin = nullptr;
  size_t size = 0, length = 0;
};

/// A code image as the runtime loads it.
class LoadedImage {
public:
  explicit LoadedImage(const std::vector<uint8_t> &image) {
    descriptor = memfd_create("stage", MFD_CLOEXEC);
    if (descriptor < 0 ||
        write(descriptor, image.data(), image.size()) != ssize_t(image.size()))
      std::abort();
    std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      ADD_FAILURE() << dlerror();
  }
  LoadedImage(const LoadedImage &) = delete;
  ~LoadedImage() {
    if (handle)
      dlclose(handle);
    close(descriptor);
  }
  lowbit_stage_fn stage() const {
    auto query = handle ? reinterpret_cast<lowbit_query_fn>(
                              dlsym(handle, LOWBIT_QUERY_SYMBOL))
                        : nullptr;
    const lowbit_code_table *table = query ? query(LOWBIT_KERNEL_ABI_VERSION) : nullptr;
    return table && table->stage_count == 1 ? table->stages[0] : nullptr;
  }

private:
  int descriptor = -1;
  void *handle = nullptr;
};

struct Machine {
  const char *target;
  kernel::KernelCapabilities capabilities;
};

std::vector<Machine> machines() {
  std::vector<Machine> list = {{"x86-64", {}}};
  const CpuTarget *host = hostCpuTarget(), *level = findCpuTarget("x86-64-v3");
  if (host && level && runsOn(*level, *host)) {
    kernel::KernelCapabilities capabilities;
    capabilities.vectorBits = 256;
    capabilities.fma = true;
    capabilities.halfConversion = true;
    list.push_back({"x86-64-v3", capabilities});
  }
  return list;
}

void runOnce(lowbit_stage_fn stage, uint64_t scratchBytes, const StageInput &input,
             bool atEnd, bool itemByItem, std::vector<Buffer> &after) {
  std::vector<std::unique_ptr<GuardedCopy>> copies;
  std::vector<void *> bindings;
  for (const Buffer &buffer : input.bindings) {
    copies.push_back(std::make_unique<GuardedCopy>(buffer, atEnd));
    bindings.push_back(copies.back()->data());
  }
  GuardedCopy scratch(unwritten(scratchBytes), atEnd);
  int64_t dims[LOWBIT_DIM_COUNT] = {};
  dims[LOWBIT_DIM_TOKENS] = input.tokens;
  dims[LOWBIT_DIM_POSITION] = input.position;
  dims[LOWBIT_DIM_CAPACITY] = input.capacity;
  if (itemByItem)
    for (int64_t item = input.items; item-- > 0;)
      stage(bindings.data(), dims, scratch.data(), item, item + 1);
  else
    stage(bindings.data(), dims, scratch.data(), 0, input.items);
  after.clear();
  for (const auto &copy : copies)
    after.push_back(copy->contents());
}

} // namespace

void lowbit::test::runStage(const EmitStage &emit, const StageInput &input,
                            const CheckStage &check) {
  mlir::DialectRegistry registry;
  mlir::lowbit::registerCpuCodegenDialects(registry);
  // Baseline code takes ten times as long to generate (N17): every third stage unless
  // LOWBIT_FULL_SWEEP is set.
  static unsigned count = 0;
  std::vector<Machine> list = machines();
  if (list.size() > 1 && count++ % 3 != 0 && !std::getenv("LOWBIT_FULL_SWEEP"))
    list.erase(list.begin());
  for (const Machine &machine : list) {
    mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
    mlir::OwningOpRef<mlir::ModuleOp> module =
        mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
    StatusOr<uint64_t> scratch = emit(*module, machine.capabilities);
    ASSERT_TRUE(scratch.isOk()) << scratch.status().toString();
    const CpuTarget *target = findCpuTarget(machine.target);
    ASSERT_NE(target, nullptr);
    mlir::lowbit::CpuCodegenOptions options;
    options.triple = target->triple;
    options.cpu = target->cpu;
    options.features = target->features;
    auto image = mlir::lowbit::compileCpuModule(*module, {"stage"}, options);
    ASSERT_TRUE(image.isOk()) << machine.target << ": " << image.status().toString();
    LoadedImage loaded(image->sharedObject);
    lowbit_stage_fn stage = loaded.stage();
    ASSERT_NE(stage, nullptr);
    std::vector<Buffer> after;
    for (bool atEnd : {true, false})
      for (bool itemByItem : {false, true}) {
        runOnce(stage, *scratch, input, atEnd, itemByItem, after);
        check(after, std::string(machine.target) + (atEnd ? ", end" : ", begin") +
                         " of a page" + (itemByItem ? ", item by item" : ""));
        if (::testing::Test::HasFailure())
          return;
      }
  }
}

Status lowbit::test::emitOnly(const EmitStage &emit) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  auto result = emit(*module, kernel::KernelCapabilities());
  return result.isOk() ? Status::success() : result.status();
}
