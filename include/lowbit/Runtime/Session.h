//===- Session.h - Executes the plan of a module ----------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A session owns what a running model needs besides its parameters: states (KV
// caches) and the memory of intermediate results. Everything is allocated when it
// is created; invoking a function allocates nothing.
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_RUNTIME_SESSION_H
#define LOWBIT_RUNTIME_SESSION_H

#include "lowbit/Runtime/Module.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lowbit {

struct SessionOptions {
  /// Positions that a state slot holds; rounded up to a multiple of 128.
  int64_t capacity = 128;
  /// Largest dims[TOKENS] of any invocation, >= 1.
  int64_t tokens = 1;
  /// Measures the time of each kernel (two clock reads a launch).
  bool timeKernels = false;
  /// Functions that will be invoked: memory is reserved for these only. Empty:
  /// all.
  std::vector<std::string> functions;
};

/// What a kernel has done in a session.
struct KernelStatistics {
  uint64_t calls = 0;
  uint64_t parameterBytes = 0; ///< by the plan's formula
  uint64_t operations = 0;
  uint64_t nanoseconds = 0; ///< with SessionOptions::timeKernels
};

/// Not thread-safe; the module must outlive it.
class Session {
public:
  static StatusOr<std::unique_ptr<Session>> create(const Module &module,
                                                   const SessionOptions &options);
  ~Session();

  const Module &module() const;
  const SessionOptions &options() const; ///< capacity as rounded

  /// Number of the function called `name`.
  StatusOr<uint32_t> findFunction(std::string_view name) const;
  /// Runs a function. `inputs` and `outputs` are buffers of the module's device
  /// of at least the sizes that the function states at these dimensions.
  /// dims[CAPACITY] is set by the session. POSITION + TOKENS must not exceed the
  /// capacity for a function that uses a state, TOKENS not the session's limit.
  Status invoke(uint32_t function, PlanDims dims,
                std::span<Buffer *const> inputs,
                std::span<Buffer *const> outputs);
  /// Zeroes all states.
  Status clearStates();

  /// One entry for each kernel of the plan.
  std::span<const KernelStatistics> statistics() const;
  void resetStatistics();
  /// Bytes of states and of transient slots.
  uint64_t stateBytes() const;
  uint64_t transientBytes() const;

private:
  struct Impl;
  explicit Session(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl;
};

} // namespace lowbit

#endif // LOWBIT_RUNTIME_SESSION_H
