//===- ComputedSources.cpp - Parameters that passes made ------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ArchiveImpl.h"
#include "lib/Import/ComponentWriter.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/Float.h"

#include "mlir/IR/BuiltinOps.h"

#include <cstring>
#include <set>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::FloatFormat;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::ParamDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using namespace ::lowbit::import;

//===----------------------------------------------------------------------===//
// The spill store
//===----------------------------------------------------------------------===//

Status mlir::lowbit::writeFromSpill(const SpillStore &spill,
                                    ComputedSourceAttr source,
                                    const LeafDesc &leaf,
                                    ComponentBytes &components,
                                    unsigned threads) {
  LeafDesc canonical = leaf;
  canonical.fields.clear();
  canonical.biased = false;
  LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(canonical));
  LOWBIT_ASSIGN_OR_RETURN(auto wanted, ::lowbit::componentsOf(canonical));
  ComponentBytes stored;
  LOWBIT_RETURN_IF_ERROR(
      spill.read(source.getId(), source.getHash().str(), stored));
  bool fits = stored.size() == wanted.size();
  for (size_t i = 0; fits && i < stored.size(); ++i)
    fits = stored[i].size() == wanted[i].bytes;
  if (!fits)
    return ::lowbit::invalidArgument(
        "computed weights number %llu are not the components of '%s'",
        static_cast<unsigned long long>(source.getId()),
        ::lowbit::describe(leaf).c_str());
  if (canonical == leaf) {
    components = std::move(stored);
    return Status::success();
  }
  std::vector<std::span<const uint8_t>> views(stored.begin(), stored.end());
  if (leaf.isPlain())
    return writeFromCanonical(views, leaf, components, threads);
  LeafDesc target = leaf;
  LOWBIT_ASSIGN_OR_RETURN(components,
                          ::lowbit::repack(canonical, views, target));
  return Status::success();
}

StatusOr<bool> mlir::lowbit::writeTree(const SpillStore &spill, ParamOp param,
                                       ComponentBytes &components) {
  auto type = dyn_cast<LowbitTensorType>(param.getType());
  if (!type)
    return false;
  LOWBIT_ASSIGN_OR_RETURN(
      ::lowbit::EncodingDesc encoding,
      type.getEncodingInterface().getEncodingDesc(type.getShape()));
  // An elastic leaf is its full member, which the other sources know.
  const ::lowbit::EncodingDesc *root = &encoding;
  while (root->kind == ::lowbit::EncodingKind::elastic)
    root = &root->terms[0];
  if (root->kind == ::lowbit::EncodingKind::leaf)
    return false;
  auto source = dyn_cast_or_null<ComputedSourceAttr>(param.getSourceAttr());
  if (!source)
    return ::lowbit::unimplemented("a sum or product takes its numbers from a "
                                   "compression pass only");
  LOWBIT_ASSIGN_OR_RETURN(auto wanted, ::lowbit::componentsOf(encoding));
  LOWBIT_RETURN_IF_ERROR(
      spill.read(source.getId(), source.getHash().str(), components));
  bool fits = components.size() == wanted.size();
  for (size_t i = 0; fits && i < wanted.size(); ++i)
    fits = components[i].size() == wanted[i].bytes;
  if (!fits)
    return ::lowbit::invalidArgument(
        "computed weights number %llu are not the components of '%s'",
        static_cast<unsigned long long>(source.getId()),
        ::lowbit::describe(encoding).c_str());
  return true;
}

StatusOr<ComputedSourceAttr>
ParameterArchive::addComputed(MLIRContext *context,
                              const ComponentBytes &components) {
  LOWBIT_ASSIGN_OR_RETURN(SpillStore::Key key, impl->spill.add(components));
  return ComputedSourceAttr::get(context, key.id, ::lowbit::toHex(key.hash));
}

void ParameterArchive::dropComputed(ComputedSourceAttr source) {
  impl->spill.drop(source.getId());
}

StatusOr<bool> ParameterArchive::saveComputed(ModuleOp module,
                                              const std::string &path) const {
  std::set<uint64_t> ids;
  for (auto param : module.getOps<ParamOp>())
    if (auto source =
            dyn_cast_or_null<ComputedSourceAttr>(param.getSourceAttr()))
      ids.insert(source.getId());
  if (ids.empty())
    return false;
  std::vector<uint64_t> list(ids.begin(), ids.end());
  LOWBIT_RETURN_IF_ERROR(impl->spill.save(path, list));
  return true;
}

Status ParameterArchive::loadComputed(const std::string &path) {
  return impl->spill.load(path);
}

