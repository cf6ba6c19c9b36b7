//===- Ptxas.cpp - What NVIDIA's assembler says of a module ---------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptxas.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <mutex>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

using namespace lowbit;
using namespace lowbit::ptx;

static bool isExecutable(const std::string &path) { return access(path.c_str(), X_OK) == 0; }

std::string lowbit::ptx::findPtxas(bool byDefault) {
  const char *set = std::getenv("LOWBIT_PTX_PTXAS");
  if (set && *set) {
    if (!std::strcmp(set, "off") || !std::strcmp(set, "0"))
      return "";
    if (std::strcmp(set, "on") && std::strcmp(set, "1"))
      return set; // A wrong path is an error of the load, not silence.
  } else if (!byDefault) {
    return "";
  }
  if (const char *path = std::getenv("PATH"))
    for (std::string rest = std::string(path) + ":"; !rest.empty();) {
      size_t colon = rest.find(':');
      std::string folder = rest.substr(0, colon);
      rest.erase(0, colon + 1);
      if (!folder.empty() && isExecutable(folder + "/ptxas"))
        return folder + "/ptxas";
    }
  const char *home = std::getenv("CUDA_HOME");
  for (const char *folder : {home, "/usr/local/cuda"})
    if (folder && *folder && isExecutable(std::string(folder) + "/bin/ptxas"))
      return std::string(folder) + "/bin/ptxas";
  return "";
}

std::string lowbit::ptx::ptxasArch(const Module &module, uint32_t arch) {
  // The suffix binds a module to its own architecture.
  if (module.targetSuffix)
    return formatString("sm_%u%c", module.target, module.targetSuffix);
  return formatString("sm_%u", arch);
}

ModuleResources lowbit::ptx::parsePtxasLog(std::string_view log) {
  ModuleResources found;
  KernelResources *kernel = nullptr;
  // The number before `what`, 0 without it.
  auto before = [](std::string_view line, std::string_view what) -> uint32_t {
    size_t at = line.find(what), scale = 1;
    uint32_t value = 0;
    if (at == std::string_view::npos)
      return 0;
    while (at && line[at - 1] == ' ')
      --at;
    for (; at && line[at - 1] >= '0' && line[at - 1] <= '9' && scale <= 1000000000; --at, scale *= 10)
      value += uint32_t(line[at - 1] - '0') * uint32_t(scale);
    return value;
  };
  while (!log.empty()) {
    size_t end = std::min(log.find('\n'), log.size() - 1);
    std::string_view line = log.substr(0, end + 1);
    log.remove_prefix(end + 1);
    static constexpr std::string_view entry = "Compiling entry function '", properties = "Function properties for ";
    size_t at = line.find(entry);
    if (at != std::string_view::npos) {
      std::string_view name = line.substr(at + entry.size());
      kernel = &found[std::string(name.substr(0, name.find('\'')))];
      continue;
    }
    at = line.find(properties);
    if (at != std::string_view::npos) {
      // Device functions that were not inlined are listed too.
      std::string_view name = line.substr(at + properties.size());
      auto known = found.find(name.substr(0, name.find_first_of("\r\n")));
      kernel = known == found.end() ? nullptr : &known->second;
      continue;
    }
    if (!kernel)
      continue;
    if (line.find("bytes stack frame") != std::string_view::npos)
      kernel->stack = before(line, "bytes stack frame");
    if (line.find("Used ") != std::string_view::npos) {
      kernel->registers = before(line, "registers");
      kernel->staticShared = before(line, "bytes smem");
    }
  }
  return found;
}

