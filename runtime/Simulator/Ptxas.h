//===- Ptxas.h - What NVIDIA's assembler says of a module -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Registers a thread are known only after register allocation, which is ptxas's.
// Where it is installed the simulator runs it on what it loads: its complaints
// become errors, its registers limits of the launch.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_PTXAS_H
#define RUNTIME_SIMULATOR_PTXAS_H

#include "runtime/Simulator/Launch.h"

namespace lowbit::ptx {

/// What `ptxas -v` prints for a kernel.
struct KernelResources {
  uint32_t registers = 0;    ///< Of a thread.
  uint32_t staticShared = 0; ///< Bytes of a block.
  uint32_t stack = 0;        ///< Bytes of a thread.
};
using ModuleResources = std::map<std::string, KernelResources, std::less<>>;

/// The ptxas to use: what LOWBIT_PTX_PTXAS says (a path, `on` or `off`), without
/// it the first of PATH, $CUDA_HOME/bin and /usr/local/cuda/bin if `byDefault`.
/// Empty: none.
std::string findPtxas(bool byDefault);

/// Assembles `text` for "sm_90" and its like; the result is kept for the life of
/// the process. invalidArgument: ptxas refuses the module, its log is the message.
/// unavailable: it cannot be run. unimplemented: it is older than the architecture or the PTX.
StatusOr<ModuleResources> runPtxas(const std::string &path, std::string_view text,
                                   const std::string &arch);

/// The architecture to assemble `module` for on a device sm_`arch`.
std::string ptxasArch(const Module &module, uint32_t arch);

/// Reads the log of `ptxas -v`.
ModuleResources parsePtxasLog(std::string_view log);

/// Registers that a block of `threads` threads is given: warps get them by 256,
/// in fours, one for each part of a multiprocessor.
uint64_t registersOfBlock(uint32_t registers, uint64_t threads);
/// The largest block of whole warps for which the device has the registers.
uint32_t threadsByRegisters(uint32_t registers, const DeviceLimits &limits);
/// Blocks that a multiprocessor holds at once, by every limit; 0: none fits.
uint32_t residentBlocks(const Program &program, const DeviceLimits &limits,
                        uint32_t threads, uint64_t dynamicShared);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_PTXAS_H