StatusOr<std::vector<float>>
mlir::lowbit::decodeComponents(const LeafDesc &leaf,
                               const ComponentBytes &components,
                               unsigned threads) {
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafCodec codec,
                          ::lowbit::LeafCodec::create(leaf));
  std::vector<std::span<const uint8_t>> views(components.begin(),
                                              components.end());
  std::vector<uint8_t> probe; // an error instead of an abort
  LOWBIT_RETURN_IF_ERROR(
      allocateZeroed(probe, uint64_t(leaf.rows) * leaf.columns * sizeof(float),
                     "the decoded tensor"));
  probe = {};
  std::vector<float> values(static_cast<size_t>(leaf.rows) * leaf.columns);
  LOWBIT_RETURN_IF_ERROR(forEachStrip(
      leaf.rows, stripRows(leaf), threads,
      [&](int64_t begin, int64_t end) -> Status {
        for (int64_t n = begin; n < end; ++n)
          LOWBIT_RETURN_IF_ERROR(codec.decodeRow(
              views, n,
              std::span(values).subspan(n * leaf.columns, leaf.columns)));
        return Status::success();
      }));
  return values;
}

StatusOr<std::vector<float>>
ParameterArchive::decode(ParamOp param,
                         const MaterializeOptions &options) const {
  ComponentBytes components;
  LOWBIT_RETURN_IF_ERROR(materialize(param, components, options));
  LeafDesc leaf;
  if (auto tensor = dyn_cast<LowbitTensorType>(param.getType())) {
    LOWBIT_ASSIGN_OR_RETURN(leaf, tensor.getLeafDesc());
  } else {
    LOWBIT_ASSIGN_OR_RETURN(
        leaf, leafOfVector(cast<RankedTensorType>(param.getType())));
  }
  return decodeComponents(leaf, components, options.threads);
}

//===----------------------------------------------------------------------===//
// Random numbers
//===----------------------------------------------------------------------===//

namespace {

/// splitmix64: the same sequence everywhere.
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  /// In [0, 1).
  float uniform() { return static_cast<float>(next() >> 40) * 0x1p-24f; }
  /// About normal with deviation 1: sum of twelve.
  float normal() {
    float sum = -6.0f;
    for (int i = 0; i < 12; ++i)
      sum += uniform();
    return sum;
  }

private:
  uint64_t state;
};

} // namespace

/// Appends one number to a plain array.
static void appendNumber(const NumberDesc &number, float real, int64_t integer,
                         unsigned bytes, std::vector<uint8_t> &plain) {
  uint32_t bits = static_cast<uint32_t>(integer);
  if (number.isFloat())
    bits = ::lowbit::floatToCode(number, real);
  for (unsigned i = 0; i < bytes; ++i)
    plain.push_back(static_cast<uint8_t>(bits >> (8 * i)));
}

Status mlir::lowbit::writeRandom(uint64_t seed, StringRef name,
                                 const LeafDesc &leaf,
                                 ComponentBytes &components) {
  Random random(seed ^ ::lowbit::xxh3({reinterpret_cast<const uint8_t *>(
                                           name.data()),
                                       name.size()}));
  LOWBIT_ASSIGN_OR_RETURN(ComponentWriter writer,
                          ComponentWriter::create(leaf, components));
  auto integer = [&](const NumberDesc &number) {
    return number.lo + static_cast<int64_t>(random.next() %
                                            (number.hi - number.lo + 1));
  };
  std::vector<uint8_t> plain;
  for (size_t i = 0; i < writer.params().size(); ++i) {
    const ParamDesc &param = *writer.params()[i];
    LOWBIT_ASSIGN_OR_RETURN(int64_t count,
                            ::lowbit::checkedElementCount(param.granules));
    plain.clear();
    for (int64_t j = 0; j < count; ++j)
      appendNumber(param.number, 0.01f + 0.02f * random.uniform(),
                   param.number.isFloat() ? 0 : integer(param.number),
                   ::lowbit::plainParamBytes(param.number), plain);
    LOWBIT_RETURN_IF_ERROR(
        writer.writeParam(i, 0, ::lowbit::granuleRows(param), plain));
  }
  // Small floats have scales beside them and few numbers below 1.
  const float deviation = leaf.code.width <= 8 ? 1.0f : 0.05f;
  for (int64_t n = 0; n < leaf.rows; ++n) {
    plain.clear();
    for (int64_t k = 0; k < leaf.columns; ++k)
      appendNumber(leaf.code, deviation * random.normal(),
                   leaf.code.isFloat() ? 0 : integer(leaf.code),
                   ::lowbit::plainCodeBytes(leaf.code), plain);
    LOWBIT_RETURN_IF_ERROR(writer.writeCodes(n, n + 1, plain));
  }
  return Status::success();
}
