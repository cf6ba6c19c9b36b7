//===- ComputeOps.cpp - Verifiers of the compute ops ---===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lowbit/IR/LowbitOps.h"

#include <cmath>

using namespace mlir;
using namespace mlir::lowbit;

static int64_t columnsOf(Value rows) {
  if (auto tensor = dyn_cast<LowbitTensorType>(rows.getType()))
    return tensor.getShape().back();
  return cast<RankedTensorType>(rows.getType()).getShape().back();
}
static int64_t rowsOf(Value rows) {
  if (auto tensor = dyn_cast<LowbitTensorType>(rows.getType()))
    return tensor.getShape().front();
  return cast<RankedTensorType>(rows.getType()).getShape().front();
}

/// Vectors of a row's length: `name` has `columns` elements.
static LogicalResult verifyVector(Operation *op, Value vector, StringRef name,
                                  int64_t columns) {
  if (!vector)
    return success();
  int64_t size = cast<RankedTensorType>(vector.getType()).getShape().back();
  if (size != columns)
    return op->emitOpError() << "requires '" << name << "' of " << columns
                             << " elements, got " << size;
  return success();
}

static LogicalResult verifyStaticColumns(Operation *op, Value rows,
                                         StringRef name) {
  if (ShapedType::isDynamic(columnsOf(rows)))
    return op->emitOpError() << "requires a static number of columns in '"
                             << name << "'";
  return success();
}

/// What activations are quantized to: an integer code around 0 with one f32 scale
/// a row, or one for each group of columns of a row.
static LogicalResult verifyActivation(Operation *op,
                                      const ::lowbit::LeafDesc &leaf) {
  if (leaf.code.isFloat() || leaf.code.lo > 0 || leaf.code.hi < 1)
    return op->emitOpError(
        "requires activations of an integer code that includes 0 and 1");
  if (leaf.scales.size() != 1 || leaf.zero || !leaf.offsets.empty() ||
      leaf.scales[0].number !=
          ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32))
    return op->emitOpError("requires activations with one f32 scale, no zero "
                           "and no offset");
  const auto &results = leaf.scales[0].granularity.results;
  bool perRow = !results.empty() && results[0].terms.size() == 1 &&
                results[0].terms[0] == ::lowbit::IndexTerm{0, 1, 1, 0};
  bool perGroup = results.size() < 2 || (results[1].terms.size() == 1 &&
                                         results[1].terms[0].dim == 1);
  if (!perRow || results.size() > 2 || !perGroup)
    return op->emitOpError(
        "requires activations with a scale per row or per group of columns");
  return success();
}

LogicalResult QuantizeOp::verify() {
  LowbitTensorType type = getResult().getType();
  if (failed(verifyStaticColumns(*this, getInput(), "input")))
    return failure();
  // C2
  if (type.getShape() !=
      cast<RankedTensorType>(getInput().getType()).getShape())
    return emitOpError() << "requires equal shapes, got "
                         << getInput().getType() << " and "
                         << type.getDecodedType();
  auto leaf = type.getLeafDesc();
  if (!leaf.isOk())
    return emitOpError() << leaf.status().message();
  // C1
  if (failed(verifyActivation(*this, *leaf)))
    return failure();
  // C3. A negated comparison, so that NaN is refused too.
  if (!(getFloor().convertToFloat() >= 0.0f) || getFloor().isInfinity())
    return emitOpError("requires a finite floor >= 0, got ")
           << getFloor().convertToFloat();
  return success();
}

