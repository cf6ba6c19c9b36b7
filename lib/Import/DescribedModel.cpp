//===- DescribedModel.cpp - A graph in a file, weights in another ---------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/DescribedModel.h"

#include "lib/Import/ArchiveImpl.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::formatString;
using ::lowbit::invalidArgument;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::import::Checkpoint;
using ::lowbit::import::shapeText;
using ::lowbit::import::StoredTensor;

/// Names that one message lists of each kind of mistake.
static constexpr size_t listedNames = 12;

namespace {

/// Collects all that does not fit, so that a user sees it at once.
class Mismatches {
public:
  void missing(std::string text) { absent.push_back(std::move(text)); }
  void misshapen(std::string text) { wrong.push_back(std::move(text)); }
  void leftOver(std::string text) { unused.push_back(std::move(text)); }

  Status toStatus(const std::string &weights, const std::string &model) const {
    if (absent.empty() && wrong.empty() && unused.empty())
      return Status::success();
    std::string text;
    append(text, absent, "missing from the weights");
    append(text, wrong, "not as described");
    append(text, unused, "left over (no param names it)");
    return invalidArgument("the tensors of '%s' do not fit '%s': %s",
                           weights.c_str(), model.c_str(), text.c_str());
  }

private:
  static void append(std::string &text, const std::vector<std::string> &names,
                     const char *what) {
    if (names.empty())
      return;
    if (!text.empty())
      text += "; ";
    text += std::to_string(names.size()) + " " + what + ": ";
    for (size_t i = 0; i < std::min(names.size(), listedNames); ++i)
      text += (i ? ", " : "") + names[i];
    if (names.size() > listedNames)
      text += ", and " + std::to_string(names.size() - listedNames) + " more";
  }

  std::vector<std::string> absent, wrong, unused;
};

} // namespace

static std::string quoted(StringRef name) { return "'" + name.str() + "'"; }

/// Whether a stored tensor of `stored` extents is one of `wanted`.
static bool sameShape(ArrayRef<int64_t> stored, ArrayRef<int64_t> wanted) {
  while (stored.size() > wanted.size() && stored.front() == 1)
    stored = stored.drop_front();
  if (stored.size() < wanted.size() || wanted.empty())
    return stored.empty() && wanted.empty();
  size_t kept = wanted.size() - 1;
  if (stored.take_front(kept) != wanted.take_front(kept))
    return false;
  int64_t trailing = 1;
  for (int64_t extent : stored.drop_front(kept))
    if (llvm::MulOverflow(trailing, extent, trailing))
      return false;
  return trailing == wanted.back();
}

/// The source of a param that is bound by its name.
static FileSourceAttr sourceByName(ParamOp param, const Checkpoint &checkpoint) {
  StringRef name = param.getSymName();
  std::string scale = name.str() + "_scale";
  std::optional<StoredTensor> stored = checkpoint.find(name.str());
  bool isBytes = stored && stored->type == "I8" && checkpoint.find(scale);
  std::string format = stored && stored->layout ? stored->layout->name : "F32";
  auto packed = dyn_cast<LowbitTensorType>(param.getType());
  if (isBytes && packed) {
    auto leaf = packed.getLeafDesc();
    format = leaf.isOk() && leaf->code.lo == -1 && leaf->code.hi == 1 ? "TERNARY_I8"
                                                                     : "I8_ROW";
  } else {
    scale.clear();
  }
  MLIRContext *context = param.getContext();
  return FileSourceAttr::get(context, name, format,
                             scale.empty() ? StringAttr()
                                           : StringAttr::get(context, scale),
                             /*invert_scale=*/false);
}

