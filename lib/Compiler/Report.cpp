//===- Report.cpp - What a compilation did --------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Compiler/Report.h"

#include "lowbit/Format/ParameterReads.h"
#include "lowbit/Support/Status.h"

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

#include <map>

using namespace mlir::lowbit;
using ::lowbit::formatString;

void CompileReport::addPlan(const ::lowbit::Plan &plan) {
  // A slot's size at one token less its constant part is what a token adds.
  std::map<uint32_t, std::pair<int64_t, int64_t>> slotBytes;
  ::lowbit::PlanDims none{}, one{};
  one[LOWBIT_DIM_TOKENS] = 1;
  for (const ::lowbit::PlanBuffer &buffer : plan.buffers) {
    auto base = buffer.bytes.evaluate(none), withOne = buffer.bytes.evaluate(one);
    if (!base.isOk() || !withOne.isOk())
      continue;
    auto &entry = slotBytes[buffer.slot];
    entry.first = std::max(entry.first, *base);
    entry.second = std::max(entry.second, *withOne - *base);
  }
  for (auto &[slot, bytes] : slotBytes) {
    bufferBytes += static_cast<uint64_t>(bytes.first);
    bufferBytesPerToken += static_cast<uint64_t>(bytes.second);
  }
  slots = slotBytes.size();
  buffers = plan.buffers.size();
  ::lowbit::PlanDims position{};
  position[LOWBIT_DIM_CAPACITY] = 1;
  for (const ::lowbit::PlanState &state : plan.states) {
    auto bytes = state.bytesPerSlot.evaluate(position);
    if (bytes.isOk())
      stateBytesPerPosition += static_cast<uint64_t>(*bytes) * state.slots;
  }
}

void CompileReport::addSchedule(const ::lowbit::DenoiseSchedule &schedule,
                                const ::lowbit::Plan &plan,
                                const ::lowbit::ComponentTable &components) {
  DenoiseReport entry;
  entry.steps = schedule.defaultSteps;
  std::vector<::lowbit::ParameterReads> once, eachStep;
  std::set<uint32_t> all, inLoop;
  for (const ::lowbit::DenoiseVariant &variant : schedule.variants) {
    auto readsOf = [&](const std::string &name) {
      const ::lowbit::Function *function = plan.findFunction(name);
      return function ? ::lowbit::parameterReads(plan, *function)
                      : ::lowbit::ParameterReads();
    };
    once.push_back(readsOf(variant.condition));
    eachStep.push_back(readsOf(variant.predict));
    inLoop.insert(eachStep.back().components.begin(), eachStep.back().components.end());
    all.insert(once.back().components.begin(), once.back().components.end());
    entry.readOnce += once.back().bytes;
  }
  all.insert(inLoop.begin(), inLoop.end());
  for (const ::lowbit::StepRange &range : schedule.ranges) {
    auto count = static_cast<uint64_t>(range.end - range.first);
    entry.readInLoop += count * eachStep[range.variant].bytes;
    entry.readUnhoisted +=
        count * (eachStep[range.variant].bytes + once[range.variant].bytes);
  }
  entry.loopBytes = ::lowbit::storedBytes(components, inLoop);
  entry.hoistedBytes = ::lowbit::storedBytes(components, all) - entry.loopBytes;
  denoise = entry;
}

uint64_t CompileReport::storedParameterBytes() const {
  uint64_t bytes = 0;
  for (const ParameterReport &parameter : parameters)
    bytes += parameter.shared ? 0 : parameter.bytes;
  return bytes;
}

static double elementsOf(const ParameterReport &parameter) {
  double elements = 1;
  for (int64_t size : parameter.shape)
    elements *= static_cast<double>(size);
  return elements;
}

double CompileReport::bitsPerWeight() const {
  double bits = 0, elements = 0;
  for (const ParameterReport &parameter : parameters) {
    if (parameter.shape.size() != 2 || parameter.shared)
      continue;
    bits += parameter.totalBits * elementsOf(parameter);
    elements += elementsOf(parameter);
  }
  return elements ? bits / elements : 0;
}

