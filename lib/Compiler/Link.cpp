//===- Link.cpp - Scheduled IR and weights to a module file ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Link.h"

#include "lib/Compiler/PlanBuilder.h"
#include "lib/Compiler/ScheduleBuilder.h"
#include "lowbit/Format/Module.h"

using namespace mlir;
using namespace mlir::lowbit;

using ::lowbit::Status;
using ::lowbit::StatusOr;

/// "i8", "f16", ... of a stored word.
static std::string wordTypeName(const ::lowbit::ComponentDesc &component) {
  if (component.number.isFloat())
    return ::lowbit::floatFormatName(component.number.format);
  return "i" + std::to_string(component.number.storageBits());
}

static std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

namespace {

class Linker {
public:
  Linker(const LinkInputs &inputs, ::lowbit::ModuleWriter &writer,
         CompileReport &report)
      : inputs(inputs), writer(writer), report(report) {}

  Status addParameters() {
    ModuleOp module = inputs.module;
    SmallVector<ParamOp> params(module.getOps<ParamOp>());
    ComponentBytes bytes;
    for (auto [index, param] : llvm::enumerate(params)) {
      LOWBIT_RETURN_IF_ERROR(addParameter(param, bytes));
      if (inputs.progress)
        inputs.progress(index + 1, params.size());
    }
    return Status::success();
  }

  const ComponentIndices &components() const { return indices; }

private:
  Status addParameter(ParamOp param, ComponentBytes &bytes) {
    ::lowbit::Parameter parameter;
    std::vector<::lowbit::Component> descriptions;
    LOWBIT_RETURN_IF_ERROR(describe(param, parameter, descriptions));
    // Parameters that come from the same bytes in the same layout share them.
    LOWBIT_ASSIGN_OR_RETURN(::lowbit::Hash128 hash, inputs.archive->contentHash(param));
    auto key = std::make_pair(hash.high, hash.low);
    auto original = firstOf.find(key);
    if (original == firstOf.end()) {
      MaterializeOptions options;
      options.threads = inputs.threads;
      LOWBIT_RETURN_IF_ERROR(inputs.archive->materialize(param, bytes, options));
      if (bytes.size() != descriptions.size())
        return ::lowbit::internalError("parameter '%s' has %zu components, not %zu",
                                       param.getSymName().str().c_str(), bytes.size(),
                                       descriptions.size());
      for (auto [description, data] : llvm::zip(descriptions, bytes)) {
        LOWBIT_ASSIGN_OR_RETURN(uint32_t index, writer.addComponent(description, data));
        parameter.components.push_back(index);
        storedBytes += data.size();
      }
      firstOf[key] = parameter.components;
    } else {
      for (auto [description, index] : llvm::zip(descriptions, original->second)) {
        LOWBIT_ASSIGN_OR_RETURN(uint32_t shared,
                                writer.shareComponent(description, index));
        parameter.components.push_back(shared);
      }
    }
    indices[param.getSymName()] = SmallVector<uint32_t>(
        parameter.components.begin(), parameter.components.end());
    reportParameter(parameter, descriptions, original != firstOf.end());
    LOWBIT_ASSIGN_OR_RETURN(uint32_t unused, writer.addParameter(std::move(parameter)));
    (void)unused;
    return Status::success();
  }

  static Status describe(ParamOp param, ::lowbit::Parameter &parameter,
                         std::vector<::lowbit::Component> &descriptions) {
    parameter.symbol = param.getSymName().str();
    parameter.elementType = "f32";
    auto tensor = dyn_cast<LowbitTensorType>(param.getType());
    if (!tensor) {
      auto dense = cast<RankedTensorType>(param.getType());
      parameter.shape.assign(dense.getShape().begin(), dense.getShape().end());
      parameter.encoding = "dense";
      ::lowbit::Component component;
      component.symbol = parameter.symbol + ":table";
      component.role = "table";
      component.elementType = "f32";
      component.shape = parameter.shape;
      descriptions.push_back(std::move(component));
      return Status::success();
    }
    parameter.shape.assign(tensor.getShape().begin(), tensor.getShape().end());
    parameter.encoding = textOf(tensor.getEncoding());
    LOWBIT_ASSIGN_OR_RETURN(::lowbit::LeafDesc leaf, tensor.getLeafDesc());
    LOWBIT_ASSIGN_OR_RETURN(auto components, ::lowbit::componentsOf(leaf));
    for (const ::lowbit::ComponentDesc &desc : components) {
      ::lowbit::Component component;
      component.symbol = parameter.symbol + ":" + desc.name();
      component.role = ::lowbit::componentRoleName(desc.role);
      component.elementType = wordTypeName(desc);
      component.shape = desc.storage;
      descriptions.push_back(std::move(component));
    }
    parameter.leaf = std::move(leaf);
    return Status::success();
  }

  void reportParameter(const ::lowbit::Parameter &parameter,
                       ArrayRef<::lowbit::Component> descriptions, bool shared) {
    ParameterReport entry;
    entry.name = parameter.symbol;
    entry.shape = parameter.shape;
    entry.encoding = parameter.leaf ? ::lowbit::describe(*parameter.leaf) : "f32";
    entry.shared = shared;
    for (uint32_t index : parameter.components)
      entry.bytes += writer.components().components[index].size;
    entry.codeBits = entry.totalBits = 32;
    if (parameter.leaf) {
      auto bits = ::lowbit::bitsPerElement(*parameter.leaf);
      if (bits.isOk()) {
        entry.codeBits = bits->codes;
        entry.totalBits = bits->total;
      }
    }
    report.parameters.push_back(std::move(entry));
  }

  const LinkInputs &inputs;
  ::lowbit::ModuleWriter &writer;
  CompileReport &report;
  ComponentIndices indices;
  std::map<std::pair<uint64_t, uint64_t>, std::vector<uint32_t>> firstOf;
  uint64_t storedBytes = 0;
};

} // namespace

StatusOr<uint64_t> mlir::lowbit::linkModule(const LinkInputs &inputs,
                                            const std::string &path,
                                            CompileReport &report) {
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::ModuleWriter writer,
                          ::lowbit::ModuleWriter::create(path));
  Linker linker(inputs, writer, report);
  LOWBIT_RETURN_IF_ERROR(linker.addParameters());
  LOWBIT_ASSIGN_OR_RETURN(::lowbit::Plan plan,
                          buildPlan(inputs.module, *inputs.kernels, inputs.lowered,
                                    linker.components()));
  report.addPlan(plan);
  LOWBIT_ASSIGN_OR_RETURN(auto schedule, buildSchedule(inputs.module, plan));
  if (schedule) {
    report.addSchedule(*schedule, plan, writer.components());
    writer.setSchedule(std::move(*schedule));
  }
  for (const auto &[key, value] : inputs.meta)
    writer.setMeta(key, value);
  if (!inputs.tokenizer.empty())
    writer.setTokenizer(inputs.tokenizer);
  writer.setLedger(inputs.ledger);
  for (const TargetCode &code : inputs.code) {
    std::vector<uint8_t> bytes = code.image.sharedObject;
    if (code.gpu) {
      LOWBIT_RETURN_IF_ERROR(::lowbit::validateGpuCode(*code.gpu, plan));
      bytes = ::lowbit::serializeGpuCode(*code.gpu);
    }
    report.code.push_back({code.target, bytes.size()});
    writer.addCode(code.target, std::move(bytes));
  }
  writer.setPlan(std::move(plan));
  // Times differ from run to run; the module must not.
  writer.setReport(report.toJson(/*withTimes=*/false));
  return writer.finish();
}