/// Checks one param against the checkpoint.
static Status checkParam(ParamOp param, FileSourceAttr source,
                         const Checkpoint &checkpoint, Mismatches &mismatches) {
  std::optional<StoredTensor> stored = checkpoint.find(source.getTensor().str());
  ArrayRef<int64_t> wanted = cast<ShapedType>(
      isa<LowbitTensorType>(param.getType())
          ? Type(cast<LowbitTensorType>(param.getType()).getDecodedType())
          : param.getType()).getShape();
  StringAttr scale = source.getScale();
  if (scale && !scale.empty() && !checkpoint.find(scale.getValue().str()))
    mismatches.missing(quoted(scale.getValue()));
  if (!stored) {
    mismatches.missing(quoted(source.getTensor()) + " " + shapeText(wanted));
    return Status::success();
  }
  ArrayRef<int64_t> have(stored->shape.data(), stored->shape.size());
  if (!sameShape(have, wanted)) {
    mismatches.misshapen(quoted(source.getTensor()) + " is " + shapeText(have) +
                         ", described as " + shapeText(wanted));
    return Status::success();
  }
  int64_t columns = wanted.empty() ? 1 : wanted.back(), rows = 1;
  for (int64_t extent : wanted.drop_back(wanted.empty() ? 0 : 1))
    rows *= extent;
  auto file = resolveFile(checkpoint, source, rows, columns);
  if (!file.isOk()) {
    mismatches.misshapen(file.status().message());
    return Status::success();
  }
  // What the file denotes is what the type says.
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafDesc leaf,
                          ::lowbit::leafOf(*file->layout, rows, columns));
  if (auto packed = dyn_cast<LowbitTensorType>(param.getType())) {
    LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafDesc wantedLeaf, canonicalLeaf(packed));
    if (leaf.code != wantedLeaf.code ||
        leaf.scales.size() != wantedLeaf.scales.size())
      mismatches.misshapen(quoted(source.getTensor()) + " is stored as " +
                           std::string(stored->type) + ", described as " +
                           ::lowbit::describe(wantedLeaf));
  } else if (!leaf.code.isFloat()) {
    mismatches.misshapen(quoted(source.getTensor()) + " is stored as " +
                         std::string(stored->type) + ", described as floats");
  }
  return Status::success();
}

Status mlir::lowbit::bindParameters(ModuleOp module, ParameterArchive &archive,
                                    const std::string &description) {
  const Checkpoint &checkpoint = *archive.implementation().checkpoint;
  Mismatches mismatches;
  llvm::StringSet<> named;
  for (auto param : module.getOps<ParamOp>()) {
    if (!param.getSourceAttr())
      param.setSourceAttr(sourceByName(param, checkpoint));
    auto source = dyn_cast<FileSourceAttr>(param.getSourceAttr());
    if (!source)
      continue; // computed: nothing of the file
    named.insert(source.getTensor());
    if (source.getScale())
      named.insert(source.getScale().getValue());
    LOWBIT_RETURN_IF_ERROR(checkParam(param, source, checkpoint, mismatches));
  }
  for (const StoredTensor &tensor : checkpoint.tensors())
    if (!named.contains(StringRef(tensor.name.data(), tensor.name.size())))
      mismatches.leftOver(quoted(StringRef(tensor.name.data(), tensor.name.size())));
  return mismatches.toStatus(archive.path(), description);
}

static StatusOr<OwningOpRef<ModuleOp>> parseDescription(const std::string &path,
                                                        MLIRContext &context) {
  auto file = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!file)
    return invalidArgument("cannot read the description '%s': %s", path.c_str(),
                           file.getError().message().c_str());
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(*file), llvm::SMLoc());
  OwningOpRef<ModuleOp> module =
      parseSourceFile<ModuleOp>(sources, ParserConfig(&context));
  if (!module)
    return invalidArgument("the description '%s' is not a valid model", path.c_str());
  return std::move(module);
}

StatusOr<ImportedModel> mlir::lowbit::importDescribed(const std::string &weights,
                                                      const std::string &description,
                                                      MLIRContext &context) {
  context.loadDialect<LowbitDialect, arith::ArithDialect, func::FuncDialect>();
  ImportedModel model;
  LOWBIT_ASSIGN_OR_RETURN(model.archive, ParameterArchive::open(weights));
  LOWBIT_ASSIGN_OR_RETURN(model.module, parseDescription(description, context));
  LOWBIT_RETURN_IF_ERROR(
      bindParameters(*model.module, *model.archive, description));
  bool denoises = !model.module->getOps<DenoiseOp>().empty();
  model.meta = {
      {"model.kind", denoises ? "diffusion" : "graph"},
      {"model.name", model.archive->name()},
      {"model.architecture", llvm::sys::path::stem(description).str()},
  };
  finishImport(model);
  return model;
}
