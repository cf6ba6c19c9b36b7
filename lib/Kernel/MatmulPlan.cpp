//===- MatmulPlan.cpp - What a product's encodings ask of the loops -------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Kernel/MatmulPlan.h"

#include "lib/Kernel/ElementDecoder.h"

#include "lowbit/Packing/Layouts.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

using namespace lowbit;
using namespace lowbit::kernel;

// The layout leaves (), (n), (k floordiv D) and (n, k floordiv D); the last
// term is what is read here.
static StatusOr<ParamPlan> planParam(const ParamDesc &param, unsigned binding,
                                     const std::string &name) {
  ParamPlan plan;
  plan.number = param.number;
  plan.binding = binding;
  auto refuse = [&] {
    return unimplemented(
        "%s: granularity %s is not a row and one division of the column",
        name.c_str(), param.granularity.toString().c_str());
  };
  for (const auto &[i, result] : llvm::enumerate(param.granularity.results)) {
    if (result.terms.size() != 1 || result.constant != 0)
      return refuse();
    const IndexTerm &term = result.terms[0];
    if (term.mul != 1 || term.mod != 0)
      return refuse();
    if (term.dim == 0) {
      if (i != 0 || term.div != 1)
        return refuse();
      plan.perRow = true;
      continue;
    }
    if (plan.columns != 0)
      return refuse();
    plan.columns = term.div;
    plan.granules = param.granules.back();
  }
  return plan;
}

static Status planParams(const LeafDesc &leaf,
                         const std::vector<unsigned> &bindings,
                         MatmulPlan &plan) {
  size_t next = leaf.codeArrays();
  auto sort = [&](const std::vector<ParamDesc> &params, const char *what,
                  std::vector<ParamPlan> &floats,
                  std::vector<ParamPlan> &ints) -> Status {
    for (const ParamDesc &param : params) {
      LOWBIT_ASSIGN_OR_RETURN(ParamPlan one,
                              planParam(param, bindings[next++], what));
      (param.number.isFloat() ? floats : ints).push_back(one);
    }
    return Status::success();
  };
  LOWBIT_RETURN_IF_ERROR(
      sort(leaf.scales, "scale", plan.floatScales, plan.intScales));
  if (leaf.zero) {
    LOWBIT_ASSIGN_OR_RETURN(plan.zero,
                            planParam(*leaf.zero, bindings[next++], "zero"));
    if (leaf.zero->number.isFloat())
      return unimplemented(
          "a zero point in floating point cannot be subtracted from "
          "integer codes; encode it as an offset");
  }
  LOWBIT_RETURN_IF_ERROR(
      sort(leaf.offsets, "offset", plan.floatOffsets, plan.intOffsets));
  return Status::success();
}

// N4: the common refinement of the float granularities, cut at chunk borders.
// Only nested granularities are taken, so the refinement is the smallest one.
static Status planGroups(MatmulPlan &plan) {
  std::vector<int64_t> floats, integers;
  for (const auto *list : {&plan.floatScales, &plan.floatOffsets})
    for (const ParamPlan &param : *list)
      if (param.variesAlongColumns())
        floats.push_back(param.columns);
  if (plan.activation.group)
    floats.push_back(plan.activation.group);
  for (const auto *list : {&plan.intScales, &plan.intOffsets})
    for (const ParamPlan &param : *list)
      if (param.variesAlongColumns())
        integers.push_back(param.columns);
  if (plan.zero && plan.zero->variesAlongColumns())
    integers.push_back(plan.zero->columns);

  if (!floats.empty()) {
    int64_t smallest = *std::min_element(floats.begin(), floats.end());
    for (int64_t columns : floats)
      if (columns % smallest != 0)
        return unimplemented(
            "groups of %lld and of %lld columns are not nested",
            static_cast<long long>(smallest), static_cast<long long>(columns));
    if (smallest % columnsPerChunk == 0)
      smallest = columnsPerChunk;
    else if (columnsPerChunk % smallest != 0)
      return unimplemented(
          "groups of %lld columns do not divide a chunk of 512",
          static_cast<long long>(smallest));
    plan.group = smallest;
  }
  if (plan.group)
    integers.push_back(plan.group);
  for (int64_t columns : integers) {
    if (columns % 16 != 0)
      return unimplemented("groups of %lld columns are not a multiple of 16",
                           static_cast<long long>(columns));
    if (columns % 32 != 0)
      plan.unit = 16;
  }
  // A unit of 32 or 16 columns must not straddle a granule; 48 = 3 * 16 is fine
  // with units of 16.
  return Status::success();
}

