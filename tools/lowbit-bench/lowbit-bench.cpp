//===- lowbit-bench.cpp - Times a module ----------------------------------===//
//
// Part of the lowbit project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/common/Console.h"
#include "tools/lowbit-bench/Bench.h"

#include <cstdio>

using namespace lowbit;

int main(int argc, char **argv) {
  Flags flags("lowbit-bench",
              "lowbit-bench MODULE [-p 512] [-n 128] [flags]\n"
              "       lowbit-bench MODULE --perplexity=FILE [flags]\n"
              "       lowbit-bench MODULE --steps N --batch B [flags]   (diffusion)\n"
              "       lowbit-bench MODULE --kernels [flags]\n"
              "       lowbit-bench --compare OLD.json NEW.json",
              "  lowbit-bench smollm2.lowbit -p 128,512 -n 128 --threads 1,2\n"
              "  lowbit-bench smollm2.lowbit --perplexity=wiki.test.raw "
              "--window=512 --windows=64\n");
  BenchOptions options;
  options.addTo(flags);
  switch (flags.parse(argc, argv)) {
  case Flags::Result::done:
    return exitOk;
  case Flags::Result::failed:
    return exitUsage;
  case Flags::Result::proceed:
    break;
  }
  if (options.module.listDevices) {
    Status status = printDevices();
    return status.isOk() ? int(exitOk) : reportError("lowbit-bench", status);
  }
  Status usage = options.finish(flags);
  if (!usage.isOk()) {
    std::fprintf(stderr, "lowbit-bench: error: %s\n", usage.message().c_str());
    return exitUsage;
  }
  if (options.compare) {
    StatusOr<int> code = runCompare(options);
    return code.isOk() ? *code : reportError("lowbit-bench", code.status());
  }
  Status status = options.kernels                  ? runKernels(options)
                  : options.diffusion              ? runSteps(options)
                  : !options.perplexityFile.empty() ? runPerplexity(options)
                                                    : runSpeed(options);
  if (status.isOk())
    return exitOk;
  if (interruptFlag())
    return exitInterrupted;
  return reportError("lowbit-bench", status);
}
