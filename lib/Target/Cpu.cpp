//===- Cpu.cpp - CPU levels and the host ----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Target/Cpu.h"

#include "lowbit/Target/Nvptx.h"

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

using namespace lowbit;

static constexpr std::string_view linuxX86 = "x86_64-unknown-linux-gnu";
static constexpr std::string_view linuxArm = "aarch64-unknown-linux-gnu";

// clang-format off
static constexpr CpuTarget cpuTargets[] = {
    {"x86-64", CpuArch::x86_64, linuxX86, "x86-64", "",
     {false, false, false, false, false, 16, 16}, "any 64-bit x86 (SSE2)"},
    {"x86-64-v2", CpuArch::x86_64, linuxX86, "x86-64-v2", "",
     {false, false, false, false, false, 16, 16}, "SSE4.2, SSSE3, POPCNT"},
    {"x86-64-v3", CpuArch::x86_64, linuxX86, "x86-64-v3", "",
     {true, true, true, false, false, 32, 16}, "AVX2, FMA, F16C"},
    {"x86-64-v3-vnni", CpuArch::x86_64, linuxX86, "x86-64-v3", "+avxvnni",
     {true, true, true, true, false, 32, 16}, "AVX2 and AVX-VNNI"},
    {"x86-64-v4", CpuArch::x86_64, linuxX86, "x86-64-v4", "",
     {true, true, true, false, true, 64, 32}, "AVX-512 (F, BW, CD, DQ, VL)"},
    {"x86-64-v4-vnni", CpuArch::x86_64, linuxX86, "x86-64-v4", "+avx512vnni",
     {true, true, true, true, true, 64, 32}, "AVX-512 and AVX512-VNNI"},
    {"aarch64", CpuArch::aarch64, linuxArm, "generic", "",
     {true, true, false, false, false, 16, 32}, "any 64-bit Arm (NEON)"},
};
// clang-format on

std::span<const CpuTarget> lowbit::allCpuTargets() { return cpuTargets; }

const CpuTarget *lowbit::findCpuTarget(std::string_view name) {
  for (const CpuTarget &target : cpuTargets)
    if (target.name == name)
      return &target;
  return nullptr;
}

#if defined(__x86_64__)
namespace {
/// What cpuid says, restricted to register state that the system saves.
struct HostFeatures {
  bool v2 = false, v3 = false, v4 = false, avxVnni = false, avx512Vnni = false;
};
} // namespace

static uint64_t readXcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

static HostFeatures detectHost() {
  HostFeatures host;
  auto bit = [](uint32_t word, unsigned index) { return (word >> index) & 1; };
  uint32_t a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d))
    return host;
  host.v2 = bit(c, 0) && bit(c, 9) && bit(c, 13) && bit(c, 19) && bit(c, 20) &&
            bit(c, 23);
  bool osxsave = bit(c, 27);
  bool avx1 = bit(c, 28) && bit(c, 12) && bit(c, 29) && bit(c, 22);
  uint64_t xcr0 = osxsave ? readXcr0() : 0;
  uint32_t b7 = 0, c7 = 0, d7 = 0, a7 = 0;
  if (!__get_cpuid_count(7, 0, &a7, &b7, &c7, &d7))
    return host;
  uint32_t extended = 0, unused = 0;
  __get_cpuid(0x80000001u, &unused, &unused, &extended, &unused);
  bool ymm = (xcr0 & 0x6) == 0x6;
  bool zmm = (xcr0 & 0xe6) == 0xe6;
  host.v3 = host.v2 && avx1 && ymm && bit(b7, 3) && bit(b7, 5) && bit(b7, 8) &&
            bit(extended, 5);
  host.v4 = host.v3 && zmm && bit(b7, 16) && bit(b7, 17) && bit(b7, 28) &&
            bit(b7, 30) && bit(b7, 31);
  host.avx512Vnni = host.v4 && bit(c7, 11);
  uint32_t a71 = 0, b71 = 0, c71 = 0, d71 = 0;
  if (a7 >= 1 && __get_cpuid_count(7, 1, &a71, &b71, &c71, &d71))
    host.avxVnni = host.v3 && bit(a71, 4);
  return host;
}
#endif

const CpuTarget *lowbit::hostCpuTarget() {
#if defined(__x86_64__)
  HostFeatures host = detectHost();
  const char *name = host.avx512Vnni ? "x86-64-v4-vnni"
                     : host.v4       ? "x86-64-v4"
                     : host.avxVnni  ? "x86-64-v3-vnni"
                     : host.v3       ? "x86-64-v3"
                     : host.v2       ? "x86-64-v2"
                                     : "x86-64";
  return findCpuTarget(name);
#elif defined(__aarch64__)
  return findCpuTarget("aarch64");
#else
  return nullptr;
#endif
}

bool lowbit::runsOn(const CpuTarget &image, const CpuTarget &machine) {
  if (image.arch != machine.arch)
    return false;
  const CpuCapabilities &need = image.capabilities;
  const CpuCapabilities &have = machine.capabilities;
  bool subset = (!need.fma || have.fma) && (!need.f16c || have.f16c) &&
                (!need.pairwiseU8S8 || have.pairwiseU8S8) &&
                (!need.avx512 || have.avx512);
  // The two VNNI encodings are different features of the machine.
  bool vnni = !need.vnni || (have.vnni && need.avx512 == have.avx512);
  // Levels without capabilities of their own are told apart by their order.
  return subset && vnni && (need.fma || &image <= &machine);
}

StatusOr<const CpuTarget *> lowbit::parseCpuTarget(std::string_view spec) {
  std::string_view name = spec;
  if (name.substr(0, 4) == "cpu:")
    name.remove_prefix(4);
  const CpuTarget *target =
      name == "host" ? hostCpuTarget() : findCpuTarget(name);
  if (!target)
    return invalidArgument("unknown CPU target '%.*s'; --list-targets shows all",
                           static_cast<int>(spec.size()), spec.data());
  return target;
}

StatusOr<std::string>
lowbit::selectCpuImage(std::span<const std::string> targets,
                       const CpuTarget *machine) {
  const CpuTarget *best = nullptr;
  std::string listed;
  for (const std::string &target : targets) {
    listed += (listed.empty() ? "" : ", ") + target;
    if (target.compare(0, 4, "cpu:") != 0)
      continue;
    const CpuTarget *image = findCpuTarget(std::string_view(target).substr(4));
    if (image && machine && runsOn(*image, *machine) && (!best || best < image))
      best = image;
  }
  if (best)
    return "cpu:" + std::string(best->name);
  return unavailable(
      "the module has no code for this machine (%s); it has code for: %s; "
      "compile it with --target=host",
      machine ? std::string(machine->name).c_str() : "an unknown architecture",
      listed.empty() ? "nothing" : listed.c_str());
}

std::string lowbit::listTargets() {
  std::string text = "CPU targets (--target=cpu:NAME, or --target=host):\n";
  const CpuTarget *host = hostCpuTarget();
  for (const CpuTarget &target : cpuTargets)
    text += formatString("  cpu:%-16s %s%s\n", std::string(target.name).c_str(),
                         std::string(target.description).c_str(),
                         &target == host ? "  (this machine)" : "");
  text += "NVIDIA targets (--target=nvptx:NAME):\n";
  for (const NvptxTarget &target : allNvptxTargets())
    text += formatString("  nvptx:%-14s %s, PTX %u.%u and later\n",
                         std::string(target.name).c_str(),
                         std::string(target.description).c_str(),
                         target.minimumPtx / 10, target.minimumPtx % 10);
  return text;
}