/// Rule V10: the largest |sum| of one s32 accumulation of `matmul`.
/// A group holds the columns between two changes of a float component.
static LogicalResult verifyAccumulation(MatmulOp op, LowbitTensorType input,
                                        const ::lowbit::LeafDesc &weight) {
  auto a = input.getLeafDesc();
  const ::lowbit::LeafDesc *w = &weight;
  if (!a.isOk())
    return op.emitOpError() << a.status().message();
  // C5
  if (failed(verifyActivation(op, *a)))
    return failure();
  int64_t group = w->columns;
  auto refine = [&](const ::lowbit::ParamDesc &param) {
    if (!param.number.isFloat())
      return;
    if (param.space == ::lowbit::IndexSpace::stored) { // one number a block
      group = std::min({group, w->pattern->blockColumns, int64_t(512)});
      return;
    }
    for (const auto &result : param.granularity.results)
      for (const auto &term : result.terms)
        if (term.dim == 1) // N4: groups are cut at chunks of 512, too.
          group = std::min({group, param.rank > 0 ? 1 : term.div, int64_t(512)});
  };
  llvm::for_each(w->scales, refine);
  llvm::for_each(w->offsets, refine);
  llvm::for_each(a->scales, refine);
  auto magnitude = [](const ::lowbit::NumberDesc &number) {
    return static_cast<__int128>(std::max(std::abs(number.lo),
                                          std::abs(number.hi)));
  };
  __int128 code = magnitude(w->code);
  if (w->code.isFloat()) // E6: the largest value as an integer.
    for (uint32_t bits = 0; bits < 1u << w->code.width; ++bits)
      code = std::max(code, static_cast<__int128>(std::fabs(std::ldexp(
                                ::lowbit::floatFromCode(w->code, bits),
                                *::lowbit::exactIntegerExponent(w->code)))));
  if (w->zero)
    code += magnitude(w->zero->number);
  __int128 offset = w->offsets.empty() ? 0 : 1;
  for (const auto &scale : w->scales)
    if (!scale.number.isFloat())
      code *= magnitude(scale.number);
  for (const auto &factor : w->offsets)
    if (!factor.number.isFloat())
      offset *= magnitude(factor.number);
  __int128 bound = std::max(code, offset) * magnitude(a->code) * group;
  if (bound >= (__int128(1) << 31))
    return op.emitOpError()
           << "requires every s32 sum to stay below 2^31 (V10): " << group
           << " products of up to " << static_cast<int64_t>(std::max(code, offset))
           << " x " << static_cast<int64_t>(magnitude(a->code))
           << "; give the weight or the activations a scale group";
  return success();
}

/// The leaves that the activations meet: all of a sum, the last factor's of a
/// product (E10), whose result the other factors take as floats.
static std::vector<const ::lowbit::LeafDesc *>
leavesOfFirstProducts(const ::lowbit::EncodingDesc &encoding) {
  if (encoding.kind == ::lowbit::EncodingKind::leaf)
    return {&encoding.leaf};
  if (encoding.kind == ::lowbit::EncodingKind::prod)
    return leavesOfFirstProducts(encoding.terms.back());
  std::vector<const ::lowbit::LeafDesc *> leaves;
  for (const ::lowbit::EncodingDesc &term : encoding.terms)
    llvm::append_range(leaves, leavesOfFirstProducts(term));
  return leaves;
}

LogicalResult MatmulOp::verify() {
  LowbitTensorType weight = getWeight().getType();
  auto result = cast<RankedTensorType>(getResult().getType());
  if (weight.getShape().size() != 2 ||
      ShapedType::isDynamic(weight.getShape()[0]) ||
      ShapedType::isDynamic(weight.getShape()[1]))
    return emitOpError("requires a static [rows, columns] weight");
  // C1
  int64_t rows = weight.getShape()[0], columns = weight.getShape()[1];
  if (columnsOf(getInput()) != columns || result.getShape()[1] != rows ||
      rowsOf(getInput()) != result.getShape()[0])
    return emitOpError() << "requires [M, K] x [N, K] -> [M, N], got "
                         << getInput().getType() << ", "
                         << weight.getDecodedType() << " and " << result;
  // C4
  if (failed(verifyVector(*this, getBias(), "bias", rows)))
    return failure();
  auto input = dyn_cast<LowbitTensorType>(getInput().getType());
  if (!input)
    return success();
  auto encoding = weight.getEncodingDesc();
  if (!encoding.isOk())
    return emitOpError() << encoding.status().message();
  for (const ::lowbit::LeafDesc *leaf : leavesOfFirstProducts(*encoding)) {
    // C2
    if (!leaf->takesIntegerDot())
      return emitOpError("requires an integer code in the weight of a quantized "
                         "input, or one of integers times a power of two");
    // C3, C5
    if (failed(verifyAccumulation(*this, input, *leaf)))
      return failure();
  }
  return success();
}

LogicalResult NormOp::verify() {
  if (failed(verifyStaticColumns(*this, getInput(), "input")))
    return failure();
  int64_t columns = columnsOf(getInput()), heads = getHeads().value_or(1);
  // C4
  if (heads < 1 || columns % heads != 0)
    return emitOpError() << "requires heads that divide " << columns << " columns, got "
                         << heads;
  if (getHeads() && getScale())
    return emitOpError("requires 'heads' without modulation");
  columns /= heads;
  if (failed(verifyVector(*this, getWeight(), "weight", columns)) ||
      failed(verifyVector(*this, getBias(), "bias", columns)) ||
      failed(verifyVector(*this, getScale(), "scale", columns)) ||
      failed(verifyVector(*this, getShift(), "shift", columns)))
    return failure();
  if (!getScale() != !getShift())
    return emitOpError("requires 'scale' and 'shift' together");
  if (!(getEps().convertToFloat() > 0.0f))
    return emitOpError("requires eps > 0, got ") << getEps().convertToFloat();
  return success();
}

