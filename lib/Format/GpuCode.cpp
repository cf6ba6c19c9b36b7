//===- GpuCode.cpp - Kernels of a plan for machines of threads ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Format/GpuCode.h"

#include "lowbit/Format/ByteStream.h"

#include <map>
#include <set>

using namespace lowbit;

static constexpr uint32_t gpuCodeVersion = 3;
static constexpr uint32_t mostThreads = 1024;

std::vector<uint8_t> lowbit::serializeGpuCode(const GpuCode &code) {
  ByteWriter out;
  out.u32(gpuCodeVersion);
  out.u32(static_cast<uint32_t>(code.texts.size()));
  for (const GpuText &text : code.texts) {
    out.string(text.name);
    out.string(text.text);
  }
  out.u32(static_cast<uint32_t>(code.stages.size()));
  for (const GpuStage &stage : code.stages) {
    out.string(stage.symbol);
    out.u32(stage.text);
    out.u32(stage.threads);
    out.u32(stage.groups);
    out.u32(stage.tokensPerGroup);
    out.u32(stage.rowsPerToken);
    out.u32(stage.sharedBytes);
    out.u32(static_cast<uint32_t>(stage.bindings.size()));
    for (uint32_t binding : stage.bindings)
      out.u32(binding);
  }
  return out.take();
}

StatusOr<GpuCode> lowbit::parseGpuCode(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  GpuCode code;
  uint32_t version = in.u32();
  if (!in.failed() && version != gpuCodeVersion)
    in.fail(invalidArgument("GPU code has version %u; this build reads version %u",
                            version, gpuCodeVersion));
  uint32_t texts = in.count(8);
  for (uint32_t i = 0; i < texts && !in.failed(); ++i) {
    GpuText text;
    text.name = in.string();
    text.text = in.string(size_t(1) << 30, /*binary=*/true);
    code.texts.push_back(std::move(text));
  }
  uint32_t stages = in.count(32);
  for (uint32_t i = 0; i < stages && !in.failed(); ++i) {
    GpuStage stage;
    stage.symbol = in.string();
    stage.text = in.u32();
    stage.threads = in.u32();
    stage.groups = in.u32();
    stage.tokensPerGroup = in.u32();
    stage.rowsPerToken = in.u32();
    stage.sharedBytes = in.u32();
    uint32_t bindings = in.count(4);
    for (uint32_t j = 0; j < bindings && !in.failed(); ++j)
      stage.bindings.push_back(in.u32());
    code.stages.push_back(std::move(stage));
  }
  LOWBIT_RETURN_IF_ERROR(in.finish());
  return code;
}

static Status validateStage(const GpuStage &stage, const GpuCode &code,
                            uint32_t bindings) {
  if (stage.text >= code.texts.size())
    return invalidArgument("GPU stage '%s' names text %u of %zu", stage.symbol.c_str(),
                           stage.text, code.texts.size());
  if (stage.threads < 1 || stage.threads > mostThreads)
    return invalidArgument("GPU stage '%s' has groups of %u threads; 1 to %u are "
                           "possible",
                           stage.symbol.c_str(), stage.threads, mostThreads);
  if (stage.rowsPerToken < 1)
    return invalidArgument("GPU stage '%s' has no rows for a token",
                           stage.symbol.c_str());
  for (uint32_t binding : stage.bindings)
    if (binding >= bindings)
      return invalidArgument("GPU stage '%s' takes binding %u of %u",
                             stage.symbol.c_str(), binding, bindings);
  return {};
}

Status lowbit::validateGpuCode(const GpuCode &code, const Plan &plan) {
  std::set<std::string_view> names;
  for (const GpuText &text : code.texts) {
    if (text.name.empty() || !names.insert(text.name).second)
      return invalidArgument("GPU text '%s' occurs twice or has no name",
                             text.name.c_str());
    // Drivers take it as a string.
    if (text.text.find('\0') != std::string::npos)
      return invalidArgument("GPU text '%s' has a zero byte", text.name.c_str());
  }
  std::map<std::string_view, const GpuStage *> stages;
  for (const GpuStage &stage : code.stages)
    if (!stages.emplace(stage.symbol, &stage).second)
      return invalidArgument("GPU stage '%s' occurs twice", stage.symbol.c_str());
  for (const PlanKernel &kernel : plan.kernels)
    for (const PlanStage &stage : kernel.stages) {
      auto found = stages.find(stage.symbol);
      if (found == stages.end())
        return invalidArgument("the GPU code lacks stage '%s' of kernel '%s'",
                               stage.symbol.c_str(), kernel.name.c_str());
      LOWBIT_RETURN_IF_ERROR(validateStage(*found->second, code, kernel.bindings));
    }
  // Stages that no kernel names are checked, too: they can be looked up and launched.
  constexpr uint32_t mostBindings = 1u << 16;
  for (const GpuStage &stage : code.stages)
    LOWBIT_RETURN_IF_ERROR(validateStage(stage, code, mostBindings));
  return {};
}
