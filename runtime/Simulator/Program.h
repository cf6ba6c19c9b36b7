//===- Program.h - Decoded kernels ------------------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel as the executor runs it: one flat array of instructions (device
// functions are inlined), every operand a byte offset into the warp's register
// file. Constants, special registers and addresses of variables are registers
// filled before the warp starts, so each handler has one form.
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_PROGRAM_H
#define RUNTIME_SIMULATOR_PROGRAM_H

#include "runtime/Simulator/Ptx.h"

#include <map>
#include <memory>

namespace lowbit::ptx {

struct Warp;
struct Inst;

/// Executes one instruction for the lanes of `mask` (never 0).
using Handler = void (*)(Warp &warp, const Inst &inst, uint32_t mask);

/// What the interpreter loop itself must do with an instruction.
enum class Flow : uint8_t {
  next,       ///< Call the handler, go on.
  memory,     ///< The same; the handler may fault or yield.
  branch,     ///< To `target` for the lanes of the guard.
  branchIndex, ///< To pool[aux + index register a], p0 entries.
  exit,       ///< The lanes end.
  barrier,    ///< Wait for the CTA: a = id, b = thread count, p0 = BarrierOp.
  warpSync,   ///< All live lanes of the mask in register c meet, then handler.
  trap,       ///< The launch fails.
};

/// Kinds of functional unit, for the instruction mix.
enum class Pipe : uint8_t { alu, fma, xu, lsu, tensor, control, count };
const char *pipeName(Pipe pipe);

inline constexpr uint32_t noSlot = ~0u;

struct Inst {
  Handler run = nullptr;
  uint32_t d = noSlot, a = noSlot, b = noSlot, c = noSlot;
  uint64_t imm = 0;
  uint32_t guard = noSlot;
  uint32_t aux = 0;    ///< Index into Program::pool.
  uint32_t target = 0; ///< Branch target, or the second result's slot.
  Flow flow = Flow::next;
  Pipe pipe = Pipe::alu;
  bool guardNegated = false;
  /// warpSync: the member mask is a constant that names all lanes.
  bool allMembers = false;
  uint8_t p0 = 0, p1 = 0, p2 = 0, p3 = 0;
  /// How many instructions from this one on are executed one after another, whatever
  /// they compute: next, memory, and warpSync with allMembers.
  uint32_t straight = 0;
};

/// Where an instruction came from, parallel to Program::code.
struct InstOrigin {
  Loc loc;
  uint32_t sourceLine;
  std::string spelling; ///< Opcode with modifiers.
};

/// Registers filled when a warp starts.
struct ConstantSlot {
  uint32_t slot;
  uint32_t size; ///< 2, 4, 8 or 16; predicates are 4 with a lane mask.
  uint64_t bits;
  bool isPredicate;
};

enum class Special : uint8_t {
  tidX, tidY, tidZ, ntidX, ntidY, ntidZ, ctaidX, ctaidY, ctaidZ,
  nctaidX, nctaidY, nctaidZ, laneid, warpid, nwarpid, smid, nsmid, gridid,
  lanemaskEq, lanemaskLe, lanemaskLt, lanemaskGe, lanemaskGt,
  dynamicShared, totalShared, zero, one,
};

struct SpecialSlot {
  uint32_t slot;
  Special special;
};

struct Program {
  std::string name;
  std::vector<Inst> code;
  std::vector<InstOrigin> origins;
  std::vector<uint32_t> pool;
  std::vector<ConstantSlot> constants;
  std::vector<SpecialSlot> specials;
  uint32_t registerBytes = 0;
  uint32_t localBytes = 0;  ///< Of one lane.
  uint32_t staticShared = 0; ///< Bytes above sharedBase.
  uint32_t dynamicSharedOffset = 0; ///< Address of `.extern .shared`.
  bool usesDynamicShared = false;
  uint32_t paramBytes = 0;
  std::vector<uint32_t> paramOffsets, paramSizes;
  std::vector<std::string> paramNames;
  uint32_t reqntid[3] = {0, 0, 0}, maxntid[3] = {0, 0, 0};
  uint32_t maxnreg = 0, minnctapersm = 0;
  uint32_t registers = 0; ///< Of a thread, as ptxas says; 0: it was not asked.
  uint32_t assembledShared = 0; ///< Static bytes as ptxas says.
};

/// First byte of the shared window as `.shared` addresses see it: 0 stays
/// outside, so that a forgotten base is found.
inline constexpr uint32_t sharedBase = 1024;
/// First `.local` address.
inline constexpr uint32_t localBase = 64;

/// What the decoder must know from outside: the machine and the addresses.
struct DecodeEnvironment {
  uint32_t arch = 90; ///< Simulated device, e.g. 90.
  char archSuffix = 'a'; ///< The device has the features of sm_90a.
  std::map<std::string, uint64_t> globals; ///< Addresses of module variables.
};

/// Decodes entry `function`; on failure null and at least one diagnostic.
std::unique_ptr<Program> decodeKernel(const Module &module,
                                      const Function &function,
                                      const DecodeEnvironment &environment,
                                      std::vector<Diagnostic> &diagnostics);

/// Decodes a device function alone, as `check` does for those that no kernel
/// calls.
bool checkFunction(const Module &module, const Function &function,
                   const DecodeEnvironment &environment,
                   std::vector<Diagnostic> &diagnostics);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_PROGRAM_H
