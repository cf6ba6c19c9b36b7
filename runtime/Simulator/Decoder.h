//===- Decoder.h - From syntax tree to executable instructions --*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_DECODER_H
#define RUNTIME_SIMULATOR_DECODER_H

#include "runtime/Simulator/Program.h"

#include <functional>
#include <string_view>

namespace lowbit::ptx {

/// Decodes one kernel. The functions that decode an opcode see the current
/// instruction through this class: they take modifiers from the front in the
/// ISA's order, resolve operands with the type that they need, fill `out` and
/// return false after the first complaint. What they leave is an error.
class Decoder {
public:
  Decoder(const Module &module, const DecodeEnvironment &environment,
          std::vector<Diagnostic> &diagnostics);
  bool decodeEntry(const Function &function);
  std::unique_ptr<Program> take() { return std::move(program); }

  // The current instruction.
  const Instruction &inst() const { return *current; }
  Inst out;

  // Modifiers.
  bool eat(std::string_view modifier);
  bool peek(std::string_view modifier) const;
  /// Takes the next modifier if it is a type, else Type::none.
  Type eatType();
  /// Takes the next modifier if it is in the list; its index or -1.
  int eatOneOf(std::initializer_list<const char *> list);
  bool expectType(Type &type);
  std::string_view peekText() const;
  void skipModifier() { ++modifierIndex; }
  /// Complains about the next modifier, or about the opcode when none is left.
  bool badModifier(const char *expected);
  bool badType(Type type);

  // Requirements, checked against the module's .target and .version.
  bool require(uint32_t sm, uint32_t version, const char *what);
  /// An instruction that only an sm_NNa target has and this simulator lacks.
  bool unsupported(const char *what);
  bool fail(Loc loc, std::string message);
  bool fail(std::string message) { return fail(current->loc, std::move(message)); }

  // Operands. `wide` allows a register larger than the type (ld, st, cvt).
  size_t operandCount() const { return current->operands.size(); }
  bool expectOperands(size_t least, size_t most);
  const Operand &operand(size_t i) const { return current->operands[i]; }
  bool source(size_t i, Type type, uint32_t &slot) {
    return source(operand(i), type, slot);
  }
  bool source(const Operand &operand, Type type, uint32_t &slot);
  bool dest(size_t i, Type type, uint32_t &slot) {
    return dest(operand(i), type, slot);
  }
  bool dest(const Operand &operand, Type type, uint32_t &slot);
  /// A register of `type` or larger; returns its own size.
  bool wideSource(const Operand &operand, Type type, uint32_t &slot,
                  unsigned &size);
  bool wideDest(const Operand &operand, Type type, uint32_t &slot,
                unsigned &size);
  bool predSource(size_t i, uint32_t &slot, bool &negated);
  /// Elements of a vector operand (or the single register).
  bool vectorOf(size_t i, Type type, bool isDest, size_t count,
                std::vector<uint32_t> &slots);
  bool immediate(size_t i, uint64_t &value);
  /// [base + offset]: fills a = base slot, p3 bit 0 = 64-bit base, imm.
  struct Address {
    uint32_t slot;
    bool wide;
    int64_t offset;
    Space space; ///< Of the symbol, if it is one.
    bool isKernelParam = false;
    uint64_t base = 0; ///< Value of the symbol or literal.
  };
  bool address(size_t i, Space space, Address &result);
  uint32_t constant(uint64_t bits, unsigned size);
  uint32_t special(Special special);
  uint32_t predicateConstant(bool value);
  uint32_t newSlot(unsigned bytesPerLane);
  uint32_t newPredicateSlot(); ///< A bit a lane: many share a line.
  uint32_t addPool(const std::vector<uint32_t> &values);
  Type registerType(uint32_t reg) const;
  uint32_t slotOfRegister(uint32_t reg);
  bool symbolAddress(const Operand &operand, uint64_t &value, Space &space,
                     bool &isKernelParam);

  /// Appends `out`, and a copy's handler for further instructions.
  void emit();
  /// The slot of the destination's trash for `_`.
  uint32_t sinkSlot(unsigned size);

  // Control flow, for the functions that decode bra, call, ret.
  bool branchTo(const Operand &label);
  bool branchTable(const Operand &table, uint32_t indexSlot);
  bool call();
  void functionReturn();

