//===- Nvptx.cpp - NVIDIA chips and instructions --------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Target/Nvptx.h"

#include <algorithm>

using namespace lowbit;

// clang-format off
static constexpr NvptxTarget nvptxTargets[] = {
    {"sm_75", 75, false, 63, 65536, 65536, 1024, "Turing"},
    {"sm_80", 80, false, 70, 166912, 65536, 2048, "Ampere A100"},
    {"sm_86", 86, false, 71, 101376, 65536, 1536, "Ampere RTX 30"},
    {"sm_87", 87, false, 74, 166912, 65536, 1536, "Orin"},
    {"sm_89", 89, false, 78, 101376, 65536, 1536, "Ada"},
    {"sm_90", 90, false, 78, 232448, 65536, 2048, "Hopper"},
    {"sm_90a", 90, true, 80, 232448, 65536, 2048, "Hopper, wgmma and TMA"},
    {"sm_100", 100, false, 86, 232448, 65536, 2048, "Blackwell B200"},
    {"sm_100a", 100, true, 86, 232448, 65536, 2048, "Blackwell B200, tcgen05"},
    {"sm_103a", 103, true, 88, 232448, 65536, 2048, "Blackwell B300, tcgen05"},
    {"sm_120", 120, false, 87, 101376, 65536, 1536, "Blackwell RTX 50"},
    {"sm_120a", 120, true, 87, 101376, 65536, 1536, "Blackwell RTX 50, block scales"},
    {"sm_121a", 121, true, 88, 101376, 65536, 1536, "Blackwell GB10, block scales"},
};

namespace {
/// Available from chip `from` on; native where `nativeOn` says so.
struct InstructionRow {
  NvptxInstruction instruction;
  std::string_view name;
  uint32_t minimumPtx;
  bool (*availableOn)(const NvptxTarget &);
  bool (*nativeOn)(const NvptxTarget &);
};
bool always(const NvptxTarget &) { return true; }
bool from80(const NvptxTarget &t) { return t.sm >= 80; }
bool from89(const NvptxTarget &t) { return t.sm >= 89; }
bool hopperA(const NvptxTarget &t) { return t.specific && t.sm == 90; }
bool dataCentreA(const NvptxTarget &t) { return t.specific && (t.sm == 100 || t.sm == 103); }
bool consumerA(const NvptxTarget &t) { return t.specific && t.sm >= 120; }
} // namespace

static constexpr InstructionRow instructionRows[] = {
    {NvptxInstruction::dp4a, "dp4a", 50, always, always},
    {NvptxInstruction::mmaS8M8N8K16, "mma.sync s8 m8n8k16", 65, always, always},
    {NvptxInstruction::mmaS8M16N8K16, "mma.sync s8 m16n8k16", 70, from80, always},
    {NvptxInstruction::mmaS8M16N8K32, "mma.sync s8 m16n8k32", 70, from80, always},
    {NvptxInstruction::mmaS4M16N8K64, "mma.sync s4 m16n8k64", 70, from80,
     [](const NvptxTarget &t) { return t.sm < 90; }},
    {NvptxInstruction::mmaB1AndM16N8K256, "mma.sync b1 and.popc m16n8k256", 71, from80,
     [](const NvptxTarget &t) { return t.sm <= 90; }},
    {NvptxInstruction::mmaF16M16N8K16, "mma.sync f16 m16n8k16", 70, from80, always},
    {NvptxInstruction::mmaE4m3M16N8K32, "mma.sync e4m3 m16n8k32", 84, from89,
     [](const NvptxTarget &t) { return t.sm == 89 || t.sm >= 120; }},
    {NvptxInstruction::mmaF8f6f4M16N8K32, "mma.sync kind::f8f6f4 m16n8k32", 87, consumerA, always},
    {NvptxInstruction::mmaBlockScale, "mma.sync block_scale", 87, consumerA, always},
    {NvptxInstruction::wgmmaS8, "wgmma s8", 80, hopperA, always},
    {NvptxInstruction::wgmmaU8S8, "wgmma u8 x s8", 84, hopperA, always},
    {NvptxInstruction::tcgen05I8, "tcgen05.mma kind::i8", 86,
     [](const NvptxTarget &t) { return t.specific && t.sm == 100; }, always},
    {NvptxInstruction::tcgen05F8f6f4, "tcgen05.mma kind::f8f6f4", 86, dataCentreA, always},
    {NvptxInstruction::ldmatrix, "ldmatrix b16", 65, always, always},
    {NvptxInstruction::movmatrix, "movmatrix", 78, always, always},
    {NvptxInstruction::cpAsync, "cp.async", 70, from80, always},
    {NvptxInstruction::tma, "cp.async.bulk.tensor", 80,
     [](const NvptxTarget &t) { return t.sm >= 90; }, always},
};
// clang-format on

