//===- Module.cpp - A module on a device ----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lowbit/Runtime/Module.h"

using namespace lowbit;

StatusOr<std::unique_ptr<Module>>
Module::load(const std::string &path, Device &device,
             const ModuleReadOptions &options) {
  LOWBIT_ASSIGN_OR_RETURN(ModuleReader reader,
                          ModuleReader::open(path, options));
  return load(std::move(reader), device);
}

StatusOr<std::unique_ptr<Module>> Module::load(ModuleReader reader,
                                               Device &device) {
  auto module =
      std::unique_ptr<Module>(new Module(std::move(reader), device));
  std::string where = module->reader.name();
  StatusOr<std::unique_ptr<Executable>> code = device.load(module->reader);
  if (!code.isOk())
    return std::move(code).status().addNote("while loading " + where);
  module->code = std::move(*code);
  LOWBIT_ASSIGN_OR_RETURN(module->weights,
                          device.import(module->reader.weights()));
  if (module->weights->hostBytes() != module->reader.weights().data())
    module->reader.releaseWeights();
  for (const PlanKernel &kernel : module->plan().kernels) {
    std::vector<uint32_t> numbers;
    for (const PlanStage &stage : kernel.stages) {
      StatusOr<uint32_t> number = module->code->findStage(stage.symbol);
      if (!number.isOk())
        return std::move(number).status().addNote("while loading " + where);
      numbers.push_back(*number);
    }
    module->stages.push_back(std::move(numbers));
  }
  return module;
}

uint64_t Module::componentAddress(uint32_t component) const {
  return weights->address() +
         reader.components().components[component].offset;
}

void Module::releaseComponents(std::span<const uint32_t> components) const {
  if (weights->hostBytes() == reader.weights().data())
    reader.releaseComponents(components);
}
