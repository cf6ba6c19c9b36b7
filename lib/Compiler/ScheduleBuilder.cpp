//===- ScheduleBuilder.cpp - lowbit.denoise to a module's schedule --------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/ScheduleBuilder.h"

#include "mlir/IR/SymbolTable.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::DenoiseSchedule;
using ::lowbit::formatString;
using ::lowbit::invalidArgument;
using ::lowbit::Plan;
using ::lowbit::StatusOr;

/// N22: w_i, computed in f64 and rounded once.
static std::vector<float> timeFrequencies(ScheduleOp op) {
  int64_t half = op.getFeatures() / 2;
  double period = op.getPeriod().convertToFloat();
  double divisor = static_cast<double>(half) - op.getShift().convertToFloat();
  std::vector<float> frequencies;
  for (int64_t i = 0; i < half; ++i)
    frequencies.push_back(static_cast<float>(
        std::pow(period, -static_cast<double>(i) / divisor)));
  return frequencies;
}

/// Cumulative products of 1 - beta, betas evenly from start to end. Betas and
/// their complements are f32 and the product f64, as PyTorch computes them.
static std::vector<float> cumulativeAlphas(ScheduleOp op) {
  int64_t count = *op.getTrainSteps();
  auto start = static_cast<float>(op.getBetaStart()->convertToDouble());
  auto end = static_cast<float>(op.getBetaEnd()->convertToDouble());
  float step = count > 1 ? (end - start) / static_cast<float>(count - 1) : 0.0f;
  double product = 1.0;
  std::vector<float> alphas;
  for (int64_t i = 0; i < count; ++i) {
    // From the nearer end, so that both ends are exact.
    float beta = i < count / 2 ? start + step * static_cast<float>(i)
                               : end - step * static_cast<float>(count - 1 - i);
    product *= static_cast<double>(1.0f - beta);
    alphas.push_back(static_cast<float>(product));
  }
  return alphas;
}

static void fillVariants(DenoiseOp op, const Plan &plan, DenoiseSchedule &schedule) {
  for (Attribute attribute : op.getVariants()) {
    ::lowbit::DenoiseVariant variant;
    variant.name = variant.predict =
        cast<FlatSymbolRefAttr>(attribute).getValue().str();
    // One variant may make several ranges.
    bool known = llvm::any_of(schedule.variants, [&](const auto &other) {
      return other.name == variant.name;
    });
    if (known)
      continue;
    if (const auto *condition = plan.findFunction(variant.name + ".condition"))
      variant.condition = condition->name;
    schedule.variants.push_back(std::move(variant));
  }
  ArrayRef<int64_t> ranges = op.getRanges();
  for (auto [index, attribute] : llvm::enumerate(op.getVariants())) {
    StringRef name = cast<FlatSymbolRefAttr>(attribute).getValue();
    auto variant = llvm::find_if(
        schedule.variants, [&](const auto &other) { return other.name == name; });
    schedule.ranges.push_back(
        {ranges[2 * index], ranges[2 * index + 1],
         static_cast<uint32_t>(variant - schedule.variants.begin())});
  }
}

StatusOr<std::optional<DenoiseSchedule>>
mlir::lowbit::buildSchedule(ModuleOp module, const Plan &plan) {
  SmallVector<DenoiseOp> ops(module.getOps<DenoiseOp>());
  if (ops.empty())
    return std::optional<DenoiseSchedule>();
  if (ops.size() > 1)
    return invalidArgument("a module has one lowbit.denoise, got %zu", ops.size());
  SymbolTableCollection tables;
  auto op = tables.lookupNearestSymbolFrom<ScheduleOp>(ops[0], ops[0].getScheduleAttr());
  DenoiseSchedule schedule;
  schedule.channels = op.getLatent()[0];
  schedule.height = op.getLatent()[1];
  schedule.width = op.getLatent()[2];
  // A model without labels has one class, which it does not see.
  schedule.classes = std::max<int64_t>(static_cast<int64_t>(op.getClasses()), 1);
  schedule.nullLabel = static_cast<int32_t>(op.getNullLabel().value_or(-1));
  schedule.sampler = op.getSampler() == SamplerKind::Ddim ? ::lowbit::SamplerKind::ddim
                                                         : ::lowbit::SamplerKind::euler;
  schedule.defaultSteps = op.getSteps();
  schedule.defaultGuidance = op.getGuidance().convertToFloat();
  if (op.getTrainSteps())
    schedule.alphas = cumulativeAlphas(op);
  schedule.spacingOffset = op.getSpacingOffset();
  schedule.timeFrequencies = timeFrequencies(op);
  schedule.timeScale = op.getScale().convertToFloat();
  schedule.cosinesFirst = !op.getSinesFirst();
  schedule.signature = formatString(
      "f32[%lld,%lld,%lld] %s classes %lld", static_cast<long long>(schedule.channels),
      static_cast<long long>(schedule.height), static_cast<long long>(schedule.width),
      ::lowbit::samplerName(schedule.sampler), static_cast<long long>(schedule.classes));
  ArrayRef<int64_t> reuse = op.getReuse().value_or(ArrayRef<int64_t>());
  for (size_t i = 0; i < reuse.size(); i += 2)
    schedule.reuse.push_back({reuse[i], reuse[i + 1]});
  fillVariants(ops[0], plan, schedule);
  return std::optional<DenoiseSchedule>(std::move(schedule));
}
