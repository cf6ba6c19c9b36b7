//===- EncodingTree.cpp - Sums, products and elastic encodings ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Packing/Encoding.h"

#include <algorithm>

namespace lowbit {

const char *elasticAxisName(ElasticAxis axis) {
  static constexpr const char *names[] = {"terms", "planes", "rank", "width"};
  return names[static_cast<size_t>(axis)];
}

EncodingDesc EncodingDesc::of(LeafDesc leaf) {
  EncodingDesc encoding;
  encoding.rows = leaf.rows;
  encoding.columns = leaf.columns;
  encoding.leaf = std::move(leaf);
  return encoding;
}

namespace {

/// visit(leaf, path) depth first; the path is "" for a single leaf, and elastic
/// adds nothing to it.
template <typename Visit>
Status walkLeaves(const EncodingDesc &encoding, const std::string &path,
                  Visit visit) {
  if (encoding.kind == EncodingKind::leaf)
    return visit(encoding.leaf, path);
  for (size_t i = 0; i < encoding.terms.size(); ++i)
    LOWBIT_RETURN_IF_ERROR(walkLeaves(
        encoding.terms[i],
        encoding.kind == EncodingKind::elastic ? path
                                               : path + formatString("%zu.", i),
        visit));
  return Status::success();
}

} // namespace

std::vector<const LeafDesc *> leavesOf(const EncodingDesc &encoding) {
  std::vector<const LeafDesc *> leaves;
  (void)walkLeaves(encoding, "",
                   [&](const LeafDesc &leaf, const std::string &) -> Status {
                     leaves.push_back(&leaf);
                     return Status::success();
                   });
  return leaves;
}

StatusOr<std::vector<ComponentDesc>>
componentsOf(const EncodingDesc &encoding) {
  std::vector<ComponentDesc> components;
  const bool isLeaf = encoding.kind == EncodingKind::leaf;
  int32_t term = 0;
  LOWBIT_RETURN_IF_ERROR(walkLeaves(
      encoding, "",
      [&](const LeafDesc &leaf, const std::string &path) -> Status {
        LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> parts,
                                componentsOf(leaf));
        for (ComponentDesc &part : parts) {
          part.prefix = path;
          part.term = isLeaf ? -1 : term;
          components.push_back(std::move(part));
        }
        ++term;
        return Status::success();
      }));
  return components;
}

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

