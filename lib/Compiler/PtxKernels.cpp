//===- PtxKernels.cpp - Matmuls of one token to PTX -----------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel's code depends on the encoding, the number of columns and the activation's
// groups, not on the number of rows (the grid) nor on what follows the product. So
// products are compared by the IR that they need, and equal ones share a kernel.
//
//===----------------------------------------------------------------------===//

#include "lib/Codegen/NVPTX/NvptxCodegen.h"
#include "lib/Compiler/Output.h"
#include "lib/Kernel/ThreadMatmul.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::formatString;
using ::lowbit::NvptxInstruction;
using ::lowbit::NvptxTarget;
using ::lowbit::Status;
using ::lowbit::StatusOr;
namespace kernel = ::lowbit::kernel;

/// The product of `matmul`, whose input is quantized.
static StatusOr<kernel::ThreadMatmul> describeProduct(MatmulOp matmul) {
  kernel::ThreadMatmul product;
  LOWBIT_ASSIGN_OR_RETURN(product.weight, matmul.getWeight().getType().getLeafDesc());
  LOWBIT_ASSIGN_OR_RETURN(
      ::lowbit::LeafDesc input,
      cast<LowbitTensorType>(matmul.getInput().getType()).getLeafDesc());
  for (const auto &scale : input.scales)
    for (const auto &expr : scale.granularity.results)
      for (const auto &term : expr.terms)
        if (term.dim == 1 && term.div != product.weight.columns)
          product.activationGroup = term.div;
  product.activationLo = static_cast<int>(input.code.lo);
  product.activationHi = static_cast<int>(input.code.hi);
  return product;
}

/// "matvec_uint4_scale_f16_32_offset_f16_32_k576_act32".
static std::string nameOf(const kernel::ThreadMatmul &product) {
  std::string name = "matvec_";
  for (char c : describe(product.weight)) {
    if (llvm::isAlnum(c))
      name += c;
    else if (name.back() != '_')
      name += '_';
  }
  name += "_k" + std::to_string(product.weight.columns);
  return name + (product.activationGroup ? "_act" + std::to_string(product.activationGroup)
                                         : std::string("_act_token"));
}

/// Comment lines before the text: how to launch the kernel, what its arguments are.
static StatusOr<std::string> headerOf(const kernel::ThreadMatmul &product,
                                      const kernel::ThreadMatmulInfo &info) {
  std::string text = formatString(
      "// y = W x for one token; W: %s; %lld columns\n"
      "// grid (rows of W / 8, rounded up), block (%u); slices of a row: %u\n"
      "// arguments:",
      describe(product.weight).c_str(), static_cast<long long>(product.weight.columns),
      info.threads, info.threads / 8);
  LOWBIT_ASSIGN_OR_RETURN(auto components, ::lowbit::componentsOf(product.weight));
  for (const auto &component : components)
    text += " W." + component.name() + ",";
  return text + " x.codes, x.scales, x.sums, y\n";
}

namespace {

class PtxGenerator {
public:
  PtxGenerator(MLIRContext &context, const NvptxTarget &target, CompileReport &report)
      : context(context), target(target), report(report),
        capabilities(nvptxKernelCapabilities(target)) {}

  Status add(DispatchOp dispatch, const std::string &name) {
    bool hasFloat = false;
    for (MatmulOp matmul : dispatch.getBody().front().getOps<MatmulOp>()) {
      if (!isa<LowbitTensorType>(matmul.getInput().getType())) {
        hasFloat = true;
        continue;
      }
      Status status = addProduct(dispatch, matmul);
      if (!status.isOk())
        return status.addNote("in kernel '" + name + "' for " + targetName());
    }
    if (hasFloat)
      report.notes.push_back("no PTX for '" + name + "' on " + targetName() +
                             ": its activations are f32, so it is not a low-bit product");
    return Status::success();
  }