static Status planDigits(MatmulPlan &plan) {
  const MatmulActivation &activation = plan.activation;
  if (activation.lo < -128 || activation.hi > 127 ||
      activation.lo > activation.hi)
    return invalidArgument(
        "activation codes in [%d, %d] do not fit signed bytes", activation.lo,
        activation.hi);
  uint64_t largest =
      uint64_t(std::max(std::abs(activation.lo), std::abs(activation.hi)));
  auto pairs = [&](uint64_t code) {
    uint64_t pair = std::max<uint64_t>(2 * code * largest, 1);
    return unsigned(std::min<uint64_t>(32767 / pair, 1u << 15));
  };
  plan.pairsInI16 = pairs(plan.maxStored);
  if (plan.pairsInI16 == 0) {
    plan.twoDigits = true;
    plan.pairsInI16 = pairs(15);
  }
  return Status::success();
}

bool MatmulPlan::biasInUnits() const {
  if (!dotHasBias())
    return false;
  if (!intScales.empty())
    return true;
  return zero && zero->variesAlongColumns() &&
         (group == 0 || zero->columns < group);
}

/// What every way of computing the product needs to know.
static StatusOr<MatmulPlan> planShape(const MatmulAnchor &anchor) {
  const LeafDesc &leaf = anchor.weight;
  LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> components,
                          componentsOf(leaf));
  if (components.size() != anchor.bindings.size())
    return invalidArgument(
        "%zu bindings given for %zu components of the weight",
        anchor.bindings.size(), components.size());
  if (leaf.rows > (int64_t(1) << 31) || leaf.columns > (int64_t(1) << 24))
    return unimplemented(
        "a weight of %lld x %lld is beyond the kernels' limits",
        static_cast<long long>(leaf.rows),
        static_cast<long long>(leaf.columns));
  const MatmulActivation &x = anchor.activation;
  if (!x.quantized && x.stride < leaf.columns)
    return invalidArgument("activation rows of %lld floats are shorter than "
                           "%lld columns",
                           static_cast<long long>(x.stride),
                           static_cast<long long>(leaf.columns));
  if (x.quantized && !leaf.takesIntegerDot())
    return unimplemented(
        "a float weight takes f32 activations, not quantized ones");
  if (x.quantized && x.group < 0)
    return invalidArgument("activation groups of %lld columns",
                           static_cast<long long>(x.group));

  MatmulPlan plan;
  plan.rows = leaf.rows;
  plan.columns = leaf.columns;
  plan.rowBlocks = ceilDiv(leaf.rows, rowsPerBlock);
  plan.blocks = ceilDiv(leaf.columns, columnsPerBlock);
  plan.chunks = ceilDiv(leaf.columns, columnsPerChunk);
  plan.code = leaf.code;
  plan.activation = x;
  plan.hasScale = !leaf.scales.empty();
  plan.hasOffset = !leaf.offsets.empty();
  plan.offsetNegated = leaf.offsetNegated;
  return plan;
}

/// The plan of the fast way: rows in lanes, parameters in multiples of 16
/// columns.
static StatusOr<MatmulPlan> planRowsInLanes(const MatmulAnchor &anchor) {
  const LeafDesc &leaf = anchor.weight;
  LeafDesc laidOut = leaf;
  if (leaf.isPlain())
    LOWBIT_RETURN_IF_ERROR(applyRowsInLanesLayout(laidOut));
  if (!leaf.isPlain() || !(laidOut == leaf))
    return unimplemented("weight %s is not in the rows-in-lanes layout",
                         describe(leaf).c_str());
  LOWBIT_ASSIGN_OR_RETURN(MatmulPlan plan, planShape(anchor));
  if (leaf.code.isFloat()) {
    plan.codeBinding = anchor.bindings[0];
  } else {
    plan.codeBias = leaf.biased ? leaf.code.lo : 0;
    plan.maxStored = uint64_t(leaf.code.hi - plan.codeBias);
    for (size_t i = 0; i < leaf.fields.size(); ++i)
      plan.fields.push_back(
          {leaf.fields[i].width, leaf.fields[i].shift, anchor.bindings[i]});
  }
  LOWBIT_RETURN_IF_ERROR(planParams(leaf, anchor.bindings, plan));
  if (anchor.activation.quantized) {
    LOWBIT_RETURN_IF_ERROR(planGroups(plan));
    LOWBIT_RETURN_IF_ERROR(planDigits(plan));
  }
  return plan;
}