namespace {

constexpr int maxDepth = 4;
constexpr size_t maxTermsOfSum = 64;

std::string shapeText(const EncodingDesc &encoding) {
  return formatString("%lldx%lld", static_cast<long long>(encoding.rows),
                      static_cast<long long>(encoding.columns));
}

/// V7.
Status validateSum(const EncodingDesc &sum) {
  if (sum.terms.size() < 2)
    return invalidArgument("sum: requires at least two terms (V7)");
  for (const EncodingDesc &term : sum.terms)
    if (term.rows != sum.rows || term.columns != sum.columns)
      return invalidArgument("sum: requires terms of equal shape, got %s and %s "
                             "(V7)",
                             shapeText(sum).c_str(), shapeText(term).c_str());
  for (size_t i = 0; i < sum.terms.size(); ++i) {
    const EncodingDesc &term = sum.terms[i];
    if (term.kind != EncodingKind::leaf || !term.leaf.pattern ||
        term.leaf.pattern->kind != PatternKind::complement)
      continue;
    const int64_t of = term.leaf.pattern->count;
    if (of >= static_cast<int64_t>(sum.terms.size()) ||
        of == static_cast<int64_t>(i) ||
        sum.terms[static_cast<size_t>(of)].kind != EncodingKind::leaf ||
        !sum.terms[static_cast<size_t>(of)].leaf.pattern ||
        sum.terms[static_cast<size_t>(of)].leaf.pattern->kind ==
            PatternKind::complement)
      return invalidArgument("sum: complement<%lld> of term %zu requires another "
                             "term that is a leaf with a pattern (V7)",
                             static_cast<long long>(of), i);
  }
  if (!sum.partition)
    return Status::success();
  // Without data: a sparse leaf and its complement, and nothing else.
  if (sum.terms.size() == 2)
    for (size_t i = 0; i < 2; ++i)
      if (sum.terms[i].kind == EncodingKind::leaf &&
          sum.terms[i].leaf.pattern &&
          sum.terms[i].leaf.pattern->kind == PatternKind::complement)
        return Status::success();
  return invalidArgument("sum: partition requires a leaf with a pattern and a "
                         "leaf with its complement, so that the supports are "
                         "disjoint and cover the tensor (V7)");
}

/// V8.
Status validateProd(const EncodingDesc &prod) {
  if (prod.terms.size() < 2)
    return invalidArgument("prod: requires at least two factors (V8)");
  for (size_t i = 1; i < prod.terms.size(); ++i)
    if (prod.terms[i - 1].columns != prod.terms[i].rows)
      return invalidArgument("prod: inner dimensions do not chain, got %s times "
                             "%s (V8)",
                             shapeText(prod.terms[i - 1]).c_str(),
                             shapeText(prod.terms[i]).c_str());
  if (prod.terms.front().rows != prod.rows ||
      prod.terms.back().columns != prod.columns)
    return invalidArgument("prod: the factors give %lldx%lld where the tensor is "
                           "%s (V8)",
                           static_cast<long long>(prod.terms.front().rows),
                           static_cast<long long>(prod.terms.back().columns),
                           shapeText(prod).c_str());
  return Status::success();
}

/// Whether storage is ordered by `expr` of the first result being dimension `dim`
/// in steps of `step`: then a prefix of that dimension is a prefix of the bytes.
bool leads(const IndexMap &map, int32_t dim, int64_t step) {
  if (map.results.empty())
    return false;
  const IndexExpr &expr = map.results[0];
  return expr.constant == 0 && expr.terms.size() == 1 &&
         expr.terms[0].dim == dim && expr.terms[0].mul == 1 &&
         expr.terms[0].mod == 0 && step % expr.terms[0].div == 0;
}

/// V9 for a cut of a leaf after `length` rows (dim 0) or columns (dim 1).
Status prefixOfLeaf(const LeafDesc &leaf, int32_t dim, int64_t length,
                    const char *axis) {
  auto fail = [&](const char *what) {
    return invalidArgument("elastic: a prefix along %s is not contiguous in the "
                           "%s (V9)",
                           axis, what);
  };
  if (leaf.pattern || leaf.lut)
    return fail("stored space of a pattern or table");
  for (const FieldDesc &field : leaf.fields)
    if (field.entropyBlock > 0 || !leads(field.word, dim, length))
      return fail("codes");
  auto check = [&](const ParamDesc &param) -> Status {
    if (param.rank > 0 || param.packed)
      return fail("parameters");
    bool depends = false;
    for (const IndexExpr &expr : param.granularity.results)
      for (const IndexTerm &term : expr.terms)
        depends = depends || term.dim == dim;
    if (!depends)
      return Status::success();
    // The granule that `dim` selects must lead the stored array.
    for (size_t g = 0; g < param.granularity.results.size(); ++g) {
      const IndexExpr &expr = param.granularity.results[g];
      if (expr.terms.size() == 1 && expr.terms[0].dim == dim &&
          length % expr.terms[0].div == 0 &&
          leads(param.placement, static_cast<int32_t>(g),
                length / expr.terms[0].div))
        return Status::success();
    }
    return fail("parameters");
  };
  for (const ParamDesc &param : leaf.scales)
    LOWBIT_RETURN_IF_ERROR(check(param));
  if (leaf.zero)
    LOWBIT_RETURN_IF_ERROR(check(*leaf.zero));
  for (const ParamDesc &param : leaf.offsets)
    LOWBIT_RETURN_IF_ERROR(check(param));
  return Status::success();
}

/// The planes of a leaf from the most significant one on, each the next index of
/// the leading result of its word map: V9 for axis planes.
Status validatePlanes(const LeafDesc &leaf) {
  const size_t planes = leaf.fields.size();
  if (leaf.code.isFloat() || leaf.code.kind != NumberKind::unsignedInt ||
      leaf.code.step != 1 || leaf.biased || planes != leaf.code.width)
    return invalidArgument("elastic: axis planes requires an unsigned integer code "
                           "in planes<> (V9)");
  for (size_t i = 0; i < planes; ++i) {
    const FieldDesc &field = leaf.fields[i];
    if (field.array != 0 || field.width != 1 || field.word.results.empty())
      return invalidArgument("elastic: axis planes requires planes<> (V9)");
    const IndexExpr &lead = field.word.results[0];
    // Plane of bit b is at planes - 1 - b.
    if (!lead.terms.empty() ||
        lead.constant != static_cast<int64_t>(planes) - 1 - field.shift)
      return invalidArgument("elastic: a prefix of planes is not contiguous; "
                             "requires order = msb and the plane as the first "
                             "index of the word (V9)");
  }
  return Status::success();
}

Status validateElastic(const EncodingDesc &elastic) {
  if (elastic.terms.size() != 1)
    return invalidArgument("elastic: requires one encoding");
  LOWBIT_ASSIGN_OR_RETURN(int64_t maximum, elasticMaximum(elastic));
  if (elastic.minimum < 1 || elastic.minimum > maximum)
    return invalidArgument("elastic: requires 1 <= min <= %lld %s, got %lld (V9)",
                           static_cast<long long>(maximum),
                           elasticAxisName(elastic.axis),
                           static_cast<long long>(elastic.minimum));
  const EncodingDesc &of = elastic.terms[0];
  if (of.rows != elastic.rows || of.columns != elastic.columns)
    return invalidArgument("elastic: shapes differ");
  switch (elastic.axis) {
  case ElasticAxis::terms:
    return Status::success(); // whole components, in order
  case ElasticAxis::planes:
    return validatePlanes(of.leaf);
  case ElasticAxis::rank:
    LOWBIT_RETURN_IF_ERROR(
        prefixOfLeaf(of.terms[0].leaf, 1, 1, "rank"));
    return prefixOfLeaf(of.terms[1].leaf, 0, 1, "rank");
  case ElasticAxis::width:
    return prefixOfLeaf(of.leaf, 0, 1, "width");
  }
  return invalidArgument("elastic: unknown axis");
}

Status validateAt(const EncodingDesc &encoding, int depth) {
  if (depth > maxDepth || encoding.terms.size() > maxTermsOfSum)
    return invalidArgument("encoding: nested deeper than %d or with more than %zu "
                           "terms",
                           maxDepth, maxTermsOfSum);
  if (encoding.kind == EncodingKind::leaf) {
    if (!encoding.terms.empty() || encoding.leaf.rows != encoding.rows ||
        encoding.leaf.columns != encoding.columns)
      return invalidArgument("encoding: a leaf of another shape");
    return validate(encoding.leaf);
  }
  for (size_t i = 0; i < encoding.terms.size(); ++i) {
    Status status = validateAt(encoding.terms[i], depth + 1);
    if (!status.isOk())
      return std::move(status).addNote(formatString("in term %zu", i));
  }
  switch (encoding.kind) {
  case EncodingKind::sum:
    return validateSum(encoding);
  case EncodingKind::prod:
    return validateProd(encoding);
  case EncodingKind::elastic:
    return validateElastic(encoding);
  case EncodingKind::leaf:
    break;
  }
  return invalidArgument("encoding: unknown kind");
}

bool hasComplement(const EncodingDesc &encoding) {
  return encoding.kind == EncodingKind::leaf && encoding.leaf.pattern &&
         encoding.leaf.pattern->kind == PatternKind::complement;
}

Status complementsInSums(const EncodingDesc &encoding, bool inSum) {
  if (hasComplement(encoding) && !inSum)
    return invalidArgument("pattern: complement<> stands in a sum only (V7)");
  for (const EncodingDesc &term : encoding.terms)
    LOWBIT_RETURN_IF_ERROR(
        complementsInSums(term, encoding.kind == EncodingKind::sum));
  return Status::success();
}

} // namespace