static std::string shapeText(llvm::ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t size : shape)
    text += (text.empty() ? "" : "x") + std::to_string(size);
  return text;
}

std::string CompileReport::ptxText() const {
  if (ptxKernels.empty())
    return "";
  std::string text = "  ptx          uses  block  shared  dp4a  strategy, name\n";
  for (const PtxKernelReport &kernel : ptxKernels)
    text += formatString("               %4u  %5u  %6llu  %4u  %s on %s %s\n",
                         kernel.products, kernel.threads,
                         static_cast<unsigned long long>(kernel.sharedBytes),
                         kernel.dp4a, kernel.strategy.c_str(), kernel.target.c_str(),
                         kernel.name.c_str());
  return text;
}

std::string CompileReport::toText() const {
  std::string text = formatString("compiled %s\n", input.c_str());
  text += formatString("  activations  %s\n", activations.c_str());
  for (const CodeReport &entry : code)
    text += formatString("  code         %s, %llu bytes\n", entry.target.c_str(),
                         static_cast<unsigned long long>(entry.bytes));
  // Parameters of one encoding and shape on one line.
  std::map<std::string, std::pair<ParameterReport, unsigned>> kinds;
  for (const ParameterReport &parameter : parameters) {
    std::string key = parameter.encoding + shapeText(parameter.shape);
    auto [it, isNew] = kinds.try_emplace(key, parameter, 0);
    if (!isNew)
      it->second.first.bytes += parameter.shared ? 0 : parameter.bytes;
    ++it->second.second;
  }
  text += "  parameters   count  shape           bits/weight  codes  MB        encoding\n";
  for (auto &[key, kind] : kinds) {
    const ParameterReport &parameter = kind.first;
    text += formatString("               %5u  %-14s  %11.4f  %5.2f  %8.3f  %s\n",
                         kind.second, shapeText(parameter.shape).c_str(),
                         parameter.totalBits, parameter.codeBits,
                         parameter.bytes / 1e6, parameter.encoding.c_str());
  }
  text += formatString("  total        %.3f MB, %.4f bits a weight of the matrices\n",
                       storedParameterBytes() / 1e6, bitsPerWeight());
  text += "  kernels      uses  MB read   Mops/token  strategy, name\n";
  for (const KernelReport &kernel : kernels)
    text += formatString(
        "               %4u  %8.3f  %10.3f  %s %s\n", kernel.dispatches,
        kernel.parameterBytes / 1e6, kernel.operationsPerToken / 1e6,
        kernel.strategies.empty() ? "-" : kernel.strategies.front().c_str(),
        kernel.name.c_str());
  text += ptxText();
  text += formatString("  memory       %llu bytes of buffers a token in %zu slots (%zu "
                       "values), %llu bytes of cache a position\n",
                       static_cast<unsigned long long>(bufferBytesPerToken), slots,
                       buffers, static_cast<unsigned long long>(stateBytesPerPosition));
  if (denoise)
    text += formatString("  denoise      %lld steps; %.3f MB of parameters read once and "
                         "evicted, %.3f MB stay; %.3f MB read in all (%.3f MB without "
                         "hoisting)\n",
                         static_cast<long long>(denoise->steps),
                         denoise->hoistedBytes / 1e6, denoise->loopBytes / 1e6,
                         (denoise->readOnce + denoise->readInLoop) / 1e6,
                         denoise->readUnhoisted / 1e6);
  text += "  phases      ";
  for (const PhaseTime &phase : phases)
    text += formatString(" %s %.2f s", phase.phase.c_str(), phase.seconds);
  text += formatString("\n  module       %s, %.3f MB; peak memory of the compiler %.0f MiB\n",
                       output.c_str(), moduleBytes / 1e6, peakResidentMiB);
  for (const std::string &note : notes)
    text += "  note         " + note + "\n";
  return text;
}