static const InstructionRow &rowOf(NvptxInstruction instruction) {
  return *std::find_if(
      std::begin(instructionRows), std::end(instructionRows),
      [&](const InstructionRow &row) { return row.instruction == instruction; });
}

std::span<const NvptxTarget> lowbit::allNvptxTargets() { return nvptxTargets; }

const NvptxTarget *lowbit::findNvptxTarget(std::string_view name) {
  for (const NvptxTarget &target : nvptxTargets)
    if (target.name == name)
      return &target;
  return nullptr;
}

StatusOr<const NvptxTarget *> lowbit::parseNvptxTarget(std::string_view spec) {
  std::string_view name = spec;
  if (name.substr(0, 6) == "nvptx:")
    name.remove_prefix(6);
  if (const NvptxTarget *target = findNvptxTarget(name))
    return target;
  return invalidArgument(
      "unknown NVIDIA target '%.*s'; --list-targets shows all",
      static_cast<int>(spec.size()), spec.data());
}

StatusOr<std::string>
lowbit::selectNvptxImage(std::span<const std::string> targets, uint32_t sm) {
  const NvptxTarget *best = nullptr;
  std::string known;
  for (const std::string &target : targets) {
    known += (known.empty() ? "" : ", ") + target;
    if (target.compare(0, 6, "nvptx:") != 0)
      continue;
    const NvptxTarget *chip = findNvptxTarget(std::string_view(target).substr(6));
    // PTX runs on later chips, except where it uses what only one has.
    if (!chip || (chip->specific ? chip->sm != sm : chip->sm > sm))
      continue;
    if (!best || chip->sm > best->sm || (chip->sm == best->sm && chip->specific))
      best = chip;
  }
  if (best)
    return "nvptx:" + std::string(best->name);
  return unavailable("the module has no code for sm_%u or earlier; it has: %s. Compile "
                     "with --target=nvptx:sm_NN",
                     sm, known.empty() ? "none" : known.c_str());
}

NvptxSupport lowbit::supportOf(const NvptxTarget &target,
                               NvptxInstruction instruction) {
  const InstructionRow &row = rowOf(instruction);
  NvptxSupport support;
  support.available = row.availableOn(target);
  if (!support.available)
    return support;
  support.native = row.nativeOn(target);
  support.minimumPtx = std::max(target.minimumPtx, row.minimumPtx);
  return support;
}

std::string_view lowbit::nvptxInstructionName(NvptxInstruction instruction) {
  return rowOf(instruction).name;
}

StatusOr<uint32_t>
lowbit::requiredPtx(const NvptxTarget &target,
                    std::span<const NvptxInstruction> instructions) {
  uint32_t version = target.minimumPtx;
  for (NvptxInstruction instruction : instructions) {
    NvptxSupport support = supportOf(target, instruction);
    if (!support.available)
      return unimplemented(
          "%s has no %s", std::string(target.name).c_str(),
          std::string(nvptxInstructionName(instruction)).c_str());
    version = std::max(version, support.minimumPtx);
  }
  return version;
}
