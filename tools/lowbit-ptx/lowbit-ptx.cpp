//===- lowbit-ptx.cpp - PTX without a GPU: check, run, exec ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptxas.h"
#include "tools/common/Console.h"
#include "tools/common/Flags.h"
#include "tools/lowbit-ptx/Commands.h"

#include <cstdio>
#include <cstring>
#include <map>

using namespace lowbit;

StatusOr<uint32_t> lowbit::parseArch(const std::string &text) {
  size_t at = text.compare(0, 3, "sm_") == 0 ? 3 : 0;
  uint32_t number = 0;
  size_t i = at;
  while (i < text.size() && i < at + 4 && text[i] >= '0' && text[i] <= '9')
    number = number * 10 + uint32_t(text[i++] - '0');
  if (i < text.size() && (text[i] == 'a' || text[i] == 'f'))
    ++i;
  ptx::DeviceLimits limits;
  if (i != text.size() || !ptx::deviceLimits(number, limits))
    return invalidArgument("unknown architecture '%s'; known are sm_75, 80, 86, "
                           "87, 89, 90, 100, 103, 120, 121",
                           text.c_str());
  return number;
}

Status lowbit::parseDimensions(const std::string &text, const char *flag,
                               uint32_t (&into)[3]) {
  into[0] = into[1] = into[2] = 1;
  const char *p = text.c_str();
  for (int i = 0; i < 3; ++i) {
    char *end;
    unsigned long v = std::strtoul(p, &end, 10);
    if (end == p || *p == '-' || v == 0 || v > 0x7fffffff)
      break;
    into[i] = uint32_t(v);
    if (!*end)
      return Status::success();
    if (*end != ',')
      break;
    p = end + 1;
  }
  return invalidArgument("%s=%s: expected one to three positive numbers X,Y,Z",
                         flag, text.c_str());
}

static int usage(FILE *to) {
  std::fputs(
      "usage: lowbit-ptx check FILE.ptx [--arch=sm_90]\n"
      "       lowbit-ptx run FILE.ptx --arch=sm_90 --kernel=NAME --grid=X,Y,Z\n"
      "                  --block=X,Y,Z [--shared=BYTES] --arg=... [common]\n"
      "       lowbit-ptx exec --arch=sm_90 [common] -- PROGRAM ARGS...\n"
      "common: --seed=S --races --stats=FILE.json --page=FILE.html --max-instructions=N\n"
      "ptxas, where it is installed, checks the module and says the registers, which\n"
      "limit the block as on a GPU: LOWBIT_PTX_PTXAS=PATH or off\n\n"
      "examples:\n"
      "  lowbit-ptx check kernel.ptx --arch=sm_90\n"
      "  lowbit-ptx run add.ptx --arch=sm_80 --kernel=add --grid=4 --block=256 \\\n"
      "    --arg=in:a.npy --arg=in:b.npy --arg=out:f32x1024:c.npy --arg=i32:1024 "
      "--races\n",
      to);
  return to == stdout ? exitOk : exitUsage;
}

/// ", 40 registers" when ptxas has said how many.
static std::string registersText(const ptx::ModuleResources &resources,
                                 const std::string &kernel) {
  auto found = resources.find(kernel);
  return found == resources.end()
             ? ""
             : formatString(", %u registers", found->second.registers);
}