std::string CompileReport::toJson(bool withTimes) const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, 1);
  json.object([&] {
    json.attribute("activations", activations);
    json.attributeArray("targets", [&] {
      for (const std::string &target : targets)
        json.value(target);
    });
    json.attribute("bits_per_weight", bitsPerWeight());
    json.attribute("parameter_bytes", static_cast<int64_t>(storedParameterBytes()));
    json.attributeArray("parameters", [&] {
      for (const ParameterReport &parameter : parameters)
        json.object([&] {
          json.attribute("name", parameter.name);
          json.attributeArray("shape", [&] {
            for (int64_t size : parameter.shape)
              json.value(size);
          });
          json.attribute("encoding", parameter.encoding);
          json.attribute("bits_per_weight", parameter.totalBits);
          json.attribute("code_bits_per_weight", parameter.codeBits);
          json.attribute("bytes", static_cast<int64_t>(parameter.bytes));
          json.attribute("shared", parameter.shared);
        });
    });
    json.attributeArray("kernels", [&] {
      for (const KernelReport &kernel : kernels)
        json.object([&] {
          json.attribute("name", kernel.name);
          json.attributeArray("strategies", [&] {
            for (const std::string &strategy : kernel.strategies)
              json.value(strategy);
          });
          json.attribute("parameter_bytes",
                         static_cast<int64_t>(kernel.parameterBytes));
          json.attribute("operations_per_token",
                         static_cast<int64_t>(kernel.operationsPerToken));
          json.attribute("dispatches", kernel.dispatches);
        });
    });
    json.attributeArray("ptx_kernels", [&] {
      for (const PtxKernelReport &kernel : ptxKernels)
        json.object([&] {
          json.attribute("name", kernel.name);
          json.attribute("target", kernel.target);
          json.attribute("strategy", kernel.strategy);
          json.attribute("products", kernel.products);
          json.attribute("threads", kernel.threads);
          json.attribute("shared_bytes", static_cast<int64_t>(kernel.sharedBytes));
          json.attribute("dp4a", kernel.dp4a);
          json.attribute("bytes", static_cast<int64_t>(kernel.bytes));
        });
    });
    json.attributeArray("code", [&] {
      for (const CodeReport &entry : code)
        json.object([&] {
          json.attribute("target", entry.target);
          json.attribute("bytes", static_cast<int64_t>(entry.bytes));
        });
    });
    json.attributeObject("memory", [&] {
      json.attribute("buffer_bytes_per_token",
                     static_cast<int64_t>(bufferBytesPerToken));
      json.attribute("buffer_bytes", static_cast<int64_t>(bufferBytes));
      json.attribute("slots", static_cast<int64_t>(slots));
      json.attribute("values", static_cast<int64_t>(buffers));
      json.attribute("state_bytes_per_position",
                     static_cast<int64_t>(stateBytesPerPosition));
    });
    if (denoise)
      json.attributeObject("denoise", [&] {
        auto bytes = [&](const char *key, uint64_t value) {
          json.attribute(key, static_cast<int64_t>(value));
        };
        json.attribute("steps", denoise->steps);
        bytes("loop_parameter_bytes", denoise->loopBytes);
        bytes("evicted_parameter_bytes", denoise->hoistedBytes);
        bytes("prepare_parameter_bytes_read", denoise->readOnce);
        bytes("loop_parameter_bytes_read", denoise->readInLoop);
        bytes("loop_parameter_bytes_without_hoisting",
              denoise->loopBytes + denoise->hoistedBytes);
        bytes("parameter_bytes_read_without_hoisting", denoise->readUnhoisted);
      });
    json.attributeArray("notes", [&] {
      for (const std::string &note : notes)
        json.value(note);
    });
    if (!withTimes)
      return;
    json.attribute("input", input);
    json.attribute("output", output);
    json.attribute("module_bytes", static_cast<int64_t>(moduleBytes));
    json.attribute("peak_resident_mib", peakResidentMiB);
    json.attributeObject("seconds", [&] {
      for (const PhaseTime &phase : phases)
        json.attribute(phase.phase, phase.seconds);
    });
  });
  return text + "\n";
}
