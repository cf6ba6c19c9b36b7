//===- Plan.h - What the runtime executes -----------------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A plan says which kernels run in which order on which bytes. It is plain data,
// built by the compiler's link phase, stored in the module's plan section, and
// checked completely (validate) before the runtime looks at it.
//
//   Function   what a caller invokes: inputs, outputs, a list of steps
//   Step       a Dispatch (run one kernel) or a Call (run a Procedure)
//   Procedure  a block shared by layers; parameterised by a parameter set
//              (components), a state slot and buffer arguments
//   Kernel     stages of generated code, looked up by symbol in a code image
//
// 30 equal layers are 30 Calls of one Procedure. Procedures contain dispatches
// only, so executing a plan needs no recursion.
//
// A language model has two functions (names are fixed):
//   "forward"  inputs  "ids"    i32 [TOKENS]
//              outputs "hidden" f32 [TOKENS, stride]   (before the final head)
//              uses the states; TOKENS tokens at positions POSITION, POSITION+1..
//   "head"     inputs  "hidden" f32 [TOKENS, stride]   (any rows of the above)
//              outputs "logits" f32 [TOKENS, vocabulary stride]
// The final norm belongs to whichever function the compiler puts it in.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_FORMAT_PLAN_H
#define LOWBIT_FORMAT_PLAN_H

