//===- ExpandSums.cpp - Products with sums as sums of products ------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM
// Exceptions. SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Kernels know leaves. E9 and E10 define what activations times a sum or product
// are, so splitting such a parameter into its leaves changes no bit.
//
//===----------------------------------------------------------------------===//

#include "passes/Compress/CompressionSession.h"
#include "passes/Compress/Passes.h"
#include "passes/Compress/Retype.h"

#include "dialects/Lowbit/IR/LowbitOps.h"
#include "lowbit/Packing/EncodingProduct.h"
#include "lowbit/Packing/Layouts.h"
#include "lowbit/Packing/Pack.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/BitVector.h"

namespace mlir::lowbit {
#define GEN_PASS_DEF_EXPANDSUMSPASS
#include "passes/Compress/Passes.h.inc"
} // namespace mlir::lowbit

using namespace mlir;
using namespace mlir::lowbit;
using ::lowbit::EncodingDesc;
using ::lowbit::EncodingKind;
using ::lowbit::LeafDesc;
using ::lowbit::Status;
using ::lowbit::StatusOr;

namespace {

/// A sum or product and the types of its leaves, in the order of components.
struct Tree {
  EncodingDesc encoding;
  SmallVector<Type> leafTypes;
};

/// A parameter to be split, and later its leaves.
struct Split {
  ParamOp param;
  const Tree *tree = nullptr;
  SmallVector<ParamOp> leaves;
};

struct ExpandSumsPass
    : mlir::lowbit::impl::ExpandSumsPassBase<ExpandSumsPass> {
  using Base::Base;

  void runOnOperation() override {
    trees.clear();
    splits.clear();
    takeFullMembers();
    if (failed(collect()))
      return signalPassFailure();
    if (splits.empty())
      return;
    auto session = CompressionSession::findOrOpen(getOperation(), randomWeights);
    if (!session.isOk()) {
      emitError(getOperation().getLoc()) << session.status().message();
      return signalPassFailure();
    }
    for (Split &split : splits) {
      Status status = splitParam(**session, split);
      if (status.isOk())
        continue;
      InFlightDiagnostic error = split.param.emitError() << status.message();
      for (const std::string &note : status.notes())
        error.attachNote() << note;
      return signalPassFailure();
    }
    widenSets();
    getOperation().walk([&](BlockOp block) { widenBlock(block); });
    SmallVector<GetParamOp> gets;
    getOperation().walk([&](GetParamOp get) { gets.push_back(get); });
    for (GetParamOp get : gets)
      expandGet(get);
    for (Split &split : splits)
      split.param.erase();
  }

private:
  /// E11: an elastic leaf is its full member. The bytes are the same; those of sums
  /// and products are split below.
  void takeFullMembers() {
    DenseMap<StringAttr, Type> types;
    for (auto param : getOperation().getOps<ParamOp>()) {
      auto tensor = dyn_cast<LowbitTensorType>(param.getType());
      if (!tensor)
        continue;
      EncodingAttrInterface attr = tensor.getEncodingInterface();
      auto encoding = attr.getEncodingDesc(tensor.getShape());
      if (!encoding.isOk() || encoding->kind != EncodingKind::elastic)
        continue;
      auto leaf = attr.getLeafDesc(tensor.getShape());
      if (leaf.isOk())
        types[param.getSymNameAttr()] = LowbitTensorType::get(
            &getContext(), tensor.getShape(), tensor.getElementType(),
            getLeafAttr(&getContext(), *leaf, attr.hasLayout()));
    }
    if (!types.empty())
      retypeParams(getOperation(), types);
  }

  //===--------------------------------------------------------------------===//
  // What to expand
  //===--------------------------------------------------------------------===//

  /// The tree of `type`; null where it is not a sum or product.
  const Tree *treeOf(Type type) {
    auto found = trees.find(type);
    if (found != trees.end())
      return found->second.get();
    std::shared_ptr<Tree> tree;
    if (auto tensor = dyn_cast<LowbitTensorType>(type);
        tensor && !llvm::any_of(tensor.getShape(), ShapedType::isDynamic)) {
      EncodingAttrInterface attr = tensor.getEncodingInterface();
      // A verified type always has a description.
      StatusOr<EncodingDesc> encoding = attr.getEncodingDesc(tensor.getShape());
      if (encoding.isOk() && !attr.getLeafDesc(tensor.getShape()).isOk()) {
        tree = std::make_shared<Tree>();
        tree->encoding = std::move(*encoding);
        for (const LeafDesc *leaf : ::lowbit::leavesOf(tree->encoding))
          tree->leafTypes.push_back(LowbitTensorType::get(
              &getContext(), {leaf->rows, leaf->columns},
              tensor.getElementType(),
              getLeafAttr(&getContext(), *leaf, attr.hasLayout())));
      }
    }
    return (trees[type] = std::move(tree)).get();
  }

  /// Decides: every parameter of a sum or product. Fails, before anything is
  /// changed, where one cannot be expanded.
  LogicalResult collect() {
    for (auto param : getOperation().getOps<ParamOp>()) {
      const Tree *tree = treeOf(param.getType());
      if (!tree)
        continue;
      for (const LeafDesc *leaf : ::lowbit::leavesOf(tree->encoding))
        if (leaf->pattern &&
            leaf->pattern->kind == ::lowbit::PatternKind::complement)
          return param.emitError()
                 << "'" << param.getSymName()
                 << "' has a term that is the complement of another; kernels "
                    "take leaves that stand by themselves";
      splits.push_back({param, tree, {}});
    }
    if (splits.empty())
      return success();
    auto check = [&](Value value) -> LogicalResult {
      if (!treeOf(value.getType()))
        return success();
      for (OpOperand &use : value.getUses()) {
        auto matmul = dyn_cast<MatmulOp>(use.getOwner());
        if (!matmul || use.get() != matmul.getWeight())
          return use.getOwner()->emitOpError()
                 << "uses a sum or product of encodings, which only "
                    "lowbit.matmul multiplies by";
      }
      return success();
    };
    WalkResult walk = getOperation().walk([&](Operation *op) {
      LogicalResult result = success();
      if (auto get = dyn_cast<GetParamOp>(op))
        result = check(get.getResult());
      if (auto block = dyn_cast<BlockOp>(op))
        for (Value argument : block.getArguments())
          if (succeeded(result))
            result = check(argument);
      return failed(result) ? WalkResult::interrupt() : WalkResult::advance();
    });
    return failure(walk.wasInterrupted());
  }

  //===--------------------------------------------------------------------===//
  // Parameters
  //===--------------------------------------------------------------------===//

  /// The components of one leaf in the layout in which the store keeps them.
  static StatusOr<ComponentBytes>
  toCanonical(const LeafDesc &leaf, std::span<const std::vector<uint8_t>> part) {
    LeafDesc canonical = leaf;
    canonical.fields.clear();
    canonical.biased = false;
    LOWBIT_RETURN_IF_ERROR(::lowbit::applyCanonicalLayout(canonical));
    if (canonical == leaf)
      return ComponentBytes(part.begin(), part.end());
    std::vector<std::span<const uint8_t>> views(part.begin(), part.end());
    return ::lowbit::repack(leaf, views, canonical);
  }

  /// One parameter a leaf, `NAME.0`, `NAME.1.0`, ... as components are called.
  Status splitParam(CompressionSession &session, Split &split) {
    ComponentBytes all;
    MaterializeOptions materialize;
    materialize.threads = session.threads;
    LOWBIT_RETURN_IF_ERROR(
        session.archive->materialize(split.param, all, materialize));
    LOWBIT_ASSIGN_OR_RETURN(auto components,
                            ::lowbit::componentsOf(split.tree->encoding));
    auto leaves = ::lowbit::leavesOf(split.tree->encoding);
    SymbolTable symbols(getOperation());
    OpBuilder builder(split.param);
    size_t first = 0;
    for (auto [index, leaf] : llvm::enumerate(leaves)) {
      LOWBIT_ASSIGN_OR_RETURN(auto own, ::lowbit::componentsOf(*leaf));
      LOWBIT_ASSIGN_OR_RETURN(
          ComponentBytes canonical,
          toCanonical(*leaf, std::span(all).subspan(first, own.size())));
      LOWBIT_ASSIGN_OR_RETURN(
          ComputedSourceAttr source,
          session.archive->addComputed(&getContext(), canonical));
      StringRef path = components[first].prefix;
      path.consume_back(".");
      auto param = ParamOp::create(
          builder, split.param.getLoc(),
          builder.getStringAttr(split.param.getSymName() + "." + path),
          TypeAttr::get(split.tree->leafTypes[index]), source,
          split.param.getSymVisibilityAttr());
      param->remove(); // the table inserts, and renames where the name is taken
      symbols.insert(param, Block::iterator(split.param));
      split.leaves.push_back(param);
      first += own.size();
    }
    remark::passed(split.param.getLoc(), remark::RemarkOpts::name("expand-sums")
                                             .category("lowbit-compress"))
        << split.param.getSymName().str() + ": one parameter a leaf"
        << remark::metric("Leaves", static_cast<int64_t>(leaves.size()));
    return Status::success();
  }

  const Split *findSplit(FlatSymbolRefAttr name) const {
    for (const Split &split : splits)
      if (ParamOp(split.param).getSymNameAttr() == name.getAttr())
        return &split;
    return nullptr;
  }

  /// Sets list every leaf. An overlay of a widened set becomes a list of its
  /// own: its positions have moved.
  void widenSets() {
    DenseMap<Attribute, const Split *> byName;
    for (const Split &split : splits)
      byName[FlatSymbolRefAttr::get(ParamOp(split.param).getSymNameAttr())] =
          &split;
    SymbolTableCollection tables;
    SmallVector<std::pair<ParamSetOp, SmallVector<Attribute>>> widened;
    getOperation().walk([&](ParamSetOp set) {
      SmallVector<Attribute> members;
      bool changed = false;
      auto look = [&](ParamSetOp each) {
        for (FlatSymbolRefAttr member : each.resolveMembers(tables))
          changed |= byName.contains(member);
      };
      look(set);
      if (set.getBaseAttr())
        look(tables.lookupNearestSymbolFrom<ParamSetOp>(set, set.getBaseAttr()));
      if (!changed)
        return;
      for (FlatSymbolRefAttr member : set.resolveMembers(tables)) {
        const Split *split = byName.lookup(member);
        if (!split) {
          members.push_back(member);
          continue;
        }
        for (ParamOp leaf : split->leaves)
          members.push_back(FlatSymbolRefAttr::get(leaf.getSymNameAttr()));
      }
      widened.emplace_back(set, std::move(members));
    });
    OpBuilder builder(&getContext());
    for (auto &[set, members] : widened) {
      set.removeBaseAttr();
      set.setIndices(ArrayRef<int64_t>());
      set.setMembersAttr(builder.getArrayAttr(members));
    }
  }

  //===--------------------------------------------------------------------===//
  // Uses
  //===--------------------------------------------------------------------===//

  /// The product of `op`, as products with `leaves`.
  static Value multiply(OpBuilder &builder, MatmulOp op,
                        const EncodingDesc &encoding, ValueRange leaves) {
    auto product = [&](Value input, const LeafDesc &leaf, size_t number) -> Value {
      auto type = RankedTensorType::get(
          {cast<ShapedType>(op.getResult().getType()).getShape()[0], leaf.rows},
          Float32Type::get(op.getContext()));
      return MatmulOp::create(builder, op.getLoc(), type, input, leaves[number],
                              number == 0 ? op.getBias() : Value());
    };
    auto add = [&](Value left, Value right) -> Value {
      return arith::AddFOp::create(builder, op.getLoc(), left, right);
    };
    return ::lowbit::multiplyByEncoding(encoding, Value(op.getInput()), product, add);
  }

  void expandUses(Value value, ValueRange leaves) {
    const Tree *tree = treeOf(value.getType());
    for (Operation *user : llvm::make_early_inc_range(value.getUsers())) {
      auto matmul = cast<MatmulOp>(user);
      OpBuilder builder(matmul);
      matmul.getResult().replaceAllUsesWith(
          multiply(builder, matmul, tree->encoding, leaves));
      matmul.erase();
    }
  }

  void widenBlock(BlockOp block) {
    unsigned index = block.getNumArguments() - block.getNumParams();
    while (index < block.getNumArguments()) {
      const Tree *tree = treeOf(block.getArgument(index).getType());
      if (!tree) {
        ++index;
        continue;
      }
      const unsigned count = tree->leafTypes.size();
      const Location loc = block.getArgument(index).getLoc();
      // Neither fails on a function with a body.
      (void)block.insertArguments(
          SmallVector<unsigned>(count, index + 1), tree->leafTypes,
          SmallVector<DictionaryAttr>(count,
                                      DictionaryAttr::get(&getContext())),
          SmallVector<Location>(count, loc));
      expandUses(block.getArgument(index),
                 ValueRange(block.getArguments()).slice(index + 1, count));
      (void)block.eraseArgument(index);
      block.setNumParams(block.getNumParams() + count - 1);
      index += count;
    }
  }

  void expandGet(GetParamOp get) {
    const Split *split = findSplit(get.getParamAttr());
    if (!split)
      return;
    OpBuilder builder(get);
    SmallVector<Value> leaves;
    for (ParamOp leaf : split->leaves)
      leaves.push_back(GetParamOp::create(builder, get.getLoc(), leaf.getType(),
                                          leaf.getSymName())
                           .getResult());
    expandUses(get.getResult(), leaves);
    get.erase();
  }

  DenseMap<Type, std::shared_ptr<Tree>> trees;
  SmallVector<Split> splits;
};

} // namespace
