//===- ParameterArchive.cpp - Bytes of a module's parameters --------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Import/ParameterArchive.h"
#include "lib/Import/ArchiveImpl.h"
#include "lib/Import/ComponentWriter.h"

#include "lowbit/Packing/Layouts.h"
#include "lowbit/Support/Float.h"

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cstring>

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::Hash128;
using ::lowbit::invalidArgument;
using ::lowbit::LeafDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;
using ::lowbit::import::Checkpoint;
using ::lowbit::import::CheckpointKind;

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

ParameterArchive::ParameterArchive(std::unique_ptr<Impl> impl)
    : impl(std::move(impl)) {}
ParameterArchive::~ParameterArchive() = default;

std::shared_ptr<ParameterArchive> ParameterArchive::createEmpty() {
  return std::shared_ptr<ParameterArchive>(
      new ParameterArchive(std::make_unique<Impl>()));
}

StatusOr<std::shared_ptr<ParameterArchive>>
ParameterArchive::open(const std::string &path) {
  LOWBIT_ASSIGN_OR_RETURN(Checkpoint checkpoint, Checkpoint::open(path));
  std::shared_ptr<ParameterArchive> archive = createEmpty();
  archive->impl->path = path;
  archive->impl->kind = ::lowbit::import::checkpointKindName(checkpoint.kind());
  archive->impl->checkpoint.emplace(std::move(checkpoint));
  return archive;
}

/// Computed weights lie beside the file that the module was read from.
static Status takeUpComputed(ModuleOp module, ParameterArchive &archive) {
  bool needed = llvm::any_of(module.getOps<ParamOp>(), [](ParamOp param) {
    return isa_and_nonnull<ComputedSourceAttr>(param.getSourceAttr());
  });
  auto file = dyn_cast<FileLineColLoc>(module.getLoc());
  if (!needed || !file)
    return Status::success();
  std::string path = file.getFilename().getValue().str() + ".weights";
  // Without it the first parameter that is asked for says what is missing.
  return llvm::sys::fs::exists(path) ? archive.loadComputed(path)
                                     : Status::success();
}

StatusOr<std::shared_ptr<ParameterArchive>>
ParameterArchive::openFor(ModuleOp module) {
  std::shared_ptr<ParameterArchive> archive = createEmpty();
  if (auto source = module->getAttrOfType<DictionaryAttr>("lowbit.source")) {
    auto path = source.getAs<StringAttr>("path");
    auto hash = source.getAs<StringAttr>("sha256");
    if (!path)
      return invalidArgument("module attribute 'lowbit.source' has no string "
                             "'path'");
    LOWBIT_ASSIGN_OR_RETURN(archive, open(path.getValue().str()));
    if (hash && !hash.empty() && archive->sha256() != hash.getValue())
      return ::lowbit::failedPrecondition(
          "'%s' has changed since the module was imported: its sha256 is %s, "
          "the module says %s; import it again",
          path.getValue().str().c_str(), archive->sha256().c_str(),
          hash.getValue().str().c_str());
  }
  LOWBIT_RETURN_IF_ERROR(takeUpComputed(module, *archive));
  return archive;
}

Status ParameterArchive::bindFile(const std::string &path) {
  if (!StringRef(path).ends_with(".safetensors"))
    return invalidArgument("weights file '%s' must be a .safetensors file",
                           path.c_str());
  LOWBIT_ASSIGN_OR_RETURN(Checkpoint bound, Checkpoint::open(path));
  impl->bound.emplace(std::move(bound));
  return Status::success();
}

void ParameterArchive::bindSplat(float value, int64_t code) {
  impl->splat = SplatValue{value, code};
}

void ParameterArchive::bindRandom(uint64_t seed) { impl->randomSeed = seed; }

const std::string &ParameterArchive::path() const { return impl->path; }
const std::string &ParameterArchive::kind() const { return impl->kind; }

const std::string &ParameterArchive::sha256() const {
  std::call_once(impl->digestOnce, [&] {
    if (!impl->checkpoint)
      return;
    StatusOr<std::string> digest = impl->checkpoint->sha256();
    // A file that was readable at open and is not now gives no hash; whoever
    // compares hashes then sees a difference.
    impl->digest = digest.isOk() ? *digest : "unreadable";
  });
  return impl->digest;
}

std::string ParameterArchive::name() const {
  StringRef text(impl->path);
  while (text.size() > 1 && llvm::sys::path::is_separator(text.back()))
    text = text.drop_back();
  return llvm::sys::path::filename(text).str();
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

StatusOr<LeafDesc> mlir::lowbit::canonicalLeaf(LowbitTensorType type) {
  auto plain = dyn_cast<EncodingAttrInterface>(
      type.getEncodingInterface().withoutLayout());
  LOWBIT_ASSIGN_OR_RETURN(LeafDesc leaf, plain.getLeafDesc(type.getShape()));
  leaf.fields.clear();
  LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(leaf));
  return leaf;
}

