//===- RunKernel.cpp - lowbit-ptx run: one kernel with arrays from files --===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Support/Npy.h"
#include "runtime/Simulator/Ptxas.h"
#include "tools/common/Console.h"
#include "tools/common/Flags.h"
#include "tools/lowbit-ptx/Commands.h"

#include <cstdio>
#include <cstring>
#include <thread>

using namespace lowbit;

namespace {
struct Argument {
  std::vector<uint8_t> value; ///< What the kernel's parameter holds.
  uint64_t address = 0;       ///< Of the buffer, 0 for a number.
  NpyArray array;             ///< Shape and type of the output.
  std::string output;         ///< Path, empty for inputs.
};

struct ElementName {
  const char *name, *npy;
  unsigned bytes;
};
const ElementName elementNames[] = {
    {"f32", "f4", 4}, {"f64", "f8", 8}, {"f16", "f2", 2}, {"bf16", "u2", 2},
    {"i8", "i1", 1},  {"u8", "u1", 1},  {"i16", "i2", 2}, {"u16", "u2", 2},
    {"i32", "i4", 4}, {"u32", "u4", 4}, {"i64", "i8", 8}, {"u64", "u8", 8}};

template <class T> std::vector<uint8_t> bytesOf(T v) {
  std::vector<uint8_t> b(sizeof(T));
  std::memcpy(b.data(), &v, sizeof(T));
  return b;
}

Status bindBuffer(Argument &a, ptx::DeviceMemory &memory, uint64_t bytes,
                  bool filled) {
  a.address = memory.allocate(std::max<uint64_t>(bytes, 1));
  if (!a.address)
    return resourceExhausted("no device memory for %llu bytes",
                             (unsigned long long)bytes);
  if (filled) {
    std::memcpy(memory.host(a.address), a.array.bytes.data(), bytes);
    memory.markWritten(a.address, std::max<uint64_t>(bytes, 1));
  }
  a.value = bytesOf(a.address);
  return Status::success();
}

/// "out:f32x16x64:FILE.npy"
Status parseOutput(const std::string &text, Argument &a,
                   ptx::DeviceMemory &memory) {
  size_t colon = text.find(':');
  size_t x = text.find('x');
  if (colon == std::string::npos || x == std::string::npos || x > colon)
    return invalidArgument("--arg=out:%s: expected out:TYPExNxM:FILE.npy",
                           text.c_str());
  std::string type = text.substr(0, x);
  a.output = text.substr(colon + 1);
  uint64_t count = 1;
  std::string numbers = text.substr(x + 1, colon - x - 1) + "x";
  for (size_t at = 0; at < numbers.size();) {
    size_t end = numbers.find('x', at);
    uint64_t n = std::strtoull(numbers.substr(at, end - at).c_str(), nullptr, 10);
    if (!n || n > (uint64_t(1) << 34) || count > (uint64_t(1) << 34) / n)
      return invalidArgument("--arg=out:%s: bad size", text.c_str());
    count *= n;
    a.array.shape.push_back(int64_t(n));
    at = end + 1;
  }
  for (const ElementName &e : elementNames)
    if (type == e.name) {
      a.array.dtype = e.npy;
      a.array.bytes.resize(count * e.bytes);
      return bindBuffer(a, memory, count * e.bytes, false);
    }
  return invalidArgument("--arg=out:%s: unknown element type '%s'",
                         text.c_str(), type.c_str());
}

Status parseArgument(const std::string &text, Argument &a,
                     ptx::DeviceMemory &memory) {
  size_t colon = text.find(':');
  std::string kind = text.substr(0, colon);
  std::string rest = colon == std::string::npos ? "" : text.substr(colon + 1);
  if (kind == "in" || kind == "inout") {
    LOWBIT_ASSIGN_OR_RETURN(a.array, readNpy(rest));
    if (kind == "inout")
      a.output = rest;
    return bindBuffer(a, memory, a.array.bytes.size(), true);
  }
  if (kind == "out")
    return parseOutput(rest, a, memory);
  char *end = nullptr;
  bool integer = true;
  long long i = std::strtoll(rest.c_str(), &end, 0);
  if (rest.empty() || *end)
    integer = false;
  unsigned long long u = std::strtoull(rest.c_str(), &end, 0);
  double d = std::strtod(rest.c_str(), &end);
  bool number = !rest.empty() && !*end;
  if (kind == "i32" && integer)
    a.value = bytesOf(int32_t(i));
  else if (kind == "u32" && integer)
    a.value = bytesOf(uint32_t(u));
  else if (kind == "i64" && integer)
    a.value = bytesOf(int64_t(i));
  else if (kind == "u64" && integer)
    a.value = bytesOf(uint64_t(u));
  else if (kind == "i16" && integer)
    a.value = bytesOf(int16_t(i));
  else if (kind == "i8" && integer)
    a.value = bytesOf(int8_t(i));
  else if (kind == "f32" && number)
    a.value = bytesOf(float(d));
  else if (kind == "f64" && number)
    a.value = bytesOf(d);
  else
    return invalidArgument("--arg=%s: expected i32:5, f32:1.5, in:FILE.npy, "
                           "out:f32x1024:FILE.npy or inout:FILE.npy",
                           text.c_str());
  return Status::success();
}

struct RunOptions {
  std::string file, arch = "sm_90", kernel, grid = "1", block = "1", stats, page;
  uint64_t shared = 0, seed = 0, maxInstructions = 0, threads = 0;
  bool races = false;
  std::vector<std::string> args;
};

Status runKernel(const RunOptions &o, bool &findings) {
  LOWBIT_ASSIGN_OR_RETURN(uint32_t arch, parseArch(o.arch));
  ptx::DeviceLimits limits;
  ptx::deviceLimits(arch, limits);
  ptx::LaunchConfig config;
  LOWBIT_RETURN_IF_ERROR(parseDimensions(o.grid, "--grid", config.grid));
  LOWBIT_RETURN_IF_ERROR(parseDimensions(o.block, "--block", config.block));
  config.seed = o.seed;
  config.races = o.races;
  config.maxInstructions = o.maxInstructions;
  config.unique = !o.stats.empty() || !o.page.empty();
  config.threads = unsigned(
      std::min<uint64_t>(o.threads ? o.threads : std::thread::hardware_concurrency(), 256));
  if (o.shared > (uint64_t(1) << 30))
    return invalidArgument("--shared=%llu is too large",
                           (unsigned long long)o.shared);
  config.dynamicShared = uint32_t(o.shared);
  LOWBIT_ASSIGN_OR_RETURN(std::string text, readTextFile(o.file));
  ptx::DeviceMemory memory;
  if (!memory.valid())
    return resourceExhausted("cannot reserve address space for device memory");
  StatusOr<std::unique_ptr<ptx::LoadedModule>> loaded =
      ptx::LoadedModule::load(text, arch, memory, ptx::findPtxas(true));
  if (!loaded.isOk())
    return std::move(loaded).status().addNote("in '" + o.file + "'");
  if (!(*loaded)->note().empty())
    std::fprintf(stderr, "lowbit-ptx: note: registers are not limited: %s\n",
                 (*loaded)->note().c_str());
  std::string names;
  for (const std::string &n : (*loaded)->kernelNames())
    names += (names.empty() ? "" : ", ") + n;
  std::string name = o.kernel;
  if (name.empty() && (*loaded)->kernelNames().size() == 1)
    name = names;
  const ptx::Program *program = (*loaded)->kernel(name);
  if (!program)
    return notFound("%s has no kernel '%s'; it has: %s", o.file.c_str(),
                    name.c_str(), names.c_str());
  if (o.args.size() != program->paramSizes.size())
    return invalidArgument("kernel '%s' has %zu parameters, %zu --arg are given",
                           name.c_str(), program->paramSizes.size(),
                           o.args.size());
  std::vector<Argument> arguments(o.args.size());
  std::vector<uint8_t> params(program->paramBytes);
  for (size_t i = 0; i < o.args.size(); ++i) {
    LOWBIT_RETURN_IF_ERROR(parseArgument(o.args[i], arguments[i], memory));
    if (arguments[i].value.size() != program->paramSizes[i])
      return invalidArgument("--arg=%s has %zu bytes, parameter '%s' has %u",
                             o.args[i].c_str(), arguments[i].value.size(),
                             program->paramNames[i].c_str(),
                             program->paramSizes[i]);
    std::memcpy(params.data() + program->paramOffsets[i],
                arguments[i].value.data(), arguments[i].value.size());
  }
  std::vector<std::pair<std::string, ptx::LaunchResult>> launches(1);
  launches[0].first = name;
  ptx::LaunchResult &result = launches[0].second;
  LOWBIT_RETURN_IF_ERROR(
      ptx::launch(*program, memory, limits, config, params.data(), result));
  if (!result.printed.empty())
    LOWBIT_RETURN_IF_ERROR(printText(result.printed));
  for (const ptx::Finding &f : result.findings)
    std::fprintf(stderr, "%s: %s\n", o.file.c_str(),
                 ptx::findingToString(f).c_str());
  findings = !result.findings.empty();
  for (Argument &a : arguments)
    if (!a.output.empty()) {
      std::memcpy(a.array.bytes.data(), memory.host(a.address),
                  a.array.bytes.size());
      LOWBIT_RETURN_IF_ERROR(writeNpy(a.output, a.array));
    }
  if (!o.stats.empty())
    LOWBIT_RETURN_IF_ERROR(writeTextFile(o.stats, ptx::statsToJson(launches)));
  if (!o.page.empty()) {
    result.text = std::make_shared<std::string>(std::move(text));
    LOWBIT_RETURN_IF_ERROR(writeTextFile(o.page, ptx::statsToPage(launches)));
  }
  return Status::success();
}
} // namespace

