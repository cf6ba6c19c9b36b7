//===- Commands.h - The subcommands of lowbit-ptx ---------------*- C++ -*-===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef LOWBIT_TOOLS_LOWBIT_PTX_COMMANDS_H
#define LOWBIT_TOOLS_LOWBIT_PTX_COMMANDS_H

#include "lowbit/Support/Status.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace lowbit {

/// "sm_90" or "90" (with a suffix letter or without) to 90; an error names the
/// architectures that the simulator knows.
StatusOr<uint32_t> parseArch(const std::string &text);
/// "X,Y,Z" with one to three numbers.
Status parseDimensions(const std::string &text, const char *flag,
                       uint32_t (&into)[3]);

/// Each takes the arguments after the subcommand's name (argv[0] is the name)
/// and returns the exit code.
int checkCommand(int argc, char **argv);
int runCommand(int argc, char **argv);
int execCommand(int argc, char **argv);

} // namespace lowbit

#endif // LOWBIT_TOOLS_LOWBIT_PTX_COMMANDS_H