StatusOr<LeafDesc> mlir::lowbit::leafOfVector(RankedTensorType type) {
  if (!type.getElementType().isF32())
    return ::lowbit::unimplemented(
        "a parameter of a builtin tensor type must have f32 elements");
  LeafDesc leaf;
  leaf.code = ::lowbit::NumberDesc::floating(::lowbit::FloatFormat::f32);
  ArrayRef<int64_t> shape = type.getShape();
  leaf.columns = shape.empty() ? 1 : shape.back();
  leaf.rows = 1;
  if (!shape.empty()) {
    LOWBIT_ASSIGN_OR_RETURN(leaf.rows, ::lowbit::checkedElementCount(
                                           {shape.data(), shape.size() - 1}));
  }
  if (leaf.rows < 1 || leaf.columns < 1)
    return invalidArgument("a parameter has no elements");
  LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(leaf));
  return leaf;
}

namespace {

/// What a parameter's type asks for.
struct Target {
  LeafDesc leaf;
  RankedTensorType vector; ///< null for a compressed tensor
};

} // namespace

static StatusOr<Target> targetOf(ParamOp param) {
  Target target;
  if (auto tensor = dyn_cast<LowbitTensorType>(param.getType())) {
    if (llvm::any_of(tensor.getShape(), ShapedType::isDynamic))
      return invalidArgument("the type's shape is not static");
    LOWBIT_ASSIGN_OR_RETURN(target.leaf, tensor.getLeafDesc());
    return target;
  }
  target.vector = dyn_cast<RankedTensorType>(param.getType());
  if (!target.vector || !target.vector.hasStaticShape())
    return invalidArgument(
        "the type is neither a compressed tensor nor a static "
        "tensor");
  LOWBIT_ASSIGN_OR_RETURN(target.leaf, leafOfVector(target.vector));
  return target;
}

//===----------------------------------------------------------------------===//
// Materializing
//===----------------------------------------------------------------------===//

/// A vector may be stored in any format: its decoded values, as f32.
static Status writeDecoded(const FileTensor &file, ComponentBytes &components) {
  LOWBIT_ASSIGN_OR_RETURN(
      LeafDesc leaf, ::lowbit::leafOf(*file.layout, file.rows, file.columns));
  ComponentBytes stored;
  LOWBIT_RETURN_IF_ERROR(writeFromFile(file, leaf, stored, 1));
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafCodec codec,
                          ::lowbit::LeafCodec::create(leaf));
  std::vector<std::span<const uint8_t>> views(stored.begin(), stored.end());
  components.resize(1);
  LOWBIT_RETURN_IF_ERROR(::lowbit::import::allocateZeroed(
      components[0], uint64_t(file.rows) * file.columns * sizeof(float),
      "the decoded tensor"));
  std::vector<float> row(file.columns);
  for (int64_t i = 0; i < file.rows; ++i) {
    LOWBIT_RETURN_IF_ERROR(codec.decodeRow(views, i, row));
    std::memcpy(components[0].data() + i * row.size() * sizeof(float),
                row.data(), row.size() * sizeof(float));
  }
  return Status::success();
}

static Status writeRopeTable(RopeTableAttr source, const Target &target,
                             ComponentBytes &components) {
  ArrayRef<int64_t> shape =
      target.vector ? target.vector.getShape() : ArrayRef<int64_t>();
  if (shape.size() != 3 || shape[2] != 2)
    return invalidArgument(
        "a rope table has type tensor<positions x pairs x 2 x "
        "f32>");
  if (shape[1] > (int64_t(1) << 27))
    return invalidArgument("a rope table of %lld pairs is too large",
                           static_cast<long long>(shape[1]));
  LOWBIT_ASSIGN_OR_RETURN(std::vector<float> table,
                          computeRopeTable(source, shape[0], 2 * shape[1]));
  components.resize(1);
  const auto *bytes = reinterpret_cast<const uint8_t *>(table.data());
  components[0].assign(bytes, bytes + table.size() * sizeof(float));
  return Status::success();
}

/// `#lowbit.file` names a tensor of the checkpoint.
static Status writeFileSource(const ParameterArchive::Impl &impl,
                              FileSourceAttr source, const Target &target,
                              ComponentBytes &components, unsigned threads) {
  LOWBIT_ASSIGN_OR_RETURN(FileTensor file,
                          resolveFile(*impl.checkpoint, source,
                                      target.leaf.rows, target.leaf.columns));
  if (target.vector)
    return writeDecoded(file, components);
  return writeFromFile(file, target.leaf, components, threads);
}