int lowbit::runCommand(int argc, char **argv) {
  Flags flags("lowbit-ptx",
              "lowbit-ptx run FILE.ptx --kernel=NAME --grid=X,Y,Z "
              "--block=X,Y,Z [flags]",
              "  lowbit-ptx run add.ptx --grid=4 --block=256 --arg=in:a.npy "
              "--arg=out:f32x1024:c.npy\n"
              "  lowbit-ptx run gemm.ptx --kernel=gemm --arch=sm_80 --grid=8,8 "
              "--block=128 --races --seed=3 --arg=inout:c.npy\n");
  RunOptions o;
  flags.addPositional(o.file, "FILE.ptx");
  flags.add("--arch", o.arch, "sm_NN", "the simulated device, default sm_90");
  flags.add("--kernel", o.kernel, "NAME", "needed when the file has several");
  flags.add("--grid", o.grid, "X,Y,Z", "blocks");
  flags.add("--block", o.block, "X,Y,Z", "threads of a block");
  flags.add("--shared", o.shared, "BYTES", "dynamic shared memory");
  flags.add("--arg", o.args, "ARG",
            "i32:5, f32:1.5, in:FILE.npy, out:f32x1024:FILE.npy, inout:FILE.npy; "
            "one for each parameter");
  flags.add("--seed", o.seed, "S", "schedule; 0 runs warps as long as they can");
  flags.add("--races", o.races, "look for data races");
  flags.add("--stats", o.stats, "FILE.json", "counters");
  flags.add("--page", o.page, "FILE.html", "the PTX with its hot lines, as a page");
  flags.add("--max-instructions", o.maxInstructions, "N",
            "end with a finding after N warp instructions");
  flags.add("--threads", o.threads, "N", "host threads (not with --races, --seed)");
  switch (flags.parse(argc, argv)) {
  case Flags::Result::done: return exitOk;
  case Flags::Result::failed: return exitUsage;
  case Flags::Result::proceed: break;
  }
  if (o.file.empty()) {
    std::fprintf(stderr, "lowbit-ptx: error: no file is given\n");
    return exitUsage;
  }
  bool findings = false;
  Status status = runKernel(o, findings);
  if (!status.isOk())
    return reportError("lowbit-ptx", status);
  return findings ? exitMismatch : exitOk;
}