/// check: parses and decodes everything; lists what is used.
int lowbit::checkCommand(int argc, char **argv) {
  Flags flags("lowbit-ptx", "lowbit-ptx check FILE.ptx [--arch=sm_90]",
              "  lowbit-ptx check kernel.ptx\n"
              "  lowbit-ptx check kernel.ptx --arch=sm_80\n");
  std::string file, archText = "sm_90";
  flags.addPositional(file, "FILE.ptx");
  flags.add("--arch", archText, "sm_NN", "the simulated device");
  switch (flags.parse(argc, argv)) {
  case Flags::Result::done: return exitOk;
  case Flags::Result::failed: return exitUsage;
  case Flags::Result::proceed: break;
  }
  if (file.empty())
    return usage(stderr);
  StatusOr<uint32_t> arch = parseArch(archText);
  if (!arch.isOk())
    return reportError("lowbit-ptx", arch.status()), exitUsage;
  StatusOr<std::string> text = readTextFile(file);
  if (!text.isOk())
    return reportError("lowbit-ptx", text.status());
  ptx::Module module;
  std::vector<ptx::Diagnostic> diagnostics;
  ptx::DecodeEnvironment environment;
  environment.arch = *arch;
  bool ok = ptx::parseModule(*text, module, diagnostics);
  // What ptxas knows, when it is there and accepts the module.
  ptx::ModuleResources resources;
  std::string ptxas = ptx::findPtxas(true);
  std::map<std::string, unsigned> used;
  std::string kernels;
  Status ptxasError;
  if (ok && !ptxas.empty()) {
    StatusOr<ptx::ModuleResources> assembled =
        ptx::runPtxas(ptxas, *text, ptx::ptxasArch(module, *arch));
    if (assembled.isOk())
      resources = std::move(*assembled);
    else if (assembled.status().code() == StatusCode::unimplemented)
      std::fprintf(stderr, "lowbit-ptx: note: %s\n",
                   assembled.status().toString().c_str());
    else
      ptxasError = std::move(assembled).status();
  }
  if (ok) {
    uint64_t fake = ptx::globalWindow;
    for (const ptx::Variable &v : module.variables)
      environment.globals[v.name] = fake += 4096;
    for (const ptx::Function &f : module.functions) {
      for (const ptx::Instruction &inst : f.body) {
        std::string name = inst.opcode;
        for (const ptx::Modifier &m : inst.modifiers)
          name += "." + m.text;
        ++used[name];
      }
      if (f.isDeclaration)
        continue;
      if (!f.isEntry) {
        ok &= ptx::checkFunction(module, f, environment, diagnostics);
        continue;
      }
      auto program = ptx::decodeKernel(module, f, environment, diagnostics);
      ok &= program != nullptr;
      if (program)
        kernels += formatString(
            "kernel %s: %zu instructions, %u bytes of parameters, %u bytes of "
            "shared memory%s, %u bytes of local memory%s\n",
            f.name.c_str(), program->code.size(), program->paramBytes,
            program->staticShared,
            program->usesDynamicShared ? " and dynamic" : "",
            program->localBytes - ptx::localBase,
            registersText(resources, f.name).c_str());
    }
  }
  if (!ok) {
    for (const ptx::Diagnostic &d : diagnostics)
      std::fprintf(stderr, "%s:%u:%u: error: %s\n", file.c_str(), d.loc.line,
                   d.loc.column, d.message.c_str());
    return exitError;
  }
  if (!ptxasError.isOk())
    return reportError("lowbit-ptx", std::move(ptxasError).addNote("in '" + file + "'"));
  std::string out = formatString("version %u.%u target sm_%u%s\n",
                                 module.version / 10, module.version % 10,
                                 module.target,
                                 module.targetSuffix
                                     ? std::string(1, module.targetSuffix).c_str()
                                     : "");
  out += kernels;
  for (auto &u : used)
    out += formatString("%6u %s\n", u.second, u.first.c_str());
  Status status = printText(out);
  return status.isOk() ? int(exitOk) : reportError("lowbit-ptx", status);
}

int main(int argc, char **argv) {
  if (argc < 2)
    return usage(stderr);
  if (!std::strcmp(argv[1], "--help") || !std::strcmp(argv[1], "-h"))
    return usage(stdout);
  if (!std::strcmp(argv[1], "--version")) {
    std::printf("lowbit-ptx %s\n", lowbitVersion);
    return exitOk;
  }
  if (!std::strcmp(argv[1], "check"))
    return checkCommand(argc - 1, argv + 1);
  if (!std::strcmp(argv[1], "run"))
    return runCommand(argc - 1, argv + 1);
  if (!std::strcmp(argv[1], "exec"))
    return execCommand(argc - 1, argv + 1);
  std::fprintf(stderr, "lowbit-ptx: error: unknown command '%s'\n", argv[1]);
  return usage(stderr);
}
