//===- ExecProgram.cpp - lowbit-ptx exec: a program on the simulated driver ===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/Simulator/Ptxas.h"
#include "tools/common/Console.h"
#include "tools/common/Flags.h"
#include "tools/lowbit-ptx/Commands.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sys/wait.h>
#include <unistd.h>

using namespace lowbit;

/// The folder with our libcuda.so.1, found from where this tool lies.
static std::string driverFolder() {
  if (const char *set = std::getenv("LOWBIT_PTX_DRIVER"))
    return set;
  std::error_code error;
  std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::filesystem::path base = self.parent_path().parent_path();
  for (const char *place : {"lib/ptx-driver", "lib/lowbit/ptx-driver"})
    if (std::filesystem::exists(base / place / "libcuda.so.1", error))
      return (base / place).string();
  return "";
}

int lowbit::execCommand(int argc, char **argv) {
  // What follows "--" belongs to the program.
  int split = 1;
  while (split < argc && std::strcmp(argv[split], "--"))
    ++split;
  Flags flags("lowbit-ptx", "lowbit-ptx exec [flags] -- PROGRAM ARGS...",
              "  lowbit-ptx exec --arch=sm_80 -- ./vector-add\n"
              "  lowbit-ptx exec --races --stats=stats.json -- ./a.out 1024\n");
  std::string arch = "sm_90", stats, page;
  uint64_t seed = 0, maxInstructions = 0, threads = 0;
  bool races = false;
  flags.add("--arch", arch, "sm_NN", "the simulated device, default sm_90");
  flags.add("--seed", seed, "S", "schedule");
  flags.add("--races", races, "look for data races");
  flags.add("--stats", stats, "FILE.json", "counters of all launches");
  flags.add("--page", page, "FILE.html", "the PTX with its hot lines, as a page");
  flags.add("--max-instructions", maxInstructions, "N", "limit of each launch");
  flags.add("--threads", threads, "N", "host threads");
  switch (flags.parse(split, argv)) {
  case Flags::Result::done: return exitOk;
  case Flags::Result::failed: return exitUsage;
  case Flags::Result::proceed: break;
  }
  if (split + 1 >= argc) {
    std::fprintf(stderr, "lowbit-ptx: error: no program after '--'\n");
    return exitUsage;
  }
  StatusOr<uint32_t> number = parseArch(arch);
  if (!number.isOk())
    return reportError("lowbit-ptx", number.status()), exitUsage;
  std::string folder = driverFolder();
  if (folder.empty())
    return reportError("lowbit-ptx", notFound("libcuda.so.1 of the simulator is "
                                              "not beside this tool; set "
                                              "LOWBIT_PTX_DRIVER to its folder"));
  std::string path = folder;
  if (const char *old = std::getenv("LD_LIBRARY_PATH"))
    if (*old)
      path += std::string(":") + old;
  char marker[] = "/tmp/lowbit-ptx-findings-XXXXXX";
  int fd = mkstemp(marker);
  if (fd < 0)
    return reportError("lowbit-ptx", internalError("cannot make a file in /tmp: %s",
                                                   std::strerror(errno)));
  close(fd);
  setenv("LD_LIBRARY_PATH", path.c_str(), 1);
  setenv("LOWBIT_PTX_ARCH", std::to_string(*number).c_str(), 1);
  setenv("LOWBIT_PTX_SEED", std::to_string(seed).c_str(), 1);
  setenv("LOWBIT_PTX_RACES", races ? "1" : "0", 1);
  setenv("LOWBIT_PTX_STATS", stats.c_str(), 1);
  setenv("LOWBIT_PTX_PAGE", page.c_str(), 1);
  setenv("LOWBIT_PTX_THREADS", std::to_string(threads).c_str(), 1);
  setenv("LOWBIT_PTX_MAX_INSTRUCTIONS", std::to_string(maxInstructions).c_str(), 1);
  setenv("LOWBIT_PTX_FINDINGS", marker, 1);
  std::string ptxas = ptx::findPtxas(true);
  setenv("LOWBIT_PTX_PTXAS", ptxas.empty() ? "off" : ptxas.c_str(), 1);
  pid_t child = fork();
  if (child == 0) {
    execvp(argv[split + 1], argv + split + 1);
    std::fprintf(stderr, "lowbit-ptx: error: cannot run '%s': %s\n",
                 argv[split + 1], std::strerror(errno));
    _exit(127);
  }
  int state = 0;
  while (child > 0 && waitpid(child, &state, 0) < 0 && errno == EINTR)
    ;
  std::error_code error;
  bool findings = std::filesystem::file_size(marker, error) > 0 && !error;
  unlink(marker);
  if (child < 0)
    return reportError("lowbit-ptx", internalError("fork failed: %s",
                                                   std::strerror(errno)));
  if (findings)
    return exitMismatch;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}
