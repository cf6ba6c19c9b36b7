//===- Origin.cpp - Numbers before the first lossy step -------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/Origin.h"

#include "lib/Compress/Quantizer.h"
#include "passes/Compress/LeafWriter.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::Status;
using ::lowbit::StatusOr;

static constexpr llvm::StringLiteral originAttrName = "lowbit.origin";

static void setOrigin(ParamOp param, Type type, Attribute source) {
  Builder builder(param.getContext());
  SmallVector<NamedAttribute> entries = {
      builder.getNamedAttr("type", TypeAttr::get(type))};
  if (source)
    entries.push_back(builder.getNamedAttr("source", source));
  param->setAttr(originAttrName, builder.getDictionaryAttr(entries));
}

void mlir::lowbit::rememberOrigin(ParamOp param) {
  if (!hasOrigin(param))
    setOrigin(param, param.getType(), param.getSourceAttr());
}

bool mlir::lowbit::hasOrigin(ParamOp param) {
  return static_cast<bool>(
      param->getAttrOfType<DictionaryAttr>(originAttrName));
}

void mlir::lowbit::forgetOrigin(ParamOp param) { param->removeAttr(originAttrName); }

StatusOr<std::vector<float>>
mlir::lowbit::decodeOrigin(CompressionSession &session, ParamOp param) {
  auto origin = param->getAttrOfType<DictionaryAttr>(originAttrName);
  auto type = origin ? origin.getAs<TypeAttr>("type") : TypeAttr();
  if (!type)
    return ::lowbit::failedPrecondition("'%s' has no 'lowbit.origin'",
                                        param.getSymName().str().c_str());
  OwningOpRef<ParamOp> before(cast<ParamOp>(param->clone()));
  before->setType(type.getValue());
  before->removeSourceAttr();
  if (Attribute source = origin.get("source"))
    before->setSourceAttr(source);
  MaterializeOptions options;
  options.threads = session.threads;
  return session.archive->decode(*before, options);
}

Status mlir::lowbit::scaleOrigin(CompressionSession &session, ParamOp param,
                                 float factor) {
  if (!hasOrigin(param))
    return Status::success();
  LOWBIT_ASSIGN_OR_RETURN(std::vector<float> numbers, decodeOrigin(session, param));
  for (float &number : numbers)
    number *= factor;
  ComponentBytes components;
  components.push_back(
      ::lowbit::compress::plainFloats(numbers, ::lowbit::FloatFormat::f32));
  LOWBIT_ASSIGN_OR_RETURN(
      ComputedSourceAttr source,
      session.archive->addComputed(param.getContext(), components));
  setOrigin(param, floatMatrixType(cast<LowbitTensorType>(param.getType())), source);
  return Status::success();
}