LogicalResult RopeOp::verify() {
  if (failed(verifyStaticColumns(*this, getInput(), "input")))
    return failure();
  int64_t columns = columnsOf(getInput()), heads = getHeads();
  if (heads < 1 || columns % heads != 0)
    return emitOpError() << "requires the columns to be heads x elements, got "
                         << columns << " and " << heads << " heads";
  auto table = cast<RankedTensorType>(getTable().getType());
  if (!table.hasStaticShape() || table.getRank() != 3 ||
      table.getShape()[2] != 2)
    return emitOpError() << "requires a table [positions, d / 2, 2], got "
                         << table;
  if (table.getShape()[1] > columns / heads / 2)
    return emitOpError() << "requires a table of at most "
                         << columns / heads / 2 << " pairs a head, got "
                         << table.getShape()[1];
  if (static_cast<bool>(getPosition()) == getSequence().has_value())
    return emitOpError("requires a position or a sequence, not both");
  auto sequence = static_cast<int64_t>(getSequence().value_or(1));
  if (sequence < 1 || (getSequence() && sequence > table.getShape()[0]))
    return emitOpError() << "requires a sequence of 1 to the table's "
                         << table.getShape()[0] << " positions, got " << sequence;
  return success();
}

LogicalResult KVAppendOp::verify() {
  KVType cache = getCache().getType();
  int64_t expected = cache.getHeads() * cache.getDim();
  if (columnsOf(getKeys()) != expected)
    return emitOpError() << "requires keys and values of " << expected
                         << " columns, got " << columnsOf(getKeys());
  return success();
}

void KVAppendOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  effects.emplace_back(MemoryEffects::Write::get(), &getCacheMutable());
}

LogicalResult AttentionOp::verify() {
  int64_t columns = columnsOf(getQuery()), heads = getHeads();
  if (ShapedType::isDynamic(columns) || heads < 1 || columns % heads != 0)
    return emitOpError() << "requires the columns to be heads x elements, got "
                         << columns << " and " << heads << " heads";
  if (!getScale().isFinite())
    return emitOpError("requires a finite scale");
  bool cached = static_cast<bool>(getCache());
  bool given = getKeys() && getValues() && getKvHeads();
  if (cached == given || (cached && (!getPosition() || getKvHeads())) ||
      (!cached && getPosition()) || (!getKeys() != !getValues()))
    return emitOpError("requires either 'cache' and 'position', or 'keys', "
                       "'values' and 'kv_heads'");
  int64_t dim = columns / heads;
  int64_t kvHeads = cached ? getCache().getType().getHeads() : *getKvHeads();
  int64_t kvDim = cached ? getCache().getType().getDim()
                  : kvHeads < 1 ? 0
                                : columnsOf(getKeys()) / kvHeads;
  if (kvHeads < 1 || heads % kvHeads != 0)
    return emitOpError() << "requires heads to be a multiple of the key/value "
                            "heads, got "
                         << heads << " and " << kvHeads;
  if (kvDim != dim ||
      (!cached && (columnsOf(getKeys()) != kvHeads * dim ||
                   getKeys().getType() != getValues().getType())))
    return emitOpError() << "requires keys and values of " << dim
                         << " elements a head, got " << kvDim;
  if (getSequence() &&
      (*getSequence() < 1 || cached || getMask() != MaskKind::None))
    return emitOpError("requires 'sequence' >= 1 with keys and values and without a "
                       "mask");
  bool window = getMask() == MaskKind::Window;
  if (window != static_cast<bool>(getWindow()) || (window && *getWindow() < 1))
    return emitOpError("requires 'window' >= 1 exactly with the window mask");
  return success();
}

void AttentionOp::getEffects(
    SmallVectorImpl<SideEffects::EffectInstance<MemoryEffects::Effect>>
        &effects) {
  if (!getCache())
    return;
  for (OpOperand &operand : getCacheMutable())
    effects.emplace_back(MemoryEffects::Read::get(), &operand);
}

LogicalResult GatherRowsOp::verify() {
  LowbitTensorType table = getTable().getType();
  auto ids = cast<RankedTensorType>(getIds().getType());
  auto result = cast<RankedTensorType>(getResult().getType());
  if (ShapedType::isDynamic(table.getShape()[0]))
    return emitOpError("requires a table with a static number of rows");
  if (ids.getRank() != 1 || result.getShape()[0] != ids.getShape()[0] ||
      table.getShape().size() != 2 ||
      result.getShape()[1] != table.getShape()[1])
    return emitOpError() << "requires [N, K] and [M] -> [M, K], got "
                         << table.getDecodedType() << ", " << ids << " and "
                         << result;
  return success();
}