/// The plan of products by AND and population count (DESIGN K4): codes of up to 8
/// planes in lanes, parameters as for rows in lanes.
static StatusOr<MatmulPlan> planPlanes(const MatmulAnchor &anchor) {
  const LeafDesc &leaf = anchor.weight;
  LeafDesc laidOut = leaf;
  if (hasBitPlanes(leaf))
    LOWBIT_RETURN_IF_ERROR(applyPlanesInLanesLayout(laidOut));
  // Sums are of 16 bits until planes are weighted with step * 2^plane.
  constexpr int64_t largestStep = 64;
  if (!hasBitPlanes(leaf) || !(laidOut == leaf) || leaf.code.width > 8 ||
      leaf.code.step > largestStep || !anchor.activation.quantized)
    return unimplemented("weight %s is not in the planes-in-lanes layout",
                         describe(leaf).c_str());
  LOWBIT_ASSIGN_OR_RETURN(MatmulPlan plan, planShape(anchor));
  plan.planes = leaf.code.width;
  plan.codeBinding = anchor.bindings[0];
  plan.codeBias = leaf.biased ? leaf.code.lo : 0;
  plan.codeStep = leaf.code.step;
  LOWBIT_RETURN_IF_ERROR(planParams(leaf, anchor.bindings, plan));
  LOWBIT_RETURN_IF_ERROR(planGroups(plan));
  return plan;
}

/// Any layout, any granularity: Semantics N4 with units of the greatest common
/// divisor of all distances at which a float parameter changes.
static StatusOr<MatmulPlan> planGeneric(const MatmulAnchor &anchor) {
  LOWBIT_ASSIGN_OR_RETURN(MatmulPlan plan, planShape(anchor));
  plan.generic = true;
  plan.anchor = anchor;
  const LeafDesc &leaf = anchor.weight;
  LOWBIT_RETURN_IF_ERROR(ElementDecoder::check(leaf));
  auto collect = [&](const ParamDesc &param) {
    if (!param.number.isFloat())
      return;
    if (param.rank > 0)
      plan.floatSteps.push_back(1);
    for (const IndexExpr &result : param.granularity.results)
      for (const IndexTerm &term : result.terms)
        if (param.space == IndexSpace::stored)
          plan.floatSteps.push_back(
              leaf.pattern && term.dim == 0 ? leaf.pattern->blockColumns : 1);
        else if (term.dim == 1)
          plan.floatSteps.push_back(term.div);
  };
  std::for_each(leaf.scales.begin(), leaf.scales.end(), collect);
  std::for_each(leaf.offsets.begin(), leaf.offsets.end(), collect);
  if (anchor.activation.group)
    plan.floatSteps.push_back(anchor.activation.group);
  if (!plan.floatSteps.empty()) {
    plan.floatSteps.push_back(columnsPerChunk);
    for (int64_t step : plan.floatSteps)
      plan.group = std::gcd(plan.group, step);
  }
  for (const ParamDesc &param : leaf.offsets)
    plan.hasIntOffset |= !param.number.isFloat();
  return plan;
}

StatusOr<MatmulPlan> kernel::planMatmul(const MatmulAnchor &anchor) {
  StatusOr<MatmulPlan> fast = planRowsInLanes(anchor);
  if (fast.isOk() || fast.status().code() != StatusCode::unimplemented)
    return fast;
  StatusOr<MatmulPlan> planes = planPlanes(anchor);
  if (planes.isOk() || planes.status().code() != StatusCode::unimplemented)
    return planes;
  return planGeneric(anchor);
}

unsigned kernel::planesOf(const MatmulAnchor &anchor) {
  StatusOr<MatmulPlan> plan = planMatmul(anchor);
  return plan.isOk() ? plan->planes : 0;
}

bool kernel::needsGenericPath(const MatmulAnchor &anchor) {
  StatusOr<MatmulPlan> plan = planMatmul(anchor);
  return plan.isOk() && plan->generic;
}

bool kernel::needsCodeSums(const LeafDesc &weight,
                           const MatmulActivation &activation) {
  if (!activation.quantized)
    return false;
  bool bias = weight.biased && weight.code.lo != 0;
  return bias || weight.zero.has_value() || !weight.offsets.empty();
}

Status kernel::checkMatmul(const MatmulAnchor &anchor) {
  return planMatmul(anchor).status();
}