/// Runs ptxas on a file; its exit status, or -1 when it could not be started.
static int assemble(const std::string &path, const std::string &arch, const char *file, std::string &log) {
  int pipes[2];
  if (pipe2(pipes, O_CLOEXEC))
    return -1;
  std::string archFlag = "-arch=" + arch;
  const char *arguments[] = {path.c_str(), "-v", archFlag.c_str(), file, "-o", "/dev/null", nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
  posix_spawn_file_actions_adddup2(&actions, pipes[1], 2);
  pid_t child = -1;
  int error = posix_spawn(&child, path.c_str(), &actions, nullptr, const_cast<char **>(arguments), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(pipes[1]);
  char buffer[4096];
  for (ssize_t n; !error && ((n = read(pipes[0], buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR));)
    if (n > 0)
      log.append(buffer, size_t(n));
  close(pipes[0]);
  if (error)
    return -1;
  int state = 0;
  while (waitpid(child, &state, 0) < 0)
    if (errno != EINTR)
      return -1;
  return WIFEXITED(state) ? WEXITSTATUS(state) : -1;
}

static StatusOr<ModuleResources> assembleText(const std::string &path, std::string_view text, const std::string &arch) {
  const char *folder = std::getenv("TMPDIR");
  std::string file = std::string(folder && *folder ? folder : "/tmp") + "/lowbit-ptx-XXXXXX";
  int fd = mkstemp(file.data());
  if (fd < 0)
    return unavailable("cannot make a file for ptxas in '%s': %s", file.c_str(), std::strerror(errno));
  for (std::string_view rest = text; !rest.empty();) {
    ssize_t n = write(fd, rest.data(), rest.size());
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      Status failed = unavailable("cannot write '%s': %s", file.c_str(), std::strerror(errno));
      close(fd);
      unlink(file.c_str());
      return failed;
    }
    rest.remove_prefix(size_t(n));
  }
  close(fd);
  std::string log;
  int state = assemble(path, arch, file.c_str(), log);
  unlink(file.c_str());
  // The name of the temporary file is of no use to the reader.
  for (size_t at; (at = log.find(file)) != std::string::npos;)
    log.replace(at, file.size(), "module");
  if (state < 0 || state == 127)
    return unavailable("'%s' cannot be run (LOWBIT_PTX_PTXAS=off does without): %s", path.c_str(), log.c_str());
  if (!state)
    return parsePtxasLog(log);
  if (log.find("is not defined for option 'gpu-name'") != std::string::npos ||
      log.find("Unsupported .version") != std::string::npos)
    return unimplemented("'%s' is too old for the module or for %s:\n%s", path.c_str(), arch.c_str(), log.c_str());
  // What -v says of the kernels before the error is noise here.
  std::string errors;
  for (size_t at = 0; at < log.size();) {
    size_t end = std::min(log.find('\n', at), log.size() - 1) + 1;
    std::string line = log.substr(at, end - at);
    if (line.find("error") != std::string::npos || line.find("fatal") != std::string::npos)
      errors += line;
    at = end;
  }
  while (!errors.empty() && errors.back() == '\n')
    errors.pop_back();
  return invalidArgument("ptxas refuses the module for %s:\n%s", arch.c_str(), (errors.empty() ? log : errors).c_str());
}

StatusOr<ModuleResources> lowbit::ptx::runPtxas(const std::string &path, std::string_view text, const std::string &arch) {
  static std::mutex mutex;
  static std::map<std::string, ModuleResources> known;
  std::string key = formatString("%s %s %zu %zx", path.c_str(), arch.c_str(), text.size(), std::hash<std::string_view>()(text));
  std::lock_guard<std::mutex> lock(mutex);
  auto found = known.find(key);
  if (found != known.end())
    return found->second;
  StatusOr<ModuleResources> resources = assembleText(path, text, arch);
  if (resources.isOk())
    known[key] = *resources;
  return resources;
}

/// Registers of a warp: a multiple of 256.
static uint64_t registersOfWarp(uint32_t registers) { return (uint64_t(registers) * 32 + 255) / 256 * 256; }

static constexpr uint32_t partsOfMultiprocessor = 4;

uint64_t lowbit::ptx::registersOfBlock(uint32_t registers, uint64_t threads) {
  uint64_t warps = (threads + 31) / 32;
  warps = (warps + partsOfMultiprocessor - 1) / partsOfMultiprocessor * partsOfMultiprocessor;
  return registersOfWarp(registers) * warps;
}

uint32_t lowbit::ptx::threadsByRegisters(uint32_t registers, const DeviceLimits &limits) {
  if (!registers)
    return limits.maxThreadsPerBlock;
  uint64_t warps = limits.registersPerMultiprocessor / partsOfMultiprocessor / registersOfWarp(registers) * partsOfMultiprocessor;
  return uint32_t(std::min<uint64_t>(warps * 32, limits.maxThreadsPerBlock));
}

uint32_t lowbit::ptx::residentBlocks(const Program &program, const DeviceLimits &limits, uint32_t threads, uint64_t dynamicShared) {
  if (!threads || threads > limits.maxThreadsPerBlock)
    return 0;
  uint32_t warps = (threads + 31) / 32;
  uint64_t blocks = std::min(limits.maxBlocksPerMultiprocessor, limits.maxThreadsPerMultiprocessor / (warps * 32));
  // The system keeps 1 KiB of each block from sm_80 on; it comes in steps of 128.
  uint64_t shared = program.staticShared + dynamicShared + (limits.arch >= 80 ? 1024 : 0);
  shared = (shared + 127) / 128 * 128;
  if (shared)
    blocks = std::min(blocks, limits.sharedPerMultiprocessor / shared);
  if (program.registers)
    blocks = std::min(blocks, limits.registersPerMultiprocessor / registersOfBlock(program.registers, threads));
  return uint32_t(blocks);
}
