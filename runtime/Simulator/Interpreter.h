//===- Interpreter.h - Running the warps of thread blocks -------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef RUNTIME_SIMULATOR_INTERPRETER_H
#define RUNTIME_SIMULATOR_INTERPRETER_H

#include "runtime/Simulator/Exec.h"

namespace lowbit::ptx {

/// Prepares `cta` for block number `linear` of the launch.
void startCta(Worker &worker, Cta &cta, uint64_t linear);

/// Runs `warp` for at most `budget` instructions or until it must wait. Returns
/// true when it made progress.
bool runWarp(Warp &warp, uint64_t budget);

/// Releases the lanes that wait for barriers which are complete; true if any.
bool releaseBarriers(Cta &cta);

/// Takes blocks from the launch and runs them, several at a time.
void runWorker(Worker &worker);

} // namespace lowbit::ptx

#endif // RUNTIME_SIMULATOR_INTERPRETER_H
