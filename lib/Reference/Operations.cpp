//===- Operations.cpp - One plain function for each op --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Reference/Operations.h"

#include "lib/Reference/Numerics.h"

#include <algorithm>
#include <optional>

namespace lowbit::reference {

Tensor decode(const CompressedTensor &source) {
  Tensor result = Tensor::zeros(ElementType::f32,
                                {source.leaf.rows, source.leaf.columns});
  for (int64_t n = 0; n < source.leaf.rows; ++n)
    source.decodeRow(n, result.row(n));
  return result;
}

//===----------------------------------------------------------------------===//
// quantize
//===----------------------------------------------------------------------===//

/// Columns that share one number of `param`; all of them if it does not vary
/// along k.
static int64_t groupColumns(const ParamDesc &param, int64_t columns) {
  int64_t group = columns;
  if (param.rank > 0)
    return 1;
  for (const IndexExpr &result : param.granularity.results)
    for (const IndexTerm &term : result.terms)
      if (term.dim == 1)
        group = std::min(group, term.div);
  return group;
}

CompressedTensor quantize(const Tensor &input, const LeafDesc &leaf,
                          float floor) {
  const int64_t rows = input.shape[0], columns = input.shape[1];
  const int64_t group = groupColumns(leaf.scales[0], columns);
  CompressedTensor result;
  result.leaf = leaf;
  result.leaf.rows = rows; // A description has at least one row.
  result.scales.resize(1);
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t k = 0; k < columns; k += group) {
      QuantizedGroup numbers = quantizeGroup(input.row(t).subspan(k, group),
                                             leaf.code.lo, leaf.code.hi, floor);
      result.codes.insert(result.codes.end(), numbers.codes.begin(),
                          numbers.codes.end());
      result.scales[0].floats.push_back(numbers.scale);
    }
  return result;
}

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

/// E9, E10: a product with a sum is the sum, in order, of the products with its
/// terms; one with a product of factors is one product after the other. The bias
/// belongs to the first term, and to the last of the products.
template <typename Input>
static std::optional<Tensor> matmulTree(const Input &input,
                                        const CompressedTensor &weight,
                                        const Tensor *bias) {
  if (!weight.tree)
    return std::nullopt;
  const std::vector<CompressedTensor> &terms = weight.terms;
  if (weight.tree->kind == EncodingKind::prod) {
    Tensor result = matmul(input, terms.back(), nullptr);
    for (size_t i = terms.size() - 1; i-- > 0;)
      result = matmul(result, terms[i], i == 0 ? bias : nullptr);
    return result;
  }
  Tensor result = matmul(input, terms[0], bias);
  for (size_t i = 1; i < terms.size(); ++i) {
    const Tensor next = matmul(input, terms[i], nullptr);
    for (size_t j = 0; j < next.floats.size(); ++j)
      result.floats[j] = result.floats[j] + next.floats[j];
  }
  return result;
}

Tensor matmul(const Tensor &input, const CompressedTensor &weight,
              const Tensor *bias) {
  if (std::optional<Tensor> result = matmulTree(input, weight, bias))
    return std::move(*result);
  const int64_t tokens = input.shape[0], rows = weight.leaf.rows;
  Tensor result = Tensor::zeros(ElementType::f32, {tokens, rows});
  std::vector<float> decoded(static_cast<size_t>(weight.leaf.columns));
  for (int64_t n = 0; n < rows; ++n) {
    weight.decodeRow(n, decoded);
    for (int64_t t = 0; t < tokens; ++t) {
      float y = dot(decoded, input.row(t));
      if (bias)
        y = y + bias->floats[n];
      result.row(t)[n] = y;
    }
  }
  return result;
}

/// True where a float component of `params` varies along k.
static bool variesAlongColumns(const std::vector<ParamDesc> &params) {
  for (const ParamDesc &param : params)
    if (param.number.isFloat() && param.space == IndexSpace::stored)
      return true;
  for (const ParamDesc &param : params)
    for (const IndexExpr &result : param.granularity.results)
      for (const IndexTerm &term : result.terms)
        if (param.number.isFloat() && term.dim == 1)
          return true;
  return false;
}

/// N4: the groups of the common refinement, cut at chunk borders.
static std::vector<LowBitGroup> refineGroups(const LeafDesc &weight,
                                             const LeafDesc &input) {
  std::vector<int64_t> steps = {chunkElements};
  for (const auto *params : {&weight.scales, &weight.offsets, &input.scales})
    for (const ParamDesc &param : *params)
      if (param.number.isFloat())
        steps.push_back(param.space == IndexSpace::stored
                            ? weight.pattern->blockColumns
                            : groupColumns(param, weight.columns));
  std::vector<LowBitGroup> groups;
  for (int64_t begin = 0; begin < weight.columns;) {
    int64_t end = weight.columns;
    for (int64_t step : steps)
      end = std::min(end, (begin / step + 1) * step);
    groups.push_back({begin, end, 1.0f, 0.0f});
    begin = end;
  }
  return groups;
}