Status ParameterArchive::materialize(ParamOp param, ComponentBytes &components,
                                     const MaterializeOptions &options) const {
  auto write = [&]() -> Status {
    LOWBIT_ASSIGN_OR_RETURN(bool isTree,
                            writeTree(impl->spill, param, components));
    if (isTree)
      return Status::success();
    LOWBIT_ASSIGN_OR_RETURN(Target target, targetOf(param));
    Attribute source = param.getSource().value_or(Attribute());
    if (auto table = dyn_cast_or_null<RopeTableAttr>(source))
      return writeRopeTable(table, target, components);
    if (auto splat = dyn_cast_or_null<SplatSourceAttr>(source))
      return writeSplat(
          {static_cast<float>(splat.getValue().getValueAsDouble()),
           splat.getCode()},
          target.leaf, components, options.threads);
    if (auto computed = dyn_cast_or_null<ComputedSourceAttr>(source))
      return writeFromSpill(impl->spill, computed, target.leaf, components,
                            options.threads);
    auto file = dyn_cast_or_null<FileSourceAttr>(source);
    if (source && !file)
      return ::lowbit::unimplemented(
          "the source is not one of #lowbit.file, #lowbit.rope_table, "
          "#lowbit.splat, #lowbit.computed");
    if (file && impl->checkpoint)
      return writeFileSource(*impl, file, target, components, options.threads);
    if (impl->bound) {
      LOWBIT_ASSIGN_OR_RETURN(auto stored,
                              findBound(*impl->bound, param.getSymName().str(),
                                        target.leaf, target.vector));
      return writeFromBound(stored, target.leaf, components, options.threads);
    }
    if (impl->splat)
      return writeSplat(*impl->splat, target.leaf, components, options.threads);
    if (impl->randomSeed && !file)
      return writeRandom(*impl->randomSeed, param.getSymName(), target.leaf,
                         components);
    return ::lowbit::failedPrecondition(
        file ? "its checkpoint is not open: the module has no 'lowbit.source'; "
               "bind it with --weights=FILE.safetensors or --weights=splat"
             : "it has no source; bind it with --weights=FILE.safetensors or "
               "--weights=splat");
  };
  Status status = write();
  if (status.isOk())
    return status;
  // The parameter comes first: it is what the user can find in the IR.
  Status named(status.code(), "parameter '" + param.getSymName().str() +
                                  "': " + status.message());
  for (const std::string &note : status.notes())
    named.addNote(note);
  return named;
}

//===----------------------------------------------------------------------===//
// Hashing
//===----------------------------------------------------------------------===//

static void addText(::lowbit::Xxh3Stream &stream, StringRef text) {
  const uint64_t size = text.size();
  stream.update({reinterpret_cast<const uint8_t *>(&size), sizeof(size)});
  stream.update({reinterpret_cast<const uint8_t *>(text.data()), text.size()});
}

static void addTensor(::lowbit::Xxh3Stream &stream,
                      const ::lowbit::import::StoredTensor &tensor) {
  addText(stream, StringRef(tensor.type.data(), tensor.type.size()));
  stream.update(tensor.bytes);
}

StatusOr<Hash128> ParameterArchive::contentHash(ParamOp param) const {
  ::lowbit::Xxh3Stream stream;
  auto addPrinted = [&](auto thing) {
    std::string text;
    llvm::raw_string_ostream(text) << thing;
    addText(stream, text);
  };
  addPrinted(param.getType());
  Attribute source = param.getSource().value_or(Attribute());
  Target target;
  if (!isa_and_nonnull<ComputedSourceAttr>(source)) {
    LOWBIT_ASSIGN_OR_RETURN(target, targetOf(param));
  }
  auto file = dyn_cast_or_null<FileSourceAttr>(source);
  if (auto computed = dyn_cast_or_null<ComputedSourceAttr>(source)) {
    addText(stream, "computed");
    addText(stream, computed.getHash());
  } else if (source && !file) {
    addPrinted(source);
  } else if (file && impl->checkpoint) {
    LOWBIT_ASSIGN_OR_RETURN(FileTensor tensor,
                            resolveFile(*impl->checkpoint, file,
                                        target.leaf.rows, target.leaf.columns));
    addText(stream, tensor.layout->name);
    addText(stream, tensor.invertScale ? "inverted" : "");
    addTensor(stream, tensor.stored);
    if (tensor.scale)
      addTensor(stream, *tensor.scale);
  } else if (impl->bound) {
    LOWBIT_ASSIGN_OR_RETURN(auto stored,
                            findBound(*impl->bound, param.getSymName().str(),
                                      target.leaf, target.vector));
    for (const ::lowbit::import::StoredTensor &tensor : stored)
      addTensor(stream, tensor);
  } else if (impl->splat) {
    addText(stream, "splat");
    addPrinted(::lowbit::floatBits(impl->splat->value));
    addPrinted(impl->splat->code);
  } else if (impl->randomSeed && !file) {
    addText(stream, "random");
    addPrinted(*impl->randomSeed);
    addText(stream, param.getSymName());
  } else {
    // Nothing to hash: the error of materialize says what to do.
    ComponentBytes components;
    LOWBIT_RETURN_IF_ERROR(materialize(param, components));
  }
  return stream.digestWide();
}