Status validate(const EncodingDesc &encoding) {
  LOWBIT_RETURN_IF_ERROR(validateAt(encoding, 0));
  return complementsInSums(encoding, false);
}

//===----------------------------------------------------------------------===//
// Elastic members
//===----------------------------------------------------------------------===//

StatusOr<int64_t> elasticMaximum(const EncodingDesc &encoding) {
  if (encoding.kind != EncodingKind::elastic || encoding.terms.size() != 1)
    return invalidArgument("requires an elastic encoding");
  const EncodingDesc &of = encoding.terms[0];
  auto require = [&](bool holds, const char *what) -> Status {
    return holds ? Status::success()
                 : invalidArgument("elastic: axis %s requires %s (V9)",
                                   elasticAxisName(encoding.axis), what);
  };
  switch (encoding.axis) {
  case ElasticAxis::terms:
    LOWBIT_RETURN_IF_ERROR(require(of.kind == EncodingKind::sum &&
                                       !of.partition,
                                   "a sum without partition"));
    return static_cast<int64_t>(of.terms.size());
  case ElasticAxis::planes:
    LOWBIT_RETURN_IF_ERROR(require(of.kind == EncodingKind::leaf, "a leaf"));
    return int64_t{of.leaf.code.width};
  case ElasticAxis::rank:
    LOWBIT_RETURN_IF_ERROR(require(of.kind == EncodingKind::prod &&
                                       of.terms.size() == 2 &&
                                       of.terms[0].kind == EncodingKind::leaf &&
                                       of.terms[1].kind == EncodingKind::leaf,
                                   "a product of two leaves"));
    return of.terms[0].columns;
  case ElasticAxis::width:
    LOWBIT_RETURN_IF_ERROR(require(of.kind == EncodingKind::leaf, "a leaf"));
    return of.rows;
  }
  return invalidArgument("elastic: unknown axis");
}

