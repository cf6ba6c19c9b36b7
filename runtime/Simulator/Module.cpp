//===- Module.cpp - Loading modules into device memory --------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptxas.h"

#include <cstring>

using namespace lowbit;
using namespace lowbit::ptx;

static std::string join(const std::vector<Diagnostic> &diagnostics) {
  std::string s;
  for (const Diagnostic &d : diagnostics)
    s += formatString("%sline %u column %u: %s", s.empty() ? "" : "\n",
                      d.loc.line, d.loc.column, d.message.c_str());
  return s;
}

StatusOr<std::unique_ptr<LoadedModule>>
LoadedModule::load(std::string_view text, uint32_t arch, DeviceMemory &memory,
                   const std::string &ptxas) {
  std::unique_ptr<LoadedModule> loaded(new LoadedModule(memory));
  std::vector<Diagnostic> diagnostics;
  Module &module = loaded->module;
  if (!parseModule(text, module, diagnostics))
    return invalidArgument("%s", join(diagnostics).c_str());
  // Variables first: instructions hold their addresses.
  for (const Variable &v : module.variables) {
    if (v.space != Space::global && v.space != Space::constant)
      continue;
    if (v.isExtern)
      return invalidArgument("line %u column %u: variable '%s' is defined in "
                             "another module, which is not supported",
                             v.loc.line, v.loc.column, v.name.c_str());
    if (loaded->addresses.count(v.name))
      return invalidArgument("line %u column %u: variable '%s' is defined twice",
                             v.loc.line, v.loc.column, v.name.c_str());
    uint64_t address = memory.allocate(std::max<uint64_t>(v.size, 1));
    if (!address)
      return resourceExhausted("no device memory for variable '%s' of %llu bytes",
                               v.name.c_str(), (unsigned long long)v.size);
    loaded->addresses[v.name] = address;
    // Variables without initial values start as zeros.
    if (!v.init.empty())
      std::memcpy(memory.host(address), v.init.data(), v.init.size());
    else
      std::memset(memory.host(address), 0, v.size);
    memory.markWritten(address, std::max<uint64_t>(v.size, 1));
  }
  for (const Variable &v : module.variables)
    for (const Relocation &r : v.relocations) {
      auto found = loaded->addresses.find(r.symbol);
      if (found == loaded->addresses.end())
        return invalidArgument("line %u column %u: '%s' is not a variable with "
                               "an address",
                               r.loc.line, r.loc.column, r.symbol.c_str());
      uint64_t value = found->second + uint64_t(r.addend);
      std::memcpy(memory.host(loaded->addresses[v.name] + r.offset), &value, 8);
    }
  DecodeEnvironment environment;
  environment.arch = arch;
  environment.globals = loaded->addresses;
  for (const Function &f : module.functions) {
    if (!f.isEntry || f.isDeclaration)
      continue;
    auto program = decodeKernel(module, f, environment, diagnostics);
    if (program)
      loaded->kernels[f.name] = std::move(program);
    if (diagnostics.size() > 20)
      break;
  }
  if (!diagnostics.empty())
    return invalidArgument("%s", join(diagnostics).c_str());
  if (ptxas.empty())
    return loaded;
  StatusOr<ModuleResources> resources =
      runPtxas(ptxas, text, ptxasArch(module, arch));
  if (!resources.isOk()) {
    if (resources.status().code() != StatusCode::unimplemented)
      return std::move(resources).status();
    loaded->ptxasNote = resources.status().toString();
    return loaded;
  }
  for (auto &k : loaded->kernels) {
    auto found = resources->find(k.first);
    if (found == resources->end())
      continue;
    k.second->registers = found->second.registers;
    // What it allocates beyond our layout counts for the limits.
    k.second->assembledShared = found->second.staticShared;
  }
  return loaded;
}

LoadedModule::~LoadedModule() {
  for (auto &a : addresses)
    memory.free(a.second);
}

const Program *LoadedModule::kernel(std::string_view name) const {
  auto found = kernels.find(name);
  return found == kernels.end() ? nullptr : found->second.get();
}

std::vector<std::string> LoadedModule::kernelNames() const {
  std::vector<std::string> names;
  for (auto &k : kernels)
    names.push_back(k.first);
  return names;
}

bool LoadedModule::variable(std::string_view name, uint64_t &address,
                            uint64_t &bytes) const {
  const Variable *v = module.findVariable(name);
  auto found = v ? addresses.find(v->name) : addresses.end();
  if (found == addresses.end())
    return false;
  address = found->second;
  bytes = v->size;
  return true;
}