Tensor matmul(const CompressedTensor &input, const CompressedTensor &weight,
              const Tensor *bias) {
  if (std::optional<Tensor> result = matmulTree(input, weight, bias))
    return std::move(*result);
  const int64_t tokens = input.leaf.rows, rows = weight.leaf.rows;
  const int64_t columns = weight.leaf.columns;
  const bool inputGroups = variesAlongColumns(input.leaf.scales);
  const bool grouped = inputGroups || variesAlongColumns(weight.leaf.scales) ||
                       variesAlongColumns(weight.leaf.offsets);
  const bool hasOffset = !weight.leaf.offsets.empty();
  const float unit = weight.exactUnit();
  const std::vector<LowBitGroup> allGroups =
      refineGroups(weight.leaf, input.leaf);

  Tensor result = Tensor::zeros(ElementType::f32, {tokens, rows});
  std::vector<LowBitTerm> terms(static_cast<size_t>(columns));
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t k = 0; k < columns; ++k)
      terms[k] = weight.isPresent(n, k)
                     ? LowBitTerm{weight.integerScale(n, k) *
                                      weight.exactValue(n, k),
                                  hasOffset ? weight.integerOffset(n, k) : 0}
                     : LowBitTerm{0, 0};
    // A group without stored elements adds nothing (E8).
    std::vector<LowBitGroup> rowGroups;
    for (LowBitGroup group : allGroups) {
      int64_t k = group.begin;
      while (k < group.end && !weight.isPresent(n, k))
        ++k;
      if (k == group.end && grouped)
        continue;
      if (k == group.end)
        k = group.begin;
      group.scale =
          weight.isPresent(n, k) ? weight.floatScale(n, k) : 0.0f;
      group.offset = hasOffset && weight.isPresent(n, k)
                         ? weight.floatOffset(n, k)
                         : 0.0f;
      rowGroups.push_back(group);
    }
    for (int64_t t = 0; t < tokens; ++t) {
      std::span<const int16_t> codes(&input.codes[t * columns], columns);
      std::vector<LowBitGroup> groups = rowGroups;
      for (LowBitGroup &group : groups)
        if (inputGroups) {
          const float a = input.floatScale(t, group.begin);
          group.scale = group.scale * a;
          group.offset = group.offset * a;
        }
      float y = grouped ? groupedDot(terms, codes, groups, hasOffset, unit)
                        : oneGroupDot(terms, codes, groups[0].scale,
                                      groups[0].offset, hasOffset, unit);
      if (!inputGroups && !input.leaf.scales.empty())
        y = y * input.floatScale(t, 0);
      if (bias)
        y = y + bias->floats[n];
      result.row(t)[n] = y;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// norm, rope
//===----------------------------------------------------------------------===//

static std::span<const float> floatsOf(const Tensor *tensor) {
  return tensor ? std::span<const float>(tensor->floats)
                : std::span<const float>();
}

Tensor norm(NormKind kind, const Tensor &input, float eps, const Tensor *weight,
            const Tensor *bias, const Tensor *scale, const Tensor *shift,
            int64_t heads) {
  // Row t of a modulation, which is one row for all or one for each.
  auto modulation = [](const Tensor *tensor, int64_t t) {
    return tensor && tensor->shape.size() == 2 ? tensor->row(t) : floatsOf(tensor);
  };
  const size_t part = static_cast<size_t>(input.shape[1] / heads);
  Tensor result = Tensor::zeros(ElementType::f32, input.shape);
  for (int64_t t = 0; t < input.shape[0]; ++t) {
    const NormOperands operands = {floatsOf(weight), floatsOf(bias),
                                   modulation(scale, t), modulation(shift, t)};
    for (int64_t h = 0; h < heads; ++h) {
      std::span<const float> x = input.row(t).subspan(h * part, part);
      std::span<float> y = result.row(t).subspan(h * part, part);
      if (kind == NormKind::rms)
        rmsNorm(x, eps, operands, y);
      else
        layerNorm(x, eps, operands, y);
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Rows of images and of tokens
//===----------------------------------------------------------------------===//

Tensor repeatRows(const Tensor &input, int64_t times, int64_t first,
                  int64_t columns) {
  Tensor result = Tensor::zeros(ElementType::f32, {input.shape[0] * times, columns});
  for (int64_t t = 0; t < result.shape[0]; ++t)
    std::ranges::copy(input.row(t / times).subspan(first, columns),
                      result.row(t).begin());
  return result;
}

Tensor cycleRows(const Tensor &table, int64_t rows) {
  Tensor result = Tensor::zeros(ElementType::f32, {rows, table.shape[1]});
  for (int64_t t = 0; t < rows; ++t)
    std::ranges::copy(table.row(t % table.shape[0]), result.row(t).begin());
  return result;
}

StatusOr<Tensor> concatRows(std::span<const Tensor *const> inputs,
                            std::span<const int64_t> rows) {
  const int64_t images = inputs[0]->shape[0] / rows[0];
  int64_t ofImage = 0;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i]->shape[0] != images * rows[i])
      return invalidArgument("concat_rows: %lld rows are not %lld images of %lld rows",
                             static_cast<long long>(inputs[i]->shape[0]),
                             static_cast<long long>(images),
                             static_cast<long long>(rows[i]));
    ofImage += rows[i];
  }
  Tensor result =
      Tensor::zeros(ElementType::f32, {images * ofImage, inputs[0]->shape[1]});
  int64_t next = 0;
  for (int64_t image = 0; image < images; ++image)
    for (size_t i = 0; i < inputs.size(); ++i)
      for (int64_t t = 0; t < rows[i]; ++t)
        std::ranges::copy(inputs[i]->row(image * rows[i] + t),
                          result.row(next++).begin());
  return result;
}

StatusOr<Tensor> sliceRows(const Tensor &input, int64_t first, int64_t count,
                           int64_t of) {
  if (input.shape[0] % of != 0)
    return invalidArgument("slice_rows: %lld rows are not whole images of %lld rows",
                           static_cast<long long>(input.shape[0]),
                           static_cast<long long>(of));
  const int64_t images = input.shape[0] / of;
  Tensor result = Tensor::zeros(ElementType::f32, {images * count, input.shape[1]});
  for (int64_t image = 0; image < images; ++image)
    for (int64_t t = 0; t < count; ++t)
      std::ranges::copy(input.row(image * of + first + t),
                        result.row(image * count + t).begin());
  return result;
}

/// Calls visit(pixel of the image, token, place in the patch) for each element.
template <typename Visit>
static void forEachPatchElement(const PatchShape &shape, Visit visit) {
  const int64_t p = shape.patch, across = shape.width / p;
  for (int64_t c = 0; c < shape.channels; ++c)
    for (int64_t y = 0; y < shape.height; ++y)
      for (int64_t x = 0; x < shape.width; ++x) {
        const int64_t pixel = (c * shape.height + y) * shape.width + x;
        const int64_t token = y / p * across + x / p;
        const int64_t place = y % p * p + x % p;
        visit(pixel, token,
              shape.channelsLast ? place * shape.channels + c : c * p * p + place);
      }
}

Tensor patchify(const Tensor &images, const PatchShape &shape) {
  const int64_t tokens = shape.tokens(), part = shape.channels * shape.patch * shape.patch;
  Tensor result = Tensor::zeros(ElementType::f32, {images.shape[0] * tokens, part});
  for (int64_t i = 0; i < images.shape[0]; ++i)
    forEachPatchElement(shape, [&](int64_t pixel, int64_t token, int64_t place) {
      result.row(i * tokens + token)[place] = images.row(i)[pixel];
    });
  return result;
}

StatusOr<Tensor> unpatchify(const Tensor &patches, const PatchShape &shape) {
  const int64_t tokens = shape.tokens();
  if (patches.shape[0] % tokens != 0)
    return invalidArgument("unpatchify: %lld rows are not whole images of %lld patches",
                           static_cast<long long>(patches.shape[0]),
                           static_cast<long long>(tokens));
  Tensor result =
      Tensor::zeros(ElementType::f32, {patches.shape[0] / tokens,
                                       shape.channels * shape.height * shape.width});
  for (int64_t i = 0; i < result.shape[0]; ++i)
    forEachPatchElement(shape, [&](int64_t pixel, int64_t token, int64_t place) {
      result.row(i)[pixel] = patches.row(i * tokens + token)[place];
    });
  return result;
}

StatusOr<Tensor> rope(const Tensor &input, const Tensor &table,
                      int64_t position, int64_t heads, bool adjacent,
                      int64_t sequence) {
  const int64_t rows = input.shape[0];
  if (position < 0 || position > table.shape[0] - (sequence ? sequence : rows))
    return invalidArgument("rope: %lld rows from position %lld in a table of "
                           "%lld",
                           static_cast<long long>(rows),
                           static_cast<long long>(position),
                           static_cast<long long>(table.shape[0]));
  const size_t dim = static_cast<size_t>(input.shape[1] / heads);
  const size_t entries = static_cast<size_t>(table.shape[1] * 2);
  Tensor result = input;
  for (int64_t t = 0; t < rows; ++t) {
    std::span<const float> angles =
        std::span<const float>(table.floats)
            .subspan((position + (sequence ? t % sequence : t)) * entries, entries);
    for (int64_t h = 0; h < heads; ++h)
      rope(result.row(t).subspan(h * dim, dim), angles, adjacent);
  }
  return result;
}

//===----------------------------------------------------------------------===//
// kv.append, attention
//===----------------------------------------------------------------------===//

Status appendKeysValues(KVState &cache, const Tensor &keys,
                        const Tensor &values, int64_t position) {
  if (position < 0 || position > cache.length)
    return invalidArgument("kv.append: position %lld in a cache of %lld "
                           "positions leaves a hole",
                           static_cast<long long>(position),
                           static_cast<long long>(cache.length));
  const size_t keep = static_cast<size_t>(position * cache.rowElements());
  cache.keys.resize(keep);
  cache.values.resize(keep);
  cache.keys.insert(cache.keys.end(), keys.floats.begin(), keys.floats.end());
  cache.values.insert(cache.values.end(), values.floats.begin(),
                      values.floats.end());
  cache.length = position + keys.shape[0];
  return Status::success();
}

StatusOr<Tensor> attention(const Tensor &query, const KVState &cache,
                           int64_t position, const AttentionOptions &options) {
  const int64_t heads = options.heads, dim = cache.dim;
  const int64_t stride = cache.rowElements();
  if (position < 0 || position > (int64_t{1} << 40))
    return invalidArgument("attention: position %lld",
                           static_cast<long long>(position));
  Tensor result = Tensor::zeros(ElementType::f32, query.shape);
  for (int64_t t = 0; t < query.shape[0]; ++t) {
    int64_t begin = 0, end = cache.length;
    if (options.mask != MaskKind::none)
      end = std::min(end, position + t + 1);
    if (options.mask == MaskKind::window)
      begin = std::max<int64_t>(0, position + t + 1 - options.window);
    if (begin >= end)
      return invalidArgument("attention: the query at position %lld sees no key",
                             static_cast<long long>(position + t));
    for (int64_t h = 0; h < heads; ++h) {
      const int64_t first = h / (heads / cache.heads) * dim;
      reference::attention(query.row(t).subspan(h * dim, dim),
                           cache.keys.data() + first,
                           cache.values.data() + first, stride, begin, end,
                           options.scale, result.row(t).subspan(h * dim, dim));
    }
  }
  return result;
}

/// Rows [begin, begin + rows) of a matrix.
static Tensor sliceRows(const Tensor &input, int64_t begin, int64_t rows) {
  Tensor result = Tensor::zeros(ElementType::f32, {rows, input.shape[1]});
  for (int64_t t = 0; t < rows; ++t)
    std::ranges::copy(input.row(begin + t), result.row(t).begin());
  return result;
}

StatusOr<Tensor> attentionOfSequences(const Tensor &query, const Tensor &keys,
                                      const Tensor &values, int64_t kvHeads,
                                      int64_t sequence,
                                      const AttentionOptions &options) {
  if (query.shape[0] % sequence != 0 || keys.shape[0] != query.shape[0] ||
      values.shape[0] != query.shape[0])
    return invalidArgument("attention: %lld queries, %lld keys and %lld values are not "
                           "the same whole sequences of %lld",
                           static_cast<long long>(query.shape[0]),
                           static_cast<long long>(keys.shape[0]),
                           static_cast<long long>(values.shape[0]),
                           static_cast<long long>(sequence));
  Tensor result = Tensor::zeros(ElementType::f32, query.shape);
  for (int64_t begin = 0; begin < query.shape[0]; begin += sequence) {
    KVState cache;
    cache.heads = kvHeads;
    cache.dim = keys.shape[1] / kvHeads;
    LOWBIT_RETURN_IF_ERROR(
        appendKeysValues(cache, sliceRows(keys, begin, sequence),
                         sliceRows(values, begin, sequence), 0));
    LOWBIT_ASSIGN_OR_RETURN(
        Tensor part, attention(sliceRows(query, begin, sequence), cache, 0, options));
    for (int64_t t = 0; t < sequence; ++t)
      std::ranges::copy(part.row(t), result.row(begin + t).begin());
  }
  return result;
}

//===----------------------------------------------------------------------===//
// gather_rows
//===----------------------------------------------------------------------===//

StatusOr<Tensor> gatherRows(const CompressedTensor &table, const Tensor &ids) {
  Tensor result =
      Tensor::zeros(ElementType::f32, {ids.shape[0], table.leaf.columns});
  for (int64_t t = 0; t < ids.shape[0]; ++t) {
    const int64_t id = ids.integers[t];
    if (id < 0 || id >= table.leaf.rows)
      return invalidArgument("gather_rows: id %lld at position %lld, the table "
                             "has %lld rows",
                             static_cast<long long>(id),
                             static_cast<long long>(t),
                             static_cast<long long>(table.leaf.rows));
    table.decodeRow(id, result.row(t));
  }
  return result;
}

} // namespace lowbit::reference