namespace {

/// The leaf with `length` rows (dim 0) or columns (dim 1).
LeafDesc cutLeaf(LeafDesc leaf, int32_t dim, int64_t length) {
  (dim == 0 ? leaf.rows : leaf.columns) = length;
  const std::array<int64_t, 2> shape = {leaf.rows, leaf.columns};
  auto scaled = [&](std::vector<int64_t> &extents, const IndexMap &map,
                    std::span<const int64_t> over) {
    StatusOr<std::vector<int64_t>> image = map.imageShape(over);
    // Only the leading extent shrinks: the others may hold padding.
    if (image.isOk() && !extents.empty() && !image->empty())
      extents[0] = (*image)[0];
  };
  for (FieldDesc &field : leaf.fields)
    scaled(field.storage, field.word, shape);
  auto cut = [&](ParamDesc &param) {
    StatusOr<std::vector<int64_t>> image = param.granularity.imageShape(shape);
    if (!image.isOk())
      return;
    param.granules = *image;
    scaled(param.storage, param.placement, param.granules);
  };
  for (ParamDesc &param : leaf.scales)
    cut(param);
  if (leaf.zero)
    cut(*leaf.zero);
  for (ParamDesc &param : leaf.offsets)
    cut(param);
  return leaf;
}

} // namespace

StatusOr<EncodingDesc> elasticMember(const EncodingDesc &encoding,
                                     int64_t length) {
  LOWBIT_RETURN_IF_ERROR(validate(encoding));
  LOWBIT_ASSIGN_OR_RETURN(int64_t maximum, elasticMaximum(encoding));
  if (length < encoding.minimum || length > maximum)
    return invalidArgument("elastic: member %lld of %lld..%lld",
                           static_cast<long long>(length),
                           static_cast<long long>(encoding.minimum),
                           static_cast<long long>(maximum));
  EncodingDesc member = encoding.terms[0];
  if (length == maximum)
    return member;
  switch (encoding.axis) {
  case ElasticAxis::terms:
    member.terms.resize(static_cast<size_t>(length));
    if (length == 1)
      return EncodingDesc(member.terms[0]);
    break;
  case ElasticAxis::planes: {
    // I6: the top planes are the code divided by a power of two.
    LeafDesc &leaf = member.leaf;
    const unsigned dropped = leaf.code.width - static_cast<unsigned>(length);
    leaf.code.width = static_cast<uint8_t>(length);
    leaf.code.step = int64_t{1} << dropped;
    leaf.code.lo = 0;
    leaf.code.hi = leaf.code.hi >> dropped << dropped;
    leaf.biased = true;
    std::erase_if(leaf.fields, [&](const FieldDesc &field) {
      return field.shift < dropped;
    });
    for (FieldDesc &field : leaf.fields) {
      field.shift = static_cast<uint8_t>(field.shift - dropped);
      field.storage[0] = length;
    }
    break;
  }
  case ElasticAxis::rank:
    member.terms[0] =
        EncodingDesc::of(cutLeaf(member.terms[0].leaf, 1, length));
    member.terms[1] =
        EncodingDesc::of(cutLeaf(member.terms[1].leaf, 0, length));
    break;
  case ElasticAxis::width:
    member = EncodingDesc::of(cutLeaf(member.leaf, 0, length));
    break;
  }
  LOWBIT_RETURN_IF_ERROR(validate(member));
  return member;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

std::string describe(const EncodingDesc &encoding) {
  if (encoding.kind == EncodingKind::leaf)
    return describe(encoding.leaf);
  std::string text;
  const char *between = encoding.kind == EncodingKind::prod ? " * " : " + ";
  for (size_t i = 0; i < encoding.terms.size(); ++i)
    text += (i ? between : "") + ("(" + describe(encoding.terms[i])) + ")";
  if (encoding.kind == EncodingKind::elastic)
    text += formatString(" from %lld %s", static_cast<long long>(encoding.minimum),
                         elasticAxisName(encoding.axis));
  return text;
}

} // namespace lowbit