  /// Offset within the kernel's parameters of a symbol address.
  uint64_t kernelParamAddress(const Address &address) const {
    return address.base + uint64_t(address.offset);
  }
  uint64_t kernelParamBytes() const { return program->paramBytes; }
  bool isFunction(std::string_view name) const {
    return module.findFunction(name) != nullptr;
  }
  /// True when something was complained about in this instruction.
  bool diagnosed() const { return diagnostics.size() > diagnosticsBefore; }

  /// The simulated device, which may be newer than the module's target.
  uint32_t deviceArch() const { return environment.arch; }
  uint32_t moduleTarget() const { return module.target; }
  char moduleSuffix() const { return module.targetSuffix; }

private:
  struct Binding {
    int32_t offset = -1;   ///< Local offset, or
    bool kernelParam = false; ///< offset within the kernel's parameters.
  };
  struct Fixup {
    uint32_t pc;
    uint32_t instructionIndex; ///< Target within the function.
    bool inPool;
    uint32_t poolIndex;
  };
  struct Frame {
    const Function *function;
    std::vector<uint32_t> slots; ///< By register, noSlot until used.
    std::vector<Binding> params, results, variables;
    std::vector<Fixup> fixups;
    std::vector<uint32_t> returns; ///< pcs that jump to the end.
    std::vector<std::pair<uint32_t, uint32_t>> presetSlots; ///< reg, slot.
    bool isEntry;
  };

  const Module &module;
  const DecodeEnvironment &environment;
  std::vector<Diagnostic> &diagnostics;
  std::unique_ptr<Program> program;
  const Instruction *current = nullptr;
  size_t modifierIndex = 0;
  size_t diagnosticsBefore = 0;
  Frame *frame = nullptr;
  unsigned callDepth = 0;
  std::map<std::pair<uint64_t, unsigned>, uint32_t> constantSlots;
  std::map<Special, uint32_t> specialSlots;
  std::map<const Variable *, uint32_t> sharedOffsets;
  uint32_t predicateSlot = 0; ///< The next, unless it begins a line.
  uint32_t sinkSlots[3] = {noSlot, noSlot, noSlot};

  bool decodeBody(Frame &frame);
  bool decodeInstruction();
  bool layOutShared(const Function &function);
  void collectReachable(const Function &function,
                        std::vector<const Function *> &reached);
  bool allocateLocal(uint64_t size, uint32_t align, int32_t &offset);
  bool checkClass(const Operand &operand, Type have, Type want);
  bool callBuiltin(const Function &callee, const Operand *results);
  bool bindArguments(const Operand *list, const std::vector<Variable> &formals,
                     std::vector<Binding> &bindings, const char *what);
};

/// Fills Inst::allMembers and Inst::straight.
void findStraightRuns(Program &program);

/// Handlers of the two functions that the CUDA run-time library offers to PTX.
/// pool[aux..]: .local offsets of the parameters; d: slot of the .local offset
/// of the result.
void runPrintf(Warp &warp, const Inst &inst, uint32_t mask);
void runAssertFail(Warp &warp, const Inst &inst, uint32_t mask);
void runMove32(Warp &warp, const Inst &inst, uint32_t mask);
void runMove64(Warp &warp, const Inst &inst, uint32_t mask);
void runMove16(Warp &warp, const Inst &inst, uint32_t mask);
void runMovePred(Warp &warp, const Inst &inst, uint32_t mask);
/// The move for registers of `size` bytes (4 with isPredicate).
Handler moveHandler(Type type);

/// A destination `d`, `d|p`, `d|_` or `_|p`: `_` of d is a sink, a predicate that
/// is not there noSlot.
bool resultAndPredicate(Decoder &decoder, const Operand &operand, Type type,
                        uint32_t &slot, uint32_t &predicate);

using DecodeFunction = bool (*)(Decoder &);
struct OpcodeRow {
  const char *opcode;
  DecodeFunction decode;
};

/// The opcode tables of the families, each ended by a null row.
extern const OpcodeRow integerOpcodes[], bitOpcodes[], floatOpcodes[],
    convertOpcodes[], compareOpcodes[], memoryOpcodes[], moveOpcodes[], atomicOpcodes[],
    asyncOpcodes[], warpOpcodes[], controlOpcodes[], matrixOpcodes[];

/// Decoders of opcodes that are known and refused.
bool decodeLater(Decoder &decoder);
bool decodeRefused(Decoder &decoder);

/// Every opcode that is not only known but runs, sorted.
std::vector<std::string> knownOpcodes();

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_DECODER_H
