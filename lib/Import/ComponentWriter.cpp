//===- ComponentWriter.cpp - Plain numbers into components ----------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ComponentWriter.h"

#include <algorithm>
#include <cstdlib>
#include <thread>

using namespace lowbit;
using namespace lowbit::import;

/// Components above this are a mistake or an attack: the largest embedding
/// tables in use take 8 GiB as f32.
static constexpr uint64_t largestComponent = uint64_t(1) << 34;

Status lowbit::import::allocateZeroed(std::vector<uint8_t> &bytes,
                                      uint64_t size, const char *what) {
  if (size > largestComponent)
    return resourceExhausted("%s takes %llu bytes, more than the limit of %llu",
                             what, static_cast<unsigned long long>(size),
                             static_cast<unsigned long long>(largestComponent));
  if (size > bytes.capacity()) {
    // std::vector would throw; ask first.
    void *probe = std::malloc(size);
    if (!probe)
      return resourceExhausted("%s takes %llu bytes, which cannot be allocated",
                               what, static_cast<unsigned long long>(size));
    std::free(probe);
  }
  bytes.assign(size, 0);
  return Status::success();
}

/// Codes of different rows never share a word when the bit position ignores the
/// row and every word index depends on the row alone or the column alone: then
/// the row part of the word index has to be injective for the map to be (V5).
static bool rowsHaveOwnWords(const LeafDesc &leaf) {
  for (const FieldDesc &field : leaf.fields) {
    for (const IndexExpr &bit : field.bit.results)
      for (const IndexTerm &term : bit.terms)
        if (term.dim == 0)
          return false;
    for (const IndexExpr &word : field.word.results)
      for (const IndexTerm &term : word.terms)
        if (term.dim != word.terms.front().dim)
          return false;
  }
  return true;
}

StatusOr<ComponentWriter>
ComponentWriter::create(const LeafDesc &leaf,
                        std::vector<std::vector<uint8_t>> &components) {
  LOWBIT_ASSIGN_OR_RETURN(LeafCodec codec, LeafCodec::create(leaf));
  ComponentWriter writer(std::move(codec));
  writer.independent = rowsHaveOwnWords(writer.leaf());
  for (const ParamDesc &param : writer.leaf().scales)
    writer.paramList.push_back(&param);
  if (writer.leaf().zero)
    writer.paramList.push_back(&*writer.leaf().zero);
  for (const ParamDesc &param : writer.leaf().offsets)
    writer.paramList.push_back(&param);
  for (const ParamDesc *param : writer.paramList) {
    if (param->rank > 0)
      return unimplemented("a rank scale cannot be written from rows of numbers");
    // Entries of neighbouring rows share bytes.
    writer.independent = writer.independent && param->packed == 0;
  }

  const std::vector<ComponentDesc> &descs = writer.codec.components();
  components.resize(descs.size());
  for (size_t i = 0; i < descs.size(); ++i) {
    LOWBIT_RETURN_IF_ERROR(
        allocateZeroed(components[i], descs[i].bytes, descs[i].name().c_str()));
    if (descs[i].role == ComponentRole::codes)
      writer.fields.emplace_back(components[i]);
    else if (i >= firstParamComponent(leaf))
      writer.paramBytes.emplace_back(components[i]);
    else
      return unimplemented("component '%s' cannot be written from rows of numbers",
                           descs[i].name().c_str());
  }
  return writer;
}

Status ComponentWriter::writeCodes(int64_t rowBegin, int64_t rowEnd,
                                   std::span<const uint8_t> plain) const {
  return codec.packCodes(rowBegin, rowEnd, plain, fields);
}

Status ComponentWriter::writeParam(size_t index, int64_t begin, int64_t end,
                                   std::span<const uint8_t> plain) const {
  return packParam(*paramList[index], begin, end, plain, paramBytes[index]);
}

int64_t lowbit::import::stripRows(const LeafDesc &leaf) {
  int64_t rowBytes = std::max<int64_t>(
      1, leaf.columns * static_cast<int64_t>(plainCodeBytes(leaf.code)));
  int64_t rows = (int64_t(256) << 10) / rowBytes;
  return std::max<int64_t>(8, rows / 8 * 8);
}

Status lowbit::import::forEachStrip(
    int64_t rows, int64_t strip, unsigned threads,
    const std::function<Status(int64_t, int64_t)> &body) {
  const int64_t strips = rows / strip + (rows % strip != 0);
  auto runStrips = [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) {
      Status status = body(i * strip, std::min(rows, (i + 1) * strip));
      if (!status.isOk())
        return status;
    }
    return Status::success();
  };
  const int64_t workers =
      std::clamp<int64_t>(threads, 1, std::clamp<int64_t>(strips, 1, 256));
  if (workers <= 1)
    return runStrips(0, strips);
  std::vector<Status> results(workers);
  std::vector<std::thread> pool;
  auto firstOf = [&](int64_t worker) { return strips * worker / workers; };
  for (int64_t worker = 1; worker < workers; ++worker)
    pool.emplace_back([&, worker] {
      results[worker] = runStrips(firstOf(worker), firstOf(worker + 1));
    });
  results[0] = runStrips(0, firstOf(1));
  for (std::thread &thread : pool)
    thread.join();
  for (Status &status : results)
    if (!status.isOk())
      return status;
  return Status::success();
}
