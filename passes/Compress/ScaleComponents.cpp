//===- ScaleComponents.cpp - A factor within stored numbers ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/ScaleComponents.h"

#include "lowbit/Packing/Encoding.h"

#include "llvm/ADT/STLExtras.h"

#include <cmath>
#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::ComponentDesc;
using ::lowbit::ComponentRole;
using ::lowbit::EncodingDesc;
using ::lowbit::EncodingKind;
using ::lowbit::FloatFormat;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::NumberDesc;
using ::lowbit::Status;

namespace {

/// Floats whose rounding a factor may use: those of many bits.
bool isWideFloat(const NumberDesc &number) {
  return number.isFloat() &&
         (number.format == FloatFormat::f32 || number.format == FloatFormat::f16 ||
          number.format == FloatFormat::bf16);
}

/// Every number of a component, padding included: an array of such floats in any
/// layout, since each is in a container of its own.
Status scaleFloats(const NumberDesc &number, float factor, std::vector<uint8_t> &bytes,
                   const std::string &name) {
  const size_t size = number.storageBits() / 8;
  for (size_t i = 0; i + size <= bytes.size(); i += size) {
    uint32_t bits = 0;
    std::memcpy(&bits, &bytes[i], size);
    const float before = ::lowbit::floatFromCode(number, bits);
    bits = ::lowbit::floatToCode(number, before * factor);
    if (std::isfinite(before) && !std::isfinite(::lowbit::floatFromCode(number, bits)))
      return invalidArgument("%g in component '%s' is too large for a factor of %g",
                             static_cast<double>(before), name.c_str(),
                             static_cast<double>(factor));
    std::memcpy(&bytes[i], &bits, size);
  }
  return Status::success();
}

class Scaler {
public:
  Scaler(float factor, ComponentBytes &components)
      : factor(factor), components(components) {}

  /// Takes the components of `encoding` off the front; `apply` says whether it is one
  /// that takes the factor.
  Status visit(const EncodingDesc &encoding, bool apply) {
    if (encoding.kind == EncodingKind::leaf)
      return visitLeaf(encoding.leaf, apply);
    for (auto [index, term] : llvm::enumerate(encoding.terms))
      LOWBIT_RETURN_IF_ERROR(
          visit(term, apply && (encoding.kind != EncodingKind::prod || index == 0)));
    return Status::success();
  }

private:
  Status visitLeaf(const LeafDesc &leaf, bool apply) {
    LOWBIT_ASSIGN_OR_RETURN(std::vector<ComponentDesc> descs,
                            ::lowbit::componentsOf(leaf));
    const size_t begin = next;
    next += descs.size();
    if (next > components.size())
      return ::lowbit::internalError("%zu components are too few", components.size());
    if (!apply)
      return Status::success();
    auto scaleFirst = [&](ComponentRole role) -> ::lowbit::StatusOr<bool> {
      for (auto [index, desc] : llvm::enumerate(descs))
        if (desc.role == role && isWideFloat(desc.number)) {
          LOWBIT_RETURN_IF_ERROR(
              scaleFloats(desc.number, factor, components[begin + index], desc.name()));
          return true;
        }
      return false;
    };
    bool done = false;
    if (!leaf.scales.empty()) {
      LOWBIT_ASSIGN_OR_RETURN(done, scaleFirst(ComponentRole::scale));
    } else if (!leaf.lut && !leaf.zero && isWideFloat(leaf.code)) {
      for (auto [index, desc] : llvm::enumerate(descs))
        if (desc.role == ComponentRole::codes)
          LOWBIT_RETURN_IF_ERROR(
              scaleFloats(leaf.code, factor, components[begin + index], desc.name()));
      done = true;
    }
    if (done && !leaf.offsets.empty()) {
      LOWBIT_ASSIGN_OR_RETURN(done, scaleFirst(ComponentRole::offset));
    }
    if (!done)
      return invalidArgument("'%s' has no f32, f16 or bf16 scale that could take a "
                             "factor",
                             ::lowbit::describe(leaf).c_str());
    return Status::success();
  }

  float factor;
  ComponentBytes &components;
  size_t next = 0;
};

} // namespace

Status mlir::lowbit::scaleComponents(const EncodingDesc &encoding, float factor,
                                     ComponentBytes &components) {
  return Scaler(factor, components).visit(encoding, /*apply=*/true);
}
