//===- LoadedModule.cpp - A module on the device that the flags name ------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/LoadedModule.h"

#include "tools/common/Console.h"

using namespace lowbit;

void ModuleFlags::addTo(Flags &flags) {
  flags.heading("device and module:");
  flags.addPositional(module, "MODULE");
  flags.add("-m, --model", module, "MODULE", "the module file");
  flags.add("--device", device, "NAME", "auto, cpu, cuda or null");
  flags.add("-t, --threads", threads, "N",
            "threads of the cpu device (default: all cores)");
  flags.add("--code", codeTarget, "TARGET",
            "code section to use, as cpu:x86-64 (default: the best that fits)");
  flags.add("--parameters", parameters, "WHERE",
            "auto, map (use the mapped file) or copy (into huge pages)");
  flags.add("--no-verify", noVerify, "skip the checksum of the weights");
  flags.add("--list-devices", listDevices, "list the devices and stop");
}

Status lowbit::printDevices() {
  std::string text;
  DeviceRegistry registry = builtinDevices();
  for (const std::string &name : registry.names()) {
    StatusOr<std::unique_ptr<Device>> device = registry.create(name, {});
    text += formatString("%-6s %s\n", name.c_str(),
                         device.isOk() ? (*device)->describe().c_str()
                                       : device.status().message().c_str());
  }
  return printText(text);
}

StatusOr<LoadedModule> LoadedModule::load(const ModuleFlags &flags,
                                          unsigned threads) {
  LoadedModule loaded;
  DeviceOptions options;
  options.threads = threads;
  options.codeTarget = flags.codeTarget;
  if (flags.parameters == "map")
    options.parameters = ParameterPlacement::mapped;
  else if (flags.parameters == "copy")
    options.parameters = ParameterPlacement::copied;
  else if (flags.parameters != "auto")
    return invalidArgument("--parameters is '%s'; use auto, map or copy",
                           flags.parameters.c_str());
  ModuleReadOptions read;
  read.verifyWeights = !flags.noVerify;
  LOWBIT_ASSIGN_OR_RETURN(loaded.device,
                          builtinDevices().create(flags.device, options));
  LOWBIT_ASSIGN_OR_RETURN(loaded.module,
                          Module::load(flags.module, *loaded.device, read));
  return loaded;
}

StatusOr<std::optional<Tokenizer>> LoadedModule::tokenizer() const {
  std::span<const uint8_t> bytes = module->file().tokenizer();
  if (bytes.empty())
    return std::optional<Tokenizer>();
  auto inSection = [&](Status status) {
    return std::move(status).addNote("in section 'tokenizer' of " +
                                     module->file().name());
  };
  StatusOr<TokenizerSpec> spec = parseTokenizer(bytes);
  if (!spec.isOk())
    return inSection(std::move(spec).status());
  if (spec->kind == TokenizerKind::none)
    return std::optional<Tokenizer>();
  StatusOr<Tokenizer> tokenizer = Tokenizer::create(std::move(*spec));
  if (!tokenizer.isOk())
    return inSection(std::move(tokenizer).status());
  return std::optional<Tokenizer>(std::move(*tokenizer));
}

void lowbit::writeModuleFields(JsonWriter &json, const LoadedModule &loaded) {
  const ModuleReader &file = loaded.module->file();
  json.field("module", file.name());
  json.field("model", file.metaValue("model.name"));
  json.field("architecture", file.metaValue("model.architecture"));
  json.field("activations", file.metaValue("model.activations"));
  json.field("file_bytes", file.fileSize());
  json.field("device", loaded.device->describe());
  json.field("code", std::string(loaded.module->executable().target()));
  json.field("threads", loaded.device->threads());
}

void lowbit::writeMemoryFields(JsonWriter &json, const Device &device) {
  json.key("peak_memory").beginObject();
  const Device::MemoryUse &use = device.memory();
  for (unsigned i = 0; i < memoryKinds; ++i)
    json.field(memoryKindName(static_cast<MemoryKind>(i)), use.peak[i]);
  json.field("resident", peakResidentBytes());
  json.endObject();
}

void lowbit::writeKernelCalls(JsonWriter &json, const Plan &plan,
                              std::span<const KernelStatistics> statistics,
                              bool timed) {
  json.key("kernels").beginArray();
  for (size_t i = 0; i < plan.kernels.size(); ++i) {
    const KernelStatistics &record = statistics[i];
    if (record.calls == 0)
      continue;
    json.beginObject();
    json.field("name", plan.kernels[i].name);
    json.field("calls", record.calls);
    json.field("parameter_bytes", record.parameterBytes);
    json.field("operations", record.operations);
    if (timed)
      json.field("seconds", static_cast<double>(record.nanoseconds) / 1e9);
    json.endObject();
  }
  json.endArray();
}
