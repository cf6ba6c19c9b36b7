//===- MatmulBench.cpp - Speed of generated products on one core ----------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
//   kernel-matmul-bench [encoding] [K] [MiB] [tokens] [repetitions]
//
// Times one stage over a weight of the given size against reading the same
// bytes, in alternation, and prints medians. Encodings: q4_1, q4_0, q8_0, q6_k,
// q4_k, ternary, f16, f32, q4_1_f32 (f32 activations). With LOWBIT_DUMP set,
// prints the assembly instead.
//
//===----------------------------------------------------------------------===//

#include "test/unit/lib/Kernel/KernelJit.h"

#include "lib/Kernel/CpuMatmul.h"
#include "lowbit/Packing/Layouts.h"

#include "mlir/IR/MLIRContext.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sys/mman.h>

using namespace lowbit;
using namespace lowbit::kernel;
using namespace lowbit::test;

namespace {

volatile uint64_t sink;

double now() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

uint8_t *allocate(size_t bytes) {
  void *p = mmap(nullptr, bytes + 65536, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    std::abort();
  madvise(p, bytes, MADV_HUGEPAGE);
  return static_cast<uint8_t *>(p);
}

void readAll(const std::vector<uint8_t *> &parts,
             const std::vector<size_t> &sizes) {
  uint64_t sum[8] = {};
  for (size_t i = 0; i < parts.size(); ++i) {
    typedef uint64_t Vector __attribute__((vector_size(32)));
    Vector s[4] = {};
    for (size_t at = 0; at + 128 <= sizes[i]; at += 128)
      for (int k = 0; k < 4; ++k) {
        Vector v;
        std::memcpy(&v, parts[i] + at + 32 * size_t(k), 32);
        s[k] ^= v;
      }
    for (int k = 0; k < 4; ++k)
      sum[k] ^= s[k][0] ^ s[k][1] ^ s[k][2] ^ s[k][3];
  }
  sink = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
}

NumberDesc f16() { return NumberDesc::floating(FloatFormat::f16); }

bool describeEncoding(const std::string &name, LeafDesc &leaf,
                      MatmulActivation &x) {
  auto group = [&](NumberDesc number, int64_t columns) {
    return paramPerGroup(number, leaf.rows, leaf.columns, columns);
  };
  x.quantized = true;
  x.group = 32;
  leaf.code = NumberDesc::unsignedInt(4);
  if (name == "q4_1") {
    leaf.scales = {group(f16(), 32)};
    leaf.offsets = {group(f16(), 32)};
  } else if (name == "q4_0") {
    leaf.code = NumberDesc::signedInt(4);
    leaf.scales = {group(f16(), 32)};
  } else if (name == "q8_0") {
    leaf.code = NumberDesc::signedInt(8);
    leaf.scales = {group(f16(), 32)};
  } else if (name == "q6_k") {
    leaf.code = NumberDesc::signedInt(6);
    leaf.scales = {group(f16(), 256), group(NumberDesc::signedInt(8), 16)};
  } else if (name == "q4_k") {
    leaf.scales = {group(f16(), 256), group(NumberDesc::unsignedInt(6), 32)};
    leaf.offsets = leaf.scales;
    leaf.offsetNegated = true;
  } else if (name == "ternary") {
    leaf.code = NumberDesc::signedInt(2);
    leaf.code.lo = -1;
    leaf.code.hi = 1;
    leaf.scales = {paramPerTensor(NumberDesc::floating(FloatFormat::f32))};
    x.group = 0;
  } else if (name == "q4_1_f32") {
    leaf.scales = {group(f16(), 32)};
    leaf.offsets = {group(f16(), 32)};
    x.quantized = false;
    x.stride = (leaf.columns + 7) / 8 * 8;
  } else if (name == "f16" || name == "f32") {
    leaf.code = name == "f16" ? f16() : NumberDesc::floating(FloatFormat::f32);
    x.quantized = false;
    x.stride = (leaf.columns + 7) / 8 * 8;
  } else {
    return false;
  }
  return applyRowsInLanesLayout(leaf).isOk();
}

} // namespace

int main(int argc, char **argv) {
  std::string name = argc > 1 ? argv[1] : "q4_1";
  int64_t columns = argc > 2 ? atoll(argv[2]) : 1536;
  size_t bytes = size_t((argc > 3 ? atof(argv[3]) : 256) * 1048576);
  int64_t tokens = argc > 4 ? atoll(argv[4]) : 1;
  int repetitions = argc > 5 ? atoi(argv[5]) : 11;

  LeafDesc leaf;
  leaf.columns = columns;
  leaf.rows = 8;
  MatmulAnchor anchor;
  if (!describeEncoding(name, leaf, anchor.activation)) {
    std::fprintf(stderr, "unknown encoding '%s'\n", name.c_str());
    return 2;
  }
  size_t ofBlock = 0;
  for (const ComponentDesc &component : *componentsOf(leaf))
    ofBlock += component.bytes;
  leaf = LeafDesc();
  leaf.columns = columns;
  leaf.rows = int64_t(std::max<size_t>(bytes / ofBlock, 1)) * 8;
  describeEncoding(name, leaf, anchor.activation);

  anchor.weight = leaf;
  uint64_t seed = 88172645463325252ull;
  auto next = [&] {
    return seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
  };
  std::vector<uint8_t *> parts;
  std::vector<size_t> sizes;
  std::vector<void *> bindings(4);
  size_t total = 0;
  for (const ComponentDesc &component : *componentsOf(leaf)) {
    uint8_t *data = allocate(component.bytes);
    bool half = component.number.isFloat() && component.number.width == 16;
    for (size_t i = 0; i + 2 <= component.bytes; i += 2) {
      uint16_t value = uint16_t(next() >> 20);
      if (half || leaf.code.format == FloatFormat::f16)
        value = uint16_t(0x2c00 | (value & 0x83ff));
      std::memcpy(data + i, &value, 2);
    }
    if (component.number.isFloat() && component.number.width == 32)
      for (size_t i = 0; i + 4 <= component.bytes; i += 4) {
        float value = 0.25f + float(next() & 1023) * 1e-3f;
        std::memcpy(data + i, &value, 4);
      }
    anchor.bindings.push_back(unsigned(bindings.size()));
    bindings.push_back(data);
    parts.push_back(data);
    sizes.push_back(component.bytes);
    total += component.bytes;
  }
  int64_t padded = (columns + 31) / 32 * 32;
  bindings[0] = allocate(size_t(leaf.rows * tokens) * 4);
  bindings[1] = allocate(size_t(padded * tokens) * 4);
  bindings[2] = allocate(size_t(padded / 16 * tokens) * 4);
  bindings[3] = allocate(size_t(padded / 16 * tokens) * 4);
  for (int64_t i = 0; i < padded * tokens; ++i)
    if (anchor.activation.quantized)
      static_cast<int8_t *>(bindings[1])[i] = int8_t(int(next() % 255) - 127);
    else
      static_cast<float *>(bindings[1])[i] = float(next() & 1023) * 1e-3f;
  for (int64_t i = 0; i < padded / 16 * tokens; ++i)
    static_cast<float *>(bindings[2])[i] = 0.5f;
  anchor.activation.binding = 1;
  anchor.activation.scalesBinding = 2;
  anchor.activation.sumsBinding = 3;

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(mlir::UnknownLoc::get(&context));
  int64_t stride = leaf.rows * 4;
  MatmulEpilogue store = [&](StageFunction &stage,
                             llvm::ArrayRef<mlir::Value> results,
                             mlir::Value rowBlock, mlir::Value token) {
    mlir::Value offset =
        stage.addI(stage.mulI(token, stride), stage.mulI(rowBlock, 32));
    stage.store(results[0], stage.at(stage.binding(0), offset), 32);
  };
  TestMachine machine = avx2Machine();
  MatmulStage stage{"bench", {{{anchor}, store}}};
  auto info = emitMatmulStage(*module, stage, machine.capabilities);
  if (!info.isOk()) {
    std::fprintf(stderr, "%s\n", info.status().toString().c_str());
    return 1;
  }
  KernelJit jit(*module, machine);
  if (std::getenv("LOWBIT_DUMP")) {
    std::fputs(jit.assembly().c_str(), stdout);
    return 0;
  }
  uint8_t *scratch = allocate(info->scratchBytes);
  int64_t dims[LOWBIT_DIM_COUNT] = {tokens};
  lowbit_stage_fn run = jit.stage("bench");
  run(bindings.data(), dims, scratch, 0, info->items);
  std::vector<double> kernelTimes, readTimes;
  for (int i = 0; i < repetitions; ++i) {
    double start = now();
    run(bindings.data(), dims, scratch, 0, info->items);
    kernelTimes.push_back(now() - start);
    start = now();
    readAll(parts, sizes);
    readTimes.push_back(now() - start);
  }
  double kernel = median(kernelTimes), read = median(readTimes);
  std::printf("%s K %lld N %lld, %zu MiB, %lld tokens: %.2f GB/s (read %.2f, "
              "ratio %.3f), "
              "%.1f GOPS\n",
              name.c_str(), static_cast<long long>(columns),
              static_cast<long long>(leaf.rows), total >> 20,
              static_cast<long long>(tokens), double(total) / kernel / 1e9,
              double(total) / read / 1e9, read / kernel,
              2.0 * double(leaf.rows) * double(columns) * double(tokens) /
                  kernel / 1e9);
  return 0;
}