#include "lowbit-c/kernel.h"
#include "lowbit/Support/Status.h"

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lowbit {

struct ComponentTable;

/// Values of the dimensions of one call, indexed by LOWBIT_DIM_*.
using PlanDims = std::array<int64_t, LOWBIT_DIM_COUNT>;

/// `coefficient * ceil(dims[dim] / divisor)`. coefficient >= 0, divisor >= 1.
struct LinearTerm {
  uint8_t dim = 0;
  int64_t coefficient = 0;
  int64_t divisor = 1;
  bool operator==(const LinearTerm &) const = default;
};

/// constant + sum of terms; all parts are >= 0, so the value never falls when a
/// dimension grows and memory can be reserved once for the largest dimensions.
struct LinearExpr {
  int64_t constant = 0;
  std::vector<LinearTerm> terms;

  LinearExpr() = default;
  LinearExpr(int64_t value) : constant(value) {} // NOLINT: a number is one
  /// coefficient * ceil(dims[dim] / divisor).
  static LinearExpr of(unsigned dim, int64_t coefficient = 1,
                       int64_t divisor = 1);
  /// Sum and product with a number; they do not check for overflow (compiler).
  LinearExpr operator+(const LinearExpr &other) const;
  LinearExpr operator*(int64_t factor) const;

  bool isConstant() const { return terms.empty(); }
  /// The value, or an error on overflow of 63 bits or a negative dimension.
  StatusOr<int64_t> evaluate(const PlanDims &dims) const;
  /// "64 * tokens + 128"; "3 * ceil(tokens / 4)".
  std::string toString() const;
  bool operator==(const LinearExpr &) const = default;
};

/// Name of a dimension in texts: "tokens", "position", "capacity", "d3"...
std::string planDimName(unsigned dim);

/// Element types of a function's inputs and outputs.
enum class ElementType : uint8_t { f32, f16, bf16, i8, u8, i32, i64 };
const char *elementTypeName(ElementType type);
unsigned elementTypeBytes(ElementType type);
StatusOr<ElementType> parseElementType(std::string_view name);

/// An intermediate result. Buffers of the same `slot` share memory: the runtime
/// allocates each slot once, with the largest of its buffers' sizes at the
/// session's largest dimensions, 64-byte aligned and padded to a multiple of 64.
/// The compiler gives two buffers one slot only when they are never alive
/// together. Contents are unspecified before the first write of a call.
struct PlanBuffer {
  std::string name;
  LinearExpr bytes;
  uint32_t slot = 0;
  bool operator==(const PlanBuffer &) const = default;
};

/// Memory that lives as long as the session (a KV cache): `slots` times
/// `bytesPerSlot`, each slot 64-byte aligned, zero at first. bytesPerSlot may
/// depend on CAPACITY only.
struct PlanState {
  std::string name;
  LinearExpr bytesPerSlot;
  uint32_t slots = 0;
  bool operator==(const PlanState &) const = default;
};

/// One stage of a kernel (see kernel.h). All workers finish a stage before the
/// next begins.
struct PlanStage {
  std::string symbol;      ///< name in the code image's table
  LinearExpr items = 1;    ///< work items; a value of 0 skips the stage
  LinearExpr scratchBytes; ///< for each worker
  int64_t grain = 1;       ///< workers claim multiples of this many items, >= 1
  bool operator==(const PlanStage &) const = default;
};

/// A kernel: what --kernels lists and statistics are kept for.
struct PlanKernel {
  std::string name; ///< unique; readable ("matmul_uint4g32_576x576_m1")
  std::vector<PlanStage> stages;
  uint32_t bindings = 0; ///< pointers it takes, equal to every dispatch's count
  /// For reports: bytes of parameters that one run reads, and its multiply-adds
  /// times two.
  LinearExpr parameterBytes;
  LinearExpr operations;
  bool operator==(const PlanKernel &) const = default;
};

/// What a pointer of a dispatch points to.
enum class BindingKind : uint8_t {
  component,    ///< index: component of the module's table
  setComponent, ///< index: position in the call's parameter set (procedures)
  buffer,       ///< index: PlanBuffer
  argument,     ///< index: buffer argument of the procedure (procedures)
  state,        ///< index: PlanState; slot: see Binding::slot
  input,        ///< index: input of the function (functions)
  output,       ///< index: output of the function (functions)
};
const char *bindingKindName(BindingKind kind);

/// The call's own slot (procedures); functions name a slot themselves.
inline constexpr uint32_t callSlot = std::numeric_limits<uint32_t>::max();

/// One pointer: the start of the thing plus `offset` bytes. The offset must
/// evaluate to a multiple of 64 (LOWBIT_BINDING_ALIGNMENT) inside the thing.
struct Binding {
  BindingKind kind = BindingKind::buffer;
  uint32_t index = 0;
  uint32_t slot = callSlot; ///< for `state` only
  LinearExpr offset;

  static Binding component(uint32_t index) {
    return {BindingKind::component, index, callSlot, {}};
  }
  static Binding setComponent(uint32_t index) {
    return {BindingKind::setComponent, index, callSlot, {}};
  }
  static Binding buffer(uint32_t index) {
    return {BindingKind::buffer, index, callSlot, {}};
  }
  static Binding argument(uint32_t index) {
    return {BindingKind::argument, index, callSlot, {}};
  }
  static Binding state(uint32_t index, LinearExpr offset = {},
                       uint32_t slot = callSlot) {
    return {BindingKind::state, index, slot, std::move(offset)};
  }
  static Binding input(uint32_t index) {
    return {BindingKind::input, index, callSlot, {}};
  }
  static Binding output(uint32_t index) {
    return {BindingKind::output, index, callSlot, {}};
  }
  bool operator==(const Binding &) const = default;
};

/// Without a limit on the tokens.
inline constexpr int64_t anyTokens = std::numeric_limits<int64_t>::max();

/// Use `kernel` for calls of at most `maxTokens` tokens.
struct DispatchVariant {
  int64_t maxTokens = anyTokens;
  uint32_t kernel = 0;
  bool operator==(const DispatchVariant &) const = default;
};

/// Runs the first variant whose maxTokens >= dims[TOKENS]. Variants have strictly
/// rising maxTokens; the last has anyTokens. All variants take the same bindings.
struct Dispatch {
  std::vector<DispatchVariant> variants;
  std::vector<Binding> bindings;
  bool operator==(const Dispatch &) const = default;
};

/// Runs a procedure with parameter set `set`, state slot `slot` (callSlot when
/// the procedure touches no state) and buffer arguments, each of kind buffer,
/// input or output.
struct Call {
  uint32_t procedure = 0;
  uint32_t set = 0;
  uint32_t slot = callSlot;
  std::vector<Binding> arguments;
  bool operator==(const Call &) const = default;
};

using Step = std::variant<Dispatch, Call>;

/// A shared list of dispatches. Its bindings may be component, setComponent,
/// buffer, argument and state (with slot == callSlot).
struct Procedure {
  std::string name;
  uint32_t setComponents = 0; ///< length of every set it is called with
  uint32_t arguments = 0;     ///< buffer arguments it takes
  std::vector<Dispatch> steps;
  bool operator==(const Procedure &) const = default;
};

/// Components that take the places of a procedure's setComponent bindings. Two
/// sets may name the same component (shared layers).
struct ParamSet {
  std::string name;
  std::vector<uint32_t> components;
  bool operator==(const ParamSet &) const = default;
};

/// An input or output of a function, row-major, of the given stored extents.
struct TensorDesc {
  std::string name;
  ElementType type = ElementType::f32;
  std::vector<LinearExpr> shape;
  /// Meaningful elements of the last axis; the rest of a row is padding with
  /// unspecified values. 0: the whole axis.
  int64_t columns = 0;

  /// Bytes at the given dimensions (product of the extents, not padded).
  StatusOr<int64_t> bytes(const PlanDims &dims) const;
  bool operator==(const TensorDesc &) const = default;
};

struct Function {
  std::string name;
  std::vector<TensorDesc> inputs;
  std::vector<TensorDesc> outputs;
  std::vector<Step> steps;
  bool operator==(const Function &) const = default;
};

struct Plan {
  std::vector<PlanBuffer> buffers;
  std::vector<PlanState> states;
  std::vector<PlanKernel> kernels;
  std::vector<Procedure> procedures;
  std::vector<ParamSet> sets;
  std::vector<Function> functions;

  /// Null when there is none.
  const Function *findFunction(std::string_view name) const;
  bool operator==(const Plan &) const = default;
};

/// The plan section's bytes (deterministic).
std::vector<uint8_t> serializePlan(const Plan &plan);
/// Reads them back. Structure only: call validatePlan before using indices.
StatusOr<Plan> parsePlan(std::span<const uint8_t> bytes);

/// Checks every index, count and size of `plan` against itself and `components`:
/// names unique and not empty; expressions without negative parts or unknown
/// dimensions; bindings legal where they stand, in range and 64-byte aligned;
/// variants ordered and complete; a dispatch does not bind two buffers of one
/// slot; calls match their procedure and set; sets name existing components;
/// state sizes depend on CAPACITY only; tensors have 1 to 8 axes.
Status validatePlan(const Plan &plan, const ComponentTable &components);

} // namespace lowbit

#endif // LOWBIT_FORMAT_PLAN_H