  std::map<std::string, std::string> finish() {
    for (PtxKernelReport &entry : entries)
      report.ptxKernels.push_back(std::move(entry));
    return std::move(texts);
  }

private:
  std::string targetName() const { return "nvptx:" + std::string(target.name); }

  StatusOr<OwningOpRef<ModuleOp>> emit(const kernel::ThreadMatmul &product,
                                       kernel::ThreadMatmulInfo &info) {
    OwningOpRef<ModuleOp> module = ModuleOp::create(UnknownLoc::get(&context));
    LOWBIT_ASSIGN_OR_RETURN(info, kernel::emitThreadMatmul(*module, product, capabilities,
                                                           nvptxThreadMachine()));
    return module;
  }

  /// What select-strategies chose for this target; text scheduled for other targets has
  /// no choice, and takes the chip's own instruction.
  StrategyKind strategyOf(DispatchOp dispatch) const {
    if (auto strategies = dispatch.getStrategiesAttr())
      for (auto strategy : strategies.getAsRange<StrategyAttr>())
        if (strategy.getTarget() == targetName())
          return strategy.getKind();
    return StrategyKind::Dot4;
  }

  Status addProduct(DispatchOp dispatch, MatmulOp matmul) {
    StrategyKind strategy = strategyOf(dispatch);
    if (strategy != StrategyKind::Dot4)
      return ::lowbit::unimplemented("the strategy '%s' has no PTX kernels",
                                     stringifyStrategyKind(strategy).str().c_str());
    LOWBIT_ASSIGN_OR_RETURN(kernel::ThreadMatmul product, describeProduct(matmul));
    kernel::ThreadMatmulInfo info;
    product.name = "key";
    LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> keyModule, emit(product, info));
    auto [known, isNew] = kernelOf.try_emplace(printIR(*keyModule), entries.size());
    if (!isNew) {
      ++entries[known->second].products;
      return Status::success();
    }
    product.name = nameOf(product);
    if (unsigned count = used[product.name]++)
      product.name += "_v" + std::to_string(count);
    LOWBIT_ASSIGN_OR_RETURN(OwningOpRef<ModuleOp> module, emit(product, info));
    const NvptxInstruction instructions[] = {NvptxInstruction::dp4a};
    LOWBIT_ASSIGN_OR_RETURN(std::string text,
                            compileNvptxModule(*module, target, instructions));
    LOWBIT_ASSIGN_OR_RETURN(std::string header, headerOf(product, info));
    PtxKernelReport entry;
    entry.name = product.name;
    entry.target = targetName();
    entry.strategy = stringifyStrategyKind(strategy).str();
    entry.threads = info.threads;
    entry.sharedBytes = info.sharedBytes;
    entry.products = 1;
    entry.dp4a = static_cast<unsigned>(StringRef(text).count("dp4a."));
    entry.bytes = header.size() + text.size();
    texts[product.name] = header + text;
    entries.push_back(std::move(entry));
    return Status::success();
  }

  MLIRContext &context;
  const NvptxTarget &target;
  CompileReport &report;
  kernel::KernelCapabilities capabilities;
  std::map<std::string, std::string> texts;
  std::vector<PtxKernelReport> entries;
  llvm::StringMap<size_t> kernelOf; ///< by the IR under a fixed name
  llvm::StringMap<unsigned> used;   ///< names
};

} // namespace

StatusOr<std::map<std::string, std::string>>
mlir::lowbit::generatePtx(ModuleOp module, const KernelTable &kernels,
                          const std::string &target, CompileReport &report) {
  LOWBIT_ASSIGN_OR_RETURN(const NvptxTarget *chip, ::lowbit::parseNvptxTarget(target));
  PtxGenerator generator(*module.getContext(), *chip, report);
  for (auto [dispatch, name] : llvm::zip(kernels.representatives, kernels.names))
    LOWBIT_RETURN_IF_ERROR(generator.add(dispatch, name));
  return generator.finish();
}
